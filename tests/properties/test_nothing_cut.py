"""Nothing is left out of a prompt without a line on its receipt."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.properties.engines import RealEngine
from tests.properties.nothing_cut import check_nothing_cut
from tests.strategies import budgets, examples, sentences, worlds
from tests.worlds import World


@pytest.mark.slow
@examples(100)
@given(worlds(), sentences(), budgets(), st.sampled_from([[], ["friend"], ["friend", "mallory"]]))
def test_whatever_was_found_is_in_the_prompt_or_on_its_receipt(
    world: World, question: str, budget: int, contacts: list[str]
) -> None:
    check_nothing_cut(RealEngine, world, contacts=contacts, question=question, budget=budget)
