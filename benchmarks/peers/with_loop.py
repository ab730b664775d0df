"""A plain loop over sentence-transformers and Chroma, as the examples of both have it.

It keeps no account of what it did: it does everything anew each time, and what was deleted stays.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import chromadb
from chromadb.config import Settings
from side import MAX_TOKENS, Place, files_in, weights

ROWS = 1_000


class Loop:
    """Reads each file, encodes its chunks and upserts them."""

    def __init__(self, place: Place) -> None:
        self._files = place.files
        self._vectors = vectors_by(place.embedder)
        client = chromadb.PersistentClient(
            str(place.store), settings=Settings(anonymized_telemetry=False)
        )
        self._collection = client.get_or_create_collection("texts", embedding_function=None)

    def sync(self, chunks: Mapping[str, Sequence[str]]) -> None:
        """Do it all again."""
        for file in files_in(self._files, chunks):
            for start in range(0, len(file.chunks), ROWS):
                part = list(file.chunks[start : start + ROWS])
                self._collection.upsert(
                    ids=[f"{file.path}:{start + n}" for n in range(len(part))],
                    embeddings=self._vectors(part),
                    documents=part,
                )

    def search(self, question: str, k: int) -> list[str]:
        """Embed the question and ask Chroma."""
        found = self._collection.query(query_embeddings=self._vectors([question]), n_results=k)
        return (found["documents"] or [[]])[0]


def vectors_by(embedder: str) -> Callable[[list[str]], Any]:
    """Load what makes vectors of texts: the model, or for questions of growth alone, hashing."""
    if embedder == "hashing":
        from partitioned_rag.embedding.hashing import HashingEmbedder  # noqa: PLC0415

        return HashingEmbedder().embed_chunks
    from sentence_transformers import SentenceTransformer  # noqa: PLC0415

    model = SentenceTransformer(str(weights()), device="cpu")
    model.max_seq_length = MAX_TOKENS
    return lambda texts: model.encode(texts, show_progress_bar=False)
