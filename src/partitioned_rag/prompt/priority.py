"""In which order hits are packed: what they are worth, and whose turn it is.

Floor: core, pure. The order depends on the hits alone and on no budget, so that a larger budget
never loses something for what stands behind it in this order.
"""

from collections.abc import Sequence
from heapq import heapify, heappop, heappush
from typing import Final

from partitioned_rag.values import Hit

SOURCE_SHARE: Final = 0.75
"""A source that has more than this of what was taken waits for the others."""


def by_priority(hits: Sequence[Hit]) -> list[int]:
    """Order hits for packing.

    By worth alone, not by worth per token: on real conversations, scores divided by lengths (or by
    any root of them) found 1 to 12 points less of the evidence within 512 to 2,048 tokens.

    The best come first, by rank, but no source goes on while it has more than `SOURCE_SHARE` of the
    characters taken so far and another source has something left.

    Args:
        hits: In any order.

    Returns:
        The places of all hits in `hits`, first come first packed.
    """
    queues: dict[str, list[int]] = {}
    for place in sorted(range(len(hits)), key=lambda place: -hits[place].rank):
        queues.setdefault(hits[place].source, []).append(place)  # the best stands last
    heads = [(hits[queue[-1]].rank, source) for source, queue in queues.items()]
    heapify(heads)
    spent = dict.fromkeys(queues, 0)
    total = 0
    order: list[int] = []
    while heads:
        rank, source = heappop(heads)
        # More than half of everything: so at most one source has to wait.
        if heads and spent[source] > SOURCE_SHARE * total:
            waiting = (rank, source)
            _, source = heappop(heads)
            heappush(heads, waiting)
        place = queues[source].pop()
        order.append(place)
        spent[source] += len(hits[place].text)
        total += len(hits[place].text)
        if queues[source]:
            heappush(heads, (hits[queues[source][-1]].rank, source))
    return order
