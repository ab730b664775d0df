"""Text → what full text can find in it, whatever the script.

Floor: core, pure. SQLite's `unicode61` cuts at what is neither letter nor digit. Scripts without
spaces would be one endless word to it, so their characters are set apart here, and a question's
are looked for in pairs: a pair is about a word in Chinese and Japanese, and in the others it tells
far more than a character alone.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final

MOST_WORDS: Final = 48
"""So many different words of a question are looked for; one that has more is hardly a question."""

ENDING: Final = 3
SHORTEST_STEM: Final = 4

# Thai, Lao, Burmese, Khmer, Hangul (whose words grow endings), Kana and Han.
_UNSPACED: Final = (
    "\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u3040-\u30ff\u3130-\u318f\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U0001b000-\U0001b16f\U00020000-\U0003ffff"
)
_SIGN = re.compile(f"[{_UNSPACED}]")
_RUN = re.compile(f"[{_UNSPACED}]+|[^{_UNSPACED}]+")
# Arabic vowel signs and the stroke that only stretches: written or left out at will.
_OPTIONAL = re.compile("[\u0640\u064b-\u0652\u0670]")
_BETWEEN_WORDS = re.compile("[\\s\0-/:-@\\[-`{-\xbf\u2000-\u206f\u3000-\u303f\ufffd]+")
_SPACES = str.maketrans({chr(sign): " " for sign in range(256) if not chr(sign).isalnum()})
_ORDINAL = re.compile("([0-9]+)(?:st|nd|rd|th)")

STOP_WORDS: Final = frozenset(
    "a about after again all also am an and any are as at be because been before being but by can "
    "could did do does doing done for from get go got had has have having he her here hers him his "
    "how i if in into is it its just like made make may me might mine much must my no nor not now "
    "of off on or our ours out over own said say she should so some such tell than that the their "
    "theirs them then there these they this those to too under until up us very was we were what "
    "when where which while who whom whose why will with would yes you your yours".split()
)
"""English words that tell nothing of what is asked for; other languages keep theirs."""


def searchable(text: str) -> str:
    """Write a text as the full text takes it in; plain ASCII stays as it is.

    >>> searchable("東京タワー, 2階")
    '東 京 タ ワ ー , 2 階'
    """
    if text.isascii():
        return text
    spaced = _SIGN.sub(r" \g<0> ", _plain(text))
    return " ".join(spaced.split())


def words_of(question: str, *, without: frozenset[str] = frozenset()) -> tuple[str, ...]:
    """List the words of a question that are worth looking for, each once, in their order.

    Args:
        question: Of any length; from `MOST_WORDS` on it is not read.
        without: Words in lower case that are passed over like stop words.

    Returns:
        All its words if each of them is one to be passed over, so that "who is it" finds something.

    >>> words_of("When is Pip's exam on the 3rd?", without=frozenset({"pip"}))
    ('exam', '3')
    >>> words_of("東京タワー")
    ('東 京', '京 タ', 'タ ワ', 'ワ ー')
    """
    found = list(_all_words(_plain(question).lower()))
    telling = [word for word in found if word not in STOP_WORDS and word not in without]
    return tuple(dict.fromkeys(telling or found))[:MOST_WORDS]


def expression(words: Sequence[str], *, every: bool = False) -> str:
    """Write words as what FTS5 is asked to match: any of them, or every one."""
    return (" AND " if every else " OR ").join(f'"{word}"' for word in words)


def shares_of(words: Sequence[str], texts: Iterable[str]) -> list[float]:
    """Say which share of a question's words each of some texts has; 0 of no words.

    A rough look, for comparing texts that no full text holds side by side: a word counts where one
    begins as it does, up to its last `ENDING` letters.

    Args:
        words: As `words_of` lists them.
        texts: As `searchable` writes them.

    >>> shares_of(("painted", "harbour"), ["Paintings of the sea", "(harbours)"])
    [0.5, 0.5]
    """
    stems = [_folded(word) for word in words]
    begun = [f" {stem[: max(SHORTEST_STEM, len(stem) - ENDING)]}" for stem in stems]
    shares = []
    for text in texts:
        folded = f" {_folded(text).translate(_SPACES)}"
        shares.append(sum(each in folded for each in begun) / max(1, len(begun)))
    return shares


def _folded(text: str) -> str:
    """Take case and accents off."""
    lowered = text.lower()
    if lowered.isascii():
        return lowered
    apart = unicodedata.normalize("NFD", lowered)
    return "".join(sign for sign in apart if unicodedata.category(sign) != "Mn")


def _plain(text: str) -> str:
    return _OPTIONAL.sub("", unicodedata.normalize("NFKC", text))


def _all_words(text: str) -> list[str]:
    words: list[str] = []
    for part in _BETWEEN_WORDS.split(text):
        for run in _RUN.findall(part):
            if _SIGN.match(run):
                # Vowel signs are no letters to the tokenizer: a pair with one would be half a pair.
                signs = [sign for sign in run if not unicodedata.category(sign).startswith("M")]
                words += [" ".join(pair) for pair in pairwise(signs)] or signs
            elif ordinal := _ORDINAL.fullmatch(run):
                words.append(ordinal[1])
            # What an apostrophe leaves of a word: "s", "t", "d".
            elif len(run) > 1 or not run.isascii() or run.isdigit():
                words.append(run)
    return words
