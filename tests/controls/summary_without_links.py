"""The mistake: a summary is bound to the path of its source, and not to the text."""

from collections.abc import Callable, Sequence
from pathlib import Path

from partitioned_rag.prompt.packing import pack
from partitioned_rag.prompt.wording import SUMMARISE
from partitioned_rag.tokens.models import estimated
from partitioned_rag.values import PartitionId, Prompt, Summary
from partitioned_rag.view import PROMPT_HITS
from tests.controls.honest import HonestEngine
from tests.worlds import read


class SummaryWithoutLinks(HonestEngine):
    """A source that is deleted takes its summary along, and one that is edited does not."""

    def __init__(self, root: Path, model: Callable[[str], str]) -> None:
        super().__init__(root)
        self._model = model
        self._kept: dict[str, Summary] = {}

    def summarise(self) -> None:
        for folder in sorted(path.name for path in self.root.iterdir() if path.is_dir()):
            for document in read(self.root, folder):
                if document.path not in self._kept:
                    asked = f"{SUMMARISE}<|start|>user\n@@@ {document.path!a}\n{document.text}"
                    self._kept[document.path] = Summary(
                        partition=PartitionId(folder),
                        source=document.path,
                        start=0,
                        end=len(document.text),
                        text=self._model(asked),
                    )

    def prompt(self, contacts: Sequence[str], question: str, *, budget: int) -> Prompt:
        there = {d.path for folder in self.readable(contacts) for d in read(self.root, folder)}
        return pack(
            question,
            self.search(contacts, question, k=PROMPT_HITS),
            [],
            summaries=[each for path, each in self._kept.items() if path in there],
            window_tokens=budget + 512,
            reply_tokens=512,
            budget_tokens=budget,
            meter=estimated(None),
            is_whole_folder=False,
        )
