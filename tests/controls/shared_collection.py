"""The mistake: one collection for all, kept apart by a filter, scored by what the whole holds."""

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

import chromadb
import numpy as np
from chromadb.config import Settings

from partitioned_rag.ranking import rank
from partitioned_rag.values import Candidate, Hit, PartitionId
from tests.controls.honest import HonestEngine
from tests.worlds import beginning, candidates

if TYPE_CHECKING:
    from chromadb.api.client import Client
    from chromadb.api.types import Where


class SharedCollection(HonestEngine):
    """No hit is ever of a partition that the filter excludes; and still the others can be felt."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self._scratch = tempfile.TemporaryDirectory()
        self._client = cast(
            "Client",
            chromadb.PersistentClient(
                self._scratch.name, settings=Settings(anonymized_telemetry=False)
            ),
        )

    def search(self, contacts: Sequence[str], question: str, *, k: int) -> list[Hit]:
        collection = self._client.get_or_create_collection("chunks", embedding_function=None)
        chunks: dict[str, tuple[PartitionId, Candidate]] = {}
        for folder in sorted(path.name for path in self.root.iterdir() if path.is_dir()):
            for found in candidates(self.root, folder, question, self.embedder):
                chunks[f"{len(chunks)}"] = PartitionId(folder), found
        if not chunks:
            return []
        vectors = self.embedder.embed_chunks(
            [beginning(found.text) for _, found in chunks.values()]
        )
        # What is usual in the box says little: take it off, as a search engine would.
        usual = vectors.mean(axis=0)
        collection.add(
            ids=list(chunks),
            embeddings=vectors - usual,
            metadatas=[{"partition": ascii(name)} for name, _ in chunks.values()],
        )
        try:
            answer = collection.query(
                query_embeddings=(self.embedder.embed_question(question) - usual)[np.newaxis],
                n_results=len(chunks),
                where=cast("Where", {"partition": {"$in": [*map(ascii, self.readable(contacts))]}}),
                include=["distances"],
            )
        finally:
            self._client.delete_collection("chunks")
        assert answer["distances"]
        by_partition: dict[PartitionId, list[Candidate]] = {}
        for key, distance in zip(answer["ids"][0], answer["distances"][0], strict=True):
            name, found = chunks[key]
            by_partition.setdefault(name, []).append(rescored(found, -distance))
        return rank(by_partition, k=k)

    def close(self) -> None:
        self._client.close()
        self._scratch.cleanup()


def rescored(found: Candidate, score: float) -> Candidate:
    """Give a candidate another score."""
    return replace(found, score=score)
