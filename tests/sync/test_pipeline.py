"""What a sync reads, and what it is content to look at."""

import os
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import pytest

from partitioned_rag.embedding.registry import open_embedder
from partitioned_rag.sources.raw import MAX_FILE_BYTES
from partitioned_rag.sources.readers import Readers
from partitioned_rag.sources.scan import look
from partitioned_rag.store.catalog import Catalog
from partitioned_rag.store.store import CATALOG, Maker, Store
from partitioned_rag.sync.following import planned
from partitioned_rag.sync.pipeline import Changes, carry_out
from partitioned_rag.sync.plan import OF_THE_MOMENT
from partitioned_rag.values import PartitionId, Reading, Skip, SkipReason, Wanted

FRIEND = PartitionId("friend")
NOTE = "friend/note.txt"


@dataclass
class Desk:
    """A folder, its store, and readers that may be too busy to make sense of anything."""

    folder: Path
    store: Store
    is_busy: bool = False
    read_through: list[str] = field(default_factory=list)

    def read(self, wanted: Iterable[Wanted]) -> Iterator[Reading]:
        with Readers(self.folder, FRIEND) as readers:
            for reading in readers.read_all(wanted):
                if reading.outcome is not None:
                    self.read_through.append(reading.source.path)
                yield reading if reading.outcome is None or not self.is_busy else too_busy(reading)

    def sync(self, *, again: Collection[SkipReason] = ()) -> Changes:
        self.read_through.clear()
        todo = planned(self.store.sources(), look(self.folder, FRIEND).stamps, again=again)
        return carry_out(
            todo,
            partition=FRIEND,
            store=self.store,
            read=self.read,
            embedder=open_embedder("hashing"),
            progress=None,
        )


def too_busy(reading: Reading) -> Reading:
    path = reading.source.path
    return Reading(
        source=reading.source,
        settled=reading.settled,
        content_sha256=reading.content_sha256,
        outcome=Skip(source=path, reason=SkipReason.TIMEOUT, detail="took too long"),
    )


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    folder = tmp_path / "box/friend"
    folder.mkdir(parents=True)
    embedder = open_embedder("hashing")
    store = Store(
        tmp_path / "index",
        Maker(embedder="hashing", recipe="", dimensions=embedder.dimensions, try_out=list),
    )
    desk = Desk(folder, store)
    write(desk, "the tide comes in")
    yield desk
    store.close()


def write(desk: Desk, text: str) -> None:
    path = desk.folder / "note.txt"
    path.write_text(text)
    # Long ago, so that a sync need not look twice.
    os.utime(path, (1, 1))


def test_a_touched_file_is_looked_at_and_not_read(desk: Desk) -> None:
    assert desk.sync() == Changes(added=1)
    os.utime(desk.folder / "note.txt", (2, 2))
    assert desk.sync() == Changes()
    assert desk.read_through == []
    stamp = desk.store.sources()[NOTE].source.stamp
    assert stamp.mtime_ns == 2_000_000_000
    assert desk.store.counts() == (1, 1)


def test_another_content_is_read_whatever_the_stamp_says(desk: Desk) -> None:
    desk.sync()
    write(desk, "the tide goes out")
    assert desk.sync() == Changes(changed=1)
    assert desk.read_through == [NOTE]


def test_a_skipped_file_is_not_read_again_for_a_touch(desk: Desk) -> None:
    write(desk, " \n")
    desk.sync()
    os.utime(desk.folder / "note.txt", (2, 2))
    assert desk.sync(again=OF_THE_MOMENT) == Changes()
    assert desk.read_through == []


def test_what_took_too_long_is_read_again_when_asked_and_then_indexed(desk: Desk) -> None:
    desk.is_busy = True
    assert desk.sync() == Changes()
    assert desk.sync(again=OF_THE_MOMENT) == Changes()
    assert desk.read_through == [NOTE]
    desk.is_busy = False
    assert desk.sync(again=OF_THE_MOMENT) == Changes(added=1)
    assert desk.store.sources()[NOTE].skip is None
    assert desk.sync(again=OF_THE_MOMENT) == Changes()
    assert desk.read_through == []


def test_nobody_who_asks_a_question_waits_for_it_twice(desk: Desk) -> None:
    desk.is_busy = True
    # From the future, so that it is looked at in every sync.
    os.utime(desk.folder / "note.txt", (2**33, 2**33))
    desk.sync()
    assert desk.read_through == [NOTE]
    for _ in range(2):
        desk.sync()
        assert desk.read_through == []


def test_what_took_too_long_is_read_again_once_it_was_touched(desk: Desk) -> None:
    desk.is_busy = True
    desk.sync()
    os.utime(desk.folder / "note.txt", (2, 2))
    desk.sync()
    assert desk.read_through == [NOTE]
    desk.sync()
    assert desk.read_through == []


def test_what_is_no_news_is_not_written_down_again(desk: Desk) -> None:
    with (desk.folder / "note.txt").open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)
    # From the future, so that it is looked at in every sync.
    os.utime(desk.folder / "note.txt", (2**33, 2**33))
    desk.sync()
    revisions = []
    for _ in range(2):
        desk.sync()
        assert desk.read_through == [NOTE]
        revisions.append(revision(desk))
    assert revisions[0] == revisions[1]


def revision(desk: Desk) -> str:
    catalog = Catalog(desk.folder.parents[1] / "index" / CATALOG)
    try:
        return catalog.meta()["revision"]
    finally:
        catalog.close()


def test_the_hash_is_that_of_the_content_though_the_verdict_is_the_same(desk: Desk) -> None:
    for white in (" ", "\n\n"):
        write(desk, white)
        desk.sync()
        assert desk.store.sources()[NOTE].skip is not None
        assert desk.store.sources()[NOTE].content_sha256 == sha256(white.encode()).hexdigest()
