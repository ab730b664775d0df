"""All that a view may read can be had, chunk by chunk, and what is skipped of it; no more."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from partitioned_rag.box import OMBox
from partitioned_rag.values import Skip, SkipReason
from tests.worlds import build

LONG = "".join(f"Tide {n} comes in over the sand of the bay.\n\n" for n in range(200))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return build(
        {
            "public/about.txt": b"I play the accordion.",
            "public/empty.txt": b"",
            "friend/tides.txt": LONG.encode(),
            "mallory/secret.txt": b"The party is on the roof.",
            "mallory/empty.txt": b"",
        },
        tmp_path / "OMBox",
    )


@pytest.fixture
def box(folder: Path) -> Iterator[OMBox]:
    with OMBox(folder, "hashing") as opened:
        yield opened


def test_every_chunk_of_what_may_be_read_is_given_and_none_of_another_s(box: OMBox) -> None:
    chunks = box.view("friend").everything()
    assert {chunk.source for chunk in chunks} == {"friend/tides.txt", "public/about.txt"}
    assert [chunk.rank for chunk in chunks] == list(range(1, len(chunks) + 1))
    of_tides = [chunk for chunk in chunks if chunk.source == "friend/tides.txt"]
    assert "".join(chunk.lead + chunk.text for chunk in of_tides).split() == LONG.split()
    assert {chunk.source for chunk in box.view().everything()} == {"public/about.txt"}


def test_it_is_the_folder_as_it_is_now(box: OMBox, folder: Path) -> None:
    view = box.view()
    view.everything()
    (folder / "public" / "about.txt").write_text("I play the harmonium.")
    assert [chunk.text for chunk in view.everything()] == ["I play the harmonium."]


def test_what_is_skipped_is_told_of_what_may_be_read_alone(box: OMBox) -> None:
    view = box.view("friend")
    assert view.skipped() == ()  # nothing was read yet
    view.everything()
    (skip,) = view.skipped()
    assert isinstance(skip, Skip)
    assert (skip.source, skip.reason) == ("public/empty.txt", SkipReason.EMPTY)
