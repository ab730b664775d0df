"""A question → its vector → candidates of each given partition → hits that are true right now.

Floor: flow. It is given the partitions it may search and knows of no others.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from partitioned_rag.embedding.embedder import Embedder
from partitioned_rag.errors import InputError, StaleSourcesError
from partitioned_rag.partition import Partition
from partitioned_rag.ranking import rank
from partitioned_rag.values import Hit, PartitionId

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Vector = npt.NDArray[np.float32]

CANDIDATES = 100
ATTEMPTS = 5


def search(
    question: str, partitions: Mapping[PartitionId, Partition], embedder: Embedder, *, k: int
) -> list[Hit]:
    """Find what answers a question, in exactly the partitions given.

    Args:
        question: Not blank.
        partitions: Each is brought up to date with its folder first.
        embedder: Embeds the question, alone.
        k: How many hits are wanted, at least 1.

    Returns:
        At most `k`, best first. Every source of theirs was, after the search, still what it was
        when it was searched.

    Raises:
        InputError: The question is blank.
        StaleSourcesError: Sources kept changing while they were searched.
    """
    # Halves of surrogate pairs, as in a shell's argument that is not UTF-8, are no text.
    question = question.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if not question.strip():
        raise InputError("the question is empty", fix="ask something")
    asked: list[Vector] = []

    def vector() -> "Vector":
        if not asked:
            asked.append(embedder.embed_question(question))
        return asked[0]

    limit = max(CANDIDATES, 4 * k)
    hits: list[Hit] = []
    for _ in range(ATTEMPTS):
        hits = rank(
            {name: each.candidates(vector, limit=limit) for name, each in partitions.items()}, k=k
        )
        if all(each.is_current(_sources(hits, name)) for name, each in partitions.items()):
            return hits
    # A chat that never stops growing is never current; what is quoted of it may stand all the same.
    if stand(hits, partitions):
        return hits
    raise StaleSourcesError(
        "the files that answer kept changing while they were searched", fix="ask again"
    )


def stand(hits: Sequence[Hit], partitions: Mapping[PartitionId, Partition]) -> bool:
    """Say whether hits still stand, word for word, in the folders as they are now."""
    return all(
        each.stands((hit, hit.text) for hit in hits if hit.partition == name)
        for name, each in partitions.items()
    )


def _sources(hits: Iterable[Hit], partition: PartitionId) -> list[str]:
    return [hit.source for hit in hits if hit.partition == partition]
