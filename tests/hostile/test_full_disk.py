"""A disk that is full: it is said, nothing is lost, and with room again all is as if made anew.

The disk is a small one in memory, which only root may mount.
"""

import os
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.running import NO_OLLAMA, Prag, Ran
from tests.crash.harness import furnished, state

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to mount a small disk"),
]
SEED = 20_260_101
ROOM = "64m"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of a few blocks."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = mount("-t", "tmpfs", "-o", "size=64k,mode=0700", "tmpfs", str(folder))
    if mounted.returncode != 0:
        pytest.skip(f"needs leave to mount a disk: {mounted.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)  # noqa: S607


def mount(*arguments: str) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(["mount", *arguments], capture_output=True, check=False)  # noqa: S607


def resize(disk: Path, size: str) -> None:
    mount("-o", f"remount,size={size}", str(disk)).check_returncode()


def contents(box: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(box.rglob("*")) if path.is_file()}


def is_told_what_to_do(ran: Ran) -> None:
    last = ran.err.splitlines()[-1]
    assert ran.code == 1, ran
    assert last.startswith("error: ")
    # SQLite does not always know that it is for want of room that it cannot write.
    assert "No space left on device" in last or "Input/output error" in last
    assert "make room" in last


# Full before the catalog is there, while the first partition is written, and while another is.
@pytest.mark.parametrize("sizes", [["64k"], ["200k"], ["500k", "700k"], ["900k"]])
def test_when_the_disk_is_full_it_is_said_and_with_room_again_all_is_well(
    tmp_path: Path, disk: Path, sizes: list[str]
) -> None:
    box = furnished(tmp_path, random.Random(SEED))
    before = contents(box)
    index = disk / "index"
    prag = Prag(
        env={
            "HOME": str(tmp_path),
            "PATH": os.environ.get("PATH", ""),
            "PRAG_BOX": str(box),
            "PRAG_INDEX": str(index),
            "PRAG_EMBEDDER": "hashing",
            "OLLAMA_HOST": NO_OLLAMA,
        }
    )
    for size in sizes:
        resize(disk, size)
        is_told_what_to_do(prag("index"))
    assert contents(box) == before
    resize(disk, ROOM)
    assert prag("index").code == 0
    mended, reports = state(box, index=index)
    assert mended == state(box, index=tmp_path / "fresh")[0]
    assert [report.error for report in reports if report.error] == []
    assert contents(box) == before
