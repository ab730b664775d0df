"""`prag search`: hits for an audience, and what is said of the audience."""

import os
from pathlib import Path
from typing import cast

import pytest

from tests.cli.running import FRIEND, PHONE, Prag

pytestmark = pytest.mark.usefixtures("folder")
Rows = list[dict[str, object]]


def test_the_contract(prag: Prag) -> None:
    result = prag("search", "sunday?", "--as", FRIEND, "-k", "2", "--json").json()
    assert set(result) == {"question", "audience", "partitions", "hits"}
    assert result["question"] == "sunday?"
    assert result["audience"] == [FRIEND]
    assert result["partitions"] == ["public", FRIEND]
    hits = cast("Rows", result["hits"])
    assert [hit["rank"] for hit in hits] == [1, 2]
    for hit in hits:
        assert set(hit) == {
            *("rank", "score", "partition", "source", "start", "end", "text", "page"),
        }
        assert str(hit["source"]).startswith(f"{hit['partition']}/")


@pytest.mark.parametrize(
    ("contacts", "read"),
    [
        ((), ["public"]),
        ((FRIEND,), ["public", FRIEND]),
        (("+1 (555) 010-0001",), ["public", PHONE]),
        ((FRIEND, PHONE), ["public"]),
        (("15550100002",), ["public"]),
    ],
)
def test_each_audience_reads_what_all_of_it_may_read(
    prag: Prag, contacts: tuple[str, ...], read: list[str]
) -> None:
    options = [part for contact in contacts for part in ("--as", contact)]
    result = prag("search", "sunday", *options, "-k", "100", "--json").json()
    assert result["partitions"] == read
    assert {hit["partition"] for hit in cast("Rows", result["hits"])} == set(read)


def test_a_contact_without_a_folder_is_told_of(prag: Prag) -> None:
    ran = prag("search", "sunday", "--as", "+1 555 010 0002")
    assert ran.err == (
        "note: contact 15550100002 has no folder in this OMBox: reading public alone\n"
    )
    assert "public/schedule.txt" in ran.out
    assert prag("search", "sunday", "--as", FRIEND).err == ""


def test_an_audience_of_several_is_told_what_is_read(prag: Prag) -> None:
    ran = prag("search", "sunday", "--as", FRIEND, "--as", PHONE)
    assert ran.err == (
        f"note: for {PHONE}, {FRIEND} together, reading what each of them may read: public\n"
    )


def test_a_question_may_begin_with_a_dash(prag: Prag) -> None:
    assert prag("search", "--json", "--", "--help").json()["question"] == "--help"


def test_odd_questions_survive(prag: Prag) -> None:
    for question in ("日曜日".encode(), b"sunday\x1b[2J\n", b"sunday " * 5000):
        result = prag("search", question, "--json").json()
        assert result["question"] == os.fsdecode(question)


def test_text_from_the_folder_drives_nothing(prag: Prag, folder: Path) -> None:
    (folder / "public" / "evil.txt").write_text("sunday \x1b[2J\x1b]0;title\x07 \u202egnip\n")
    ran = prag("search", "sunday")
    assert "\\x1b[2J" in ran.out
    assert not any(ord(c) < 32 and c != "\n" for c in ran.out)
    assert "\u202e" not in ran.out


def test_nothing_found_is_an_empty_result(prag: Prag, tmp_path: Path) -> None:
    (tmp_path / "empty" / "public").mkdir(parents=True)
    ran = prag("search", "sunday", "--box", str(tmp_path / "empty"))
    assert (ran.code, ran.out, ran.err) == (0, "", "note: nothing found\n")
