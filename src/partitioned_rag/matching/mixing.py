"""Evidence for the chunks of one partition → their order, and where they stand among others.

Floor: core, pure. Full text and vectors are mixed by standardised scores, not by ranks: ranks throw
away how much better one chunk matches than the next (`docs/benchmarks.md` has the measure). Sums
are exact (`math.fsum`), so nothing follows from the order in which evidence comes.
"""

import math
from collections.abc import Sequence
from typing import Final

from partitioned_rag.values import Match, Weights

AS_MEASURED: Final = Weights()
"""Those of the product."""

BEST_OF_SITTING: Final = 3

NOISE: Final = 0.06
"""The standard deviation of levels of chunks that do not answer: 0.053 to 0.066, for half of 120
questions put to chats in which nothing answers them."""


def mixed(matches: Sequence[Match], *, speaker: str, weights: Weights = AS_MEASURED) -> list[Match]:
    """Put the chunks of one partition into the order in which they answer a question.

    Args:
        matches: Of one partition. What it is standardised over is this list, so its scores say
            nothing beside those of another partition.
        speaker: Whose turn is asked for; empty if the question does not tell.
        weights: Of each kind of evidence.

    Returns:
        Best first; ties by source and place.
    """
    scores = [
        math.fsum(parts)
        for parts in zip(
            _weighed(weights.words, [each.words for each in matches]),
            _weighed(weights.cosine, [each.cosine for each in matches]),
            [weights.speaker * (bool(speaker) and each.speaker == speaker) for each in matches],
            strict=True,
        )
    ]
    sittings: dict[tuple[str, int], list[float]] = {}
    for each, score in zip(matches, scores, strict=True):
        sittings.setdefault((each.source, each.part), []).append(score)
    # Above the lowest of all, or three weak chunks would count for less than one.
    lowest = min(scores, default=0.0)
    best = {
        sitting: math.fsum(score - lowest for score in sorted(of_sitting)[-BEST_OF_SITTING:])
        for sitting, of_sitting in sittings.items()
    }
    together = _weighed(weights.sitting, [best[each.source, each.part] for each in matches])
    order = sorted(
        zip(scores, together, matches, strict=True),
        key=lambda one: (-(one[0] + one[1]), one[2].source, one[2].start),
    )
    return [each for _, _, each in order]


def levels(cosines: Sequence[float], coverages: Sequence[float], *, among: int) -> list[float]:
    """Say where chunks of one partition stand among those of others, keeping their own order.

    Which chunk is better is told best by its partition's own statistics; how good the best, the
    second and the third of a partition are is told by what does not depend on a partition at all:
    cosine, and the share of the question's words that is there. So the highest such value goes to
    the first, the next to the second.

    Of many chunks that do not answer, the best looks better than of few. What is expected of it,
    sqrt(2 ln n) standard deviations (Leadbetter, Lindgren and Rootzén, Extremes and Related
    Properties of Random Sequences and Processes, 1983, section 1.7), is taken off, so a large
    partition has no more to say than a small one.

    Args:
        cosines: In the order of `mixed`.
        coverages: Of the same chunks: the share of the question's words, in [0, 1].
        among: How many chunks their partition has, at least 1.

    Returns:
        Never rising; at most 1, for all of the words and the question's very vector in a partition
        of one chunk.
    """
    chance = NOISE * math.sqrt(2 * math.log(among))
    # Two parts of cosine and one of words: the cosine of the right chunk is seldom above a half.
    worth = [
        (2 * cosine + coverage) / 3 - chance
        for cosine, coverage in zip(cosines, coverages, strict=True)
    ]
    return sorted(worth, reverse=True)


def _weighed(weight: float, values: Sequence[float]) -> list[float]:
    """Standardise values to mean 0 and deviation 1, times a weight; all 0 where all are alike."""
    if not values or min(values) == max(values):
        return [0.0] * len(values)
    mean = math.fsum(values) / len(values)
    deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / len(values))
    return [weight * (value - mean) / deviation for value in values]
