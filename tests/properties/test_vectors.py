"""A partition's vectors are the same, to the bit, whatever else the box holds."""

import pytest
from hypothesis import given

from partitioned_rag.embedding.registry import open_embedder
from tests.properties.vectors import check_vectors
from tests.strategies import Pair, examples, worlds_equal_for

FRIEND = "friend"


@pytest.mark.slow
@examples(30)
@given(worlds_equal_for(FRIEND))
def test_vectors_are_the_same_to_the_bit_whatever_else_the_box_holds(pair: Pair) -> None:
    check_vectors(open_embedder("hashing"), *pair, contact=FRIEND)
