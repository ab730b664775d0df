"""A partition's vectors are the same, to the bit, whatever else the box holds."""

from pathlib import Path

import pytest
from hypothesis import given

from partitioned_rag.box import OMBox
from partitioned_rag.embedding.embedder import Embedder
from partitioned_rag.embedding.registry import open_embedder
from partitioned_rag.store.chroma import ChromaIndex
from tests.strategies import Pair, examples, worlds_equal_for
from tests.worlds import World, build, scratch

FRIEND = "friend"


def vectors_of(world: World, partitions: tuple[str, ...], embedder: Embedder) -> dict[str, bytes]:
    """Index a world at once, and read the vectors of some partitions off the disk."""
    found: dict[str, bytes] = {}
    with scratch() as folder:
        root = build(world, Path(folder) / "OMBox")
        with OMBox(root, embedder) as box:
            box.index()
        for partition in partitions:
            for vectors in (root / ".prag" / "partitions" / partition).glob("vectors-*"):
                index = ChromaIndex(vectors, dimensions=embedder.dimensions)
                ids = sorted(index.ids())
                found.update(zip(ids, map(bytes, index.vectors(ids)), strict=True))
                index.close()
    return found


@pytest.mark.slow
@examples(30)
@given(worlds_equal_for(FRIEND))
def test_vectors_are_the_same_to_the_bit_whatever_else_the_box_holds(pair: Pair) -> None:
    one, other = (
        vectors_of(story.world, ("public", FRIEND), open_embedder("hashing")) for story in pair
    )
    assert one == other
