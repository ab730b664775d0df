"""A partition's vectors in a Chroma collection of its own.

Ids and vectors alone: Chroma leaves the text of deleted documents in its file, so it is given none.
"""

import errno
import os
import struct
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, cast
from zlib import crc32

import chromadb
import numpy as np
import numpy.typing as npt
from chromadb.config import Settings

from partitioned_rag.durable import close_to_others, make_private_folder
from partitioned_rag.store.exact import best, coarse_cosines, cosines, could_be_best
from partitioned_rag.store.index import DamagedError
from partitioned_rag.values import ChunkId

if TYPE_CHECKING:
    from chromadb.api.client import Client

COLLECTION = "chunks"
# Up to here every vector is compared: exact, the same whatever the order of insertion, and on two
# cores faster than the graph at 10,000 (0.7 against 1.4 ms). Beyond, the graph proposes, and what
# it misses may depend on how the index grew.
EXACT_UP_TO = 250_000
# How many more than wanted the graph is asked for, since it misses about 6 % at 100,000.
GRAPH_OVERSAMPLING = 8
DELETE_BATCH = 1_000
# Chroma gives vectors as lists of numbers, ten times the size of an array.
READ_BATCH = 2_000
# The header of Chroma's graph: version, offset, room for vectors, vectors, bytes of each.
HEADER = struct.Struct("=i4Q")
HEADER_VERSION = 1
# What Chroma opens for one collection.
HANDLES_NEEDED = 11
REFUSALS = (
    ("disk is full", errno.ENOSPC),
    ("No space left", errno.ENOSPC),
    ("readonly database", errno.EROFS),
    ("Read-only file system", errno.EROFS),
    ("Permission denied", errno.EACCES),
    ("Too many open files", errno.EMFILE),
    ("unable to open database file", errno.EACCES),
    ("database is locked", errno.EBUSY),
    ("out of memory", errno.ENOMEM),
)
# To make them reads the environment anew each time, at the cost of a small query.
SETTINGS = Settings(anonymized_telemetry=False)

Vectors = npt.NDArray[np.float32]


class ChromaIndex:
    """The vectors of one partition, in the Chroma database of one folder."""

    def __init__(self, folder: Path, *, dimensions: int, exact_up_to: int = EXACT_UP_TO) -> None:
        """Open the collection, or make it.

        Args:
            folder: Holds this partition's Chroma database alone.
            dimensions: Length of a vector.
            exact_up_to: With more vectors than this, the graph proposes candidates.

        Raises:
            DamagedError: What is in the folder cannot be opened.
        """
        self._folder = folder
        self._dimensions = dimensions
        self._exact_up_to = exact_up_to
        self._matrix: Vectors | None = None
        self._row_ids: list[ChunkId] = []
        self._client: Client | None = None
        with self._writing():
            make_private_folder(folder)
            # Chroma shares what it has open by the spelling of its path, also what another handle
            # has left stale: so each handle spells the path in a way of its own.
            spelling = "".join("/." if bit == "1" else "/" for bit in f"{id(self):b}")
            self._client = cast(
                "Client",
                chromadb.PersistentClient(f"{folder}{spelling}", settings=SETTINGS.model_copy()),
            )
            # Squared distance keeps vectors as they came; "cosine" would store them rescaled.
            self._collection = self._client.get_or_create_collection(
                COLLECTION,
                embedding_function=None,
                configuration={"hnsw": {"space": "l2", "ef_search": 200}},
            )
            self._batch = self._client.get_max_batch_size()
            # The first look makes the graph's files anew, as long as they have not been filled.
            self._collection.count()

    def add(self, ids: Sequence[ChunkId], vectors: Vectors) -> None:
        """Keep vectors durably; none of the ids is known yet."""
        if vectors.shape != (len(ids), self._dimensions):
            raise ValueError(f"expected shape {(len(ids), self._dimensions)}, got {vectors.shape}")
        if not np.isfinite(vectors).all():
            raise ValueError("vectors must be finite")
        with self._writing():
            for start in range(0, len(ids), self._batch):
                part = slice(start, start + self._batch)
                self._collection.add(ids=list(ids[part]), embeddings=vectors[part])
        if self._matrix is not None:
            self._row_ids = [*self._row_ids, *ids]
            self._matrix = np.concatenate([self._matrix, np.asarray(vectors, dtype=np.float32)])

    def remove(self, ids: Collection[ChunkId]) -> None:
        """Drop vectors; unknown ids are passed over."""
        listed = sorted(ids)
        with self._writing():
            for start in range(0, len(listed), DELETE_BATCH):
                self._collection.delete(ids=list(listed[start : start + DELETE_BATCH]))
        if self._matrix is not None:
            kept = [row for row, chunk in enumerate(self._row_ids) if chunk not in ids]
            self._row_ids = [self._row_ids[row] for row in kept]
            self._matrix = self._matrix[kept]

    def ids(self) -> frozenset[ChunkId]:
        """List what is kept."""
        with _damage():
            return frozenset(map(ChunkId, self._collection.get(include=[])["ids"]))

    def checksums(self) -> dict[ChunkId, int]:
        """Give the CRC-32 of the bytes of each vector, as long as they are compared one by one."""
        with _damage():
            if self._collection.count() > self._exact_up_to:
                return {}
            ids, matrix = self._all_vectors()
        return {chunk: crc32(row.tobytes()) for chunk, row in zip(ids, matrix, strict=True)}

    def vectors(self, ids: Sequence[ChunkId]) -> Vectors:
        """Give back vectors, bit for bit, in the order asked for."""
        found: dict[str, Vectors] = {}
        with _damage():
            for start in range(0, len(ids), DELETE_BATCH):
                part = self._collection.get(
                    ids=list(ids[start : start + DELETE_BATCH]), include=["embeddings"]
                )
                rows = np.asarray(part["embeddings"], dtype=np.float32)
                found.update(zip(part["ids"], rows, strict=True))
        if missing := [chunk for chunk in ids if chunk not in found]:
            raise DamagedError(f"{len(missing)} of {len(ids)} vectors are missing")
        if not ids:
            return np.empty((0, self._dimensions), dtype=np.float32)
        return np.asarray([found[chunk] for chunk in ids], dtype=np.float32)

    def nearest(self, vector: Vectors, *, limit: int) -> list[tuple[ChunkId, float]]:
        """Find the vectors closest to one, with exact cosines."""
        with _damage():
            count = self._collection.count()
            if count == 0:
                return []
            if count > self._exact_up_to:
                return self._nearest_by_graph(vector, limit=limit, count=count)
            ids, matrix = self._all_vectors()
        coarse = coarse_cosines(matrix, vector)
        rows = could_be_best(coarse, limit=limit, dimensions=self._dimensions)
        return best(cosines([ids[row] for row in rows], matrix[rows], vector), limit=limit)

    def cosines(self, vector: Vectors, ids: Sequence[ChunkId]) -> dict[ChunkId, float]:
        """Give the exact cosines of some vectors with one."""
        return cosines(ids, self.vectors(ids), vector)

    def close(self) -> None:
        """Let go of files and threads; twice is harmless."""
        self._forget_matrix()
        if self._client is not None:
            self._client.close()
            self._client = None

    def _nearest_by_graph(
        self, vector: Vectors, *, limit: int, count: int
    ) -> list[tuple[ChunkId, float]]:
        found = self._collection.query(
            query_embeddings=vector.reshape(1, -1),
            n_results=min(count, limit * GRAPH_OVERSAMPLING),
            include=["embeddings"],
        )
        embeddings = found["embeddings"]
        if embeddings is None:
            raise DamagedError("the collection gave no vectors")
        rows = np.asarray(embeddings[0], dtype=np.float32)
        return best(cosines(list(map(ChunkId, found["ids"][0])), rows, vector), limit=limit)

    def _all_vectors(self) -> tuple[list[ChunkId], Vectors]:
        if self._matrix is None:
            count = self._collection.count()
            matrix = np.empty((count, self._dimensions), dtype=np.float32)
            ids: list[ChunkId] = []
            while len(ids) < count:
                part = self._collection.get(
                    include=["embeddings"], limit=READ_BATCH, offset=len(ids)
                )
                rows = np.asarray(part["embeddings"], dtype=np.float32)
                if not part["ids"] or rows.shape != (len(part["ids"]), self._dimensions):
                    raise DamagedError("vectors and ids do not match")
                matrix[len(ids) : len(ids) + len(rows)] = rows
                ids += map(ChunkId, part["ids"])
            if len(set(ids)) != count:
                raise DamagedError("vectors and ids do not match")
            self._row_ids, self._matrix = ids, matrix
        return self._row_ids, self._matrix

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Let Chroma write, and put its files in order, however that ends."""
        try:
            with _damage():
                yield
        finally:
            # The caller holds the partition's lock: no other process has these files in hand.
            close_to_others(self._folder)
            for header in self._folder.glob("*/header.bin"):
                _blank_unset_memory(header)

    def _forget_matrix(self) -> None:
        self._matrix = None
        self._row_ids = []


def _blank_unset_memory(header: Path) -> None:
    """Zero what Chroma's graph writes of this process's memory without ever having set it.

    It makes its files with room for 100 vectors, and keeps a length beside each vector that it
    sets only if it rescales them. Both are written as they were found in memory, where anything
    may have stood before: the words of a deleted text, or of another partition.

    Args:
        header: The file that says how many vectors of which size stand in the one beside it.
    """
    with header.open("rb") as described:
        fields = described.read(HEADER.size)
    if len(fields) < HEADER.size:
        return  # Chroma will say so itself if it is asked for anything of this graph
    version, _offset, room, count, size = HEADER.unpack(fields)
    if version != HEADER_VERSION or not count <= room:
        raise DamagedError("Chroma's graph has another header")
    _blank(header.with_name("data_level0.bin"), count * size)
    _blank(header.with_name("length.bin"), 0)


def _blank(path: Path, start: int) -> None:
    try:
        with path.open("r+b") as file:
            file.seek(start)
            rest = file.read()
            if rest.strip(b"\0"):
                file.seek(start)
                file.write(bytes(len(rest)))
    except FileNotFoundError as error:
        raise DamagedError("a file of Chroma's graph is missing") from error


@contextmanager
def _damage() -> Iterator[None]:
    """Read whatever Chroma throws at us as damage of this one folder, which can be rebuilt."""
    try:
        yield
    except (DamagedError, ValueError, OSError, MemoryError):
        raise
    except Exception as error:
        # Chroma's errors share no base class. A full or closed disk is no damage: rebuilding
        # would throw a good index away for nothing.
        _check_handles()
        for words, number in REFUSALS:
            if words in str(error):
                raise OSError(number, os.strerror(number)) from error
        raise DamagedError(f"{type(error).__name__} of Chroma") from error
    except BaseException as error:
        # A panic of Chroma's Rust core derives from BaseException, unlike an interrupt of ours.
        if type(error).__name__ != "PanicException":
            raise
        _check_handles()
        raise DamagedError("Chroma panicked") from error


def _check_handles() -> None:
    """Say so if it was for want of file handles that Chroma failed, whatever it says itself.

    Raises:
        OSError: There are hardly any left.
    """
    opened: list[int] = []
    try:
        for _ in range(HANDLES_NEEDED):
            opened += [os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)]
    finally:
        for descriptor in opened:
            os.close(descriptor)
