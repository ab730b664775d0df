"""This library, asked in the same words as the others."""

from collections.abc import Mapping, Sequence

from side import Place

from partitioned_rag import OMBox


class Ours:
    """A box; its files are those of `public/`, or of one contact."""

    def __init__(self, place: Place) -> None:
        self._box = OMBox(place.files.parent, place.embedder, index=place.store)
        contacts = () if place.files.name == "public" else (place.files.name,)
        self._view = self._box.view(*contacts)

    def sync(self, chunks: Mapping[str, Sequence[str]]) -> None:
        """Index what changed; files are cut by its own rules, which made the chunks of all."""
        del chunks
        failed = [each.error for each in self._box.index().partitions if each.error]
        if failed:
            raise SystemExit(f"not indexed: {failed}")

    def search(self, question: str, k: int) -> list[str]:
        """Ask the view of one audience."""
        return [hit.text for hit in self._view.search(question, k=k)]
