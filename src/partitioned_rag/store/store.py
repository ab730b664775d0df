"""One partition's index: keeps the catalog and the vectors in step, and mends them on open.

Writing adds new vectors, commits the catalog (the acknowledgement), then drops old vectors. Killed
in between, vectors are left that no chunk has; they cannot be found, since every answer goes
through the catalog, and they are dropped when the vectors are opened next. A chunk whose vector is
in neither place, or another one, is damage: the partition is rebuilt from its folder.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from heapq import nlargest
from pathlib import Path
from typing import TYPE_CHECKING
from zlib import crc32

from partitioned_rag.durable import make_private_folder, remove_folder, sweep
from partitioned_rag.matching.words import shares_of
from partitioned_rag.store.catalog import Catalog, IndexedChunk, IndexedSource
from partitioned_rag.store.index import DamagedError
from partitioned_rag.store.lock import LOCK
from partitioned_rag.store.vectors import PartitionVectors
from partitioned_rag.values import (
    Asked,
    Candidate,
    Chunk,
    ChunkId,
    Contents,
    Match,
    PartitionId,
    Piece,
    Reading,
    Summary,
)

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Vector = npt.NDArray[np.float32]

CATALOG = "catalog.sqlite3"
ARRAY = "array"
FORMAT = "6"
# Chroma keeps deleted vectors in its file; past this many it is written anew without them.
ERASED_AT_MOST = 2_000
# By so many vectors Chroma's copy may be behind: to open it for each line of a chat would take
# longer than everything else together.
BEHIND_AT_MOST = 64
# Where Chroma has nothing yet, the first vector that is added takes it beyond that.
NO_COPY = str(BEHIND_AT_MOST)
NUMBERS = ("dimensions", "generation", "revision", "erased", "behind")


@dataclass(frozen=True, slots=True, kw_only=True)
class Maker:
    """What made an index; another maker's index is of no use and is rebuilt.

    Attributes:
        embedder: Name and version of the embedder.
        recipe: Versions of the readers and the chunker.
        dimensions: Length of a vector.
        try_out: Embeds something. An index of another embedder is only thrown away once it has
            returned; what it raises leaves that one as it is.
    """

    embedder: str
    recipe: str
    dimensions: int
    try_out: Callable[[], object]


class Store:
    """The index of one partition, in one folder. One thread and one process at a time."""

    def __init__(self, folder: Path, maker: Maker) -> None:
        """Open what is there, or begin anew; the caller holds the partition's lock.

        Raises:
            OSError: The folder cannot be read or written.
            PragError: Whatever the maker's `try_out` raises.
        """
        self._folder = folder
        self._maker = maker
        self._meta: dict[str, str] = {}
        self._vectors: PartitionVectors
        # What the catalog says of the sources, as long as nobody else has written to it.
        self._sources: dict[str, IndexedSource] | None = None
        self.note = ""
        make_private_folder(folder)
        sweep(folder)
        is_lost = _is_missing(folder / CATALOG) and any(_vector_folders(folder))
        try:
            self._open_catalog()
        except DamagedError as error:
            self._make_anew(f"the index was damaged ({error})")
        else:
            if is_lost:
                self.note = "the catalog of the index was lost: rebuilt from the folder"
        try:
            self._leave_no_other_maker()
        except BaseException:
            self.close()
            raise
        self._remove_leftovers()

    def take_note(self) -> str:
        """Give what the owner has to be told of the index, once."""
        note, self.note = self.note, ""
        return note

    def begin_anew(self, why: str) -> None:
        """Throw the index away; the folder has all that is needed to make it again.

        Args:
            why: A sentence; `take_note` tells it to the owner.
        """
        self.close()
        self._make_anew(why)

    def _make_anew(self, why: str) -> None:
        # The catalog goes first: without it, what else is left says nothing.
        for name in (CATALOG, f"{CATALOG}-wal", f"{CATALOG}-shm"):
            (self._folder / name).unlink(missing_ok=True)
        for vectors in _vector_folders(self._folder):
            remove_folder(vectors)
        self._open_catalog()
        self.note = f"{why}: rebuilt from the folder"

    def refresh(self) -> None:
        """Take in what another handle has done; call it whenever the lock has been taken.

        Whatever it raises, the store is of no more use and has to be closed.

        Raises:
            DamagedError: The catalog cannot be read.
            PragError: Whatever the maker's `try_out` raises.
        """
        if not self._catalog.is_the_one_on_disk():
            self.close()
            make_private_folder(self._folder)
            self._open_catalog()
            self._leave_no_other_maker()
            return
        meta = _checked(self._catalog.meta())
        if meta != self._meta or not self._vectors.is_as_on_disk():
            self._vectors.close()
            self._sources = None
            self._meta = meta
            self._vectors = self._bound_vectors()

    def _open_catalog(self) -> None:
        self._catalog = Catalog(self._folder / CATALOG)
        self._sources = None
        self._meta = self._catalog.meta()
        if not self._meta:
            # A name that no earlier index of this folder had, since Chroma shares what it has
            # open by path. The catalog has just been made: the time of its making is such a name.
            self._meta = {
                "format": FORMAT,
                "embedder": self._maker.embedder,
                "recipe": self._maker.recipe,
                "dimensions": str(self._maker.dimensions),
                "generation": str((self._folder / CATALOG).stat().st_ctime_ns),
                "revision": "0",
                "erased": "0",
                "behind": NO_COPY,
            }
            with self._catalog.transaction():
                self._catalog.set_meta(self._meta)
        _checked(self._meta)
        self._vectors = self._bound_vectors()

    def _bound_vectors(self) -> PartitionVectors:
        return PartitionVectors(
            array_folder=self._folder / ARRAY,
            chroma_folder=self._chroma_folder(),
            dimensions=self._maker.dimensions,
            wanted=self._catalog.vector_crc32,
        )

    def _remove_leftovers(self) -> None:
        """Remove vectors that no catalog names: a crash left them while they were written anew."""
        for vectors in self._folder.glob("vectors-*"):
            if vectors != self._chroma_folder():
                remove_folder(vectors)

    def _leave_no_other_maker(self) -> None:
        meta, maker = self._meta, self._maker
        if meta.get("format") != FORMAT or meta.get("recipe") != maker.recipe:
            self.begin_anew("the index was made by another version of partitioned_rag")
        elif (meta.get("embedder"), meta.get("dimensions")) != (
            maker.embedder,
            str(maker.dimensions),
        ):
            maker.try_out()
            self.begin_anew(
                f"the index was made by embedder {meta.get('embedder')}, not {maker.embedder}"
            )

    # ------------------------------------------------------------ reading

    def sources(self) -> Mapping[str, IndexedSource]:
        """List every source that was read, by path, skipped ones included; it stays current."""
        if self._sources is None:
            self._sources = self._catalog.sources()
        return self._sources

    def counts(self) -> tuple[int, int]:
        """Count the sources that are indexed, and their chunks."""
        return self._catalog.counts()

    def replaced_by(self, batch: Sequence[Contents]) -> set[ChunkId]:
        """List the chunks that some contents take the place of."""
        return self._catalog.chunk_ids({each.reading.source.path: each.since for each in batch})

    def chunks_within(self, path: str, start: int, end: int) -> list[Chunk]:
        """List the chunks of a source that share characters with a span, in order."""
        return self._catalog.chunks_within(path, start, end)

    def chars(self) -> int:
        """Count the characters of all chunks together; costs no look at their texts."""
        return self._catalog.chars()

    def everything(self) -> list[Candidate]:
        """Give every chunk, by source and place, with no score."""
        return [_candidate(indexed, score=0.0) for indexed in self._catalog.all_chunks()]

    def matches(self, asked: Asked, vector: "Vector", *, limit: int) -> list[Match]:
        """Gather what speaks for those chunks that may answer a question.

        Args:
            asked: The question.
            vector: Of what of it was embedded.
            limit: So many of the best are gathered by words and by vector, with all that tie with
                the last of them.

        Raises:
            DamagedError: Catalog and vectors contradict each other.
        """
        cosines = dict(self._vectors.nearest(vector, limit=limit))
        lexical = self._catalog.full_text.scores(asked.words)
        keys = {key for key in _best(lexical, limit) if lexical[key] > 0}
        places = self._catalog.places(keys=keys, ids=cosines.keys())
        there = {place[1] for place in places}
        if cosines.keys() - there or keys - {place[0] for place in places}:
            raise DamagedError("a vector or a word has no chunk")
        cosines |= self._vectors.cosines(vector, sorted(there - cosines.keys()))
        return [
            Match(
                id=chunk_id,
                source=source,
                part=part,
                start=start,
                speaker=speaker,
                words=lexical.get(key, 0.0),
                cosine=cosines[chunk_id],
            )
            for key, chunk_id, source, part, start, speaker in places
        ]

    def coverages(self, ids: Sequence[ChunkId], words: Sequence[str]) -> list[float]:
        """Say of chunks which share of some words is in or around them; 0 of no words.

        Raises:
            DamagedError: One of them is not there.
        """
        texts = self._catalog.full_text.texts(ids)
        if not texts.keys() >= set(ids):
            raise DamagedError("a chunk is not found by its id")
        return shares_of(words, [texts[chunk_id] for chunk_id in ids])

    def candidates(self, scores: Mapping[ChunkId, float]) -> list[Candidate]:
        """Give chunks with their scores, in the order given.

        Raises:
            DamagedError: One of them is not there.
        """
        found = self._catalog.chunks(list(scores))
        if len(found) != len(scores):
            raise DamagedError("a chunk has no text")
        return [_candidate(found[chunk_id], score=score) for chunk_id, score in scores.items()]

    def sections_of(
        self, ids: Collection[ChunkId], *, most_chars: int
    ) -> dict[ChunkId, list[Chunk]]:
        """Give the sections in which chunks stand, where they are short and of several chunks."""
        return self._catalog.sections_of(ids, most_chars=most_chars)

    def next_in_part(self, chunk_id: ChunkId) -> list[Chunk]:
        """Give the chunk behind one, if there is one in the same sitting or section."""
        return self._catalog.next_in_part(chunk_id)

    def pieces(self) -> list[Piece]:
        """List the chunks that no summary was made of, by source and place."""
        return self._catalog.pieces()

    def can_be_summarised(self, ids: Sequence[ChunkId], path: str) -> bool:
        """Say whether chunks still stand in a source, and in no summary."""
        return self._catalog.can_be_summarised(ids, path)

    def summaries(self, partition: PartitionId) -> list[Summary]:
        """List every summary, by source and place."""
        return self._catalog.summaries(partition)

    # ------------------------------------------------------------ writing

    def known_vectors(self, texts: Iterable[str]) -> dict[str, "Vector"]:
        """Give the vectors of those texts that were embedded already, by text."""
        chunk_of = self._catalog.chunks_embedded_as(set(texts))
        if not chunk_of:
            return {}
        rows = self._vectors.vectors(list(chunk_of.values()))
        return dict(zip(chunk_of, rows, strict=True))

    def put(
        self,
        batch: Sequence[Contents],
        vectors: Mapping[str, "Vector"],
    ) -> None:
        """Make sources be what was read; when this returns, it is acknowledged.

        Args:
            batch: What was read of each source, with its chunks.
            vectors: By the text that was embedded, for every chunk that the source did not have
                before.
        """
        had = self.replaced_by(batch)
        entries = [entry for contents in batch for entry in contents.entries]
        kept = {entry.chunk.id for entry in entries}
        new = {
            entry.chunk.id: vectors[entry.fields.embedded]
            for entry in entries
            if entry.chunk.id not in had
        }
        if new:
            import numpy as np

            self._vectors.add(list(new), np.asarray(list(new.values()), dtype=np.float32))
        checksums = {chunk_id: crc32(vector.tobytes()) for chunk_id, vector in new.items()}
        with self._catalog.transaction():
            are_words_gone = self._catalog.has_other_words(
                had - kept, (entry.chunk.text for entry in entries)
            )
            for contents in batch:
                self._catalog.put(contents, vector_crc32=checksums)
            if are_words_gone:
                self._catalog.full_text.erase()
            self._count_revision(added=len(new), erased=len(had - kept))
        self._read_again(contents.reading.source.path for contents in batch)
        self._erase(had - kept)
        self._keep_copy()

    def restamp(self, readings: Sequence[Reading]) -> None:
        """Note that sources were touched and read as before."""
        with self._catalog.transaction():
            for reading in readings:
                self._catalog.restamp(reading)
            self._count_revision()
        self._read_again(reading.source.path for reading in readings)

    def remove(self, paths: Sequence[str]) -> None:
        """Forget sources; when this returns, it is acknowledged."""
        if not paths:
            return
        gone = self._catalog.chunk_ids(dict.fromkeys(paths, 0))
        with self._catalog.transaction():
            self._catalog.remove(paths)
            if gone:
                self._catalog.full_text.erase()
            self._count_revision(erased=len(gone))
        if self._sources is not None:
            for path in paths:
                self._sources.pop(path, None)
        self._erase(gone)
        self._keep_copy()

    def keep_summary(self, summary: Summary, ids: Sequence[ChunkId]) -> bool:
        """Bind a summary to the chunks it was made of; when this returns, it is acknowledged.

        Returns:
            False, and nothing is kept, if one of them is gone or stands in a summary already.
        """
        with self._catalog.transaction():
            stands = self._catalog.can_be_summarised(ids, summary.source)
            if stands:
                self._catalog.put_summary(summary, ids)
        return stands

    def compact(self) -> None:
        """Write Chroma's copy anew, without the deleted vectors, once these are many or all."""
        erased, chunks = int(self._meta["erased"]), self.counts()[1]
        if erased > max(ERASED_AT_MOST, chunks) or (erased and not chunks):
            self._write_copy_anew()

    def close(self) -> None:
        """Let go of files and threads; twice is harmless."""
        self._vectors.close()
        self._catalog.close()

    # ------------------------------------------------------------ keeping in step

    def _keep_copy(self) -> None:
        """Bring Chroma's copy in step, if it is too far behind."""
        if int(self._meta["behind"]) <= BEHIND_AT_MOST:
            return
        try:
            self._vectors.copy_to_chroma()
        except DamagedError:
            self._write_copy_anew()
            return
        with self._catalog.transaction():
            self._meta["behind"] = "0"
            self._count_revision()

    def _write_copy_anew(self) -> None:
        old = self._chroma_folder()
        generation = int(self._meta["generation"]) + 1
        ids = sorted(self._catalog.chunk_ids())
        behind = "0" if ids else NO_COPY
        self._meta |= {"generation": str(generation), "erased": "0", "behind": behind}
        self._vectors.move_chroma(self._chroma_folder(), ids)
        with self._catalog.transaction():
            self._count_revision()
        remove_folder(old)

    def _erase(self, ids: Iterable[ChunkId]) -> None:
        if gone := set(ids):
            self._catalog.empty_log()
            self._vectors.remove(gone)

    def _count_revision(self, *, added: int = 0, erased: int = 0) -> None:
        for key, more in (("erased", erased), ("behind", added + erased), ("revision", 1)):
            self._meta[key] = str(int(self._meta[key]) + more)
        self._catalog.set_meta(self._meta)

    def _read_again(self, paths: Iterable[str]) -> None:
        """Take in what has just been written of sources.

        Raises:
            DamagedError: It is not found again, so a page of the catalog is not what it was.
        """
        if self._sources is None:
            return
        for path in paths:
            indexed = self._catalog.source(path)
            if indexed is None:
                raise DamagedError("a source is not found by its path")
            # By the path that it has itself, so that it is kept once.
            self._sources[indexed.source.path] = indexed

    def _chroma_folder(self) -> Path:
        return self._folder / f"vectors-{self._meta['generation']}"


def _best(scores: Mapping[int, float], limit: int) -> list[int]:
    """Take the keys of the highest scores, with all that tie with the last of them."""
    if len(scores) <= limit:
        return list(scores)
    bar = nlargest(limit, scores.values())[-1]
    return [key for key, score in scores.items() if score >= bar]


def _candidate(indexed: IndexedChunk, *, score: float) -> Candidate:
    return Candidate(
        score=score,
        source=indexed.source,
        start=indexed.chunk.start,
        end=indexed.chunk.end,
        text=indexed.chunk.text,
        page=indexed.chunk.page,
        lead=indexed.chunk.lead,
    )


def holds_nothing_else(folder: Path) -> bool:
    """Say whether a folder holds an index, or what a crash left of one, and nothing else."""
    ours = (
        CATALOG,
        f"{CATALOG}-*",
        LOCK,
        ARRAY,
        "vectors-*",
        ".gone-*",
        "queue.sqlite3*",
        "receipts",
    )
    return all(any(map(entry.match, ours)) for entry in folder.iterdir())


def _vector_folders(folder: Path) -> list[Path]:
    return [path for name in ("vectors-*", ARRAY) for path in folder.glob(name)]


def _is_missing(path: Path) -> bool:
    return not path.exists() or not path.stat().st_size


def _checked(meta: dict[str, str]) -> dict[str, str]:
    """Refuse what an index says of itself where it makes no sense.

    Raises:
        DamagedError: A number is missing or none.
    """
    if not all(meta.get(key, "").isdecimal() for key in NUMBERS):
        raise DamagedError("what the index says of itself makes no sense")
    return meta
