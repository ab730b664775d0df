"""Cuts a text where no token can reach across, for tokenizers that do not know words.

Floor: edge, pure. Where two characters stand side by side in nothing that could ever be joined, no
joint covers both, so what lies left and right is tokenized apart, with the same result.
"""

import re
from collections.abc import Callable, Iterable, Sequence, Set
from itertools import chain, compress, count, pairwise
from operator import add, not_
from typing import Final

_LONG: Final = 24
"""Longer runs, as of scripts without spaces, are seldom met twice, so they are cut closely."""
_KINDS: Final = 8
"""More kinds of characters than letters, marks and a few other scripts only slow the rest down."""


def pairs_within(strings: Iterable[str]) -> frozenset[str]:
    """Give every two characters that stand side by side in one of the strings."""
    strings = list(strings)
    used = set("".join(strings))
    apart = next(char for char in map(chr, count()) if char not in used)
    everything = apart.join(strings)
    pairs = set(map(add, everything, everything[1:]))
    return frozenset(pair for pair in pairs if apart not in pair)


def cutter(joinable: Set[str]) -> Callable[[str], Sequence[str]]:
    """Make the function that cuts a text between all characters that cannot be joined.

    >>> cutter({"ab", "bb"})("abba")
    ['abb', 'a']
    """
    is_joinable = joinable.__contains__

    def words(text: str) -> Sequence[str]:
        # Nothing of this runs in Python's own loop: it is most of the work for a text.
        cuts = compress(count(1), map(not_, map(is_joinable, map(add, text, text[1:]))))
        return [text[start:end] for start, end in pairwise((0, *cuts, len(text)))]

    return words


def run_cutter(joinable: Set[str], *, space: str) -> Callable[[str], Sequence[str]]:
    """Make a function that cuts a text at fewer places, but several times faster.

    Where spaces begin words and end none, it cuts before them, and between characters that cannot
    be joined to each other, be it by way of more characters.

    Args:
        joinable: The pairs that can be joined.
        space: What stands for a space.

    >>> run_cutter({"ab", "bb", "_a"}, space="_")("abba_ab.")
    ['abba', '_ab', '.']
    """
    closely = cutter(joinable)
    if any(pair[1] == space != pair[0] for pair in joinable):
        return closely
    kinds = ["".join(map(re.escape, kind)) for kind in _kinds(joinable, space)]
    runs = "|".join(f"[{kind}]+" for kind in [*kinds, f"^{space}{''.join(kinds)}"])
    find = re.compile(f"{space}*(?:{runs})|{space}+").findall

    def words(text: str) -> Sequence[str]:
        found = find(text)
        if max(map(len, found), default=0) <= _LONG:
            return found
        return [*chain.from_iterable(closely(w) if len(w) > _LONG else (w,) for w in found)]

    return words


def _kinds(joinable: Set[str], space: str) -> Sequence[Iterable[str]]:
    """Give the largest sets of characters none of which is ever joined to one outside its set."""
    kinds: dict[str, set[str]] = {}
    for pair in joinable:
        if space not in pair:
            left, right = pair[0], pair[1]
            a, b = kinds.setdefault(left, {left}), kinds.setdefault(right, {right})
            if a is not b:
                few, many = sorted((a, b), key=len)
                many |= few
                kinds |= dict.fromkeys(few, many)
    distinct = {id(kind): kind for kind in kinds.values()}.values()
    return [sorted(kind) for kind in sorted(distinct, key=len, reverse=True)[:_KINDS]]
