"""Cuts a text into words before any merging, by rules that name classes of characters.

Floor: edge. Which rules there are stands in `pre_rules`.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate, chain, pairwise
from types import MappingProxyType
from typing import Final

from partitioned_rag.tokens.pre_rules import Rules
from partitioned_rag.tokens.unicode_classes import CLASSES, image

_ASCII: Final = range(128)
_FIRST_STAND_IN = 0x80
_WHITE = "W"


def splitter(rules: Rules) -> Callable[[str], Sequence[str]]:
    """Make the function that cuts a text into words, which together are the text.

    Matching the long ranges of a Unicode class is slow. So each character outside of ASCII is first
    replaced by a stand-in for its class, the patterns name stand-ins, and the text itself is cut
    where its image was. ASCII stands for itself.
    """
    stand_ins, table = _stand_ins(rules.sets)
    finders = [re.compile(_written_out(each, stand_ins)).findall for each in rules.patterns]

    def words(text: str) -> Sequence[str]:
        pieces = [text if text.isascii() else text.translate(table)]
        for find in finders:
            pieces = [*chain.from_iterable(map(find, pieces))]
        if text.isascii():
            return pieces
        ends = accumulate(map(len, pieces), initial=0)
        return [text[start:end] for start, end in pairwise(ends)]

    return words


def _stand_ins(sets: Sequence[str]) -> tuple[Mapping[str, str], str]:
    """Choose stand-ins for what a class holds outside of ASCII, apart for each of the given sets.

    A character's stand-in tells its class and, by one bit for each, the sets that it is in. White
    space is in none, as llama.cpp has replaced it by ASCII's where it looks for a set.

    Returns:
        The stand-ins of each class and set, by its name in the rules, and the image of every code
        point: a text, since `str.translate` looks up indexes, and one byte a character.
    """
    names = dict.fromkeys([*CLASSES, *map(str, range(1, len(sets) + 1))], "")
    table = image({name: chr(_FIRST_STAND_IN + i) for i, name in enumerate(CLASSES)})
    every = range(_FIRST_STAND_IN, _FIRST_STAND_IN + (len(CLASSES) << len(sets)))
    for stand_in in every:
        which, class_ = divmod(stand_in - _FIRST_STAND_IN, len(CLASSES))
        names[CLASSES[class_]] += chr(stand_in)
        for i in range(len(sets)):
            if which >> i & 1 and CLASSES[class_] != _WHITE:
                names[str(i + 1)] += chr(stand_in)
    for i, ranges in enumerate(sets):
        bit = len(CLASSES) << i  # ranges may overlap: a bit that is set stays
        within = {each: _FIRST_STAND_IN + (each - _FIRST_STAND_IN | bit) for each in every}
        for first, last in re.findall("(.)(?:-(.))?", ranges):
            start, end = ord(first), ord(last or first) + 1
            table = table[:start] + table[start:end].translate(within) + table[end:]
    return MappingProxyType(names), "".join(map(chr, _ASCII)) + table[len(_ASCII) :]


_IN_ASCII: Final = MappingProxyType(
    {
        "L": "A-Za-z",
        "N": "0-9",
        "P": r"!-#%-*,\-./:;?@\[\\\]_{}",
        "S": r"$+<=>\^`|~",
        "W": r" \t-\r",
    }
)


def _written_out(pattern: str, stand_ins: Mapping[str, str]) -> str:
    r"""Replace the classes of a pattern by what stands for them."""
    pattern = pattern.replace(r"\s", r"\p{W}").replace(r"\p{nonascii L}", stand_ins["L"])
    return re.sub(
        r"\\p\{(\w)\}", lambda found: _IN_ASCII.get(found[1], "") + stand_ins[found[1]], pattern
    )
