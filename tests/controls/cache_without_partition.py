"""The mistake: answers are kept by question, and whoever asks the same gets the same."""

from collections.abc import Sequence
from pathlib import Path

from partitioned_rag.values import Hit
from tests.controls.honest import HonestEngine


class CacheWithoutPartition(HonestEngine):
    """The first to ask decides what the next one reads."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self._answers: dict[str, list[Hit]] = {}

    def search(self, contacts: Sequence[str], question: str, *, k: int) -> list[Hit]:
        if question not in self._answers:
            self._answers[question] = super().search(contacts, question, k=k)
        return self._answers[question]
