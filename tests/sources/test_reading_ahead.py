"""Several files in hand at once: what is read of each is what is read of it alone."""

import os
import resource
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partitioned_rag import OMBox
from partitioned_rag.cores import cores
from partitioned_rag.sources.isolation import IsolatedReader
from partitioned_rag.sources.opening import take
from partitioned_rag.sources.raw import RawFile
from partitioned_rag.sources.readers import Readers
from partitioned_rag.sources.scan import scan
from partitioned_rag.values import Document, PartitionId, Reading, Skip, Source, Stamp, Wanted
from tests.sources.samples import GOOD, pdf
from tests.strategies import examples

FRIEND = PartitionId("friend")
PATIENCE_S = 60.0
CHILDREN = Path(f"/proc/self/task/{os.getpid()}/children")
GONE = Source(path="friend/gone.pdf", stamp=Stamp(size_bytes=1, mtime_ns=2, ctime_ns=3, inode=4))
# What comes of them: a verdict of the child, one of this process, and nothing to be read.
BAD = {"torn.pdf": b"%PDF-1.7, and no more", "picture.html": b"\x89PNG\r\n\x1a\n", "none.csv": b""}

pytestmark = pytest.mark.skipif(
    not CHILDREN.exists(), reason="needs /proc to see which processes run"
)


@dataclass(frozen=True)
class Mixed:
    """A folder of all sorts of files, and what is read of each by itself."""

    folder: Path
    alone: dict[Wanted, Reading]


@pytest.fixture(scope="module")
def mixed() -> Iterator[Mixed]:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "friend"
        for name, data in [*((one.path, one.data) for one in GOOD), *BAD.items()]:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            os.utime(path, (1, 1))
        # As old as they look: until then a reading tells of the moment at which it was made.
        for path in folder.iterdir():
            until_settled(folder, path.name)
        found = [GONE, *sources_in(folder)]
        alone = {}
        with Readers(folder, FRIEND) as readers:
            for source in found:
                fresh = readers.read(source)
                alone[Wanted(source)] = fresh
                known = Wanted(source, known_sha256=fresh.content_sha256)
                alone[known] = readers.read(source, known_sha256=fresh.content_sha256)
        assert {type(each.outcome) for each in alone.values()} == {Document, Skip, type(None)}
        yield Mixed(folder, alone)


def until_settled(folder: Path, name: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not take(folder, FRIEND, f"friend/{name}").is_settled:
        assert time.monotonic() < deadline


def sources_in(folder: Path) -> list[Source]:
    return [each for each in scan(folder, FRIEND) if isinstance(each, Source)]


def pages(folder: Path, number: int) -> list[Wanted]:
    folder.mkdir()
    for each in range(number):
        (folder / f"{each}.pdf").write_bytes(pdf(f"page {each}"))
    return [Wanted(each) for each in sources_in(folder)]


def text_of(reading: Reading) -> str:
    return reading.outcome.text if isinstance(reading.outcome, Document) else ""


def running() -> set[int]:
    return set(map(int, CHILDREN.read_text().split()))


# ---------------------------------------------------------------- what is read


@examples(in_ci=25)
@given(st.data(), st.integers(1, 4))
def test_each_is_read_as_it_is_alone_and_in_its_turn(
    mixed: Mixed, data: st.DataObject, at_once: int
) -> None:
    wanted = data.draw(st.lists(st.sampled_from(list(mixed.alone)), max_size=12))
    with Readers(mixed.folder, FRIEND, at_once=at_once) as readers:
        found = list(readers.read_all(wanted))
    assert found == [mixed.alone[each] for each in wanted]


def test_a_child_that_dies_costs_no_file_but_its_own(tmp_path: Path) -> None:
    wanted = pages(tmp_path / "friend", 7)
    before = running()
    with Readers(tmp_path / "friend", FRIEND, at_once=2) as readers:
        found = readers.read_all(wanted)
        texts = [text_of(next(found)) for _ in range(3)]
        (pid, *others) = running() - before
        os.kill(pid, signal.SIGKILL)
        texts += map(text_of, found)
    assert len(others) == 1
    # Both had read a file before, so what one of them was at is read again.
    assert texts == [f"page {number}" for number in range(7)]


# ---------------------------------------------------------------- when, and by whom


def test_so_many_are_taken_in_hand_and_no_more(tmp_path: Path) -> None:
    wanted = pages(tmp_path / "friend", 4)
    with Readers(tmp_path / "friend", FRIEND, at_once=3) as readers:
        found = readers.read_all(wanted)
        first = next(found)
        for each in wanted:
            (tmp_path / each.source.path).unlink()
        outcomes = [reading.outcome for reading in (first, *found)]
    assert [type(each) for each in outcomes] == [Document, Document, Document, Skip]


def test_a_child_works_while_nobody_waits_for_it() -> None:
    reader = IsolatedReader()
    try:
        reader.read("HTML", RawFile(path="a.html", data=b"<p>kites"))
        pid = reader.pid or 0
        before = ticks(pid)
        wait = reader.begin("HTML", RawFile(path="b.html", data=b"<p>kites" * 200_000))
        deadline = time.monotonic() + PATIENCE_S
        while ticks(pid) < before + 10:
            assert time.monotonic() < deadline, "it waits to be asked"
        assert wait().text.startswith("kites")
    finally:
        reader.close()


def ticks(pid: int) -> int:
    """Hundredths of a second that a process has worked."""
    told = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(told[11]) + int(told[12])


@pytest.mark.parametrize(("at_once", "files", "expected"), [(1, 6, 1), (3, 6, 3), (3, 2, 2)])
def test_no_more_children_are_started_than_there_is_work_for(
    tmp_path: Path, at_once: int, files: int, expected: int
) -> None:
    wanted = pages(tmp_path / "friend", files)
    (tmp_path / "friend" / "a.txt").write_text("kites")
    (text,) = (
        Wanted(each) for each in sources_in(tmp_path / "friend") if each.path.endswith("a.txt")
    )
    before = running()
    with Readers(tmp_path / "friend", FRIEND, at_once=at_once) as readers:
        assert len(list(readers.read_all([text] * 4))) == 4
        assert running() == before
        assert len(list(readers.read_all([*wanted, text]))) == files + 1
        assert len(running() - before) == expected
    assert running() == before


@pytest.mark.parametrize("files", [3, 6])
def test_who_breaks_off_leaves_no_child(tmp_path: Path, files: int) -> None:
    wanted = pages(tmp_path / "friend", files)
    before = running()
    with Readers(tmp_path / "friend", FRIEND, at_once=3) as readers:
        found = readers.read_all(wanted)
        next(found)
        assert len(running() - before) == 3
    assert running() == before
    with pytest.raises(ValueError, match="closed"):
        next(found)
    assert running() == before


def test_where_no_more_children_can_be_started_fewer_read_it_all(tmp_path: Path) -> None:
    wanted = pages(tmp_path / "friend", 5)
    before = running()
    with Readers(tmp_path / "friend", FRIEND, at_once=3) as readers, few_files_left():
        texts = [text_of(each) for each in readers.read_all(wanted)]
        assert len(running() - before) == 1
    assert texts == [f"page {number}" for number in range(5)]


@contextmanager
def few_files_left() -> Iterator[None]:
    """Leave descriptors for one child: each takes seven while it starts, and keeps two."""
    # The last is that of the listing itself, and free again.
    taken = {int(path.name) for path in Path("/proc/self/fd").iterdir()}
    free = [number for number in range(len(taken) + 8) if number not in taken]
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free[7], hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize(
    ("padding_bytes", "expected"),
    [(0, 1), (1 << 20, min(4, cores()))],
    ids=["little to read", "much to read"],
)
def test_a_sync_starts_another_child_where_it_pays(
    tmp_path: Path, padding_bytes: int, expected: int
) -> None:
    public = tmp_path / "box" / "public"
    public.mkdir(parents=True)
    for number in range(6):
        text = f"<p>kites {number}<!--{'-' * padding_bytes}-->"
        (public / f"{number}.html").write_text(text)
    before = running()
    seen = []
    with OMBox(tmp_path / "box", "hashing", index=tmp_path / "index") as box:
        (report,) = box.index(progress=lambda _: seen.append(len(running() - before))).partitions
    assert report.added == 6
    assert max(seen) == expected
    assert running() == before
