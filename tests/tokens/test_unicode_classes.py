"""The classes of characters are those of Unicode 15.1, on whatever Python this runs."""

import sys
import unicodedata

from partitioned_rag.tokens.unicode_classes import CLASSES, image

TABLE = image({class_: class_ for class_ in CLASSES})
WHITE_SPACE = 25
# Assigned in 15.0 and 15.1, so unknown to Python 3.11; and in 16.0, so unknown to llama.cpp.
NEWER_LETTERS = "\U00011f04\U0001e4d0\U00031350\U0002ebf0"
STILL_NEWER = "\u1c89\U00010d4a\U0001cc00"


def test_each_code_point_has_a_class() -> None:
    assert len(TABLE) == sys.maxunicode + 1
    assert set(TABLE) == set(CLASSES)


def test_white_space_is_the_property_and_no_control_character() -> None:
    white = [code for code, class_ in enumerate(TABLE) if class_ == "W"]
    assert len(white) == WHITE_SPACE
    assert not {0x1C, 0x1D, 0x1E, 0x1F, 0x200B, 0xFEFF} & set(white)


def test_the_version_is_neither_older_nor_newer() -> None:
    assert {TABLE[ord(letter)] for letter in NEWER_LETTERS} == {"L"}
    assert {TABLE[ord(letter)] for letter in STILL_NEWER} == {"U"}


def test_what_every_version_knows_is_in_its_category() -> None:
    old = unicodedata.ucd_3_2_0
    # A few dozen characters have changed their category since.
    changed = [
        code
        for code in range(sys.maxunicode + 1)
        if TABLE[code] != "W"
        and old.category(chr(code)) != "Cn"
        and old.category(chr(code))[0] != TABLE[code]
    ]
    assert len(changed) < 60
