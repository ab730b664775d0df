"""Batches go through side by side and are acknowledged in order, whatever ends a sync."""

import os
import signal
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from partitioned_rag.embedding.hashing import HashingEmbedder
from partitioned_rag.errors import EmbedderError
from partitioned_rag.sources.readers import Readers
from partitioned_rag.sources.scan import look
from partitioned_rag.store.store import ARRAY, CATALOG, Maker, Store
from partitioned_rag.sync.following import planned
from partitioned_rag.sync.pipeline import BATCH_CHUNKS, Changes, carry_out
from partitioned_rag.values import PartitionId, Progress, Reading, Wanted

FRIEND = PartitionId("friend")
PATIENCE_S = 60.0
# Each of them fills a batch.
CHATS = ("a.log", "b.log", "c.log", "d.log")


class Watched(HashingEmbedder):
    """The hashing embedder, with somebody who looks on; what they raise is raised."""

    def __init__(self) -> None:
        self.looks_on: Callable[[str], None] = lambda _: None
        self.embedded: list[str] = []
        self.threads: set[threading.Thread] = set()

    def embed_chunks(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        self.threads.add(threading.current_thread())
        self.looks_on(texts[0])
        vectors = super().embed_chunks(texts)
        self.embedded += texts
        return vectors


@dataclass
class Desk:
    """A folder and its store, and what is seen of a sync from outside."""

    folder: Path
    index: Path
    store: Store
    embedder: Watched = field(default_factory=Watched)
    before_reading: Callable[[str], None] = lambda _: None
    seen: list[Progress] = field(default_factory=list)
    seen_by: set[threading.Thread] = field(default_factory=set)

    def write(self, name: str, *, turns: int) -> None:
        path = self.folder / name
        path.write_text(
            "".join(
                f"[2026-03-01 {number // 60:02}:{number % 60:02}:00] me: {name} {number}\n"
                for number in range(turns)
            )
        )
        # Long ago, and another time for each length, so that a sync need not look twice.
        os.utime(path, (turns, turns))

    def sync(self) -> Changes:
        todo = planned(self.store.sources(), look(self.folder, FRIEND).stamps)
        threads = set(threading.enumerate())
        try:
            with Readers(self.folder, FRIEND) as readers:

                def read(wanted: Iterable[Wanted]) -> Iterator[Reading]:
                    for each in wanted:
                        self.before_reading(each.source.path.removeprefix("friend/"))
                        yield from readers.read_all([each])

                return carry_out(
                    todo,
                    partition=FRIEND,
                    store=self.store,
                    read=read,
                    embedder=self.embedder,
                    progress=self._see,
                )
        finally:
            assert set(threading.enumerate()) <= threads, "a thread goes on"

    def _see(self, progress: Progress) -> None:
        self.seen.append(progress)
        self.seen_by.add(threading.current_thread())

    def acknowledged(self) -> list[str]:
        """Ask the catalog, as another process would."""
        with closing(sqlite3.connect(self.index / CATALOG)) as db:
            rows = db.execute("SELECT path FROM sources ORDER BY id").fetchall()
        return [os.fsdecode(path).removeprefix("friend/") for (path,) in rows]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    folder = tmp_path / "box" / "friend"
    folder.mkdir(parents=True)
    maker = Maker(
        embedder="hashing", recipe="", dimensions=HashingEmbedder.dimensions, try_out=list
    )
    store = Store(tmp_path / "index", maker)
    yield Desk(folder, tmp_path / "index", store)
    store.close()


@pytest.fixture
def chats(desk: Desk) -> Desk:
    for name in CHATS:
        desk.write(name, turns=BATCH_CHUNKS)
    return desk


def when_all_else_is_done(chats: Desk, then: Callable[[], None]) -> None:
    """Do something while c is embedded, once b is written and d is about to be read."""
    reached = threading.Event()
    chats.before_reading = lambda name: reached.set() if name == "d.log" else None

    def wait(text: str) -> None:
        if "c.log" in text:
            assert reached.wait(PATIENCE_S), "d is not read while c is embedded"
            then()

    chats.embedder.looks_on = wait


# ---------------------------------------------------------------- side by side, in order


def test_a_batch_is_acknowledged_before_the_next_but_one_is_read(chats: Desk) -> None:
    acknowledged: list[list[str]] = []
    chats.before_reading = lambda _: acknowledged.append(chats.acknowledged())
    assert chats.sync() == Changes(added=4)
    assert acknowledged == [[], [], ["a.log"], ["a.log", "b.log"]]
    assert chats.acknowledged() == list(CHATS)


def test_a_batch_is_embedded_while_its_neighbours_are_written_and_read(chats: Desk) -> None:
    acknowledged: list[list[str]] = []
    when_all_else_is_done(chats, lambda: acknowledged.append(chats.acknowledged()))
    chats.sync()
    assert acknowledged[0] == ["a.log", "b.log"]
    assert chats.acknowledged() == list(CHATS)


def test_progress_is_told_in_order_and_to_the_caller_alone(chats: Desk) -> None:
    chats.sync()
    assert [each.sources_done for each in chats.seen] == [1, 2, 3, 4]
    assert chats.seen_by == {threading.current_thread()}
    assert threading.current_thread() not in chats.embedder.threads


def test_a_sync_of_one_batch_starts_no_thread(desk: Desk) -> None:
    desk.write("a.log", turns=BATCH_CHUNKS)
    desk.sync()
    desk.write("a.log", turns=BATCH_CHUNKS + 1)
    desk.sync()
    assert desk.embedder.threads == {threading.current_thread()}
    assert desk.store.counts() == (1, BATCH_CHUNKS + 1)


# ---------------------------------------------------------------- what ends a sync


def check_that_a_sync_goes_on_from(chats: Desk, acknowledged: list[str]) -> None:
    assert chats.acknowledged() == acknowledged
    chats.before_reading = chats.embedder.looks_on = lambda _: None
    chats.embedder.embedded.clear()
    assert chats.sync() == Changes(added=len(CHATS) - len(acknowledged))
    named = {text.split()[1] for text in chats.embedder.embedded}
    assert named == set(CHATS) - set(acknowledged)
    assert chats.store.counts() == (4, 4 * BATCH_CHUNKS)


@pytest.mark.parametrize("name", CHATS)
def test_an_embedder_that_fails_leaves_the_batches_before_acknowledged(
    chats: Desk, name: str
) -> None:
    def fail(text: str) -> None:
        if name in text:
            raise EmbedderError("no more")

    chats.embedder.looks_on = fail
    with pytest.raises(EmbedderError, match="no more"):
        chats.sync()
    check_that_a_sync_goes_on_from(chats, [other for other in CHATS if other < name])


def test_an_interrupt_ends_the_embedding_and_keeps_what_was_acknowledged(chats: Desk) -> None:
    def interrupt() -> None:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    when_all_else_is_done(chats, interrupt)
    with pytest.raises(KeyboardInterrupt):
        chats.sync()
    check_that_a_sync_goes_on_from(chats, ["a.log", "b.log"])


def test_an_interrupt_while_a_source_is_read_lets_go_of_what_is_being_embedded(
    chats: Desk,
) -> None:
    def interrupt(name: str) -> None:
        if name == "d.log":
            raise KeyboardInterrupt

    chats.before_reading = interrupt
    with pytest.raises(KeyboardInterrupt):
        chats.sync()
    check_that_a_sync_goes_on_from(chats, ["a.log", "b.log"])


def test_a_store_that_cannot_be_written_ends_the_sync_and_keeps_what_stands(chats: Desk) -> None:
    array = chats.index / ARRAY

    def spoil(name: str) -> None:
        if name == "d.log":
            array.rename(chats.index / "aside")
            array.touch()

    chats.before_reading = spoil
    with pytest.raises(OSError, match=str(array)):
        chats.sync()
    array.unlink()
    (chats.index / "aside").rename(array)
    check_that_a_sync_goes_on_from(chats, ["a.log", "b.log"])
