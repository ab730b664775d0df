"""The mistake: what does not fit is left out, and nobody is told."""

from collections.abc import Sequence
from dataclasses import replace

from partitioned_rag.values import Prompt
from tests.controls.honest import HonestEngine


class PackerThatDropsSilently(HonestEngine):
    """The prompt fits, and its receipt says that nothing was left out."""

    def prompt(self, contacts: Sequence[str], question: str, *, budget: int) -> Prompt:
        return replace(super().prompt(contacts, question, budget=budget), omitted=())
