"""Candidates of each partition → hits: merged by exact score, overlapping spans joined.

Floor: core, pure. A candidate's place follows from its own score and source alone, so what one
partition offers never changes the score of another's. No order comes from the order of the input.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from partitioned_rag.values import Candidate, Chunk, Hit, PartitionId

MAX_SPAN_CHARS = 4_000
"""A span that was joined of several that overlap grows no further: no source fills an answer."""

MAX_NEIGHBOURS_CHARS = 400
"""A span of neighbours, which share no text, stays this small: a large one fits no small budget."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Span:
    """A candidate, or several that were joined; `place` and `score` are those of the best."""

    place: int
    score: float
    partition: PartitionId
    source: str
    start: int
    end: int
    text: str
    page: int | None
    lead: str


def rank(by_partition: Mapping[PartitionId, Sequence[Candidate]], *, k: int) -> list[Hit]:
    """Merge what the partitions offer into hits, best first.

    Candidates are taken from the best on, ties by source and then by place in it, until there are
    `k` spans. One that overlaps a span taken before, in the same source, or has at most white space
    between, is joined to it, and may join two; the span keeps the score and the rank of its best
    member. They stay apart where their texts do not agree, or where the whole would exceed
    `MAX_SPAN_CHARS`, or without an overlap `MAX_NEIGHBOURS_CHARS`.

    So each hit of `k` lies within a hit of `k + 1` that ranks no lower.

    Args:
        by_partition: In any order; scores of all of them are on one scale.
        k: How many hits are wanted, at least 1.

    Raises:
        ValueError: `k` is less than 1, or a score is infinite or not a number.
    """
    if k < 1:
        raise ValueError("k must be at least 1")
    spans: dict[tuple[PartitionId, str], list[_Span]] = {}
    many = 0
    for place, (partition, candidate) in enumerate(_in_order(by_partition)):
        if many == k:
            break
        known = spans.get((partition, candidate.source), [])
        grown = _taken(
            _Span(
                place=place,
                score=candidate.score,
                partition=partition,
                source=candidate.source,
                start=candidate.start,
                end=candidate.end,
                text=candidate.text,
                page=candidate.page,
                lead=candidate.lead,
            ),
            known,
        )
        spans[partition, candidate.source] = grown
        many += len(grown) - len(known)
    best_first = sorted(chain.from_iterable(spans.values()), key=lambda span: span.place)
    return [
        Hit(
            rank=number,
            score=span.score,
            partition=span.partition,
            source=span.source,
            start=span.start,
            end=span.end,
            text=span.text,
            page=span.page,
            lead=span.lead,
        )
        for number, span in enumerate(best_first, start=1)
    ]


def reordered(
    by_partition: Mapping[PartitionId, Sequence[Candidate]],
    *,
    judged: int,
    scores: Callable[[Sequence[str]], Sequence[float] | None],
) -> dict[PartitionId, list[Candidate]]:
    """Have the best candidates of all partitions together judged anew, by their texts alone.

    Args:
        by_partition: In any order; scores of all of them are at most 1, on one scale.
        judged: So many of the best are judged.
        scores: Gives each text a score from 0 to 1 that depends on no other, or None for all of
            them if it cannot; then nothing changes.

    Returns:
        The same candidates. Of those that were judged the score is that of their text; of the rest
        it is the one they had, less 2: below every other, and in the order in which they were.

    Raises:
        ValueError: A score is not from 0 to 1.
    """
    in_order = _in_order(by_partition)
    # A section that several of its chunks come with is read once.
    texts = list(dict.fromkeys(each.text for _, each in in_order[:judged]))
    found = scores(texts)
    if found is None:
        return {name: list(candidates) for name, candidates in by_partition.items()}
    if not all(0 <= score <= 1 for score in found):
        raise ValueError("scores of a reranker must be from 0 to 1")
    score_of = dict(zip(texts, found, strict=True))
    offered: dict[PartitionId, list[Candidate]] = {name: [] for name in by_partition}
    for place, (name, each) in enumerate(in_order):
        score = score_of[each.text] if place < judged else each.score - 2
        offered[name].append(replace(each, score=score))
    return offered


def grown(candidate: Candidate, company: Sequence[Chunk]) -> Candidate:
    """Let a candidate be quoted with chunks around it, as far as together they make one text.

    Args:
        candidate: Keeps its score.
        company: Of the same source, in order; the candidate's own chunk may be among them.
    """
    before = [chunk for chunk in company if chunk.start < candidate.start]
    for chunk in reversed(before):
        candidate = _with(candidate, chunk)
    for chunk in company[len(before) :]:
        candidate = _with(candidate, chunk)
    return candidate


def _with(candidate: Candidate, chunk: Chunk) -> Candidate:
    """Join one chunk to a candidate, if they meet and their texts agree."""
    offered = replace(
        candidate,
        start=chunk.start,
        end=chunk.end,
        text=chunk.text,
        page=chunk.page,
        lead=chunk.lead,
    )
    first, second = sorted((candidate, offered), key=lambda each: (each.start, -each.end))
    text = _as_one(first, second)
    if text is None:
        return candidate
    return replace(first, end=max(first.end, second.end), text=text)


def _in_order(
    by_partition: Mapping[PartitionId, Sequence[Candidate]],
) -> Sequence[tuple[PartitionId, Candidate]]:
    offered = [(name, each) for name, candidates in by_partition.items() for each in candidates]
    if not all(math.isfinite(each.score) for _, each in offered):
        raise ValueError("scores must be finite")
    return sorted(
        offered,
        key=lambda one: (
            -one[1].score,
            one[1].source,
            one[1].start,
            one[1].end,
            one[1].text,
            one[1].page or 0,
            one[1].lead,
            one[0],
        ),
    )


def _taken(span: _Span, spans: Sequence[_Span]) -> list[_Span]:
    """Add a span to those taken before in its source, joined to whichever it can be joined to."""
    for other in spans:
        joined = _joined(other, span)
        if joined is not None:
            return _taken(joined, [each for each in spans if each is not other])
    return [*spans, span]


def _joined(one: _Span, other: _Span) -> _Span | None:
    """Join two spans of one source, if they meet and their texts make one."""
    first, second = sorted((one, other), key=lambda each: (each.start, -each.end))
    text = _as_one(first, second)
    if text is None:
        return None
    most = MAX_SPAN_CHARS if second.start < first.end else MAX_NEIGHBOURS_CHARS
    if len(text) > max(most, len(first.text), len(second.text)):
        return None
    best = min(one, other, key=lambda each: each.place)
    return _Span(
        place=best.place,
        score=best.score,
        partition=first.partition,
        source=first.source,
        start=first.start,
        end=max(first.end, second.end),
        text=text,
        page=first.page,
        lead=first.lead,
    )


def _as_one(first: _Span | Candidate, second: _Span | Candidate) -> str | None:
    """Join the texts of two spans of one source, if they meet and agree; `first` begins first."""
    shared = max(0, min(first.end, second.end) - second.start)
    between = ""
    if second.start > first.end:
        if second.start != first.end + len(second.lead):
            return None
        between = second.lead
    at = second.start - first.start
    if first.text[at : at + shared] != second.text[:shared]:
        return None
    return first.text + between + second.text[shared:]
