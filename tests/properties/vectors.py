"""The promise: a partition's vectors are the same, to the bit, whatever else the box holds."""

import tempfile
from pathlib import Path

from partitioned_rag.box import OMBox
from partitioned_rag.embedding.embedder import Embedder
from partitioned_rag.store.array import ArrayIndex
from partitioned_rag.store.chroma import ChromaIndex
from partitioned_rag.store.index import VectorIndex
from partitioned_rag.values import ChunkId
from tests.strategies import PUBLIC, Story
from tests.worlds import World, build


def check_vectors(embedder: Embedder, first: Story, second: Story, *, contact: str) -> None:
    """Index two worlds that are equal for a contact, and compare what is on disk for it."""
    partitions = (PUBLIC, contact)
    one, other = (vectors_of(each.world, partitions, embedder) for each in (first, second))
    assert one == other, f"vectors differ: {list(one)} and {list(other)}"


def vectors_of(
    world: World, partitions: tuple[str, ...], embedder: Embedder
) -> dict[tuple[type[VectorIndex], ChunkId], bytes]:
    """Index a world at once, and read every copy of the vectors of some partitions off the disk."""
    found: dict[tuple[type[VectorIndex], ChunkId], bytes] = {}
    with tempfile.TemporaryDirectory() as folder:
        root = build(world, Path(folder) / "OMBox")
        with OMBox(root, embedder) as box:
            box.index()
        for partition in partitions:
            of_it = root / ".prag" / "partitions" / partition
            copies: list[VectorIndex] = [
                *(
                    ChromaIndex(at, dimensions=embedder.dimensions)
                    for at in of_it.glob("vectors-*")
                ),
                *(ArrayIndex(at, dimensions=embedder.dimensions) for at in of_it.glob("array")),
            ]
            for index in copies:
                names = sorted(index.ids())
                kept = map(bytes, index.vectors(names))
                found.update(zip(((type(index), name) for name in names), kept, strict=True))
                index.close()
    return found
