"""Entries without anything around them, products of one row, and a search by vectors alone."""

import numpy as np
import numpy.typing as npt

from partitioned_rag.matching import mixing
from partitioned_rag.store.store import Store
from partitioned_rag.values import Asked, Candidate, Chunk, ChunkId, Entry, Fields

Vectors = npt.NDArray[np.float32]


def entry(chunk_id: str, text: str, *, start: int = 0) -> Entry:
    chunk = Chunk(id=ChunkId(chunk_id), start=start, end=start + len(text), text=text)
    return Entry(chunk=chunk, fields=Fields(embedded=text, words=text))


def nearest(store: Store, vector: Vectors, *, limit: int) -> list[Candidate]:
    """Search by vector alone."""
    asked = Asked(embedded="", words=())
    found = mixing.mixed(store.matches(asked, vector, limit=limit), speaker="")[:limit]
    return store.candidates({each.id: each.cosine for each in found})


def dot(one: Vectors, other: Vectors) -> float:
    """Multiply two vectors with nothing beside them."""
    return float((one.astype(np.float64) * other.astype(np.float64)).sum())
