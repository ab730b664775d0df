"""The vectors of one partition: in an array that answers, unless they are very many, and in Chroma.

Neither is believed. The catalog says which vectors there must be, and the checksum of each; what
does not agree is taken from the other copy, and what neither has is damage.

A partition is answered from its array, and Chroma, whose import takes a second, is not even loaded
for that. It gets its copy when it has fallen far enough behind. Only a partition beyond
`ARRAY_AT_MOST` is kept in Chroma alone.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from zlib import crc32

from partitioned_rag.durable import remove_folder
from partitioned_rag.store.index import DamagedError, VectorIndex
from partitioned_rag.store.registry import open_array, open_chroma
from partitioned_rag.values import ChunkId

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from partitioned_rag.store.array import ArrayIndex

    Rows = npt.NDArray[np.float32]

# A chat of the largest size that is read has 215,000 turns, and to compare them all takes less time
# than to embed a long question. Beyond, Chroma's graph proposes.
ARRAY_AT_MOST = 250_000
# A partition that has outgrown its array gets one again below this, so that it need not be made
# and thrown away by turns.
ARRAY_AGAIN_AT = 200_000


@dataclass(frozen=True, slots=True)
class _Untold:
    """What the array has and Chroma has not, and the other way about."""

    added: set[ChunkId]
    removed: set[ChunkId]


class PartitionVectors:
    """Gives the vectors that the catalog asks for, from wherever they are. One thread at a time."""

    def __init__(
        self,
        *,
        array_folder: Path,
        chroma_folder: Path,
        dimensions: int,
        wanted: Callable[[], Mapping[ChunkId, int]],
        array_at_most: int = ARRAY_AT_MOST,
        array_again_at: int = ARRAY_AGAIN_AT,
    ) -> None:
        """Bind the two places; opens neither.

        Args:
            array_folder: Holds this partition's array, and nothing else.
            chroma_folder: Holds this partition's Chroma database, and nothing else.
            dimensions: Length of a vector.
            wanted: Says which vectors there must be, with the CRC-32 of each.
            array_at_most: With more vectors than this, Chroma answers.
            array_again_at: With no more than this, an array is made if there is none.
        """
        self._array_folder = array_folder
        self._chroma_folder = chroma_folder
        self._dimensions = dimensions
        self._wanted = wanted
        self._array_at_most = array_at_most
        self._array_again_at = array_again_at
        self._answers: VectorIndex | None = None
        self._array: ArrayIndex | None = None
        self._chroma: VectorIndex | None = None
        # What Chroma has not been told of yet; None as long as nobody has compared.
        self._untold: _Untold | None = None

    def add(self, ids: Sequence[ChunkId], vectors: "Rows") -> None:
        """Keep vectors durably, where answers come from; none of the ids is known yet."""
        index = self._answering()
        if self._array is not None and self._array.count() + len(ids) > self._array_at_most:
            index = self._outgrow()
        index.add(ids, vectors)
        if self._untold is not None:
            self._untold.added.update(ids)

    def remove(self, ids: Collection[ChunkId]) -> None:
        """Drop vectors where answers come from; unknown ids are passed over."""
        self._answering().remove(ids)
        if self._untold is not None:
            self._untold.added.difference_update(ids)
            self._untold.removed.update(ids)

    def vectors(self, ids: Sequence[ChunkId]) -> "Rows":
        """Give back vectors; as `VectorIndex`."""
        return self._answering().vectors(ids)

    def nearest(self, vector: "Rows", *, limit: int) -> list[tuple[ChunkId, float]]:
        """Find the vectors closest to one; as `VectorIndex`."""
        return self._answering().nearest(vector, limit=limit)

    def cosines(self, vector: "Rows", ids: Sequence[ChunkId]) -> dict[ChunkId, float]:
        """Give the exact cosines of some vectors with one; as `VectorIndex`."""
        return self._answering().cosines(vector, ids)

    def copy_to_chroma(self) -> None:
        """Bring Chroma in step with the array.

        Raises:
            DamagedError: Chroma cannot be read; the array is none the worse for it.
        """
        array = self._answering()
        if array is not self._array:
            return
        chroma = self._opened_chroma()
        if self._untold is None:
            wanted, there = self._wanted().keys(), chroma.ids()
            self._untold = _Untold(added=set(wanted - there), removed=set(there - wanted))
        if self._untold.removed:
            chroma.remove(self._untold.removed)
        if lacking := sorted(self._untold.added):
            chroma.add(lacking, array.vectors(lacking))
        self._untold = _Untold(added=set(), removed=set())

    def move_chroma(self, folder: Path, ids: Sequence[ChunkId]) -> None:
        """Write what Chroma keeps anew in another folder; the old one is left as it is.

        Args:
            folder: An empty one, or none yet.
            ids: Of all that there is.
        """
        vectors = self._answering().vectors(ids)
        if self._chroma is not None:
            self._chroma.close()
            self._chroma = None
        if self._array is None:
            self._answers = None
        self._untold = None
        self._chroma_folder = folder
        if ids:
            self._opened_chroma().add(ids, vectors)

    def is_as_on_disk(self) -> bool:
        """Say whether what is open of the array is what is there; opens nothing."""
        return self._array is None or self._array.is_as_on_disk()

    def close(self) -> None:
        """Let go of files and threads; twice is harmless."""
        for index in (self._array, self._chroma):
            if index is not None:
                index.close()
        self._answers = self._array = self._chroma = self._untold = None

    # ------------------------------------------------------------ which one answers

    def _answering(self) -> VectorIndex:
        if self._answers is None:
            wanted = self._wanted()
            at_most = self._array_at_most if self._array_folder.is_dir() else self._array_again_at
            is_small = len(wanted) <= at_most
            self._answers = self._open_small(wanted) if is_small else self._open_large(wanted)
        return self._answers

    def _open_small(self, wanted: Mapping[ChunkId, int]) -> "ArrayIndex":
        array = open_array(self._array_folder, dimensions=self._dimensions)
        there = array.checksums()
        if there != wanted:
            array.remove([chunk for chunk in there if there[chunk] != wanted.get(chunk)])
            if lacking := sorted(wanted.keys() - array.ids()):
                array.add(lacking, self._from_chroma(lacking, wanted))
        self._array = array
        return array

    def _from_chroma(self, ids: Sequence[ChunkId], wanted: Mapping[ChunkId, int]) -> "Rows":
        """Take vectors that the array lacks.

        Raises:
            DamagedError: Chroma has not got them either.
        """
        if not self._chroma_folder.is_dir():
            raise DamagedError(f"{len(ids)} vectors are missing")
        rows = self._opened_chroma().vectors(ids)
        altered = sum(
            crc32(row.tobytes()) != wanted[chunk] for chunk, row in zip(ids, rows, strict=True)
        )
        if altered:
            raise DamagedError(f"{altered} vectors are altered")
        return rows

    def _open_large(self, wanted: Mapping[ChunkId, int]) -> VectorIndex:
        chroma = self._opened_chroma()
        checksums = chroma.checksums()
        there = frozenset(checksums) or chroma.ids()
        if orphans := there - wanted.keys():
            chroma.remove(orphans)
        missing = wanted.keys() - there
        altered = [
            chunk
            for chunk, checksum in checksums.items()
            if wanted.get(chunk, checksum) != checksum
        ]
        if missing or altered:
            raise DamagedError(f"{len(missing)} vectors are missing, {len(altered)} altered")
        remove_folder(self._array_folder)
        return chroma

    def _outgrow(self) -> VectorIndex:
        """Leave the array for good; a crash in between finds either that or what Chroma has."""
        self.copy_to_chroma()
        if self._array is not None:
            self._array.close()
        self._array, self._answers = None, self._opened_chroma()
        remove_folder(self._array_folder)
        return self._answers

    def _opened_chroma(self) -> VectorIndex:
        if self._chroma is None:
            self._chroma = open_chroma(self._chroma_folder, dimensions=self._dimensions)
        return self._chroma
