"""The files in which tokenizers are kept: right, or not there."""

import hashlib
import json
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from partitioned_rag.tokens import Tokenizer, cache, tokenizer
from partitioned_rag.tokens.cache import load
from tests.strategies import examples
from tests.tokens import small
from tests.tokens.test_laws import texts

families = pytest.mark.parametrize("name", list(small.FAMILIES))
DIGEST = "sha256:0123"


def store(folder: Path, digest: str, info: small.ModelInfo) -> None:
    cache.store(folder, digest, info, tokenizer(info))


@families
@given(text=texts())
def test_a_loaded_tokenizer_gives_the_same_ids(name: str, text: str, tmp_path: Path) -> None:
    info = small.FAMILIES[name]()
    store(tmp_path, DIGEST, info)
    loaded = load(tmp_path, DIGEST)
    assert loaded is not None
    fresh = tokenizer(info)
    for special in (True, False):
        assert loaded.ids(text, special=special) == fresh.ids(text, special=special)
    assert loaded.control_spellings == fresh.control_spellings
    assert loaded.control_ids == fresh.control_ids


@families
@examples(300)
@given(data=st.data())
def test_a_damaged_file_is_no_file(name: str, data: st.DataObject, tmp_path: Path) -> None:
    store(tmp_path, DIGEST, small.FAMILIES[name]())
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    at = data.draw(st.integers(0, len(whole) - 1))
    bit = data.draw(st.integers(0, 7))
    flipped = whole[:at] + bytes([whole[at] ^ 1 << bit]) + whole[at + 1 :]
    for damaged in (flipped, whole[:at], whole + b"\0", whole[at:], b""):
        if damaged != whole:
            path.write_bytes(damaged)
            assert load(tmp_path, DIGEST) is None


def in_another_order() -> small.ModelInfo:
    """Describe a vocabulary whose ids do not say what is joined first."""
    info = small.byte_bpe()
    for key in ("tokenizer.ggml.tokens", "tokenizer.ggml.token_type"):
        info[key] = info[key][::-1]
    return info


def with_a_joint_that_is_no_token() -> small.ModelInfo:
    info = small.byte_bpe()
    info["tokenizer.ggml.tokens"][info["tokenizer.ggml.tokens"].index("caf")] = "caff"
    return info


def with_odd_tokens() -> small.ModelInfo:
    info = small.byte_bpe()
    info["tokenizer.ggml.tokens"] += ["", "he", "wow", ""]
    info["tokenizer.ggml.token_type"] += [small.NORMAL] * 4
    return info


@pytest.mark.parametrize(
    "make",
    [
        *small.FAMILIES.values(),
        in_another_order,
        with_a_joint_that_is_no_token,
        with_odd_tokens,
    ],
)
@given(text=texts())
@example(text="café the he [EMPTY_282] wow")
def test_what_was_found_out_is_kept(
    make: Callable[[], small.ModelInfo], text: str, tmp_path: Path
) -> None:
    info = make()
    made = tokenizer(info)
    cache.store(tmp_path, DIGEST, info, made)
    loaded = load(tmp_path, DIGEST)
    assert loaded is not None
    assert by_cost(loaded) == by_cost(made)
    assert loaded.ids(text) == made.ids(text)


def by_cost(made: Tokenizer) -> list[str]:
    joints = {joint: cost for joint, cost in (made.joints or {}).items() if len(joint) > 1}
    return sorted(joints, key=joints.__getitem__)


@pytest.mark.parametrize(
    "found",
    [
        {"costs": [1.0]},
        {"tokens that are no joints": ["xyzzy"]},
        {"tokens that are no joints": 5},
        {"joints that are no tokens": 5},
    ],
)
def test_what_was_found_out_of_another_vocabulary_makes_a_file_none(
    found: dict[str, object], tmp_path: Path
) -> None:
    store(tmp_path, DIGEST, small.byte_bpe())
    (path,) = tmp_path.iterdir()
    start = len(cache.FORMAT) + hashlib.sha256().digest_size
    head, rest = path.read_bytes()[start:].split(b"\n", 1)
    for other in ({}, found):
        described = json.loads(head)
        described["info"] |= other
        changed = json.dumps(described).encode() + b"\n" + rest
        path.write_bytes(cache.FORMAT + hashlib.sha256(changed).digest() + changed)
        assert (load(tmp_path, DIGEST) is None) is (other == found)


def test_a_server_cannot_say_what_was_found_out(tmp_path: Path) -> None:
    said = {"joints": {}, "costs": [], "tokens that are no joints": ["he"]}
    info = small.byte_bpe() | said | {f"tokenizer.ggml.{key}": value for key, value in said.items()}
    assert tokenizer(info).joints == tokenizer(small.byte_bpe()).joints
    store(tmp_path, DIGEST, info)
    loaded = load(tmp_path, DIGEST)
    assert loaded is not None
    assert by_cost(loaded) == by_cost(tokenizer(small.byte_bpe()))


def test_a_file_is_found_by_the_digest_it_was_stored_under_alone(tmp_path: Path) -> None:
    store(tmp_path, DIGEST, small.gemma4())
    assert load(tmp_path, "sha256:4567") is None
    (path,) = tmp_path.iterdir()
    store(tmp_path, "sha256:4567", small.gemma4())
    (other,) = set(tmp_path.iterdir()) - {path}
    path.replace(other)  # as if it had been copied by hand
    assert load(tmp_path, "sha256:4567") is None


def test_a_digest_leads_to_no_other_folder(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    folder.mkdir()
    for digest in ("../../etc/passwd", "/etc/passwd", "", "\0", "x" * 5000):
        store(folder, digest, small.gemma4())
        assert load(folder, digest) is not None
    assert list(tmp_path.iterdir()) == [folder]


def test_only_the_owner_may_read_it(tmp_path: Path) -> None:
    store(tmp_path, DIGEST, small.gemma4())
    (path,) = tmp_path.iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_only_what_the_tokenizer_needs_is_stored(tmp_path: Path) -> None:
    store(tmp_path, DIGEST, small.gemma4() | {"general.license": "secret", "tokenizer.x": "secret"})
    (path,) = tmp_path.iterdir()
    assert b"secret" not in path.read_bytes()


@pytest.mark.parametrize("odd", ["a\uffffb", "\uffff", "\ud800", "x\ny", "\0"])
def test_odd_spellings_survive(odd: str, tmp_path: Path) -> None:
    info = small.gemma4()
    info["tokenizer.ggml.tokens"].append(odd)
    info["tokenizer.ggml.token_type"].append(small.CONTROL)
    store(tmp_path, DIGEST, info)
    loaded = load(tmp_path, DIGEST)
    assert loaded is not None
    assert loaded.control_spellings == tokenizer(info).control_spellings
