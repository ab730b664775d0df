"""Writes the classes of characters that llama.cpp's tokenizers distinguish, as of Unicode 15.1.

pip install unicodedata2==15.1.0; python scripts/make_unicode.py
"""

import sys
from itertools import groupby
from pathlib import Path

import unicodedata2  # type: ignore[import-not-found]

OUT = Path(__file__).resolve().parent.parent / "src/partitioned_rag/tokens/unicode_classes.py"
# The property White_Space, which is no general category.
WHITE_SPACE = frozenset(
    map(chr, (*range(9, 14), 0x20, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B)))
) | frozenset("\u2028\u2029\u202f\u205f\u3000")
WIDTH = 92
HEAD = r'''\
"""Which class each character belongs to, as of Unicode 15.1, which llama.cpp goes by.

Floor: edge. Made by scripts/make_unicode.py; change nothing here by hand. The tables of Python and
of its libraries are older or newer, depending on where we run, and thousands of letters differ.
"""

import re
from collections.abc import Mapping
from typing import Final

CLASSES: Final = "LNMPSWCU"
"""Letter, number, mark, punctuation, symbol, white space, other, unassigned."""

_RUNS: Final = """
'''
TAIL = r'''\
"""
"""For each run of characters of one class, in order: the class, and the length in hexadecimal."""


def image(stand_ins: Mapping[str, str]) -> str:
    r"""Give what stands for each code point, at its index, from what stands for each class.

    >>> table = image({class_: class_ for class_ in CLASSES})
    >>> "".join(table[ord(c)] for c in "é٣ ̈—€\u3000\x1c")
    'LNWMPSWC'
    """
    return "".join(stand_ins[name] * int(n, 16) for name, n in re.findall("(.)([0-9a-f]+)", _RUNS))
'''


def class_of(character: str) -> str:
    """Give the letter of a character's class."""
    if character in WHITE_SPACE:
        return "W"
    category: str = unicodedata2.category(character)
    if category == "Cn":
        return "U"
    return "C" if category[0] == "Z" else category[0]


def main() -> None:
    """Write the module."""
    if unicodedata2.unidata_version != "15.1.0":
        sys.exit(f"needs unicodedata2 15.1.0, not {unicodedata2.unidata_version}")
    runs = [
        f"{name}{sum(1 for _ in run):x}"
        for name, run in groupby(map(class_of, map(chr, range(sys.maxunicode + 1))))
    ]
    lines = [""]
    for run in runs:
        if len(lines[-1]) + len(run) > WIDTH:
            lines.append("")
        lines[-1] += run
    body = HEAD + "\n".join(lines) + "\n" + TAIL
    OUT.write_text(body, encoding="utf-8")
    print(f"{len(runs)} runs, {OUT.stat().st_size} bytes")


if __name__ == "__main__":
    main()
