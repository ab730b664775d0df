"""LlamaIndex: its ingestion pipeline, with a docstore that knows what was indexed, over Chroma."""

from collections.abc import Mapping, Sequence
from typing import Any

import chromadb
from chromadb.config import Settings
from llama_index.core import Document, VectorStoreIndex
from llama_index.core.ingestion import DocstoreStrategy, IngestionPipeline
from llama_index.core.schema import BaseNode, NodeRelationship, TextNode, TransformComponent
from llama_index.core.storage.docstore import SimpleDocumentStore
from llama_index.embeddings.huggingface import HuggingFaceEmbedding
from llama_index.vector_stores.chroma import ChromaVectorStore
from side import MAX_TOKENS, Place, files_in, weights


class Cut(TransformComponent):
    """Gives the chunks that are known of a file, where a splitter would cut it."""

    chunks: dict[str, list[str]]

    def __call__(self, nodes: Sequence[BaseNode], **_options: Any) -> list[BaseNode]:
        """Cut each document."""
        return [
            TextNode(
                text=chunk,
                relationships={NodeRelationship.SOURCE: node.as_related_node_info()},
            )
            for node in nodes
            for chunk in self.chunks[node.node_id]
        ]


class LlamaIndex:
    """Hands every file to the pipeline, which goes on with those whose hash is new.

    The strategy is the one that removes what is gone; the plain one, which upserts, does not.
    """

    def __init__(self, place: Place) -> None:
        self._files = place.files
        self._docstore_file = place.store / "docstore.json"
        self._model = HuggingFaceEmbedding(
            str(weights()), max_length=MAX_TOKENS, device="cpu", local_files_only=True
        )
        client = chromadb.PersistentClient(
            str(place.store), settings=Settings(anonymized_telemetry=False)
        )
        self._vectors = ChromaVectorStore(client.get_or_create_collection("texts"))

    def sync(self, chunks: Mapping[str, Sequence[str]]) -> None:
        """Hand over all there is now."""
        known = self._docstore_file
        docstore = (
            SimpleDocumentStore.from_persist_path(str(known))
            if known.exists()
            else SimpleDocumentStore()
        )
        files = list(files_in(self._files, chunks))
        pipeline = IngestionPipeline(
            transformations=[
                Cut(chunks={file.path: list(file.chunks) for file in files}),
                self._model,
            ],
            docstore=docstore,
            docstore_strategy=DocstoreStrategy.UPSERTS_AND_DELETE,
            vector_store=self._vectors,
            # It would hash every chunk once more to spare what the docstore has spared already.
            disable_cache=True,
        )
        pipeline.run(documents=[Document(text=file.text, id_=file.path) for file in files])
        docstore.persist(str(known))

    def search(self, question: str, k: int) -> list[str]:
        """Ask a retriever over the store."""
        index = VectorStoreIndex.from_vector_store(self._vectors, embed_model=self._model)
        found = index.as_retriever(similarity_top_k=k).retrieve(question)
        return [each.node.get_content() for each in found]
