"""What a property asks of an engine, and the real one.

A property speaks to this protocol alone, so that the very same function can be run on the product
and on an engine with a planted fault.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from partitioned_rag.box import OMBox
from partitioned_rag.embedding.embedder import Embedder
from partitioned_rag.embedding.reranker import Reranker
from partitioned_rag.values import Hit, PartitionReport, Prompt

NOTICES = logging.getLogger("partitioned_rag.notices")


class Engine(Protocol):
    """Answers questions over one box."""

    def index(self) -> Mapping[str, PartitionReport]:
        """Bring everything up to date; reports by partition."""
        ...

    def search(self, contacts: Sequence[str], question: str, *, k: int) -> list[Hit]:
        """Search as one audience."""
        ...

    def prompt(self, contacts: Sequence[str], question: str, *, budget: int) -> Prompt:
        """Compose the prompt for one audience."""
        ...

    def close(self) -> None:
        """Let go of everything."""
        ...


Open = Callable[[Path], Engine]


class RealEngine:
    """The product, as its users meet it."""

    def __init__(
        self,
        root: Path,
        *,
        embedder: str | Embedder = "hashing",
        index: Path | None = None,
        ollama_host: str | None = None,
        reranker: Path | Reranker | None = None,
        budget_times: int = 1,
        window: int | None = None,
    ) -> None:
        """Open a box.

        Args:
            root: Its folder.
            embedder: As in `OMBox`; `index` and `ollama_host` too.
            index: Where the index is.
            ollama_host: Where a server can be asked how its model counts.
            reranker: As in `OMBox`.
            budget_times: A budget times this, for a model whose tokens are smaller than usual.
            window: As in `OMBox`.
        """
        self._budget_times = budget_times
        # What the owner is told is looked at like a log line.
        self.box = OMBox(
            root,
            embedder,
            index=index,
            ollama_host=ollama_host,
            reranker=reranker,
            window=window,
            notify=NOTICES.info,
        )

    def index(self) -> Mapping[str, PartitionReport]:
        return {report.id: report for report in self.box.index().partitions}

    def search(self, contacts: Sequence[str], question: str, *, k: int) -> list[Hit]:
        return self.box.view(*contacts).search(question, k=k)

    def prompt(self, contacts: Sequence[str], question: str, *, budget: int) -> Prompt:
        return self.box.view(*contacts).prompt(question, budget=budget * self._budget_times)

    def close(self) -> None:
        self.box.close()
