"""An estimate errs on the high side, learns nothing and fetches nothing."""

import hashlib
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partitioned_rag.tokens.estimate import (
    CJK_TOKENS,
    LETTERS_PER_TOKEN,
    LONG_WORD_LETTERS,
    RULE_MARGIN,
    Estimator,
    estimator,
    tokens_by_rule,
)
from partitioned_rag.values import CountKind

TEXTS = st.text(st.characters() | st.sampled_from("abc XYZ\n  日曜日🎂é\ud800"))
ADDRESS = "https://openaipublic.blob.core.windows.net/encodings/o200k_base.tiktoken"


@given(TEXTS)
def test_no_estimate_exceeds_what_a_tokenizer_of_bytes_would_count(text: str) -> None:
    assert 0 <= tokens_by_rule(text) <= len(text.encode("utf-8", "surrogatepass"))


@given(TEXTS, TEXTS)
def test_more_text_never_counts_less(text: str, more: str) -> None:
    assert tokens_by_rule(text) <= tokens_by_rule(text + more)


@given(TEXTS, st.sampled_from([0.0, 0.15, 0.35, 2.0]))
def test_the_margin_stands_in_the_count(text: str, margin: float) -> None:
    assert Estimator(len, margin=margin).count(text) == math.ceil(len(text) * (1 + margin))


def test_each_kind_of_character_has_its_price() -> None:
    for text, tokens in (
        ("", 0),
        ("a", 1),
        ("a" * LETTERS_PER_TOKEN, 1),
        ("a" * (LETTERS_PER_TOKEN + 1), 2),
        ("a" * LONG_WORD_LETTERS, LONG_WORD_LETTERS // LETTERS_PER_TOKEN),
        ("a" * (LONG_WORD_LETTERS + 1), math.ceil((LONG_WORD_LETTERS + 1) / 2)),
        ("two words", 1 + 2),
        ("a    b", 1 + 2 + 1),
        ("\n\n\n", 3),
        ("1999", 4),
        ("日曜日", 3 * CJK_TOKENS),
        ("é", 2),
        ("🎂", 4),
        ("\ud800", 1),
    ):
        assert tokens_by_rule(text) == tokens, text


@pytest.mark.parametrize("variable", ["TIKTOKEN_CACHE_DIR", "DATA_GYM_CACHE_DIR"])
@pytest.mark.parametrize("content", [None, b"", b"altered"])
def test_a_vocabulary_that_is_not_here_or_altered_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, content: bytes | None
) -> None:
    # Nothing would be fetched: whatever reaches for the network fails the test.
    for name in ("TIKTOKEN_CACHE_DIR", "DATA_GYM_CACHE_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, str(tmp_path))
    if content is not None:
        name = hashlib.sha1(ADDRESS.encode(), usedforsecurity=False).hexdigest()
        (tmp_path / name).write_bytes(content)
    chosen = estimator()
    assert (chosen.margin, chosen.kind) == (RULE_MARGIN, CountKind.ESTIMATED)
    assert chosen.count("Are you free on Sunday?") == 9


def test_a_cache_that_keeps_nothing_holds_no_vocabulary(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", "")
    assert estimator().margin == RULE_MARGIN
