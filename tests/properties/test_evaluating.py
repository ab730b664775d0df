"""What an evaluation tells of an asker depends on nothing that the asker may not read."""

from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partitioned_rag.evaluation.evaluating import evaluate
from partitioned_rag.evaluation.scoring import Question
from partitioned_rag.evaluation.settings import SETTINGS
from tests.properties.evaluating import check_evaluating
from tests.strategies import Pair, examples, questions_of, worlds_equal_for

FRIEND = "friend"
ALL = partial(evaluate, settings=SETTINGS)


@pytest.mark.slow
@examples(40)
@given(
    worlds_equal_for(FRIEND),
    st.lists(questions_of(FRIEND), min_size=1, max_size=3),
    st.lists(questions_of("mallory"), max_size=1),
)
def test_neighbours_change_nothing_in_what_is_told_of_a_contact(
    pair: Pair, questions: list[Question], others: list[Question]
) -> None:
    check_evaluating(ALL, *pair, asker=FRIEND, questions=questions, others=others)


@pytest.mark.slow
@examples(30)
@given(
    worlds_equal_for("public"),
    st.lists(questions_of(None), min_size=1, max_size=3),
    st.lists(questions_of(FRIEND), max_size=1),
)
def test_contacts_change_nothing_in_what_is_told_of_the_public(
    pair: Pair, questions: list[Question], others: list[Question]
) -> None:
    check_evaluating(ALL, *pair, asker=None, questions=questions, others=others)
