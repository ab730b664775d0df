"""Hits of a question → how much of its evidence stands in them, by rank and by tokens.

Floor: street. Pure: how to search, how to count tokens and how to explain what was missed are
functions that are handed in, so that settings are compared by handing in several.
"""

import math
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from partitioned_rag.values import CountKind, Hit, Skip

CUTOFFS: Final = (1, 5, 10)
"""Recall is told for the first so many hits; what the last does not reach is missed."""

BUDGETS_TOKENS: Final = (512, 1024, 2048, 4096)
"""Recall is told for the hits that fit into so many tokens."""

Recalls = tuple[tuple[int, float], ...]
"""A cutoff, in hits or in tokens, and the share of the evidence that is found within it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question, who asks it, and the evidence that the owner knows of.

    Attributes:
        text: What is asked.
        contact: Who asks, as in `OMBox.view`; None for the public at large.
        phrases: Texts that what is found must hold; white space and case do not matter. Each is a
            piece of evidence.
        sources: Paths as in `Source.path`. Where there are phrases, each must stand in one of
            these; where there are none, each source is a piece of evidence itself.
    """

    text: str = field(repr=False)
    contact: str | None = None
    phrases: tuple[str, ...] = field(default=(), repr=False)
    sources: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.phrases and not self.sources:
            raise ValueError("a question needs a phrase or a source to be found")
        if not all(map(plain, self.phrases)):
            raise ValueError("a phrase must not be blank")


class Missing(StrEnum):
    """Why a piece of evidence is missed: a closed set, part of the `--json` contract."""

    SOURCE_NOT_THERE = "source not there"
    SOURCE_SKIPPED = "source skipped"
    PHRASE_NOT_THERE = "phrase not there"
    RANKED_LOW = "ranked low"
    NOT_FOUND = "not found"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A piece of what a question was to find.

    Attributes:
        phrase: The text; empty where any text of the source will do.
        sources: Where it may stand; empty where that does not matter.
        rank: Of the hit that completes it; None if the hits do not hold it.
        missed: Why it is not in the first hits; None if it is.
        detail: Why its source was skipped, else empty.
    """

    phrase: str = field(repr=False)
    sources: tuple[str, ...]
    rank: int | None = None
    missed: Missing | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionResult:
    """What was found of one question's evidence.

    Attributes:
        recall_at: For each of `CUTOFFS`, the share that the first so many hits hold.
        recall_within: For each of `BUDGETS_TOKENS`, the share that the hits hold which fit in.
        reciprocal_rank: One over the rank at which the first piece is found; 0 if none is.
    """

    question: Question
    evidence: tuple[Evidence, ...]
    recall_at: Recalls
    recall_within: Recalls
    reciprocal_rank: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """How well one setting finds what a list of questions asks for.

    Attributes:
        setting: Its name.
        results: One for each question, in their order.
        recall_at, recall_within, reciprocal_rank: Means over the questions.
        count: How far the counts of tokens can be trusted.
        margin: By what share each was raised to be safe.
    """

    setting: str
    results: tuple[QuestionResult, ...]
    recall_at: Recalls
    recall_within: Recalls
    reciprocal_rank: float
    count: CountKind
    margin: float

    @property
    def missed(self) -> tuple[QuestionResult, ...]:
        """The questions of which some evidence is not in the first hits."""
        return tuple(each for each in self.results if any(piece.missed for piece in each.evidence))


# ---------------------------------------------------------------- one question


def score(
    question: Question,
    hits: Sequence[Hit],
    *,
    count: Callable[[str], int],
    why: Callable[[Evidence], Evidence],
) -> QuestionResult:
    """Say how much of a question's evidence stands in what was found.

    Args:
        question: With its evidence.
        hits: Best first.
        count: Tokens of a text.
        why: Adds to a piece of evidence that the hits do not hold why that is.
    """
    evidence = tuple(_ranked(piece, hits, why=why) for piece in evidence_of(question))
    ranks = [piece.rank for piece in evidence if piece.rank is not None]
    costs = [count(hit.text) for hit in hits]
    within: list[tuple[int, float]] = []
    for budget_tokens in BUDGETS_TOKENS:
        taken = fitting(hits, costs, budget_tokens=budget_tokens)
        within.append((budget_tokens, _share(holds(piece, taken) for piece in evidence)))
    return QuestionResult(
        question=question,
        evidence=evidence,
        recall_at=tuple(
            (k, _share(piece.rank is not None and piece.rank <= k for piece in evidence))
            for k in CUTOFFS
        ),
        recall_within=tuple(within),
        reciprocal_rank=1 / min(ranks) if ranks else 0.0,
    )


def evidence_of(question: Question) -> tuple[Evidence, ...]:
    """Take a question's evidence apart into pieces, each of which is found or not."""
    if question.phrases:
        return tuple(
            Evidence(phrase=phrase, sources=question.sources) for phrase in question.phrases
        )
    return tuple(Evidence(phrase="", sources=(source,)) for source in question.sources)


def holds(piece: Evidence, hits: Iterable[Hit]) -> bool:
    """Say whether a piece of evidence stands in hits, of which those that touch are one text."""
    where = [hit for hit in hits if not piece.sources or hit.source in piece.sources]
    if not piece.phrase:
        return bool(where)
    wanted = plain(piece.phrase)
    return any(wanted in plain(text) for _, text in passages(where))


def fitting(hits: Sequence[Hit], costs: Sequence[int], *, budget_tokens: int) -> list[Hit]:
    """Take hits in the order of their ranks while they fit; one that does not is passed over."""
    taken: list[Hit] = []
    for hit, tokens in zip(hits, costs, strict=True):
        if tokens <= budget_tokens:
            taken.append(hit)
            budget_tokens -= tokens
    return taken


def _ranked(
    piece: Evidence, hits: Sequence[Hit], *, why: Callable[[Evidence], Evidence]
) -> Evidence:
    """Say from which rank on a piece of evidence is complete, and why that is too late or never."""
    if not holds(piece, hits):
        return why(piece)
    rank = next(number for number in range(1, len(hits) + 1) if holds(piece, hits[:number]))
    return replace(piece, rank=rank, missed=Missing.RANKED_LOW if rank > CUTOFFS[-1] else None)


def _share(found: Iterable[bool]) -> float:
    return _mean([float(each) for each in found])


# ---------------------------------------------------------------- texts


def plain(text: str) -> str:
    r"""Reduce a text to what matters when a phrase is looked for in it.

    >>> plain("Under the\n  Brass FROG ")
    'under the brass frog'
    """
    return " ".join(unicodedata.normalize("NFC", text).casefold().split())


def passages(hits: Iterable[Hit]) -> Iterator[tuple[str, str]]:
    """Join spans that overlap or touch into one text each.

    Yields:
        Source and text, by source and place.
    """
    parts: list[str] = []
    # Of those in `parts`, the hit that reaches furthest; no later one begins before it.
    far: Hit | None = None
    for hit in sorted(hits, key=lambda each: (each.source, each.start, -each.end)):
        joint = _joint(far, hit)
        if far is not None and joint is None:
            yield far.source, "".join(parts)
            parts = []
        parts.append(hit.text if joint is None else joint)
        if far is None or joint is None or hit.end > far.end:
            far = hit
    if far is not None:
        yield far.source, "".join(parts)


def _joint(far: Hit | None, hit: Hit) -> str | None:
    """Say what a hit adds to a text that ends with another hit; None if it is no part of it."""
    if far is None or far.source != hit.source or hit.start - len(hit.lead) > far.end:
        return None
    between = hit.start - far.end
    if between >= 0:
        # What lies between is white space, and stands in the lead.
        return hit.lead[len(hit.lead) - between :] + hit.text
    shared = min(far.end, hit.end) - hit.start
    at = hit.start - far.start
    return hit.text[shared:] if far.text[at : at + shared] == hit.text[:shared] else None


# ---------------------------------------------------------------- why it was missed


@dataclass(frozen=True, slots=True, kw_only=True)
class Readable:
    """What the asker may read, and so all that an explanation may look at.

    Attributes:
        texts: Source and plain text of each passage.
        skipped: By source.
    """

    texts: tuple[tuple[str, str], ...] = field(repr=False)
    skipped: Mapping[str, Skip]


def readable(chunks: Iterable[Hit], skipped: Iterable[Skip]) -> Readable:
    """Prepare all that an audience may read for being looked through."""
    return Readable(
        texts=tuple((source, plain(text)) for source, text in passages(chunks)),
        skipped={skip.source: skip for skip in skipped},
    )


def explained(piece: Evidence, there: Readable) -> Evidence:
    """Say why a piece of evidence was not found.

    A source that the asker may not read is one that is not there: which of the two it is would
    tell of another's folder.
    """
    texts = [text for source, text in there.texts if not piece.sources or source in piece.sources]
    if piece.sources and not texts:
        skips = [there.skipped[path] for path in piece.sources if path in there.skipped]
        if skips:
            return replace(piece, missed=Missing.SOURCE_SKIPPED, detail=str(skips[0].reason))
        return replace(piece, missed=Missing.SOURCE_NOT_THERE)
    wanted = plain(piece.phrase)
    if not any(wanted in text for text in texts):
        return replace(piece, missed=Missing.PHRASE_NOT_THERE)
    return replace(piece, missed=Missing.NOT_FOUND)


# ---------------------------------------------------------------- all questions


def summed_up(
    setting: str, results: Sequence[QuestionResult], *, count: CountKind, margin: float
) -> Evaluation:
    """Take the means over the questions; each counts the same, however many pieces it has.

    Raises:
        ValueError: There is no question.
    """
    if not results:
        raise ValueError("there must be a question")
    return Evaluation(
        setting=setting,
        results=tuple(results),
        recall_at=_means([each.recall_at for each in results]),
        recall_within=_means([each.recall_within for each in results]),
        reciprocal_rank=_mean([each.reciprocal_rank for each in results]),
        count=count,
        margin=margin,
    )


def _means(recalls: Sequence[Recalls]) -> Recalls:
    return tuple(
        (cutoff, _mean([each[at][1] for each in recalls]))
        for at, (cutoff, _) in enumerate(recalls[0])
    )


def _mean(shares: Sequence[float]) -> float:
    # An exact sum: the order of the questions leaves no trace.
    return math.fsum(shares) / len(shares)
