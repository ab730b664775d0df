"""The check of noninterference at the street fails on responders with a fault planted."""

import pytest
from hypothesis import given

from tests.controls.responders import HonestResponder, OneViewForAll, ReceiptThatCountsOthers
from tests.controls.test_controls import A_FEW, UNTIL_FOUND
from tests.responder.noninterference import Day, Open, check_untouched, days, questions
from tests.strategies import examples


@pytest.mark.slow
@pytest.mark.parametrize(
    ("faulty", "found"),
    [(OneViewForAll, "replies differ"), (ReceiptThatCountsOthers, "receipts differ")],
)
def test_the_check_of_replies_catches(faulty: Open, found: str) -> None:
    @UNTIL_FOUND
    @given(days(), questions())
    def check(pair: tuple[Day, Day], asked: list[str]) -> None:
        check_untouched(faulty, *pair, asked=asked)

    with pytest.raises(AssertionError, match=found):
        check()


@pytest.mark.slow
@examples(A_FEW)
@given(days(), questions())
def test_the_check_of_replies_passes_a_responder_without_fault(
    pair: tuple[Day, Day], asked: list[str]
) -> None:
    check_untouched(HonestResponder, *pair, asked=asked)
