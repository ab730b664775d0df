"""The doors to the heavy parts of the store."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from partitioned_rag.store.array import ArrayIndex
    from partitioned_rag.store.index import VectorIndex


def open_array(folder: Path, *, dimensions: int) -> "ArrayIndex":
    """Open the vectors of one partition in files of ours; imports numpy and nothing else.

    Raises:
        OSError: They cannot be read or written.
    """
    from partitioned_rag.store.array import ArrayIndex  # noqa: PLC0415 — a door of numpy

    return ArrayIndex(folder, dimensions=dimensions)


def open_chroma(folder: Path, *, dimensions: int) -> "VectorIndex":
    """Open the vectors of one partition in Chroma; the first call imports it, about a second.

    Raises:
        DamagedError: They cannot be read.
    """
    from partitioned_rag.store.chroma import ChromaIndex  # noqa: PLC0415 — the door of Chroma

    return ChromaIndex(folder, dimensions=dimensions)
