"""A question, read from the asker's side: who is "I", who is "you", whose turn is asked for.

Floor: core, pure. In a chat the two who talk are `them`, who asks here, and `me`, the owner. What
is indexed holds these two words in place of names, so a name that the owner changes in
`contacts.toml` costs nothing but the reading of the next question.
"""

import re
from collections.abc import Iterable
from typing import Final

from partitioned_rag.matching.dates import dates_in_words
from partitioned_rag.matching.words import words_of
from partitioned_rag.values import Asked, Names

THEM: Final = "them"
ME: Final = "me"

_THEIR_WORDS = re.compile(r"\b(?:i|my|mine|me|myself)\b", re.IGNORECASE)
_MY_WORDS = re.compile(r"\b(?:you|your|yours|yourself)\b", re.IGNORECASE)


def read(question: str, names: Names) -> Asked:
    """Read a question.

    A name is one where it is written as the owner wrote it: "Will" is a person and "will" is not.
    In a question without any capital letter its case does not count.

    Args:
        question: Not blank.
        names: Of the owner and of the one contact who asks, as far as they are known.

    >>> asked = read("When did Pip see Juno's dog?", Names(owner="Juno", asker="Pip"))
    >>> asked.embedded, asked.words, asked.speaker
    ("When did them see me's dog?", ('see', 'dog'), '')
    >>> read("when is your exam?", Names()).speaker
    'me'
    """
    any_case = re.IGNORECASE if question == question.lower() else re.NOFLAG
    embedded, of_them = _named((names.asker, *names.also), THEM, question, any_case)
    embedded, of_me = _named((names.owner,), ME, embedded, any_case)
    # The speaker does the work of a name that was read as one.
    unnamed, _ = _named((names.asker, *names.also, names.owner), " ", question, any_case)
    if not (of_them or of_me):
        of_them = len(_THEIR_WORDS.findall(question))
        of_me = len(_MY_WORDS.findall(question))
    return Asked(
        embedded=embedded,
        words=words_of(f"{unnamed} {' '.join(dates_in_words(question))}"),
        speaker="" if bool(of_them) == bool(of_me) else THEM if of_them else ME,
    )


def _named(names: Iterable[str], put: str, text: str, any_case: re.RegexFlag) -> tuple[str, int]:
    """Put something in place of any of some names, as whole words; says how often."""
    # The longest first, since one may begin another.
    known = sorted({name for name in names if name}, key=lambda name: (-len(name), name))
    if not known:
        return text, 0
    pattern = rf"(?<!\w)(?:{'|'.join(map(re.escape, known))})(?!\w)"
    return re.subn(pattern, lambda _: put, text, flags=any_case)
