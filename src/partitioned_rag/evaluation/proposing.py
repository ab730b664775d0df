"""Chunks → questions to start a file from, with no model: what stands there is turned about.

Floor: street. Pure. Of each source it takes what is asked in it and the line that follows, what
stands below its headings, and then sentences with their rarest word left out. The same chunks give
the same questions.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice, pairwise
from typing import Final

from partitioned_rag.evaluation.scoring import Question, passages, plain
from partitioned_rag.values import PUBLIC, Hit

GAP: Final = "…"
LEAST_ASKED_WORDS: Final = 4
LEAST_WORDS: Final = 4
"""Of a phrase that is looked for; a shorter one stands in too many places."""

LEAST_CHARS: Final = 8
"""Of a phrase in a script that has no spaces between words."""

MOST_WORDS: Final = 30
"""Of a sentence; what is longer is no sentence but a table or a list."""

LEAST_GAP_CHARS: Final = 4

_TURN = re.compile(r"^\[[0-9: -]{19}\] (them|me): ", re.MULTILINE)
_MARKER = re.compile(r"^\s*(?:[-*+•]|[0-9]{1,3}[.)])\s+")
_FIELD = re.compile(r"^[^\W\d][\w ]{0,24}: ")
_HEADING = re.compile(r"^#{1,6}\s+([^\s#].*)$")
_SENTENCE_END = re.compile(r"(?<=[.!?…。！？])[\"')\]»”’]*(?:\s+|(?<=[。！？]))")
_ASKS: Final = ("?", "？")
_WORD = re.compile(r"\w+")
_PARAGRAPH_END = re.compile(r"\n[ \t]*\n")


@dataclass(frozen=True, slots=True)
class _Proposal:
    """What could be asked of a source, and the text that answers it."""

    text: str = field(repr=False)
    phrase: str = field(repr=False)


def proposed(chunks: Sequence[Hit], *, contact: str | None, at_most: int) -> list[Question]:
    """Propose questions about chunks: the contact's own where there are any, else public ones.

    Args:
        chunks: All that the asker may read, in any order.
        contact: Who will ask; None for the public at large.
        at_most: How many; of every source alike, as far as it has any.

    Returns:
        By source, what is asked in it before what has a gap. The phrase of each stands in one
        place alone of all that is read.
    """
    texts = list(passages(chunks))
    own = {chunk.source for chunk in chunks if chunk.partition != PUBLIC}
    everything = "\n".join(plain(text) for _, text in texts)
    rarity = Counter(word for text in everything.split("\n") for word in _WORD.findall(text))
    sources: dict[str, tuple[list[_Proposal], list[_Proposal]]] = {}
    for source, text in texts:
        if own and source not in own:
            continue
        asked, gaps = sources.setdefault(source, ([], []))
        asked += _asked(text)
        gaps += _with_gaps(text, rarity)
    # One at a time: to look for a phrase in all that is read costs more than to make it.
    wanted = [
        _only_once(chain(_scattered(asked), _scattered(gaps)), everything)
        for asked, gaps in sources.values()
    ]
    chosen = set(islice(_in_turn(wanted), at_most))
    return [
        Question(text=each.text, contact=contact, phrases=(each.phrase,), sources=(source,))
        for source, (asked, gaps) in sources.items()
        for each in chain(asked, gaps)
        if each in chosen
    ]


def _only_once(proposals: Iterable[_Proposal], everything: str) -> Iterator[_Proposal]:
    """Keep those whose phrase stands in one place: only there can it be found."""
    for each in proposals:
        phrase = plain(each.phrase)
        if everything.find(phrase, everything.find(phrase) + 1) < 0:
            yield each


def _in_turn(sources: Sequence[Iterator[_Proposal]]) -> Iterator[_Proposal]:
    """Take one of each in turn, until there is none."""
    waiting = list(sources)
    while waiting:
        left: list[Iterator[_Proposal]] = []
        for source in waiting:
            for each in islice(source, 1):
                left.append(source)
                yield each
        waiting = left


def _scattered(proposals: Sequence[_Proposal]) -> Iterator[_Proposal]:
    """Give all, in an order of which any beginning lies about evenly over the whole.

    By the bits of the places, read backwards (van der Corput, "Verteilungsfunktionen", 1935).
    """
    bits = max(1, (len(proposals) - 1).bit_length())
    for place in range(1 << bits):
        at = int(f"{place:0{bits}b}"[::-1], 2)
        if at < len(proposals):
            yield proposals[at]


# ---------------------------------------------------------------- what stands in a text


def _asked(text: str) -> Iterator[_Proposal]:
    """Take what is asked with what follows, and headings with what stands below them."""
    lines = list(_lines(text))
    for (asked, speaker), (following, other) in pairwise(lines):
        heading = _HEADING.match(asked)
        said = heading[1].rstrip("# ") if heading else asked
        # In a chat it is the contact who asks, and the owner who answers.
        is_question = said.endswith(_ASKS) and (speaker, other) in {("them", "me"), ("", "")}
        if not (is_question or heading) or not _WORD.search(said) or _HEADING.match(following):
            continue
        phrase = next(_sentences(following), "")
        if len(said.split()) >= (LEAST_ASKED_WORDS if not heading else 1) and _is_long(phrase):
            yield _Proposal(said, phrase)


def _with_gaps(text: str, rarity: Counter[str]) -> Iterator[_Proposal]:
    """Take sentences, and leave out of each the word that is rarest in all that is read."""
    for line, _ in _lines(text):
        if _HEADING.match(line):
            continue
        for sentence in _sentences(line):
            words = [
                found
                for found in _WORD.finditer(sentence)
                if len(found[0]) >= LEAST_GAP_CHARS or found[0].isdecimal()
            ]
            if not words or not _is_long(sentence):
                continue
            rarest = min(words, key=lambda found: (rarity[plain(found[0])], -len(found[0])))
            yield _Proposal(sentence[: rarest.start()] + GAP + sentence[rarest.end() :], sentence)


def _lines(text: str) -> Iterator[tuple[str, str]]:
    """Take a text apart into turns, or else into headings, items and paragraphs.

    Yields:
        What stands there, on one line, and who says it in a chat, else nothing.
    """
    turns = list(_TURN.finditer(text))
    ends = [turn.start() for turn in turns[1:]] + [len(text)]
    if turns:
        for turn, end in zip(turns, ends, strict=True):
            yield " ".join(text[turn.end() : end].split()), turn[1]
        return
    for paragraph in _PARAGRAPH_END.split(text):
        gathered: list[str] = []
        for line in paragraph.split("\n"):
            item = _MARKER.match(line)
            is_rule = not _WORD.search(line)
            is_alone = bool(_HEADING.match(line)) or line.rstrip().endswith(_ASKS)
            if item or is_rule or _HEADING.match(line) or _FIELD.match(line):
                yield from _joined(gathered)
                gathered = []
            if not is_rule:
                gathered.append(line[item.end() if item else 0 :])
            if is_alone:
                yield from _joined(gathered)
                gathered = []
        yield from _joined(gathered)


def _joined(gathered: Sequence[str]) -> Iterator[tuple[str, str]]:
    if gathered:
        yield " ".join(" ".join(gathered).split()), ""


def _sentences(line: str) -> Iterator[str]:
    yield from (each for each in _SENTENCE_END.split(line) if each)


def _is_long(phrase: str) -> bool:
    """Say whether a phrase is long enough to stand in one place, and short enough to be one."""
    words = len(phrase.split())
    if LEAST_WORDS <= words <= MOST_WORDS:
        return True
    # Some scripts have no spaces between words.
    return words == 1 and not phrase.isascii() and len(phrase) >= LEAST_CHARS
