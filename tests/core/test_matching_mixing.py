"""Order follows from a partition's own evidence, and place from no partition's size."""

from collections.abc import Sequence
from dataclasses import replace
from random import Random
from statistics import fmean

from hypothesis import given
from hypothesis import strategies as st

from partitioned_rag.matching.mixing import NOISE, levels, mixed
from partitioned_rag.ranking import rank
from partitioned_rag.values import Candidate, ChunkId, Match, PartitionId, Weights

scores = st.floats(min_value=0, max_value=20)
cosines = st.floats(min_value=-1, max_value=1)


def match(at: int, *, words: float = 0, cosine: float = 0) -> Match:
    return Match(
        id=ChunkId(f"{at:04}"),
        source="friend/chat.log",
        part=at // 3,
        start=10 * at,
        speaker=("them", "me")[at % 2],
        words=words,
        cosine=cosine,
    )


lists = st.lists(st.tuples(scores, cosines), max_size=30).map(
    lambda rows: [match(at, words=words, cosine=cosine) for at, (words, cosine) in enumerate(rows)]
)


@given(lists, st.sampled_from(["", "them", "me"]), st.integers())
def test_the_order_in_which_evidence_comes_does_not_matter(
    found: list[Match], speaker: str, seed: int
) -> None:
    shuffled = Random(seed).sample(found, len(found))
    assert mixed(shuffled, speaker=speaker) == mixed(found, speaker=speaker)
    assert sorted(mixed(found, speaker=speaker), key=lambda each: each.id) == found


def test_each_kind_of_evidence_speaks_for_a_chunk() -> None:
    for told in (match(5, words=0.9), match(5, cosine=0.9)):
        found = [told if at == 5 else match(at) for at in range(9)]
        assert mixed(found, speaker="")[0] == told


def test_a_weight_of_nothing_silences_its_kind() -> None:
    found = [match(0, words=1.0), match(1, cosine=1.0), match(2)]
    silent = Weights(words=0, cosine=0, speaker=0, sitting=0)
    for alone, best in (
        (replace(silent, words=1.0), 0),
        (replace(silent, cosine=1.0), 1),
    ):
        assert mixed(found, speaker="them", weights=alone)[0] == found[best]
    assert mixed(found, speaker="them", weights=silent) == found


def test_the_speaker_who_is_asked_for_goes_first() -> None:
    found = [replace(match(at), part=0) for at in range(4)]
    assert [each.speaker for each in mixed(found, speaker="me")] == ["me", "me", "them", "them"]
    assert mixed(found, speaker="") == found


def test_a_sitting_that_talks_of_it_goes_before_one_that_does_not() -> None:
    found = [match(at, words=2.0 if at in (0, 6, 7, 8) else 0) for at in range(12)]
    order = [each.start for each in mixed(found, speaker="")]
    assert order[:3] == [60, 70, 80]
    assert order.index(0) == 3


@given(st.lists(st.tuples(cosines, st.floats(min_value=0, max_value=1)), max_size=20))
def test_levels_keep_the_order_and_lose_no_value(pairs: list[tuple[float, float]]) -> None:
    found = levels([pair[0] for pair in pairs], [pair[1] for pair in pairs], among=1)
    assert found == sorted(found, reverse=True)
    assert sorted(found) == sorted((2 * cosine + coverage) / 3 for cosine, coverage in pairs)


def ranked(small: Sequence[float], large: Sequence[float]) -> list[tuple[PartitionId, float]]:
    """Merge two partitions by their levels."""
    offered = {
        PartitionId(name): [
            Candidate(score=score, source=f"{name}/{at:05}.md", start=0, end=1, text="x")
            for at, score in enumerate(values)
        ]
        for name, values in (("friend", small), ("public", large))
    }
    return [(hit.partition, hit.score) for hit in rank(offered, k=len(small) + len(large))]


@given(st.lists(cosines, min_size=1, max_size=5), st.lists(cosines, min_size=1, max_size=40))
def test_no_other_partition_moves_a_level(small: list[float], large: list[float]) -> None:
    ours = levels(sorted(small, reverse=True), [0.0] * len(small), among=len(small))
    theirs = levels(large, [0.0] * len(large), among=len(large))
    best = ranked(ours, theirs)
    at = next(number for number, (name, _) in enumerate(best) if name == "friend")
    assert best[at][1] == ours[0]
    # Whoever stands before our best is itself the better answer, and not only one of many.
    assert all(score >= ours[0] for _, score in best[:at])


@given(cosines, st.integers(1, 100_000), st.integers(1, 100_000))
def test_of_equals_the_one_among_fewer_goes_first(cosine: float, few: int, more: int) -> None:
    one, other = (levels([cosine], [0.5], among=among)[0] for among in sorted((few, more)))
    assert one >= other
    assert (
        levels([cosine, cosine - 0.1], [0.5, 0.5], among=more)[0]
        == levels([cosine], [0.5], among=more)[0]
    )


def test_the_best_of_many_that_do_not_answer_stands_no_higher_than_the_best_of_few() -> None:
    drawn = Random(7)

    def best(among: int) -> float:
        cosines = [1.5 * NOISE * drawn.gauss(0, 1) for _ in range(among)]
        return levels(cosines, [0.0] * among, among=among)[0]

    few = fmean(best(10) for _ in range(200))
    many = fmean(best(5_000) for _ in range(50))
    assert abs(many - few) < NOISE
    assert levels([0], [0], among=1)[0] - levels([0], [0], among=5_000)[0] > 4 * NOISE
