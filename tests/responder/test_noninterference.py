"""Nothing of other contacts changes what a contact is sent, or what is kept of it."""

from pathlib import Path

import pytest
from hypothesis import given

from partitioned_rag import OMBox, Responder
from tests.responder.noninterference import Day, check_untouched, days, questions
from tests.strategies import examples


class RealResponder:
    """The product."""

    def __init__(self, root: Path, host: str) -> None:
        self.box = OMBox(root, "hashing", ollama_host=host)

    def drain(self) -> None:
        Responder(self.box).drain()

    def close(self) -> None:
        self.box.close()


@pytest.mark.slow
@examples(40)
@given(days(), questions())
def test_what_others_have_and_write_changes_neither_replies_nor_receipts(
    pair: tuple[Day, Day], asked: list[str]
) -> None:
    seen = check_untouched(RealResponder, *pair, asked=asked)
    for_us = [said for said in asked if said.lower().startswith("om")]
    assert len(seen.replies) == len(seen.receipts) == len(for_us)
