"""Nothing that an audience may not read has any effect on what it is shown."""

import pytest
from hypothesis import given

from tests.properties.engines import RealEngine
from tests.properties.noninterference import check_noninterference
from tests.strategies import Pair, examples, sentences, stories_equal_for, worlds_equal_for

FRIEND = "friend"


@pytest.mark.slow
@examples(60)
@given(worlds_equal_for(FRIEND), sentences())
def test_neighbours_change_nothing_in_an_index_made_at_once(pair: Pair, question: str) -> None:
    check_noninterference(RealEngine, *pair, contacts=[FRIEND], question=question)


@pytest.mark.slow
@examples(60)
@given(stories_equal_for(FRIEND), sentences())
def test_neighbours_change_nothing_through_any_script_of_edits(pair: Pair, question: str) -> None:
    check_noninterference(RealEngine, *pair, contacts=[FRIEND], question=question)


@pytest.mark.slow
@examples(40)
@given(stories_equal_for("public"), sentences())
def test_the_public_at_large_feels_nothing_of_any_contact(pair: Pair, question: str) -> None:
    check_noninterference(RealEngine, *pair, contacts=[], question=question)


@pytest.mark.slow
@examples(40)
@given(stories_equal_for("public"), sentences())
def test_an_audience_of_two_feels_nothing_of_what_only_one_may_read(
    pair: Pair, question: str
) -> None:
    check_noninterference(RealEngine, *pair, contacts=[FRIEND, "mallory"], question=question)
