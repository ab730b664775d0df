"""The mistake: a deleted file leaves the catalog, and its vectors stay and are found."""

from collections.abc import Sequence
from pathlib import Path

from partitioned_rag.ranking import rank
from partitioned_rag.values import Candidate, Hit, PartitionId
from tests.controls.honest import HonestEngine
from tests.worlds import candidates


class DeleteThatForgetsVectors(HonestEngine):
    """Every change of a file is seen, and its end is not."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self._kept: dict[PartitionId, dict[str, list[Candidate]]] = {}

    def search(self, contacts: Sequence[str], question: str, *, k: int) -> list[Hit]:
        return rank({PartitionId(f): self._all(f, question) for f in self.readable(contacts)}, k=k)

    def _all(self, folder: str, question: str) -> list[Candidate]:
        there: dict[str, list[Candidate]] = {}
        for found in candidates(self.root, folder, question, self.embedder):
            there.setdefault(found.source, []).append(found)
        kept = self._kept.setdefault(PartitionId(folder), {})
        kept.update(there)
        return [found for chunks in kept.values() for found in chunks]
