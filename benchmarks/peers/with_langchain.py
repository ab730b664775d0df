"""LangChain: its index API, with a record manager that knows what was indexed, over Chroma."""

from collections.abc import Mapping, Sequence

from chromadb.config import Settings
from langchain_chroma import Chroma
from langchain_classic.indexes import SQLRecordManager, index
from langchain_community.embeddings import HuggingFaceEmbeddings
from langchain_core.documents import Document
from side import MAX_TOKENS, Place, files_in, weights


class LangChain:
    """Hands every chunk to `index`, which writes the new ones and removes what is gone."""

    def __init__(self, place: Place) -> None:
        embeddings = HuggingFaceEmbeddings(
            model_name=str(weights()), model_kwargs={"device": "cpu"}
        )
        embeddings.client.max_seq_length = MAX_TOKENS
        place.store.mkdir(parents=True, exist_ok=True)
        self._files = place.files
        self._vectors = Chroma(
            "texts",
            embedding_function=embeddings,
            persist_directory=str(place.store),
            client_settings=Settings(anonymized_telemetry=False, is_persistent=True),
        )
        self._records = SQLRecordManager(
            "texts", db_url=f"sqlite:///{place.store / 'records.sqlite3'}"
        )
        self._records.create_schema()

    def sync(self, chunks: Mapping[str, Sequence[str]]) -> None:
        """Hand over all there is now."""
        documents = [
            Document(page_content=chunk, metadata={"source": file.path})
            for file in files_in(self._files, chunks)
            for chunk in file.chunks
        ]
        index(
            documents,
            self._records,
            self._vectors,
            cleanup="full",
            source_id_key="source",
            key_encoder="sha256",
        )

    def search(self, question: str, k: int) -> list[str]:
        """Ask the store."""
        return [found.page_content for found in self._vectors.similarity_search(question, k=k)]
