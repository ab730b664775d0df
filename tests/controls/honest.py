"""An engine without an index, from which every planted fault differs in one thing.

It reads the folder anew for each question, so it keeps every promise, slowly. That it passes the
checks is tested as well: what fails with a fault planted fails because of the fault.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from partitioned_rag.embedding.registry import open_embedder
from partitioned_rag.prompt.packing import pack
from partitioned_rag.tokens.models import estimated
from partitioned_rag.values import Hit, PartitionId, PartitionReport, Prompt
from partitioned_rag.view import PROMPT_HITS, PROMPT_TURNS
from tests.worlds import expected_hits, read, readable_folders, recent_turns


class HonestEngine:
    """Reads, cuts, embeds and compares everything for each question."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.embedder = open_embedder("hashing")

    def index(self) -> Mapping[str, PartitionReport]:
        folders = [path.name for path in self.root.iterdir() if path.is_dir()]
        return {
            name: PartitionReport(id=PartitionId(name), sources=len(read(self.root, name)))
            for name in sorted(folders)
        }

    def search(self, contacts: Sequence[str], question: str, *, k: int) -> list[Hit]:
        return expected_hits(self.root, contacts, question, self.embedder, k=k)

    def prompt(self, contacts: Sequence[str], question: str, *, budget: int) -> Prompt:
        hits = self.search(contacts, question, k=PROMPT_HITS)
        return pack(
            question,
            hits,
            recent_turns(self.root, contacts, limit=PROMPT_TURNS),
            window_tokens=budget + 512,
            reply_tokens=512,
            budget_tokens=budget,
            meter=estimated(None),
            is_whole_folder=False,
        )

    def close(self) -> None:
        pass

    def readable(self, contacts: Sequence[str]) -> list[str]:
        """Say which partitions an audience may read."""
        return readable_folders(self.root, contacts)
