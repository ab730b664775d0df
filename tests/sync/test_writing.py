"""A writer that embeds ahead leaves the very index that is left batch by batch."""

import signal
import sqlite3
import tempfile
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from partitioned_rag.embedding.hashing import HashingEmbedder
from partitioned_rag.store.array import ArrayIndex
from partitioned_rag.store.store import ARRAY, CATALOG, Maker, Store
from partitioned_rag.sync.writing import TEXTS_AT_ONCE, Writer
from partitioned_rag.values import Contents, Document, Reading, Source, Stamp
from tests.store.searching import entry
from tests.strategies import examples

Batch = Mapping[str, Sequence[str]]
"""Path → what stands there, chunk by chunk."""

MAKER = Maker(embedder="hashing", recipe="", dimensions=HashingEmbedder.dimensions, try_out=list)
texts = st.lists(st.sampled_from(("ferry", "harbour", "key", "lemon", "tide")), max_size=4)


@st.composite
def rounds(draw: st.DrawFn) -> list[Batch]:
    """Some sources, each in one batch; texts stand in several of them."""
    paths = draw(st.lists(st.sampled_from("abcdef"), min_size=1, unique=True))
    batches: list[dict[str, list[str]]] = [{}]
    for path in paths:
        begins_another = draw(st.booleans())
        if begins_another and batches[-1]:
            batches.append({})
        batches[-1][f"friend/{path}.txt"] = draw(texts)
    return list(batches)


class Listed(HashingEmbedder):
    """The hashing embedder, and which texts it was given, each time."""

    def __init__(self) -> None:
        self.given: list[list[str]] = []

    def embed_chunks(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        self.given.append(list(texts))
        return super().embed_chunks(texts)


def contents(batch: Batch, *, stamp: int = 0) -> list[Contents]:
    return [
        Contents(
            reading=Reading(
                source=Source(
                    path=path, stamp=Stamp(size_bytes=1, mtime_ns=stamp, ctime_ns=3, inode=4)
                ),
                settled=True,
                content_sha256=" ".join(said),
                outcome=Document(path=path, text=" ".join(said)),
            ),
            entries=tuple(
                entry(f"{path} {at} {text}", text, start=10 * at) for at, text in enumerate(said)
            ),
        )
        for path, said in batch.items()
    ]


@contextmanager
def an_index() -> Iterator[tuple[Path, Store]]:
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "friend", MAKER)
        try:
            yield Path(folder) / "friend", store
        finally:
            store.close()


def dump(folder: Path) -> tuple[list[str], dict[str, bytes]]:
    """All that the catalog holds, save when the index was made and how often it was written."""
    with closing(sqlite3.connect(folder / CATALOG)) as db:
        rows = [line for line in db.iterdump() if 'INTO "meta"' not in line]
    array = ArrayIndex(folder / ARRAY, dimensions=MAKER.dimensions)
    ids = sorted(array.ids())
    return rows, {one: array.vectors([one]).tobytes() for one in ids}


def write(store: Store, embedder: Listed, batches: Iterable[Sequence[Contents]]) -> None:
    *some, last = batches
    with Writer(store=store, embedder=embedder) as writer:
        for batch in some:
            writer.begin(batch)
        writer.finish(last)


@examples(40)
@given(st.lists(rounds(), min_size=1, max_size=3))
@example([[{"friend/a.txt": ["key"]}, {"friend/b.txt": ["key"]}, {"friend/c.txt": ["key"]}]])
# What the first batch takes out comes again in the second.
@example(
    [
        [{"friend/a.txt": ["key"]}],
        [{"friend/a.txt": ["tide"]}, {"friend/b.txt": ["key"]}],
    ]
)
def test_an_index_that_was_written_ahead_is_the_one_that_was_written_batch_by_batch(
    life: list[list[Batch]],
) -> None:
    ahead, in_turn = Listed(), Listed()
    with an_index() as (one, store), an_index() as (other, compared):
        for number, batches in enumerate(life):
            made = [contents(batch, stamp=number) for batch in batches]
            write(store, ahead, made)
            for batch in made:
                write(compared, in_turn, [batch])
            assert dump(one) == dump(other)
            embedded = [text for texts in ahead.given for text in texts]
            # In any order: what is alike is embedded together.
            assert len(embedded) == len(set(embedded)), "a text was embedded twice"
            ahead.given.clear()


def test_texts_of_like_length_are_embedded_together() -> None:
    lengths = [number % 7 for number in range(2 * TEXTS_AT_ONCE)]
    said = ["x" * length + f" {number}" for number, length in enumerate(lengths)]
    embedder = Listed()
    with an_index() as (_, store):
        write(store, embedder, [contents({"friend/a.txt": said})])
        assert store.counts() == (1, len(said))
    first, second = embedder.given
    assert min(map(len, first)) >= max(map(len, second))


def test_who_interrupts_does_not_wait_for_all_that_was_to_be_embedded() -> None:
    class Interrupting(Listed):
        def embed_chunks(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
            # Not the first time, when the caller may be about to begin.
            if len(self.given) == 1:
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
            return super().embed_chunks(texts)

    parts = 60
    said = [f"word {number}" for number in range(parts * TEXTS_AT_ONCE)]
    embedder = Interrupting()
    with an_index() as (_, store):
        with pytest.raises(KeyboardInterrupt):
            write(store, embedder, [contents({"friend/a.txt": said}), []])
        assert store.counts() == (0, 0)
    assert 2 <= len(embedder.given) < parts
