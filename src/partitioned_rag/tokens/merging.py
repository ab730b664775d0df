"""Joins neighbouring symbols, the most urgent pair first: what byte pair encoding does to a word.

Floor: edge, pure. Sennrich, Haddow and Birch, "Neural Machine Translation of Rare Words with
Subword Units", ACL 2016; SentencePiece's "BPE" does the same with the scores of its tokens.
"""

import heapq
import math
from collections.abc import Callable, Mapping, Sequence, Set
from itertools import chain, pairwise, repeat
from typing import Final

SHORT_SYMBOLS: Final = 48
"""Up to this many, looking through all pairs is faster than a heap; beyond, it grows quadratic."""


class Merger:
    """Gives the ids of words by what one vocabulary joins.

    Most words are a token, and merging nearly always comes to that token, but slowly. Which tokens
    it does not come to lies in the vocabulary alone: once that is known, the others are taken whole
    with the same result. Until then every word is merged.

    Attributes:
        parted: The ids of the tokens that are not taken whole; None if that is not known.
    """

    def __init__(
        self,
        ids: Mapping[str, int],
        costs: Mapping[str, float],
        *,
        glue: str,
        parted: Set[int] | None,
        spell: Callable[[str], Sequence[int]],
    ) -> None:
        """Remember how to join.

        Args:
            ids: By token.
            costs: As in `merge`.
            glue: As in `merge`.
            parted: What is known of the vocabulary.
            spell: Gives the ids of a symbol that is no token.
        """
        self._ids, self._costs, self._glue, self._spell = ids, costs, glue, spell
        self.parted = parted

    def encode(self, word: str) -> Sequence[int]:
        """Give the ids of a word, of which each character is a symbol to begin with."""
        ids, parted = self._ids, self.parted
        if parted is not None and (whole := ids.get(word)) is not None and whole not in parted:
            return (whole,)
        symbols = merge(list(word), self._costs, glue=self._glue)
        try:
            return [*map(ids.__getitem__, symbols)]
        except KeyError:
            return [*chain.from_iterable(map(self._id_or_ids, symbols))]

    def _id_or_ids(self, symbol: str) -> Sequence[int]:
        return (self._ids[symbol],) if symbol in self._ids else self._spell(symbol)

    def study(self) -> Set[int]:
        """Find out which tokens merging parts, which takes seconds, unless it is known."""
        if self.parted is None:
            self.parted = frozenset(
                id_
                for token, id_ in self._ids.items()
                if len(merge(list(token), self._costs, glue=self._glue)) > 1
            )
        return self.parted


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
    pairs = [*map(cost, map(glue.join, pairwise(symbols)), repeat(math.inf))]
    while pairs and (least := min(pairs)) < math.inf:
        i = pairs.index(least)
        del pairs[i]
        symbols[i] = joint = symbols[i] + symbols.pop(i + 1)
        if i:
            pairs[i - 1] = cost(f"{symbols[i - 1]}{glue}{joint}", math.inf)
        if i < len(pairs):
            pairs[i] = cost(f"{joint}{glue}{symbols[i + 1]}", math.inf)
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
