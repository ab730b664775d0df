"""The promise: a partition's vectors are the same, to the bit, whatever else the box holds."""

import tempfile
from pathlib import Path

from partitioned_rag.box import OMBox
from partitioned_rag.embedding.embedder import Embedder
from partitioned_rag.store.chroma import ChromaIndex
from tests.strategies import PUBLIC, Story
from tests.worlds import World, build


def check_vectors(embedder: Embedder, first: Story, second: Story, *, contact: str) -> None:
    """Index two worlds that are equal for a contact, and compare what is on disk for it."""
    partitions = (PUBLIC, contact)
    one, other = (vectors_of(each.world, partitions, embedder) for each in (first, second))
    assert one == other, f"vectors differ: {sorted(one)} and {sorted(other)}"


def vectors_of(world: World, partitions: tuple[str, ...], embedder: Embedder) -> dict[str, bytes]:
    """Index a world at once, and read the vectors of some partitions off the disk."""
    found: dict[str, bytes] = {}
    with tempfile.TemporaryDirectory() as folder:
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
