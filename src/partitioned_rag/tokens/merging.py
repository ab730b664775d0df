"""Joins neighbouring symbols, the most urgent pair first: what byte pair encoding does to a word.

Floor: edge, pure. Sennrich, Haddow and Birch, "Neural Machine Translation of Rare Words with
Subword Units", ACL 2016; SentencePiece's "BPE" does the same with the scores of its tokens.
"""

import heapq
import math
from collections.abc import Mapping
from itertools import pairwise
from typing import Final

SHORT_SYMBOLS: Final = 48
"""Up to this many, looking through all pairs is faster than a heap; beyond, it grows quadratic."""


def merge(symbols: list[str], costs: Mapping[str, float], *, glue: str) -> list[str]:
    """Join neighbours until no joint is known.

    The pair of the lowest cost goes first, of equal ones the leftmost.

    Args:
        symbols: Changed in place where there are few.
        costs: By `left + glue + right`.
        glue: A space where the costs are ranks of pairs, nothing where they belong to joints.

    >>> merge(list("abab"), {"a b": 0, "ab ab": 1}, glue=" ")
    ['abab']
    """
    if len(symbols) > SHORT_SYMBOLS:
        return _merge_many(symbols, costs, glue)
    cost = costs.get
    pairs = [cost(f"{a}{glue}{b}", math.inf) for a, b in pairwise(symbols)]
    while pairs and (least := min(pairs)) < math.inf:
        i = pairs.index(least)
        symbols[i : i + 2] = [symbols[i] + symbols[i + 1]]
        del pairs[i]
        if i:
            pairs[i - 1] = cost(f"{symbols[i - 1]}{glue}{symbols[i]}", math.inf)
        if i < len(pairs):
            pairs[i] = cost(f"{symbols[i]}{glue}{symbols[i + 1]}", math.inf)
    return symbols


def _merge_many(symbols: list[str], costs: Mapping[str, float], glue: str) -> list[str]:
    """Do the same in O(n log n): a heap of pairs over a linked list of symbols."""
    n = len(symbols)
    before, after = list(range(-1, n - 1)), list(range(1, n + 1))
    cost = costs.get
    heap = [
        (least, i, a, b)
        for i, (a, b) in enumerate(pairwise(symbols))
        if (least := cost(f"{a}{glue}{b}")) is not None
    ]
    heapq.heapify(heap)
    while heap:
        _, i, a, b = heapq.heappop(heap)
        j = after[i]
        # Out of date if either has been joined to another since; the joined one is left empty.
        if j == n or symbols[i] != a or symbols[j] != b:
            continue
        symbols[i], symbols[j] = a + b, ""
        after[i] = k = after[j]
        if k < n:
            before[k] = i
        for left, right in ((before[i], i), (i, k)):
            if left >= 0 and right < n:
                a, b = symbols[left], symbols[right]
                if (least := cost(f"{a}{glue}{b}")) is not None:
                    heapq.heappush(heap, (least, left, a, b))
    return [symbol for symbol in symbols if symbol]
