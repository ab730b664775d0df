"""Hits follow from what was offered alone: not from its order, nor from a neighbour's offer."""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partitioned_rag.ranking import MAX_NEIGHBOURS_CHARS, MAX_SPAN_CHARS, rank, reordered
from partitioned_rag.values import Candidate, Hit, PartitionId

TEXT = "".join(chr(ord("a") + n * n % 26) for n in range(200))
PARTITIONS = (PartitionId("public"), PartitionId("friend"))
Offer = Mapping[PartitionId, Sequence[Candidate]]


def candidate(source: str, start: int, end: int, score: float = 0.5, text: str = "") -> Candidate:
    return Candidate(
        score=score, source=source, start=start, end=end, text=text or TEXT[start:end], page=None
    )


def offers_of(partition: str) -> st.SearchStrategy[list[Candidate]]:
    """Draw chunks that often touch, overlap, tie, and sometimes contradict each other."""
    return st.lists(
        st.builds(
            lambda name, start, size, score, is_true: candidate(
                f"{partition}/{name}",
                start,
                start + size,
                score,
                "" if is_true else TEXT[start : start + size].upper(),
            ),
            st.sampled_from("ab"),
            st.sampled_from([0, 5, 10, 20, 21, 40]),
            st.sampled_from([1, 5, 10, 11, 30]),
            st.sampled_from([-0.5, 0.0, 0.25, 0.25, 0.5, 1.0]),
            st.sampled_from([True, True, True, False]),
        ),
        max_size=8,
    )


OFFERS = st.fixed_dictionaries({name: offers_of(name) for name in PARTITIONS})


@given(OFFERS, st.integers(1, 6), st.randoms(use_true_random=False))
def test_the_order_of_the_input_leaves_no_trace(offer: Offer, k: int, random: Random) -> None:
    names = random.sample(PARTITIONS, len(PARTITIONS))
    shuffled = {name: random.sample(offer[name], len(offer[name])) for name in names}
    assert rank(shuffled, k=k) == rank(offer, k=k)


@given(OFFERS, st.integers(1, 6))
def test_each_hit_lies_within_a_hit_of_one_more_that_ranks_no_lower(offer: Offer, k: int) -> None:
    more = rank(offer, k=k + 1)
    for hit in rank(offer, k=k):
        assert any(
            (one.partition, one.source) == (hit.partition, hit.source)
            and one.start <= hit.start
            and hit.end <= one.end
            and one.rank <= hit.rank
            for one in more
        )


@given(OFFERS, st.integers(1, 6))
def test_hits_are_ranked_by_score_and_say_what_their_source_says(offer: Offer, k: int) -> None:
    hits = rank(offer, k=k)
    assert [hit.rank for hit in hits] == list(range(1, len(hits) + 1))
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert len(hits) == k or hits == rank(offer, k=100)
    for hit in hits:
        assert len(hit.text) == hit.end - hit.start
        inside = [one for one in offer[hit.partition] if lies_within(one, hit)]
        # Of nothing but what was offered, all of it, at the score of the best.
        assert {n for one in inside for n in range(one.start, one.end)} >= {
            *range(hit.start, hit.end)
        }
        assert hit.score == max(one.score for one in inside if agrees(one, hit))
        for at, character in enumerate(hit.text, start=hit.start):
            assert any(
                one.start <= at < one.end and one.text[at - one.start] == character
                for one in inside
            )


def lies_within(one: Candidate, hit: Hit) -> bool:
    return one.source == hit.source and hit.start <= one.start and one.end <= hit.end


def agrees(one: Candidate, hit: Hit) -> bool:
    return hit.text[one.start - hit.start : one.end - hit.start] == one.text


@given(OFFERS)
def test_nothing_that_was_offered_is_lost_where_there_is_room_for_all(offer: Offer) -> None:
    hits = rank(offer, k=100)
    for partition, candidates in offer.items():
        for one in candidates:
            assert any(
                hit.partition == partition and lies_within(one, hit) and agrees(one, hit)
                for hit in hits
            )


@given(OFFERS, st.integers(1, 6))
def test_a_neighbours_offer_changes_no_score_and_no_order_of_the_others(
    offer: Offer, k: int
) -> None:
    friend = PARTITIONS[1]
    alone = rank({friend: offer[friend]}, k=100)
    together = [hit for hit in rank(offer, k=100) if hit.partition == friend]
    assert [replace(hit, rank=0) for hit in together] == [replace(hit, rank=0) for hit in alone]
    for hit in rank(offer, k=k):
        if hit.partition == friend:
            assert hit.score in {one.score for one in offer[friend]}


def test_a_source_of_one_name_in_two_partitions_is_two_sources() -> None:
    offer = {name: [candidate("x", 0, 9), candidate("x", 9, 20)] for name in PARTITIONS}
    assert [(hit.partition, hit.start, hit.end) for hit in rank(offer, k=9)] == [
        ("friend", 0, 20),
        ("public", 0, 20),
    ]


def test_ties_are_broken_by_source_place_and_text() -> None:
    tied = [
        candidate("a", 0, 9),
        candidate("a", 30, 35, text="AAAAA"),
        candidate("a", 30, 35, text="BBBBB"),
        candidate("a", 30, 36, text="000000"),
        candidate("a", 50, 55),
        candidate("b", 0, 9),
    ]
    for order in itertools.permutations(tied):
        hits = rank({PARTITIONS[0]: order}, k=9)
        assert [(hit.source, hit.start, hit.end, hit.text) for hit in hits] == [
            (one.source, one.start, one.end, one.text) for one in tied
        ]


def spans(*candidates: Candidate, k: int = 9) -> list[tuple[int, int, float]]:
    hits = rank({PARTITIONS[0]: candidates}, k=k)
    return [(hit.start, hit.end, hit.score) for hit in hits]


def test_what_touches_or_overlaps_is_joined_at_the_score_of_the_best() -> None:
    assert spans(candidate("a", 0, 9, 0.2), candidate("a", 9, 20, 0.7)) == [(0, 20, 0.7)]
    assert spans(candidate("a", 0, 9, 0.2), candidate("a", 5, 20, 0.1)) == [(0, 20, 0.2)]
    assert spans(candidate("a", 0, 9, 0.2), candidate("a", 10, 20, 0.1)) == [
        (0, 9, 0.2),
        (10, 20, 0.1),
    ]
    assert spans(candidate("a", 0, 9), candidate("b", 9, 20)) == [(0, 9, 0.5), (9, 20, 0.5)]
    middle = candidate("a", 9, 15, 0.1)
    assert spans(candidate("a", 0, 9, 0.9), candidate("a", 15, 30, 0.8), middle) == [(0, 30, 0.9)]


def test_what_does_not_agree_is_not_joined() -> None:
    other = candidate("a", 5, 20, text="X" * 15)
    assert spans(candidate("a", 0, 9), other) == [(0, 9, 0.5), (5, 20, 0.5)]


def test_a_joined_span_grows_to_its_limit_and_no_further() -> None:
    half = MAX_SPAN_CHARS // 2
    first = candidate("a", 0, half + 1, text="x" * (half + 1))
    assert spans(first, candidate("a", half, 2 * half, text="x" * half)) == [(0, 2 * half, 0.5)]
    longer = candidate("a", half, 2 * half + 1, text="x" * (half + 1))
    assert spans(first, longer) == [(0, half + 1, 0.5), (half, 2 * half + 1, 0.5)]


def test_neighbours_that_share_no_text_are_joined_to_a_small_span_alone() -> None:
    half = MAX_NEIGHBOURS_CHARS // 2
    first = candidate("a", 0, half, text="x" * half)
    touching = candidate("a", half, 2 * half, text="y" * half)
    assert spans(first, touching) == [(0, 2 * half, 0.5)]
    longer = candidate("a", half, 2 * half + 1, text="y" * (half + 1))
    assert spans(first, longer) == [(0, half, 0.5), (half, 2 * half + 1, 0.5)]


def test_neighbours_are_joined_over_the_white_space_between_them() -> None:
    first = candidate("a", 0, 9, 0.2)
    second = replace(candidate("a", 11, 20, 0.7), lead="\n\n")
    (hit,) = rank({PARTITIONS[0]: [first, second]}, k=5)
    assert (hit.start, hit.end) == (0, 20)
    assert hit.text == first.text + "\n\n" + second.text
    away = replace(second, lead="\n")
    assert len(rank({PARTITIONS[0]: [first, away]}, k=5)) == 2


@pytest.mark.parametrize("score", [math.nan, math.inf, -math.inf])
def test_a_score_that_is_no_number_is_refused(score: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        rank({PARTITIONS[0]: [candidate("a", 0, 9), candidate("a", 20, 29, score)]}, k=1)


def test_at_least_one_hit_is_asked_for() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        rank({}, k=0)
    assert rank({}, k=1) == []


# ---------------------------------------------------------------- judged anew by a reranker


def share_of_a(texts: Sequence[str]) -> list[float]:
    return [text.count("a") / len(text) for text in texts]


@given(OFFERS, st.integers(1, 12), st.randoms(use_true_random=False))
def test_the_best_are_ordered_by_their_texts_and_the_rest_as_they_were(
    offer: Offer, judged: int, random: Random
) -> None:
    many = sum(map(len, offer.values()))
    anew = reordered(offer, judged=judged, scores=share_of_a)
    flat = [each for candidates in anew.values() for each in candidates]
    assert len(flat) == many
    assert len([each for each in flat if each.score >= 0]) == min(judged, many)
    for each in flat:
        if each.score >= 0:
            assert [each.score] == share_of_a([each.text])
    shuffled = {name: random.sample(offer[name], len(offer[name])) for name in PARTITIONS}
    assert reordered(shuffled, judged=judged, scores=share_of_a) == {
        name: anew[name] for name in PARTITIONS
    }
    before = sorted((each.score for name in PARTITIONS for each in offer[name]), reverse=True)
    rest = sorted((each.score for each in flat if each.score < 0), reverse=True)
    assert rest == [score - 2 for score in before[judged:]]


def test_a_text_that_several_candidates_share_is_judged_once() -> None:
    asked: list[str] = []

    def scores(texts: Sequence[str]) -> list[float]:
        asked.extend(texts)
        return share_of_a(texts)

    offer = {PARTITIONS[0]: [candidate("a", 0, 9), candidate("b", 0, 9), candidate("b", 20, 30)]}
    anew = reordered(offer, judged=3, scores=scores)[PARTITIONS[0]]
    assert len(asked) == len(set(asked)) == 2
    assert len(anew) == 3


def test_where_nothing_can_be_judged_all_stays_as_it_was() -> None:
    offer = {name: [candidate(f"{name}/a", 0, 9, 0.3)] for name in PARTITIONS}
    assert reordered(offer, judged=30, scores=lambda _: None) == offer


@pytest.mark.parametrize("score", [-0.1, 1.1, math.nan, math.inf])
def test_a_score_that_is_no_share_is_refused(score: float) -> None:
    offer = {PARTITIONS[0]: [candidate("a", 0, 9)]}
    with pytest.raises(ValueError, match="from 0 to 1"):
        reordered(offer, judged=1, scores=lambda _: [score])
