"""Cuts a text where no token can reach across, for tokenizers that do not know words.

Floor: edge, pure. Where two characters stand side by side in nothing that could ever be joined, no
joint covers both, so what lies left and right is tokenized apart, with the same result.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import compress, count, pairwise
from operator import add, not_
from typing import Final

_APART: Final = "\0\0"
"""Between two strings that are looked at as one; a pair that holds it only spares a cut."""


def pairs_within(strings: Iterable[str]) -> frozenset[str]:
    """Give every two characters that stand side by side in one of the strings."""
    everything = _APART.join(strings)
    return frozenset(map(add, everything, everything[1:]))


def pairs_joined(merges: Iterable[str]) -> frozenset[str]:
    """Give the two characters at which each merge, `left right`, joins its sides.

    Whatever is joined is joined by a merge, so these are all pairs that can come together.
    """
    return frozenset(
        merge[space - 1] + merge[space + 1]
        for merge in merges
        if 0 < (space := merge.find(" ", 1)) < len(merge) - 1
    )


def cutter(joinable: frozenset[str]) -> Callable[[str], Sequence[str]]:
    """Make the function that cuts a text between all characters that cannot be joined.

    >>> cutter(frozenset(["ab", "bb"]))("abba")
    ['abb', 'a']
    """
    is_joinable = joinable.__contains__

    def words(text: str) -> Sequence[str]:
        # Nothing of this runs in Python's own loop: it is most of the work for a text.
        cuts = compress(count(1), map(not_, map(is_joinable, map(add, text, text[1:]))))
        return [text[start:end] for start, end in pairwise((0, *cuts, len(text)))]

    return words
