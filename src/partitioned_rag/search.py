"""A question → its vector → candidates of each given partition → hits that are true right now.

Floor: flow. It is given the partitions it may search and knows of no others.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial

from partitioned_rag.embedding.embedder import Embedder
from partitioned_rag.embedding.reranker import Reranker
from partitioned_rag.errors import InputError, StaleSourcesError
from partitioned_rag.matching.mixing import AS_MEASURED
from partitioned_rag.matching.question import read
from partitioned_rag.partition import Partition
from partitioned_rag.ranking import rank, reordered
from partitioned_rag.values import Candidate, Hit, Names, PartitionId, Weights

# So many are weighed of the best by each kind of evidence, which loses nothing against weighing
# all; and so many of them are quoted, since neighbours that are found become one hit.
WEIGHED = 100
QUOTED = 40
# So many are read by a reranker, one after another: on a processor each takes its time.
JUDGED = 30
ATTEMPTS = 5


def search(
    question: str,
    partitions: Mapping[PartitionId, Partition],
    embedder: Embedder,
    *,
    k: int,
    names: Names,
    reranker: Reranker | None,
    weights: Weights = AS_MEASURED,
) -> list[Hit]:
    """Find what answers a question, in exactly the partitions given.

    Args:
        question: Not blank.
        partitions: Each is brought up to date with its folder first.
        embedder: Embeds the question, alone.
        k: How many hits are wanted, at least 1.
        names: Of the two who talk, by which the question is read.
        reranker: Puts the best of what was found in order, if there is one.
        weights: Of what speaks for a chunk.

    Returns:
        At most `k`, best first. Every source of theirs was, after the search, still what it was
        when it was searched.

    Raises:
        InputError: The question is blank.
        EmbedderError: The embedder or the reranker cannot be loaded.
        StaleSourcesError: Sources kept changing while they were searched.
    """
    check_question(question)
    # Halves of surrogate pairs, as in a shell's argument that is not UTF-8, are no text.
    question = question.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if all(each.is_empty() for each in partitions.values()):
        # No model needs to be loaded to say so; but what has been there is forgotten now.
        for each in partitions.values():
            each.catch_up()
        return []
    # Before any partition is held: others would wait for the model to be loaded.
    asked = read(question, names)
    vector = embedder.embed_question(asked.embedded)
    weighed, quoted = max(WEIGHED, 4 * k), max(QUOTED, 4 * k)
    hits: list[Hit] = []
    for _ in range(ATTEMPTS):
        found = {
            name: each.candidates(asked, vector, weighed=weighed, quoted=quoted, weights=weights)
            for name, each in partitions.items()
        }
        if reranker is not None and any(found.values()):
            # Chats speak of `them` and `me`, and so does what is embedded of the question.
            scores = partial(reranker.scores, asked.embedded)
            found = reordered(found, judged=JUDGED, scores=scores)
        hits = rank(found, k=k)
        if all(each.is_current(_sources(hits, name)) for name, each in partitions.items()):
            return hits
    # A chat that never stops growing is never current; what is quoted of it may stand all the same.
    if stand(hits, partitions):
        return hits
    raise StaleSourcesError(
        "the files that answer kept changing while they were searched", fix="ask again"
    )


def check_question(question: str) -> None:
    """Refuse a question that asks nothing.

    Raises:
        InputError: It is blank.
    """
    if not any(character.isprintable() and not character.isspace() for character in question):
        raise InputError("the question is empty", fix="ask something")


def everything(
    partitions: Mapping[PartitionId, Partition], *, at_most_chars: int
) -> list[Hit] | None:
    """Give all that the given partitions hold, where that is little.

    Returns:
        Every chunk, without a score: the last partition first, each in the order of its sources.
        None if it is more than `at_most_chars` characters, or kept changing while it was read.
    """
    for _ in range(ATTEMPTS):
        chunks: list[tuple[PartitionId, Candidate]] = []
        left = at_most_chars
        for name, each in reversed(list(partitions.items())):
            held = each.everything(at_most_chars=left)
            if held is None:
                return None
            left -= sum(found.end - found.start for found in held)
            chunks += [(name, found) for found in held]
        hits = [
            Hit(
                rank=rank,
                score=found.score,
                partition=name,
                source=found.source,
                start=found.start,
                end=found.end,
                text=found.text,
                page=found.page,
                lead=found.lead,
            )
            for rank, (name, found) in enumerate(chunks, start=1)
        ]
        if all(each.is_current(_sources(hits, name)) for name, each in partitions.items()):
            return hits
    return None


def stand(hits: Sequence[Hit], partitions: Mapping[PartitionId, Partition]) -> bool:
    """Say whether hits still stand, word for word, in the folders as they are now."""
    return all(
        each.stands((hit, hit.text) for hit in hits if hit.partition == name)
        for name, each in partitions.items()
    )


def _sources(hits: Iterable[Hit], partition: PartitionId) -> list[str]:
    return [hit.source for hit in hits if hit.partition == partition]
