"""Joins neighbouring symbols, the most urgent pair first: what byte pair encoding does to a word.

Floor: edge, pure. Sennrich, Haddow and Birch, "Neural Machine Translation of Rare Words with
Subword Units", ACL 2016; SentencePiece's "BPE" does the same with the scores of its tokens.
"""

import heapq
import math
from collections.abc import Callable, Mapping, Sequence
from itertools import chain, pairwise, repeat
from typing import Final

SHORT_SYMBOLS: Final = 48
"""Up to this many, looking through all pairs is faster than a heap; beyond, it grows quadratic."""


class Merger:
    """Gives the ids of words by what one vocabulary joins.

    Most words are a token, and merging nearly always comes to that token, but slowly. Which tokens
    it comes to lies in the vocabulary alone: they are taken whole, with the same result.

    Attributes:
        joints: What merging comes to, with the cost of the last step to each.
    """

    _compiled: Callable[[str], Sequence[object]] | None = None

    def __init__(
        self,
        ids: Mapping[str, int],
        joints: Mapping[str, float],
        *,
        spell: Callable[[str], Sequence[int]],
        takes_whole_words: bool = False,
        alphabet: str = "",
    ) -> None:
        """Remember how to join.

        Args:
            ids: By token.
            joints: As `joints.joints` finds them.
            spell: Gives the ids of a symbol that is no token.
            takes_whole_words: Whether a word that is a token is one, whatever merging comes to.
            alphabet: Every character that a word can have; empty if that may be any.
        """
        self.joints = joints
        self._ids, self._spell = ids, spell
        self._whole = ids if takes_whole_words else joints
        self._alphabet = alphabet

    def encode(self, word: str) -> Sequence[int]:
        """Give the ids of a word, of which each character is a symbol to begin with."""
        ids = self._ids
        if (word in self._whole or len(word) == 1) and word in ids:
            return (ids[word],)
        symbols = merge(list(word), self.joints, glue="")
        try:
            return [*map(ids.__getitem__, symbols)]
        except KeyError:
            return [*chain.from_iterable(map(self._id_or_ids, symbols))]

    def count(self, word: str) -> int:
        """Count the ids of a word."""
        if word in self._whole and word in self._ids:
            return 1
        if self._compiled is not None and len(word) <= SHORT_SYMBOLS:
            return len(self._compiled(word))
        return len(self.encode(word))

    def hasten(self) -> None:
        """Have words merged by compiled code from now on, where each symbol left is one token."""
        tokens, alphabet = self._ids.keys(), self._alphabet
        if self._compiled is None and alphabet and tokens >= self.joints.keys() | set(alphabet):
            from partitioned_rag.tokens.compiled import compiled  # noqa: PLC0415

            self._compiled = compiled(self.joints, alphabet)

    def _id_or_ids(self, symbol: str) -> Sequence[int]:
        return (self._ids[symbol],) if symbol in self._ids else self._spell(symbol)


def merge(symbols: list[str], costs: Mapping[str, float], *, glue: str) -> list[str]:
    """Join neighbours until no joint is known.

    The pair of the lowest cost goes first, of equal ones the leftmost.

    Args:
        symbols: Changed in place where there are few.
        costs: By `left + glue + right`.
        glue: A space where the costs are ranks of pairs, nothing where they belong to joints.

    Returns:
        The symbols that are left.

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
