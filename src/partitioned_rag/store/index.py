"""The seam between a partition and what searches its vectors."""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Protocol

from partitioned_rag.values import ChunkId

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Vectors = npt.NDArray[np.float32]


class DamagedError(Exception):
    """What is on disk contradicts itself or cannot be read: rebuild it. Never leaves the flows."""


class VectorIndex(Protocol):
    """The vectors of one partition, made from something that names that partition alone.

    It takes no filter: there is nothing in it to filter out. One thread at a time.
    """

    def add(self, ids: Sequence[ChunkId], vectors: "Vectors") -> None:
        """Keep vectors, shape `(len(ids), dimensions)`, durably; none of the ids is known yet."""
        ...

    def remove(self, ids: Collection[ChunkId]) -> None:
        """Drop vectors; unknown ids are passed over."""
        ...

    def ids(self) -> frozenset[ChunkId]:
        """List what is kept, for mending."""
        ...

    def checksums(self) -> dict[ChunkId, int]:
        """Give the CRC-32 of the bytes of each vector, as far as reading them all is cheap.

        Returns:
            By id. Empty when there are too many: then only their ids can be compared.
        """
        ...

    def vectors(self, ids: Sequence[ChunkId]) -> "Vectors":
        """Give back vectors, bit for bit, in the order asked for.

        Raises:
            DamagedError: One of them is missing.
        """
        ...

    def nearest(self, vector: "Vectors", *, limit: int) -> list[tuple[ChunkId, float]]:
        """Find the vectors closest to one.

        Args:
            vector: Unit length, shape `(dimensions,)`.
            limit: How many are wanted at least, if there are so many.

        Returns:
            Ids with their exact cosine, correctly rounded and so independent of the order in which
            the index grew; best first. All that tie with the last one are there, so there may be
            more than `limit`.
        """
        ...

    def cosines(self, vector: "Vectors", ids: Sequence[ChunkId]) -> dict[ChunkId, float]:
        """Give the exact cosines of some vectors with one, to the bit those of `nearest`.

        Raises:
            DamagedError: One of them is missing.
        """
        ...

    def close(self) -> None:
        """Let go of files and threads; twice is harmless."""
        ...
