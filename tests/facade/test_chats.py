"""A chat is searched turn by turn, read from the side of who asks, and quoted so that it tells."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from partitioned_rag import OMBox

CHAT = """\
[2026-03-01 09:00:00] them: Shall we take the boat on Sunday?
[2026-03-01 09:00:20] me: Yes, I bring the red lantern.
[2026-03-01 09:01:00] them: My cousin paints harbours.
[2026-03-01 09:01:30] me: Mine mends accordions.
[2026-03-01 09:02:00] them: Something else entirely, yesterday it snowed.
[2026-03-05 18:00:00] me: The key is with the baker.
"""
NOTES = """\
# Teas

Green tea wants cooler water.

# Boats

The red boat leaks.
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "friend").mkdir()
    (tmp_path / "friend" / "chat.log").write_text(CHAT, encoding="utf-8")
    (tmp_path / "public").mkdir()
    return tmp_path


def found(root: Path, question: str, *, k: int = 1) -> list[str]:
    with OMBox(root, "hashing") as box:
        return [hit.text for hit in box.view("friend").search(question, k=k)]


def test_a_turn_that_asks_brings_its_answer(root: Path) -> None:
    (best,) = found(root, "shall we take the boat")
    assert best == "\n".join(CHAT.splitlines()[:2])


def test_a_turn_that_tells_is_quoted_alone(root: Path) -> None:
    assert found(root, "who has the key?") == [CHAT.splitlines()[-1]]


def test_the_last_turn_of_a_sitting_brings_nothing_of_the_next(root: Path) -> None:
    asking = CHAT.replace("it snowed.", "did it snow?")
    (root / "friend" / "chat.log").write_text(asking, encoding="utf-8")
    assert found(root, "did it snow") == [asking.splitlines()[-2]]


def test_a_day_that_was_meant_finds_the_turn(root: Path) -> None:
    (best,) = found(root, "28 February 2026")
    assert "yesterday it snowed" in best


@pytest.mark.parametrize(("name", "said"), [("Pip", "paints harbours"), ("Juno", "accordions")])
def test_whoever_the_question_names_is_heard_first(root: Path, name: str, said: str) -> None:
    (root / "contacts.toml").write_text(
        'owner = "Juno"\n[contacts.friend]\nname = "Pip"\n', encoding="utf-8"
    )
    best, *_ = found(root, f"What did {name} say of harbours and accordions?", k=5)
    assert said in best


def test_a_chunk_is_quoted_with_its_short_section(root: Path) -> None:
    # More than one chunk each; the story is no short section.
    repair = " ".join(f"Plank {number} wants tar." for number in range(45))
    story = " ".join(f"Sentence {number} of the story of a kettle." for number in range(400))
    section = f"# Boats\n\nThe red boat leaks.\n\n{repair}"
    written = f"{section}\n\n# Story\n\n{story}\n"
    (root / "public" / "notes.md").write_text(written, encoding="utf-8")
    best, *others = found(root, "which boat leaks", k=20)
    assert best == section
    assert max(map(len, others)) < len(story) / 3


def test_a_file_that_may_have_changed_within_a_tick_is_read_again(root: Path) -> None:
    (root / "public" / "notes.md").write_text(NOTES, encoding="utf-8")
    catalog = root / ".prag" / "partitions" / "public" / "catalog.sqlite3"
    with OMBox(root, "hashing") as box:
        box.index()
    with closing(sqlite3.connect(catalog)) as db:
        db.execute("UPDATE sources SET settled = 0, content_sha256 = 'of something else'")
        db.commit()
    found(root, "boat")
    with closing(sqlite3.connect(catalog)) as db:
        (kept,) = db.execute("SELECT content_sha256 FROM sources").fetchone()
    assert kept != "of something else"
