"""A question, read from the asker's side: who is "I", who is "you", whose turn is asked for.

Floor: core, pure. In a chat the two who talk are `them`, who asks here, and `me`, the owner. What
is indexed holds these two words in place of names, so a name that the owner changes in
`contacts.toml` costs nothing but the reading of the next question.
"""

import re
from collections.abc import Iterable
from typing import Final

from partitioned_rag.matching.dates import with_dates_in_words
from partitioned_rag.matching.words import words_of
from partitioned_rag.values import Asked, Names

THEM: Final = "them"
ME: Final = "me"

_THEIR_WORDS = re.compile(r"\b(?:i|i'm|i've|my|mine|me|myself)\b", re.IGNORECASE)
_MY_WORDS = re.compile(r"\b(?:you|you're|you've|your|yours|yourself)\b", re.IGNORECASE)


def read(question: str, names: Names) -> Asked:
    """Read a question.

    Args:
        question: Not blank.
        names: Of the owner and of the one contact who asks, as far as they are known.

    >>> asked = read("When did Pip see Juno's dog?", Names(owner="Juno", asker="Pip"))
    >>> asked.embedded, asked.words, asked.speaker
    ("When did them see me's dog?", ('see', 'dog'), '')
    >>> read("when is your exam?", Names()).speaker
    'me'
    """
    them = _pattern((names.asker, *names.also))
    me = _pattern((names.owner,))
    embedded = question
    if them is not None:
        embedded = them.sub(THEM, embedded)
    if me is not None:
        embedded = me.sub(ME, embedded)
    is_of_them = them is not None and them.search(question) is not None
    is_of_me = me is not None and me.search(question) is not None
    if not (is_of_them or is_of_me):
        is_of_them = _THEIR_WORDS.search(question) is not None
        is_of_me = _MY_WORDS.search(question) is not None
    known = words_of(" ".join((names.asker, *names.also, names.owner)))
    return Asked(
        embedded=embedded,
        words=words_of(with_dates_in_words(question), without=frozenset(known)),
        speaker=THEM if is_of_them > is_of_me else ME if is_of_me > is_of_them else "",
    )


def _pattern(names: Iterable[str]) -> re.Pattern[str] | None:
    """Find any of some names as whole words; the longest first, since one may begin another."""
    known = sorted({name for name in names if name}, key=lambda name: (-len(name), name))
    if not known:
        return None
    return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, known))})(?!\w)", re.IGNORECASE)
