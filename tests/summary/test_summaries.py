"""Summaries are made of one partition each, once, and go with the text that they were made of."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from partitioned_rag.box import OMBox
from partitioned_rag.embedding.hashing import HashingEmbedder
from partitioned_rag.errors import OllamaError
from partitioned_rag.partition import Partition
from partitioned_rag.prompt.wording import SUMMARIES, SUMMARISE
from partitioned_rag.store.catalog import Catalog
from partitioned_rag.values import (
    PUBLIC,
    OmitReason,
    Prompt,
    Summary,
    SummaryProgress,
    SummaryReport,
)
from tests.ollama_double import Card, Exchange, Fault, OllamaDouble

FRIEND = "friend"
WINDOW = 1400
# One that sees further than the window that we ask for.
MODELS = {"gemma4:latest": Card()}


class Summariser:
    """What the double answers: a word of its own to each request for a summary."""

    def __init__(self) -> None:
        self.saw: dict[str, str] = {}

    def __call__(self, rendered: str) -> str:
        if SUMMARISE not in rendered:
            return "a reply"
        word = f"marker{len(self.saw):04}"
        self.saw[word] = rendered.partition("<|start|>user\n")[2]
        return word


def day(number: int, *, lines: int = 12) -> str:
    return "".join(
        f"[2026-03-{number:02} {9 + at // 6:02}:{at % 6 * 10:02}:00] them: "
        f"day{number:02} line{at:02} and the tide comes in over the sand\n"
        for at in range(lines)
    )


def note(name: str, *, sentences: int = 150) -> str:
    return "".join(f"{name} says sentence{at:03} of the long note.\n\n" for at in range(sentences))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for folder in ("public", FRIEND, "mallory"):
        (tmp_path / "OMBox" / folder).mkdir(parents=True)
        (tmp_path / "OMBox" / folder / "note.txt").write_text(note(f"{folder}note"))
    (tmp_path / "OMBox" / FRIEND / "chat.log").write_text("".join(map(day, range(1, 11))))
    return tmp_path / "OMBox"


@pytest.fixture
def answer() -> Summariser:
    return Summariser()


@pytest.fixture
def double(answer: Summariser) -> Iterator[OllamaDouble]:
    with OllamaDouble(answer=answer, models=MODELS) as double:
        yield double
        assert double.cut == 0
        assert double.loads == 1, "the model was loaded anew"


@contextmanager
def opened(root: Path, double: OllamaDouble) -> Iterator[OMBox]:
    with OMBox(root, "hashing", ollama_host=double.host, window=WINDOW) as box:
        yield box


@pytest.fixture
def box(root: Path, double: OllamaDouble) -> Iterator[OMBox]:
    with opened(root, double) as box:
        yield box


def made(report: SummaryReport) -> dict[str, int]:
    return {str(each.id): each.made for each in report.partitions}


def text_of(prompt: Prompt) -> str:
    return "\n".join(message.content for message in prompt.messages)


def markers(box: OMBox, question: str = "what about the tide?", *contacts: str) -> set[str]:
    found: set[str] = set()
    for _ in range(2):  # the second from what the first has left
        found |= set(re.findall(r"marker\d{4}", text_of(box.view(*contacts).prompt(question))))
    return found


# ---------------------------------------------------------------- making them


def test_nothing_is_summarised_before_it_is_asked_for(box: OMBox, answer: Summariser) -> None:
    box.view(FRIEND).prompt("what about the tide?")
    box.view(FRIEND).reply("what about the tide?")
    assert answer.saw == {}


def test_each_is_made_of_text_of_one_source_and_one_day(box: OMBox, answer: Summariser) -> None:
    report = box.summarize()
    assert sum(made(report).values()) == len(answer.saw)
    assert set(made(report)) == {"public", FRIEND, "mallory"}
    for seen in answer.saw.values():
        (source,) = re.findall(r"^@@@ (\S+)$", seen, re.MULTILINE)
        folder = source.partition("/")[0]
        named = set(re.findall(r"(\w+)note says", seen)) or {FRIEND}
        assert named == {folder}
        assert len(set(re.findall(r"day\d\d", seen))) == (source == f"{FRIEND}/chat.log")


def test_all_of_a_partition_is_summarised_and_nothing_twice(box: OMBox, answer: Summariser) -> None:
    box.summarize(FRIEND)
    said = "\n".join(answer.saw.values())
    for number in range(1, 11):
        for line in range(12):
            assert said.count(f"day{number:02} line{line:02}") == 1
    for at in range(150):
        assert said.count(f"friendnote says sentence{at:03}") == 1


def test_for_one_contact_only_what_it_may_read_is_summarised(
    box: OMBox, answer: Summariser
) -> None:
    assert set(made(box.summarize(FRIEND))) == {"public", FRIEND}
    assert "mallory" not in "".join(answer.saw.values())


def test_a_partition_that_fits_a_prompt_gets_none(
    root: Path, box: OMBox, answer: Summariser
) -> None:
    (root / "mallory" / "note.txt").write_text("mallorynote says little.\n")
    assert made(box.summarize())["mallory"] == 0
    assert "mallory" not in "".join(answer.saw.values())


def test_what_has_a_summary_costs_no_call(box: OMBox, double: OllamaDouble) -> None:
    box.summarize()
    asked = len(double.chats)
    again = box.summarize()
    assert set(made(again).values()) == {0}
    assert all(each.summarised == each.spans for each in again.partitions)
    assert len(double.chats) == asked


def test_a_chat_that_grew_costs_its_new_day_alone(
    root: Path, box: OMBox, answer: Summariser
) -> None:
    box.summarize()
    before = set(answer.saw)
    with (root / FRIEND / "chat.log").open("a") as chat:
        chat.write(day(11, lines=4))
    assert made(box.summarize()) == {"public": 0, FRIEND: 1, "mallory": 0}
    (new,) = set(answer.saw) - before
    assert set(re.findall(r"day\d\d", answer.saw[new])) == {"day11"}


def test_progress_is_told_by_partition(box: OMBox) -> None:
    told: list[SummaryProgress] = []
    report = box.summarize(progress=told.append)
    for each in report.partitions:
        steps = [(now.done, now.total) for now in told if now.partition == each.id]
        assert steps[0] == (0, each.spans)
        assert steps[-1] == (each.spans, each.spans)


@pytest.mark.parametrize(
    "fault",
    [Fault.DROP, Fault.HTTP_500, Fault.EMPTY, Fault.ERROR, Fault.MALFORMED, Fault.UNFINISHED],
)
def test_what_was_made_before_a_failure_is_kept(
    box: OMBox, double: OllamaDouble, answer: Summariser, fault: Fault
) -> None:
    def third(_: Exchange) -> None:
        if len(double.chats) == 3:
            double.misbehave(fault)

    double.on_chat(third)
    with pytest.raises(OllamaError):
        box.summarize()
    double.on_chat(lambda _: None)
    kept = 2
    report = box.summarize()
    assert sum(made(report).values()) == sum(each.spans for each in report.partitions) - kept
    assert len(answer.saw) >= kept


def test_a_summary_that_the_model_did_not_finish_is_not_kept(root: Path) -> None:
    with (
        OllamaDouble(answer=lambda _: "It never ends. " * 500, models=MODELS) as double,
        opened(root, double) as box,
    ):
        (_, friend) = box.summarize(FRIEND).partitions
        assert (friend.made, friend.summarised) == (0, 0)
        assert friend.cut == friend.spans > 0
        assert box.view(FRIEND).prompt("what about the tide?").summaries == ()


def test_a_blank_summary_is_not_kept(root: Path) -> None:
    with OllamaDouble(answer=lambda _: " \n", models=MODELS) as double, opened(root, double) as box:
        (_, friend) = box.summarize(FRIEND).partitions
        assert (friend.made, friend.cut) == (0, friend.spans)
        assert friend.spans > 0
        assert {each.summarised for each in box.status().partitions} == {0}


def test_a_blank_summary_keeps_no_other_from_being_made(root: Path) -> None:
    def wordless_of_two_days(rendered: str) -> str:
        return " " if re.search(r"day0[25] line", rendered) else "Somebody wrote."

    with (
        OllamaDouble(answer=wordless_of_two_days, models=MODELS) as double,
        opened(root, double) as box,
    ):
        (_, friend) = box.summarize(FRIEND).partitions
        assert (friend.made, friend.cut) == (friend.spans - 2, 2)
        assert friend.made > 0
        double.answer = lambda _: "Somebody wrote."
        (_, again) = box.summarize(FRIEND).partitions
        assert (again.made, again.summarised, again.cut) == (2, friend.spans, 0)


def test_an_edit_that_nobody_indexed_lets_no_summary_through(root: Path, box: OMBox) -> None:
    box.summarize()
    view = box.view(FRIEND)
    told = view.prompt("mallorynote").summaries
    gone = next(each for each in told if each.source.endswith("chat.log"))
    chat = root / FRIEND / "chat.log"
    text = chat.read_text()
    at = text.index("tide", gone.start)
    chat.write_text(f"{text[:at]}hide{text[at + 4 :]}")
    assert gone not in view.prompt("mallorynote").summaries


def test_a_day_too_long_for_the_window_is_cut_in_parts(root: Path, box: OMBox) -> None:
    (root / FRIEND / "chat.log").write_text(day(1, lines=60))
    report = box.summarize(FRIEND)
    assert all(each.too_long == 0 for each in report.partitions)
    assert made(report)[FRIEND] > 3


def test_text_that_changed_while_the_model_was_thinking_gets_none(
    root: Path, box: OMBox, double: OllamaDouble
) -> None:
    def rewrite(_: Exchange) -> None:
        (root / "public" / "note.txt").write_text(note(f"publicly{len(double.chats)}note"))

    box.index()
    double.on_chat(rewrite)
    (public,) = box.summarize("15550100001").partitions
    assert public.made == 0
    assert public.discarded > 0
    double.on_chat(lambda _: None)
    assert made(box.summarize())["public"] > 0


def test_ollama_not_running_is_the_usual_error(root: Path) -> None:
    with (
        OMBox(root, "hashing", ollama_host="http://127.0.0.1:1") as box,
        pytest.raises(OllamaError, match="not running"),
    ):
        box.summarize()


# ---------------------------------------------------------------- using them


def test_a_prompt_tells_them_as_summaries_newest_of_the_chat_first(
    box: OMBox, answer: Summariser
) -> None:
    box.summarize()
    prompt = box.view(FRIEND).prompt("friendnote sentence001")
    assert prompt.summaries
    assert SUMMARIES in prompt.messages[0].content
    considered = [
        *((each.source, each.start) for each in prompt.summaries),
        *((each.source, each.start) for each in prompt.omitted),
    ]
    assert all(source.startswith(("public/", f"{FRIEND}/")) for source, _ in considered)
    told = [answer.saw[each.text] for each in prompt.summaries]
    assert "mallory" not in "".join(told)
    days = [found for seen in told for found in re.findall(r"day\d\d", seen)[:1]]
    assert days == sorted(days, reverse=True)


def test_what_is_quoted_in_full_is_not_summarised_besides(box: OMBox) -> None:
    box.summarize()
    prompt = box.view(FRIEND).prompt("day10 line11", budget=3000)
    quoted = {each.source for each in prompt.omitted if each.reason is not OmitReason.OVER_BUDGET}
    assert f"{FRIEND}/chat.log" in quoted
    for summary in prompt.summaries:
        assert (
            not any(
                turn.source == summary.source and summary.start <= turn.start < summary.end
                for turn in prompt.turns
            )
            or summary.start < prompt.turns[0].start
        )


def test_a_prompt_with_all_of_the_folder_tells_none(box: OMBox) -> None:
    box.summarize()
    prompt = box.view(FRIEND).prompt("what about the tide?", budget=30_000)
    assert prompt.is_whole_folder
    assert prompt.summaries == ()
    assert SUMMARIES not in text_of(prompt)


def test_a_reply_is_thrown_away_when_a_summary_it_saw_went_meanwhile(
    root: Path, box: OMBox, double: OllamaDouble
) -> None:
    box.summarize()
    prompt = box.view(FRIEND).prompt("mallorynote")
    gone = next(each for each in prompt.summaries if each.source.endswith("chat.log"))
    quoted = [(hit.start, hit.end) for hit in prompt.hits if hit.source == gone.source]
    assert all(end <= gone.start or start >= gone.end for start, end in quoted)
    chat = root / FRIEND / "chat.log"
    text = chat.read_text()
    # A letter of what was summarised, and of nothing that was quoted.
    at = text.index("tide", gone.start)

    def edit(_: Exchange) -> None:
        chat.write_text(f"{text[:at]}hide{text[at + 4 :]}")

    double.on_chat(edit)
    discarded: list[str] = []
    reply = box.view(FRIEND).reply("mallorynote", on_discard=lambda: discarded.append("once"))
    assert discarded == ["once"]
    assert gone not in reply.prompt.summaries


def test_a_partition_tells_none_of_an_edit_that_nobody_indexed(root: Path, tmp_path: Path) -> None:
    partition = Partition(
        PUBLIC,
        folder=root / PUBLIC,
        index_folder=tmp_path / "index",
        embedder=HashingEmbedder(),
        notify=lambda _: None,
    )
    piece = partition.pieces()[0]
    summary = Summary(
        partition=PUBLIC,
        source=piece.source,
        start=piece.chunk.start,
        end=piece.chunk.end,
        text="a summary",
    )
    assert partition.keep_summary(summary, [piece.chunk.id])
    assert partition.keeps([summary])
    (root / PUBLIC / "note.txt").write_text("something else")
    assert not partition.keeps([summary])
    partition.close()


# ---------------------------------------------------------------- losing them


@pytest.mark.parametrize("change", ["edit", "delete", "move", "give away", "truncate"])
@pytest.mark.parametrize("is_reopened", [False, True], ids=["same process", "another one"])
def test_a_changed_source_takes_its_summaries_along(
    root: Path, double: OllamaDouble, answer: Summariser, change: str, *, is_reopened: bool
) -> None:
    path = root / FRIEND / "note.txt"
    (root / FRIEND / "chat.log").unlink()
    with opened(root, double) as box:
        box.summarize()
        of_it = {word for word, seen in answer.saw.items() if f"@@@ {FRIEND}/note.txt" in seen}
        assert markers(box, "what about the tide?", FRIEND) & of_it
        first = box if not is_reopened else None
        if first is None:
            box.close()
        if change == "edit":
            path.write_text(path.read_text().replace("says", "sang"))
        elif change == "delete":
            path.unlink()
        elif change == "move":
            path.rename(path.with_name("other.txt"))
        elif change == "give away":
            path.rename(root / "mallory" / "given.txt")
        else:
            path.write_text("")
        with opened(root, double) as second:
            asked = first or second
            for contact in (FRIEND, "mallory"):
                assert not markers(asked, "what about the tide?", contact) & of_it


def test_a_summary_is_gone_from_the_disk_with_its_source(
    root: Path, box: OMBox, answer: Summariser
) -> None:
    box.summarize()
    held = sorted((root / ".prag" / "partitions" / FRIEND).glob("catalog*"))
    of_chat = [word for word, seen in answer.saw.items() if f"@@@ {FRIEND}/chat.log" in seen]
    assert any(word.encode() in path.read_bytes() for path in held for word in of_chat)
    (root / FRIEND / "chat.log").unlink()
    box.index()
    box.close()
    for path in (root / ".prag").rglob("*"):
        if path.is_file():
            assert not any(word.encode() in path.read_bytes() for word in of_chat), path


def test_a_forgotten_contact_leaves_no_summary(root: Path, box: OMBox) -> None:
    box.summarize()
    for path in (root / "mallory").iterdir():
        path.unlink()
    (root / "mallory").rmdir()
    box.index()
    box.close()
    assert not (root / ".prag" / "partitions" / "mallory").exists()


def test_a_damaged_summary_is_never_told(root: Path, double: OllamaDouble) -> None:
    with opened(root, double) as box:
        box.summarize()
    catalog = root / ".prag" / "partitions" / FRIEND / "catalog.sqlite3"
    catalog.write_bytes(catalog.read_bytes().replace(b"marker", b"forged"))
    with opened(root, double) as box:
        assert "forged" not in text_of(box.view(FRIEND).prompt("what about the tide?"))
        rows = {str(each.id): each for each in box.status().partitions}
    assert rows[FRIEND].summarised == 0


# ---------------------------------------------------------------- the state of them


def test_status_says_how_many_spans_are_summarised_and_how_many_there_are(
    root: Path, box: OMBox
) -> None:
    box.index()
    before = {str(each.id): (each.summarised, each.spans) for each in box.status().partitions}
    assert before[FRIEND][0] == 0
    assert before[FRIEND][1] > 0
    report = box.summarize()
    after = {str(each.id): (each.summarised, each.spans) for each in box.status().partitions}
    assert after == {str(each.id): (each.made, each.made) for each in report.partitions}
    (root / FRIEND / "note.txt").write_text(note("anothernote"))
    box.index()
    rows = {str(each.id): each for each in box.status().partitions}
    assert rows[FRIEND].summarised < rows[FRIEND].spans


def test_the_catalog_alone_keeps_no_summary_without_its_chunks(root: Path, box: OMBox) -> None:
    """Whoever deletes a chunk, in whatever way, deletes what was made of it."""
    box.summarize()
    box.close()
    path = root / ".prag" / "partitions" / FRIEND / "catalog.sqlite3"
    catalog = Catalog(path)
    try:
        many = len(catalog.summaries(box.view(FRIEND).partitions[1]))
        with catalog.transaction():
            catalog.remove([f"{FRIEND}/chat.log"])
        left = catalog.summaries(box.view(FRIEND).partitions[1])
        assert 0 < len(left) < many
        assert {each.source for each in left} == {f"{FRIEND}/note.txt"}
    finally:
        catalog.close()
