"""What a person sees: nothing that drives the terminal, nothing dropped, nothing too wide."""

import re
import unicodedata
from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from partitioned_rag.cli import receipt, render
from partitioned_rag.values import (
    BoxStatus,
    Hit,
    IndexReport,
    OmitReason,
    Omitted,
    PartitionId,
    PartitionReport,
    PartitionStatus,
    PartitionSummaries,
    Skip,
    SkipReason,
    SummaryReport,
)
from tests.prompts import a_prompt

PUBLIC = PartitionId("public")
NASTY = "\x1b[2J\x07\r\x00\x9b31m\u202e\u2066\u2028\x85\ud800\udcff"
WIDTH = 80

texts = st.text(
    st.one_of(
        st.characters(),
        st.characters(categories=["Cs", "Cc", "Cf", "Mn"]),
        st.sampled_from(" \n\t日本é──\x1b"),
    ),
    max_size=120,
)


def no_driving(text: str) -> bool:
    return not any(
        character != "\n" and (ord(character) < 32 or 0x7F <= ord(character) <= 0x9F)
        for character in text
    ) and not re.search("[\u202a-\u202e\u2066-\u2069\u2028\u2029\u061c\ud800-\udfff]", text)


def columns(line: str) -> int:
    return sum(
        0
        if unicodedata.combining(c) or unicodedata.category(c) in {"Cf", "Me", "Mn"}
        # Wide and full-width characters take two.
        else 1 + (unicodedata.east_asian_width(c) in "WF")
        for c in line
    )


def a_hit(text: str, *, source: str = "public/a.txt", page: int | None = None) -> Hit:
    return Hit(
        rank=1,
        score=0.5,
        partition=PUBLIC,
        source=source,
        start=3,
        end=3 + len(text),
        text=text,
        page=page,
    )


def a_report(*partitions: PartitionReport, skipped: tuple[Skip, ...] = ()) -> IndexReport:
    return IndexReport(box="/home/ada/OMBox", partitions=partitions, skipped=skipped, seconds=1.25)


def skips(count: int, *, reason: SkipReason = SkipReason.UNSUPPORTED) -> tuple[Skip, ...]:
    return tuple(
        Skip(source=f"public/{at:04}.bin", reason=reason, detail="no reader") for at in range(count)
    )


# ---------------------------------------------------------------- text that cannot do harm


@settings(deadline=None)
@given(texts)
def test_nothing_visible_drives_a_terminal(text: str) -> None:
    assert no_driving(render.visible(text))
    assert "\n" not in render.visible(text)


@settings(deadline=None)
@given(st.text(st.characters(categories=["L", "N", "P", "S"]), max_size=60))
def test_ordinary_text_is_shown_as_it_is(text: str) -> None:
    assert render.visible(text) == text


def test_emoji_joined_of_several_stay_whole() -> None:
    assert render.visible("👩‍🚀") == "👩‍🚀"


@settings(deadline=None)
@given(texts.map(lambda text: text.replace("\n", "")), st.integers(2, 40))
def test_folding_drops_nothing_and_keeps_to_the_width(line: str, width: int) -> None:
    pieces = render.fold(line, width)
    assert "".join(pieces) == line
    assert all(render.cells(piece) <= width for piece in pieces)


@settings(deadline=None)
@given(texts, st.integers(4, 30))
def test_a_clipped_name_fits_its_column(name: str, width: int) -> None:
    shown = render.clip(render.visible(name), width)
    assert render.cells(shown) <= width
    assert shown == render.visible(name) or shown.endswith("…")


LONG = "日本" * 90 + "x" * 300 + " wörd" * 70 + "\x1b" * 40 + "\n" + "y" * 500


@settings(deadline=None)
@example(LONG, LONG)
@given(texts, texts)
def test_no_output_is_wider_than_the_terminal_or_drives_it(text: str, name: str) -> None:
    skip = Skip(source=f"public/{name}", reason=SkipReason.CORRUPT, detail=text)
    shown = [
        render.hits([a_hit(text, source=f"public/{name}")], question=name, width=WIDTH),
        receipt.prompt(
            a_prompt(
                text,
                omitted=(
                    Omitted(source=f"public/{name}", start=0, end=9, reason=OmitReason.OVER_BUDGET),
                ),
            ),
            width=WIDTH,
        ),
        render.index(
            a_report(
                PartitionReport(id=PartitionId(name), skipped=(skip,), note=text, error=text),
                PartitionReport(id=PUBLIC),
                skipped=(skip,),
            ),
            width=WIDTH,
        ),
        render.status(
            BoxStatus(
                box=f"/home/{name}",
                index=f"/home/{name}/.prag",
                partitions=(
                    PartitionStatus(
                        id=PartitionId(name),
                        sources=1,
                        chunks=2,
                        pending=3,
                        skipped=(skip,),
                        summarised=10**6,
                        spans=10**7,
                    ),
                ),
                skipped=(skip,),
                embedder=name,
                embedder_version=text,
                embedder_runtime=text,
                index_bytes=10**9,
            ),
            ollama=text,
            width=WIDTH,
        ),
        render.summarize(
            SummaryReport(
                box=f"/home/{name}",
                model=name,
                partitions=(
                    PartitionSummaries(
                        id=PartitionId(name), made=1, summarised=2, spans=9, discarded=3, too_long=4
                    ),
                ),
                seconds=1.5,
            ),
            width=WIDTH,
        ),
    ]
    for one in shown:
        assert no_driving(one)
        assert max(map(columns, one.split("\n"))) <= WIDTH, one


# ---------------------------------------------------------------- index and status


def test_each_partition_has_its_row_and_several_have_a_total() -> None:
    shown = render.index(
        a_report(
            PartitionReport(id=PUBLIC, sources=4, chunks=23, added=4),
            PartitionReport(id=PartitionId("friend"), sources=1, chunks=120, changed=1, removed=2),
        ),
        width=WIDTH,
    )
    rows = {line.split()[0]: line.split()[1:] for line in shown.splitlines() if line}
    assert rows["public"] == ["4", "23", "4", "0", "0", "0", "0"]
    assert rows["friend"] == ["1", "120", "0", "1", "0", "2", "0"]
    assert rows["total"] == ["5", "143", "4", "1", "0", "2", "0"]
    assert "2 partitions in 1.2 s\n" in shown


def test_an_index_that_had_nothing_to_do_says_so() -> None:
    assert "nothing had changed" in render.index(a_report(PartitionReport(id=PUBLIC)), width=WIDTH)
    assert "nothing had changed" not in render.index(
        a_report(PartitionReport(id=PUBLIC, removed=1)), width=WIDTH
    )


@pytest.mark.parametrize("count", [1, render.LISTED_OF_A_KIND, render.LISTED_OF_A_KIND + 1, 400])
def test_of_many_skipped_files_those_not_listed_are_counted(count: int) -> None:
    shown = render.index(a_report(PartitionReport(id=PUBLIC, skipped=skips(count))), width=WIDTH)
    listed = len(re.findall(r"public/\d{4}\.bin: unsupported \(no reader\)", shown))
    hidden = re.search(r"… and (\d+) more in public \(unsupported\); --json lists all", shown)
    assert listed + (int(hidden[1]) if hidden else 0) == count
    assert listed == min(count, render.LISTED_OF_A_KIND)


def test_a_rare_reason_is_not_hidden_by_a_frequent_one() -> None:
    many = (*skips(50), *skips(1, reason=SkipReason.ENCRYPTED))
    shown = render.index(a_report(PartitionReport(id=PUBLIC, skipped=many)), width=WIDTH)
    assert "public/0000.bin: encrypted" in shown


def test_files_of_no_partition_are_listed_or_counted() -> None:
    homeless = tuple(
        Skip(source=f"{at}.txt", reason=SkipReason.OUTSIDE_PARTITION, detail="move it")
        for at in range(33)
    )
    shown = render.index(a_report(PartitionReport(id=PUBLIC), skipped=homeless), width=WIDTH)
    hidden = re.search(r"… and (\d+) more", shown)
    assert hidden is not None
    assert shown.count("outside partition (move it)") + int(hidden[1]) == 33


def test_what_was_mended_and_what_failed_is_said() -> None:
    shown = render.index(
        a_report(PartitionReport(id=PUBLIC, note="made anew", error="the disk is full")),
        width=WIDTH,
    )
    assert "  public: made anew\n  public: the disk is full\n" in shown


def test_pending_files_are_said_with_what_to_do() -> None:
    found = BoxStatus(
        box="/b",
        index="/b/.prag",
        partitions=(
            PartitionStatus(
                id=PUBLIC, sources=1, chunks=1, pending=1, skipped=(), summarised=3, spans=7
            ),
        ),
        skipped=(),
        embedder="hashing",
        embedder_version="1",
        embedder_runtime="numpy",
        index_bytes=2_500_000,
    )
    shown = render.status(found, ollama="not running", width=WIDTH)
    assert "1 file to bring up to date: `prag index` does" in shown
    assert "/b/.prag (2.5 MB)" in shown
    assert "hashing (1, numpy)" in shown
    rows = {line.split()[0]: line.split()[1:] for line in shown.splitlines() if line}
    assert rows["public"] == ["1", "1", "1", "0", "3", "7"]


def test_what_was_summarised_and_what_could_not_be_is_said() -> None:
    report = SummaryReport(
        box="/b",
        model="gemma4",
        partitions=(
            PartitionSummaries(id=PUBLIC, made=1, summarised=5, spans=7, discarded=1, too_long=1),
        ),
        seconds=2.0,
    )
    shown = render.summarize(report, width=WIDTH)
    assert "1 summary by gemma4 in 2.0 s\n" in shown
    assert "1 span changed meanwhile: run it again\n" in shown
    assert "1 span too long for the model's window\n" in shown
    idle = replace(report, partitions=(PartitionSummaries(id=PUBLIC),))
    assert "nothing had to be made, by gemma4" in render.summarize(idle, width=WIDTH)


# ---------------------------------------------------------------- search


def test_a_hit_shows_where_it_stands() -> None:
    shown = render.hits([a_hit("open at ten", page=7)], question="ten?", width=WIDTH)
    assert shown == " 1  0.500  public/a.txt:3-14 (page 7)\n    open at ten\n"


def test_of_a_long_hit_the_telling_lines_are_shown_and_each_cut_is_visible() -> None:
    lines = [f"line {word}" for word in "one two three four five six seven".split()]

    def shown(question: str, count: int) -> list[str]:
        hit = a_hit("\n".join(lines[:count]))
        return render.hits([hit], question=question, width=WIDTH).splitlines()[1:]

    assert shown("three", 4) == [f"    {line}" for line in lines[:4]]
    beginning = ["    line one", "    line two", "    line three", "    line four …"]
    assert shown("nothing of it", 7) == beginning
    assert shown("one", 7) == beginning
    assert shown("six five", 7) == [
        "    … line three",
        "    line four",
        "    line five",
        "    line six …",
    ]
    assert shown("seven", 7)[-1] == "    line seven"
    assert shown("five", 7)[0] == "    … line three"


def test_a_size_is_said_in_its_unit() -> None:
    sizes = {
        0: "0 B",
        999: "999 B",
        1000: "1.0 kB",
        999_949: "999.9 kB",
        999_950: "1.0 MB",
        10**16: "10000.0 TB",
    }
    assert {amount: render.size(amount) for amount in sizes} == sizes
