"""txtai: an embeddings database with its content.

It keeps no account of what it did: it is made anew each time.
"""

from collections.abc import Mapping, Sequence

from side import MAX_TOKENS, Place, files_in, weights
from txtai import Embeddings


class Txtai:
    """Indexes every chunk under a number of its own."""

    def __init__(self, place: Place) -> None:
        self._files = place.files
        self._store = str(place.store)
        self._embeddings = Embeddings(
            path=str(weights()), content=True, gpu=False, maxlength=MAX_TOKENS
        )
        if self._embeddings.exists(self._store):
            self._embeddings.load(self._store)

    def sync(self, chunks: Mapping[str, Sequence[str]]) -> None:
        """Do it all again."""
        self._embeddings.index(
            (f"{file.path}:{number}", chunk, None)
            for file in files_in(self._files, chunks)
            for number, chunk in enumerate(file.chunks)
        )
        self._embeddings.save(self._store)

    def search(self, question: str, k: int) -> list[str]:
        """Ask the database."""
        return [found["text"] for found in self._embeddings.search(question, k)]
