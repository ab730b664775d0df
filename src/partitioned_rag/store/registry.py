"""The door to the heavy part of the store."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from partitioned_rag.store.index import VectorIndex


def open_index(folder: Path, *, dimensions: int) -> "VectorIndex":
    """Open the vectors of one partition; the first call imports Chroma, about a second.

    Raises:
        DamagedError: They cannot be read.
    """
    from partitioned_rag.store.chroma import ChromaIndex  # noqa: PLC0415 — the door of Chroma

    return ChromaIndex(folder, dimensions=dimensions)
