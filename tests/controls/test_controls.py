"""Each check fails on the engine with the fault that it is there to find, and for that reason."""

import pytest
from hypothesis import Phase, given, settings
from hypothesis.stateful import run_state_machine_as_test

from partitioned_rag.evaluation.scoring import Question
from tests.controls.batch_across_partitions import BatchAcrossPartitions
from tests.controls.cache_without_partition import CacheWithoutPartition
from tests.controls.delete_that_forgets_vectors import DeleteThatForgetsVectors
from tests.controls.honest import HonestEngine
from tests.controls.misses_explained_from_the_whole_box import helpful
from tests.controls.packer_that_drops_silently import PackerThatDropsSilently
from tests.controls.reranker_that_remembers import RerankerThatRemembers
from tests.controls.shared_collection import SharedCollection
from tests.controls.shared_statistics import SharedStatistics
from tests.controls.summary_without_links import SummaryWithoutLinks
from tests.properties.engines import Engine, Open
from tests.properties.evaluating import check_evaluating
from tests.properties.folder_is_truth import FolderIsTruth
from tests.properties.noninterference import check_noninterference
from tests.properties.nothing_cut import check_nothing_cut
from tests.properties.summaries_go import SummariesGo, SummarisingEngine
from tests.strategies import (
    Pair,
    budgets,
    examples,
    questions_of,
    sentences,
    stories_equal_for,
    worlds,
    worlds_equal_for,
)
from tests.worlds import World

FRIEND = "friend"
# Enough that each fault is found many times over; and the first finding will do, unshrunk.
UNTIL_FOUND = settings(
    max_examples=200,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    report_multiple_bugs=False,
)
A_FEW = 20


@pytest.mark.slow
@pytest.mark.parametrize(
    "faulty",
    [
        SharedCollection,
        SharedStatistics,
        BatchAcrossPartitions,
        CacheWithoutPartition,
        RerankerThatRemembers,
    ],
)
def test_the_noninterference_check_catches(faulty: Open) -> None:
    @UNTIL_FOUND
    @given(stories_equal_for(FRIEND), sentences())
    def check(pair: Pair, question: str) -> None:
        check_noninterference(faulty, *pair, contacts=[FRIEND], question=question)

    with pytest.raises(AssertionError, match="hits differ"):
        check()


@pytest.mark.slow
@examples(A_FEW)
@given(stories_equal_for(FRIEND), sentences())
def test_the_noninterference_check_passes_an_engine_without_fault(
    pair: Pair, question: str
) -> None:
    check_noninterference(HonestEngine, *pair, contacts=[FRIEND], question=question)


@pytest.mark.slow
def test_the_check_of_evaluations_catches_who_looks_into_other_folders_to_explain_a_miss() -> None:
    @UNTIL_FOUND
    @given(worlds_equal_for(FRIEND), questions_of(FRIEND))
    def check(pair: Pair, question: Question) -> None:
        check_evaluating(helpful, *pair, asker=FRIEND, questions=[question], others=[])

    with pytest.raises(AssertionError, match="evaluations differ"):
        check()


class Forgetful(FolderIsTruth):
    def open(self) -> Engine:
        return DeleteThatForgetsVectors(self.root)


class Honest(FolderIsTruth):
    def open(self) -> Engine:
        return HonestEngine(self.root)


def test_the_folder_is_truth_check_catches_a_delete_that_forgets_vectors() -> None:
    with pytest.raises(AssertionError, match=r"found for .*, not on disk"):
        run_state_machine_as_test(Forgetful, settings=UNTIL_FOUND)


@pytest.mark.slow
def test_the_folder_is_truth_check_passes_an_engine_without_fault() -> None:
    run_state_machine_as_test(Honest, settings=settings(examples(A_FEW), stateful_step_count=15))


class Clinging(SummariesGo):
    def open(self) -> SummarisingEngine:
        return SummaryWithoutLinks(self.root, self.model)


def test_the_summaries_go_check_catches_a_summary_without_links() -> None:
    with pytest.raises(AssertionError, match="told by a summary of what is gone"):
        run_state_machine_as_test(Clinging, settings=UNTIL_FOUND)


def test_the_nothing_cut_check_catches_a_packer_that_drops_silently() -> None:
    @UNTIL_FOUND
    @given(worlds(), sentences(), budgets())
    def check(world: World, question: str, budget: int) -> None:
        check_nothing_cut(
            PackerThatDropsSilently, world, contacts=[FRIEND], question=question, budget=budget
        )

    with pytest.raises(AssertionError, match="left out in silence"):
        check()


@examples(A_FEW)
@given(worlds(), sentences(), budgets())
def test_the_nothing_cut_check_passes_an_engine_without_fault(
    world: World, question: str, budget: int
) -> None:
    check_nothing_cut(HonestEngine, world, contacts=[FRIEND], question=question, budget=budget)
