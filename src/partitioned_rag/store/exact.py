"""Exact cosines: the same to the bit whatever keeps the vectors, and in whichever order.

A product of two float32 numbers is exact in float64, and numpy sums each row by itself, pairwise,
in an order that the length of a row decides alone.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from partitioned_rag.values import ChunkId

Vectors = npt.NDArray[np.float32]


def cosines(ids: Sequence[ChunkId], rows: Vectors, vector: Vectors) -> dict[ChunkId, float]:
    """Give the cosine of each row with a vector.

    Args:
        ids: Names of the rows.
        rows: Unit length, shape `(len(ids), dimensions)`.
        vector: Unit length, shape `(dimensions,)`.
    """
    products = np.ascontiguousarray(rows, dtype=np.float64) * vector.astype(np.float64)
    return dict(zip(ids, products.sum(axis=1).tolist(), strict=True))


def best(scored: dict[ChunkId, float], *, limit: int) -> list[tuple[ChunkId, float]]:
    """Keep the best, with all that tie with the last of them; best first, ties by id."""
    ordered = sorted(scored.items(), key=lambda pair: (-pair[1], pair[0]))
    if len(ordered) > limit:
        bar = ordered[limit - 1][1]
        ordered = [pair for pair in ordered if pair[1] >= bar]
    return ordered


def coarse_cosines(rows: Vectors, vector: Vectors) -> Vectors:
    """Give the product of each row with a vector, summed in float32: fast, and not quite exact."""
    # Not by BLAS, which would share this millisecond out among threads: on a machine that has
    # something else to do, waiting for the last of them took ten times as long.
    return np.asarray(np.einsum("ij,j->i", rows, vector), dtype=np.float32)


def could_be_best(coarse: Vectors, *, limit: int, dimensions: int) -> list[int]:
    """Say which rows can be among the best, going by their coarse cosines.

    Args:
        coarse: Of each row, shape `(n,)`.
        limit: How many are wanted.
        dimensions: Length of a row; all are of unit length.

    Returns:
        Numbers of rows, ascending: all that can be among the best `limit` or tie with the last.

    A sum of n products of float32 numbers is off by at most n units of roundoff (2^-24) times the
    sum of their magnitudes, which unit length keeps below 1 (Higham, "Accuracy and Stability of
    Numerical Algorithms", 2002, section 3.1). Two rows can be off in opposite directions; and
    once more of the same is for lengths that are not quite 1.
    """
    if limit >= len(coarse):
        return list(range(len(coarse)))
    bar = np.partition(coarse, -limit)[-limit] - 4 * dimensions * 2.0**-24
    return [int(row) for row in np.flatnonzero(coarse >= bar)]
