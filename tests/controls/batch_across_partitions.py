"""The mistake: texts of all partitions in one batch of a model that scales by the batch."""

from collections.abc import Sequence

import numpy as np

from partitioned_rag.ranking import rank
from partitioned_rag.values import Candidate, Hit, PartitionId
from tests.controls.honest import HonestEngine
from tests.controls.shared_collection import rescored
from tests.worlds import beginning, candidates


class BatchAcrossPartitions(HonestEngine):
    """Each partition is searched alone, in vectors that were made together."""

    def search(self, contacts: Sequence[str], question: str, *, k: int) -> list[Hit]:
        chunks = [
            (PartitionId(folder.name), found)
            for folder in sorted(self.root.iterdir())
            if folder.is_dir()
            for found in candidates(self.root, folder.name, question, self.embedder)
        ]
        if not chunks:
            return []
        vectors = self.embedder.embed_chunks([beginning(found.text) for _, found in chunks])
        # Dynamic quantisation to whole numbers, as many fast runtimes do it.
        step = np.abs(vectors).max() / 127
        scores = np.round(vectors / step) * step @ self.embedder.embed_question(question)
        by_partition: dict[PartitionId, list[Candidate]] = {}
        for (name, found), score in zip(chunks, scores.tolist(), strict=True):
            if name in self.readable(contacts):
                by_partition.setdefault(name, []).append(rescored(found, score))
        return rank(by_partition, k=k)
