"""Haystack: its pipelines of an embedder, a writer and a retriever, over Chroma.

They keep no account of what they did: everything is embedded anew each time, and what was deleted
stays.
"""

from collections.abc import Mapping, Sequence

from haystack import Document, Pipeline
from haystack.components.writers import DocumentWriter
from haystack.document_stores.types import DuplicatePolicy
from haystack.utils import ComponentDevice
from haystack_integrations.components.embedders.sentence_transformers import (
    SentenceTransformersDocumentEmbedder,
    SentenceTransformersTextEmbedder,
)
from haystack_integrations.components.retrievers.chroma import ChromaEmbeddingRetriever
from haystack_integrations.document_stores.chroma import ChromaDocumentStore
from side import MAX_TOKENS, Place, files_in, weights


class Haystack:
    """Runs every chunk through the pipeline that writes."""

    def __init__(self, place: Place) -> None:
        options = {
            "model": str(weights()),
            "device": ComponentDevice.from_str("cpu"),
            "tokenizer_kwargs": {"model_max_length": MAX_TOKENS},
            "local_files_only": True,
            "progress_bar": False,
        }
        store = ChromaDocumentStore(
            "texts",
            persist_path=str(place.store),
            client_settings={"anonymized_telemetry": False},
        )
        self._files = place.files
        self._writing = Pipeline()
        self._writing.add_component("embedder", SentenceTransformersDocumentEmbedder(**options))
        self._writing.add_component("writer", DocumentWriter(store, DuplicatePolicy.OVERWRITE))
        self._writing.connect("embedder", "writer")
        self._asking = Pipeline()
        self._asking.add_component("embedder", SentenceTransformersTextEmbedder(**options))
        self._asking.add_component("retriever", ChromaEmbeddingRetriever(store))
        self._asking.connect("embedder.embedding", "retriever.query_embedding")
        # Both share the one model.
        self._writing.warm_up()
        self._asking.warm_up()

    def sync(self, chunks: Mapping[str, Sequence[str]]) -> None:
        """Do it all again."""
        documents = [
            Document(content=chunk, meta={"source": file.path})
            for file in files_in(self._files, chunks)
            for chunk in file.chunks
        ]
        self._writing.run({"embedder": {"documents": documents}})

    def search(self, question: str, k: int) -> list[str]:
        """Run the question through the pipeline that reads."""
        found = self._asking.run({"embedder": {"text": question}, "retriever": {"top_k": k}})
        return [document.content or "" for document in found["retriever"]["documents"]]
