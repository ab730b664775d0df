"""A partition's vectors in files that are mapped into memory, at hand with numpy alone.

Each batch is a file of its own, a *segment*, whole or absent after a crash: a head, the ids, the
rows. A new segment takes those before it in, as long as they are no larger than what is new. So
there are few of them, and a line that is added to a long chat writes a line and not the chat.

What is removed is overwritten with zeros. Nothing here is believed: the rows and ids of a segment
carry no checksum of their own, since the catalog knows the one of each vector (`checksums`).
"""

import mmap
import os
import struct
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Self
from zlib import crc32

import numpy as np
import numpy.typing as npt

from partitioned_rag.durable import make_private_folder, remove_folder, write_whole
from partitioned_rag.store.exact import best, coarse_cosines, cosines, could_be_best
from partitioned_rag.store.index import DamagedError
from partitioned_rag.values import ChunkId

MAGIC = b"pragrows"
# The magic, the length of a vector, the number of rows, the bytes that an id takes.
HEAD = struct.Struct("<8sIII")
ALIGNMENT = 64
NAME_DIGITS = 10

Vectors = npt.NDArray[np.float32]


class ArrayIndex:
    """The vectors of one partition, in one folder; all of them are compared with a question."""

    def __init__(self, folder: Path, *, dimensions: int) -> None:
        """Map what is there; what is no segment, or a torn one, is removed.

        Args:
            folder: Holds this partition's vectors alone.
            dimensions: Length of a vector.

        Raises:
            OSError: The folder cannot be read or written.
        """
        self._folder = folder
        self._dimensions = dimensions
        self._segments: list[_Segment] = []
        make_private_folder(folder)
        for path in sorted(folder.iterdir()):
            segment = _Segment.mapped(path, dimensions=dimensions)
            if segment is not None:
                self._segments.append(segment)
            elif path.is_dir() and not path.is_symlink():
                remove_folder(path)
            else:
                path.unlink()
        seen = {ChunkId("")}
        for segment in reversed(self._segments):
            # A crash came after the later one was written and before the earlier was removed.
            segment.erase([row for row, chunk in enumerate(segment.ids) if chunk and chunk in seen])
            seen.update(segment.ids)
        # Made for the first question: what is only written to needs no list of its rows.
        self._live: _Live | None = None

    def add(self, ids: Sequence[ChunkId], vectors: Vectors) -> None:
        """Keep vectors durably; none of the ids is known yet."""
        if vectors.shape != (len(ids), self._dimensions):
            raise ValueError(f"expected shape {(len(ids), self._dimensions)}, got {vectors.shape}")
        if not np.isfinite(vectors).all():
            raise ValueError("vectors must be finite")
        if not ids:
            return
        size = len(ids)
        taken_in: list[_Segment] = []
        for segment in reversed(self._segments):
            if segment.count > size:
                break
            size += segment.count
            taken_in.append(segment)
        self._live = None
        self._write(ids, vectors, taken_in)

    def remove(self, ids: Collection[ChunkId]) -> None:
        """Drop vectors and overwrite them; unknown ids are passed over."""
        self._live = None
        gone = set(ids)
        for segment in list(self._segments):
            rows = [segment.row_of[chunk] for chunk in segment.row_of.keys() & gone]
            if not rows:
                continue
            segment.erase(rows)
            if not segment.count:
                self._let_go(segment)
            elif 2 * segment.count < len(segment.ids):
                self._write([], np.empty((0, self._dimensions), dtype=np.float32), [segment])

    def count(self) -> int:
        """Say how many vectors are kept; costs no look at them."""
        return sum(segment.count for segment in self._segments)

    def ids(self) -> frozenset[ChunkId]:
        """List what is kept."""
        return frozenset(chain.from_iterable(segment.row_of for segment in self._segments))

    def checksums(self) -> dict[ChunkId, int]:
        """Give the CRC-32 of the bytes of each vector: ten thousand take ten milliseconds."""
        return dict(chain.from_iterable(segment.checksums() for segment in self._segments))

    def vectors(self, ids: Sequence[ChunkId]) -> Vectors:
        """Give back vectors, bit for bit, in the order asked for."""
        rows = np.empty((len(ids), self._dimensions), dtype=np.float32)
        for at, chunk in enumerate(ids):
            rows[at] = self._row(chunk)
        return rows

    def _row(self, chunk: ChunkId) -> Vectors:
        for segment in self._segments:
            if chunk in segment.row_of:
                return np.asarray(segment.rows[segment.row_of[chunk]])
        raise DamagedError("a vector is missing")

    def nearest(self, vector: Vectors, *, limit: int) -> list[tuple[ChunkId, float]]:
        """Find the vectors closest to one, with exact cosines."""
        if self._live is None:
            self._live = _Live.of(self._segments)
        if not self._live.ids:
            return []
        coarse = [coarse_cosines(segment.rows, vector) for segment in self._segments]
        live = np.concatenate(coarse)[self._live.rows]
        rows = could_be_best(live, limit=limit, dimensions=self._dimensions)
        ids = [self._live.ids[row] for row in rows]
        return best(self.cosines(vector, ids), limit=limit)

    def cosines(self, vector: Vectors, ids: Sequence[ChunkId]) -> dict[ChunkId, float]:
        """Give the exact cosines of some vectors with one."""
        return cosines(ids, self.vectors(ids), vector)

    def is_as_on_disk(self) -> bool:
        """Say whether the segments that are mapped are those in the folder.

        Another process may have written one and have been killed before it could say so.
        """
        try:
            names = {path.name for path in self._folder.iterdir() if path.name[0] != "."}
        except FileNotFoundError:
            names = set()
        return names == {segment.path.name for segment in self._segments}

    def close(self) -> None:
        """Let go of files; twice is harmless."""
        # A mapping ends with the last array that lies in it.
        self._segments = []
        self._live = None

    def _write(
        self, ids: Sequence[ChunkId], vectors: Vectors, instead_of: list["_Segment"]
    ) -> None:
        """Write rows, and those that are left of other segments, as one segment in their place."""
        all_ids, rows = list(ids), [np.ascontiguousarray(vectors, dtype=np.float32)]
        for segment in instead_of:
            all_ids += [chunk for chunk in segment.ids if chunk]
            rows.append(segment.live_rows())
        last = int(self._segments[-1].path.name) if self._segments else 0
        path = self._folder / f"{last + 1:0{NAME_DIGITS}}"
        # Part by part: of many vectors there is no second copy in memory.
        write_whole(path, _head(all_ids, self._dimensions), *(part.data for part in rows))
        written = _Segment.mapped(path, dimensions=self._dimensions)
        if written is None:
            raise DamagedError("what was just written is not there")
        self._segments.append(written)
        for segment in instead_of:
            self._let_go(segment)

    def _let_go(self, segment: "_Segment") -> None:
        segment.path.unlink()
        self._segments.remove(segment)


@dataclass(slots=True, eq=False)
class _Segment:
    """A file of rows, mapped.

    Attributes:
        path: Its name is a number: a segment that was written later has a larger one.
        ids: Of each row; empty where the row was erased.
        row_of: Where each id stands.
        rows: In the file itself, not a copy.
        count: How many rows are not erased.
    """

    path: Path
    ids: list[ChunkId]
    row_of: dict[ChunkId, int]
    rows: Vectors
    count: int

    @classmethod
    def mapped(cls, path: Path, *, dimensions: int) -> Self | None:
        """Map a file; None if it is no segment of this length of vectors, or a torn one."""
        is_named = len(path.name) == NAME_DIGITS and path.name.isdecimal()
        if not is_named or path.is_symlink() or not path.is_file():
            return None
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size < HEAD.size:
                return None
            content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        magic, length, many, id_bytes = HEAD.unpack_from(content)
        start = _rows_start(many, id_bytes)
        says = (magic, length, start + 4 * many * length)
        if says != (MAGIC, dimensions, size) or not many or not id_bytes:
            return None
        names = np.frombuffer(content, f"S{id_bytes}", count=many, offset=HEAD.size)
        # A name that is none is nobody's, and what nobody asks for is removed.
        ids = [ChunkId(name.decode(errors="replace")) for name in names.tolist()]
        rows = np.frombuffer(content, dtype=np.float32, count=many * length, offset=start)
        row_of = dict(zip(ids, range(many), strict=True))
        row_of.pop(ChunkId(""), None)
        return cls(path, ids, row_of, rows.reshape(many, length), sum(map(bool, ids)))

    def live_rows(self) -> Vectors:
        """Give the rows that are not erased; no copy where all are there."""
        if self.count == len(self.ids):
            return self.rows
        return self.rows[[row for row, chunk in enumerate(self.ids) if chunk]]

    def checksums(self) -> Iterator[tuple[ChunkId, int]]:
        """Give the CRC-32 of each row that is not erased."""
        content = self.rows.data.cast("B")
        row_bytes = self.rows.itemsize * self.rows.shape[1]
        for row, chunk in enumerate(self.ids):
            if chunk:
                yield chunk, crc32(content[row * row_bytes : (row + 1) * row_bytes])

    def erase(self, rows: Collection[int]) -> None:
        """Overwrite rows and their ids, on disk too when this returns."""
        if not rows:
            return
        many, dimensions = self.rows.shape
        row_bytes = self.rows.itemsize * dimensions
        start = self.path.stat().st_size - many * row_bytes
        descriptor = os.open(self.path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            id_bytes = HEAD.unpack(os.pread(descriptor, HEAD.size, 0))[3]
            for row in rows:
                os.pwrite(descriptor, bytes(row_bytes), start + row * row_bytes)
            # The id goes last: as long as it stands, the next to open this erases the row again.
            os.fsync(descriptor)
            for row in rows:
                os.pwrite(descriptor, bytes(id_bytes), HEAD.size + row * id_bytes)
                self.row_of.pop(self.ids[row], None)
                self.ids[row] = ChunkId("")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        self.count -= len(rows)


@dataclass(frozen=True, slots=True)
class _Live:
    """The rows of all segments that are not erased, by their number among all, and their ids."""

    rows: npt.NDArray[np.intp]
    ids: list[ChunkId]

    @classmethod
    def of(cls, segments: Sequence[_Segment]) -> Self:
        names = list(chain.from_iterable(segment.ids for segment in segments))
        rows = np.flatnonzero(np.fromiter(map(bool, names), np.bool_, len(names)))
        return cls(rows, list(filter(None, names)))


def _rows_start(many: int, id_bytes: int) -> int:
    """Say where the rows begin: in step with what a processor reads at once."""
    return -(-(HEAD.size + many * id_bytes) // ALIGNMENT) * ALIGNMENT


def _head(ids: Sequence[ChunkId], dimensions: int) -> bytearray:
    """Make what stands before the rows."""
    id_bytes = max(len(chunk.encode()) for chunk in ids)
    # Filled in place: a list of the names would take several times what they do.
    head = bytearray(_rows_start(len(ids), id_bytes))
    HEAD.pack_into(head, 0, MAGIC, dimensions, len(ids), id_bytes)
    for row, chunk in enumerate(ids):
        name, start = chunk.encode(), HEAD.size + row * id_bytes
        head[start : start + len(name)] = name
    return head
