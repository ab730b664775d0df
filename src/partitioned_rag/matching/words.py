"""Text → what full text can find in it, whatever the script.

Floor: core, pure. SQLite's `unicode61` cuts at what is neither letter nor digit. Scripts without
spaces would be one endless word to it, so their characters are set apart here, and a question's
are looked for in pairs: a pair is about a word in Chinese and Japanese, and in the others it tells
far more than a character alone.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from itertools import pairwise, takewhile
from types import MappingProxyType
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
# Arabic's stroke that only stretches.
_STROKE = re.compile("\u0640")
_BETWEEN_WORDS = re.compile("[\\s\0-/:-@\\[-`{-\xbf\u2000-\u206f\u2100-\u2bff\u3000-\u303f\ufffd]+")
# The same for ASCII, in a quarter of the time.
_NO_WORD_IN_ASCII: Final = MappingProxyType(
    {code: " " for code in range(0x80) if _BETWEEN_WORDS.match(chr(code))}
)
# What an apostrophe leaves of a word.
_CUT_OFF: Final = frozenset("s t d m ll re ve".split())
_ORDINAL = re.compile("([0-9]+)(?:st|nd|rd|th)")

STOP_WORDS: Final = frozenset(
    "a about after again all also am an and any are as at be because been before being but by can "
    "could did do does doing done for from get go got had has have having he her here hers him his "
    "how i if in into is it its just like made make me might mine much must my no nor not now "
    "of off on or our ours out over own said say she should so some such tell than that the their "
    "theirs them then there these they this those to too under until up us very was we were what "
    "when where which while who whom whose why will with would yes you your yours".split()
)
"""English words that tell nothing of what is asked for; other languages keep theirs."""


def searchable(text: str) -> str:
    """Write a text as the full text takes it in: without case and accents, scripts set apart.

    Plain ASCII stays as it is: the tokenizer takes its case off.

    >>> searchable("東京タワー, 2階"), searchable("Łódź Straße")
    ('東 京 タ ワ ー , 2 階', 'łodz strasse')
    """
    if text.isascii():
        return text
    return " ".join(_sign().sub(_apart, folded(text)).split())


def folded(text: str) -> str:
    """Take off what is written in several ways: case, width, accents and Arabic's vowel signs.

    >>> folded("RÉSUMÉ أحمد")
    'resume احمد'
    """
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFD", unicodedata.normalize("NFKC", text).casefold())
    # A vowel sign of Thai or Burmese is a letter to its readers, and no accent.
    is_sign = _sign().match
    plain = "".join(
        sign for sign in decomposed if unicodedata.category(sign) != "Mn" or is_sign(sign)
    )
    return unicodedata.normalize("NFC", _STROKE.sub("", plain))


def words_of(question: str) -> tuple[str, ...]:
    """List the words of a question that are worth looking for, each once, in their order.

    Args:
        question: Of any length; from `MOST_WORDS` on it is not read.

    Returns:
        All its words if each of them is a stop word, so that "who is it" finds something.

    >>> words_of("When is the exam on the 3rd?")
    ('exam', '3rd', '3')
    >>> words_of("東京タワー")
    ('東 京', '京 タ', 'タ ワ', 'ワ ー')
    """
    found = _all_words(folded(question))
    telling = [word for word in found if word not in STOP_WORDS]
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
    begun = [f" {word[: max(SHORTEST_STEM, len(word) - ENDING)]}" for word in words]
    shares = []
    for text in texts:
        said = f" {' '.join(_words_in(folded(text)))}"
        shares.append(sum(each in said for each in begun) / max(1, len(begun)))
    return shares


def telling_from(question: str, lines: Sequence[str], *, length: int) -> int:
    """Say where in a text to begin, if only some lines of it are shown.

    Args:
        question: What the text was found by.
        lines: Of the text.
        length: How many of them are shown, at least 1.

    Returns:
        The first line of that many which have most of the question's words; those words are in the
        middle of them, if not at the beginning of the text.

    >>> telling_from("open on sunday?", ["Hours", "Monday 10-18", "Sunday 12-15"], length=1)
    2
    """
    starts = range(max(1, len(lines) - length + 1))
    shown = [searchable(" ".join(lines[start : start + length])) for start in starts]
    shares = shares_of(words_of(question), shown)
    best = shares.index(max(shares))
    if best == 0:
        return 0
    alike = takewhile(lambda share: share == shares[best], shares[best:])
    return best + (len(list(alike)) - 1) // 2


def _words_in(text: str) -> list[str]:
    if text.isascii():
        return text.translate(_NO_WORD_IN_ASCII).split()
    return _BETWEEN_WORDS.sub(" ", text).split()


def _sign() -> re.Pattern[str]:
    # Not compiled before a text may hold one, since that takes milliseconds. `re` remembers it.
    return re.compile(f"[{_UNSPACED}]")


def _run() -> re.Pattern[str]:
    return re.compile(f"[{_UNSPACED}]+|[^{_UNSPACED}]+")


def _apart(sign: re.Match[str]) -> str:
    # Vowel signs are no letters to the tokenizer: a pair with one would be half a pair.
    return " " if unicodedata.category(sign[0]).startswith("M") else f" {sign[0]} "


def _all_words(text: str) -> list[str]:
    words: list[str] = []
    for part in _words_in(text):
        # Plain ASCII is one run, and spares the expressions.
        for run in [part] if part.isascii() else _run().findall(part):
            if not run.isascii() and _sign().match(run):
                signs = _sign().sub(_apart, run).split()
                words += [" ".join(pair) for pair in pairwise(signs)] or signs
            elif run not in _CUT_OFF:
                ordinal = _ORDINAL.fullmatch(run)
                words += [run, ordinal[1]] if ordinal else [run]
    return words
