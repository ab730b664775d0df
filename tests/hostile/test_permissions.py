"""A box that may not be written, or not be read: it is said, or the file is listed, and no more.

Root may do anything, so root's `prag` is started without root's rights.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from tests.cli.running import FRIEND, NO_OLLAMA, Prag

WITHOUT_RIGHTS = ("setpriv", "--bounding-set=-all", "--inh-caps=-all")
BY_WAY_OF = WITHOUT_RIGHTS if os.geteuid() == 0 else ()


def gives_rights_up() -> bool:
    """Say whether a program can be started here that has to ask like everyone else."""
    if not BY_WAY_OF:
        return True
    if shutil.which(BY_WAY_OF[0]) is None:
        return False
    return subprocess.run([*BY_WAY_OF, "true"], check=False, capture_output=True).returncode == 0


pytestmark = pytest.mark.skipif(
    not gives_rights_up(), reason="needs another user than root, or setpriv to give rights up"
)


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Path]:
    """A box that its owner may read and not write, with one file that is closed."""
    box = tmp_path / "OMBox"
    for name in ("public", FRIEND):
        (box / name).mkdir(parents=True)
    (box / "public/open.txt").write_text("On Sunday the shop is open.\n")
    (box / "public/closed.txt").write_text("On Sunday the safe is open.\n")
    (box / "public/closed.txt").chmod(0)
    for folder in (box / "public", box / FRIEND, box):
        folder.chmod(0o500)
    yield box
    for folder in (box, box / "public", box / FRIEND):
        folder.chmod(0o700)


@pytest.fixture
def prag(tmp_path: Path, box: Path) -> Prag:
    return Prag(
        env={
            "HOME": str(tmp_path),
            "PATH": os.environ.get("PATH", ""),
            "PRAG_BOX": str(box),
            "PRAG_EMBEDDER": "hashing",
            "OLLAMA_HOST": NO_OLLAMA,
        },
        by_way_of=BY_WAY_OF,
    )


def rows(told: object) -> list[dict[str, object]]:
    return cast("list[dict[str, object]]", told)


@pytest.mark.parametrize("command", [("index",), ("search", "sunday"), ("prompt", "sunday")])
def test_a_box_that_may_not_be_written_asks_for_another_place(
    prag: Prag, box: Path, command: tuple[str, ...]
) -> None:
    said = prag(*command).failed(2)
    assert "cannot be written" in said
    assert "PRAG_INDEX" in said
    assert sorted(path.name for path in box.iterdir()) == [FRIEND, "public"]


def test_with_its_index_in_another_place_it_is_as_good_as_any(
    prag: Prag, box: Path, tmp_path: Path
) -> None:
    elsewhere = {"PRAG_INDEX": str(tmp_path / "index")}
    public = cast(
        "list[dict[str, object]]", prag("index", "--json", **elsewhere).json()["partitions"]
    )[0]
    (skipped,) = cast("list[dict[str, object]]", public["skipped"])
    assert (skipped["source"], skipped["reason"]) == ("public/closed.txt", "permission denied")
    found = prag("search", "is the safe open on sunday", **elsewhere)
    assert "public/open.txt" in found.out
    assert "closed" not in found.out
    assert sorted(path.name for path in box.iterdir()) == [FRIEND, "public"]


def test_status_changes_nothing_and_needs_no_leave(prag: Prag, box: Path) -> None:
    assert prag("status").code == 0
    assert sorted(path.name for path in box.iterdir()) == [FRIEND, "public"]


def test_a_box_that_may_not_be_read_is_said(prag: Prag, box: Path) -> None:
    box.chmod(0)
    assert str(box) in prag("index").failed(2)


def test_a_partition_that_may_not_be_read_is_listed_and_the_others_are_read(
    prag: Prag, box: Path, tmp_path: Path
) -> None:
    (box / FRIEND).chmod(0)
    result = prag("index", "--json", PRAG_INDEX=str(tmp_path / "index")).json()
    public, friend = rows(result["partitions"])
    assert public["sources"] == 1
    (skipped,) = rows(friend["skipped"])
    assert (skipped["source"], skipped["reason"]) == (FRIEND, "permission denied")
