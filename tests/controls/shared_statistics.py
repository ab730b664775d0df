"""The mistake: each partition's own rows are searched, in a full text that counts everybody's."""

from collections.abc import Sequence

from partitioned_rag.ranking import rank
from partitioned_rag.values import Hit, PartitionId
from tests.controls.honest import HonestEngine
from tests.worlds import candidates, entries


class SharedStatistics(HonestEngine):
    """How rare a word is, and how long a chunk is commonly, is told by the whole box."""

    def search(self, contacts: Sequence[str], question: str, *, k: int) -> list[Hit]:
        readable = self.readable(contacts)
        others = sorted(
            path.name for path in self.root.iterdir() if path.is_dir() and path.name not in readable
        )
        beside = [entry for name in others for _, entry in entries(self.root, name, self.embedder)]
        return rank(
            {
                PartitionId(name): candidates(
                    self.root, name, question, self.embedder, beside=beside
                )
                for name in readable
            },
            k=k,
        )
