"""A prompt is counted as its model counts it, fits, and is never cut by anybody."""

import logging
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partitioned_rag.box import OMBox
from partitioned_rag.errors import ContextLengthError, InputError, MessageTooLongError
from partitioned_rag.values import CountKind, Health, OmitReason, Prompt
from partitioned_rag.view import PROMPT_HITS, REPLY_TOKENS, SHRINKS
from tests.byte_model import BYTES, byte_tokens
from tests.facade.counting import CountingEmbedder
from tests.ollama_double import OllamaDouble
from tests.strategies import examples, sentences, worlds
from tests.worlds import World, build

FRIEND = "friend"
MODELS = {"gemma4:latest": BYTES}
LONG = 6


@pytest.fixture(scope="module")
def double() -> Iterator[OllamaDouble]:
    with OllamaDouble(models=MODELS, tokens=byte_tokens) as running:
        yield running


@pytest.fixture
def root(tmp_path: Path) -> Path:
    texts = {f"{FRIEND}/{n}.txt": f"note number {n}: the harbour.\n\n" * 20 for n in range(20)}
    texts["public/a.txt"] = "open on Sunday from ten"
    return build({name: text.encode() for name, text in texts.items()}, tmp_path / "OMBox")


@pytest.mark.slow
@examples(40)
@given(worlds(), sentences(), st.integers(700, 6_000))
def test_whatever_is_asked_fits_to_the_token_and_nothing_is_cut_or_dropped_in_silence(
    tmp_path_factory: pytest.TempPathFactory,
    double: OllamaDouble,
    world: World,
    question: str,
    budget: int,
) -> None:
    root = build(world, tmp_path_factory.mktemp("world") / "OMBox")
    with OMBox(root, "hashing", ollama_host=double.host, window=8_192) as box:
        view = box.view(FRIEND)
        try:
            made = view.reply(question, budget=budget).prompt
        except MessageTooLongError:
            return
        assert made.count is CountKind.EXACT
        assert made.tokens <= budget
        asked = double.chats[-1]
        assert (asked.prompt_tokens, asked.rendered) == (made.tokens, made.rendered)
        assert double.cut == 0
        if not made.is_whole_folder:
            hits = view.search(question, k=PROMPT_HITS)
            assert _places(hits) <= _places([*made.hits, *made.omitted])


def _places(each: object) -> set[tuple[str, int, int]]:
    assert isinstance(each, list)
    return {(one.source, one.start, one.end) for one in each}


def test_a_folder_that_fits_stands_in_the_prompt_whole_and_nothing_is_searched(
    tmp_path: Path, double: OllamaDouble
) -> None:
    notes = {"public/a.txt": b"one\n\ntwo", f"{FRIEND}/b.md": b"# three\n\n" + b"four. " * 400}
    root = build(notes, tmp_path / "OMBox")
    embedder = CountingEmbedder()
    with OMBox(root, embedder, ollama_host=double.host, window=16_384) as box:
        made = box.view(FRIEND).prompt("what?")
    assert made.is_whole_folder
    assert embedder.questions == []
    assert made.omitted == ()
    for text in notes.values():
        assert text.decode().strip() in made.messages[0].content


def test_a_folder_that_does_not_fit_is_searched(root: Path, double: OllamaDouble) -> None:
    with OMBox(root, "hashing", ollama_host=double.host) as box:
        made = box.view(FRIEND).prompt("note number 7")
    assert not made.is_whole_folder
    assert {each.reason for each in made.omitted} == {OmitReason.OVER_BUDGET}


def test_the_window_stays_the_same_whatever_is_asked(root: Path) -> None:
    with (
        OllamaDouble(models=MODELS, tokens=byte_tokens) as double,
        OMBox(root, "hashing", ollama_host=double.host) as box,
    ):
        for contacts in ((), (FRIEND,)):
            for budget in (None, 900, 2_000):
                box.view(*contacts).reply("note number 7", budget=budget)
        assert double.loads == 1


def test_a_budget_beyond_what_the_model_can_read_is_refused_with_what_it_can(
    root: Path, double: OllamaDouble
) -> None:
    longest = BYTES.context_length - REPLY_TOKENS
    with OMBox(root, "hashing", ollama_host=double.host) as box:
        view = box.view()
        assert view.prompt("open?", budget=longest).window == BYTES.context_length
        with pytest.raises(InputError, match=f"at most {longest}"):
            view.prompt("open?", budget=longest + 1)


def dearer(by: int) -> Callable[[str], list[str]]:
    """Cut as the model does, and take so many tokens more for each prompt."""
    return lambda text: byte_tokens(text) + [""] * (by if "<|start|>" in text else 0)


def test_a_prompt_that_the_server_refuses_is_made_shorter_by_what_it_says(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        OllamaDouble(models=MODELS, tokens=dearer(800)) as double,
        OMBox(root, "hashing", ollama_host=double.host) as box,
        caplog.at_level(logging.WARNING, "partitioned_rag"),
    ):
        made = box.view(FRIEND).reply("note number 7").prompt
        chats = double.chats
    assert [chat.refused for chat in chats] == [True, False]
    excess = chats[0].prompt_tokens or 800
    assert excess
    assert made.tokens <= made.window - REPLY_TOKENS
    assert double.cut == 0
    assert "counts more tokens" in caplog.text
    assert "harbour" not in caplog.text


def test_a_server_that_refuses_everything_is_asked_three_times_and_then_it_is_an_error(
    root: Path,
) -> None:
    with (
        OllamaDouble(models=MODELS, tokens=dearer(100_000)) as double,
        OMBox(root, "hashing", ollama_host=double.host) as box,
    ):
        with pytest.raises((ContextLengthError, InputError)):
            box.view(FRIEND).reply("note number 7")
        assert len(double.chats) <= SHRINKS + 1
        assert double.cut == 0


def test_a_count_of_the_server_above_ours_is_logged_and_changes_nothing(
    root: Path, double: OllamaDouble, caplog: pytest.LogCaptureFixture
) -> None:
    def prompt_of(host: str) -> Prompt:
        with OMBox(root, "hashing", ollama_host=host) as box:
            box.view(FRIEND).reply("note number 7")
            return box.view(FRIEND).prompt("note number 7")

    with (
        OllamaDouble(models=MODELS, tokens=dearer(3)) as more,
        caplog.at_level(logging.WARNING, "partitioned_rag"),
    ):
        assert prompt_of(more.host) == prompt_of(double.host)
    (record,) = caplog.records
    assert "`prag doctor`" in record.getMessage()


def test_without_ollama_a_prompt_is_an_estimate_that_says_so(root: Path) -> None:
    with OMBox(root, "hashing", ollama_host="127.0.0.1:9") as box:
        made = box.view(FRIEND).prompt("note number 7")
    assert (made.count, made.rendered) == (CountKind.ESTIMATED, None)
    assert made.margin > 0


class Deleting(OllamaDouble):
    """Removes a file as soon as it is asked how a long conversation is rendered."""

    victim: Path | None = None

    def render(self, messages: Sequence[dict[str, object]]) -> str:
        if self.victim is not None and len(messages) > LONG:
            self.victim.unlink(missing_ok=True)
        return super().render(messages)


def test_a_file_deleted_while_the_prompt_is_packed_is_not_in_it(root: Path) -> None:
    line = "[2026-01-01 09:{:02}:00] {}: and {}\n"
    (root / FRIEND / "chat.log").write_text(
        "".join(line.format(n, "them" if n % 2 else "me", n) for n in range(LONG + 3))
    )
    with (
        Deleting(models=MODELS, tokens=byte_tokens) as deleting,
        OMBox(root, "hashing", ollama_host=deleting.host) as box,
    ):
        view = box.view(FRIEND)
        deleting.victim = root / view.search("note number 7", k=1)[0].source
        made = view.prompt("note number 7")
        assert not deleting.victim.exists(), "it was never asked"
        gone = deleting.victim.relative_to(root).as_posix()
    assert made.turns
    assert gone not in {hit.source for hit in made.hits}
    assert gone not in made.messages[0].content


def test_to_look_a_box_over_leaves_no_folder_that_is_taken_for_somebody_else_s(
    root: Path, tmp_path: Path, double: OllamaDouble
) -> None:
    index = tmp_path / "index"
    with OMBox(root, "hashing", index=index, ollama_host=double.host) as box:
        assert {finding.health for finding in box.examine()} == {Health.OK}
        assert not index.exists()
    with OMBox(root, "hashing", index=index, ollama_host=double.host) as box:
        made = box.view(FRIEND).prompt("note number 7")
        assert box.index().partitions
    assert made.count is CountKind.EXACT
    assert [path.name for path in (index / "tokenizers").iterdir()]
