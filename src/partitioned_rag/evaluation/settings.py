"""The settings that `prag eval --compare` compares: this is the one place where they are listed.

Floor: street. A setting is a name and a search; to compare another one is another line here.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from partitioned_rag.values import Hit
from partitioned_rag.view import PROMPT_HITS, View


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A way to search.

    Attributes:
        name: What it is called in a table.
        search: Given a view and a question, gives hits, best first.
    """

    name: str
    search: Callable[[View, str], Sequence[Hit]]


SETTINGS: Final = (
    Setting(name="prompt", search=lambda view, question: view.search(question, k=PROMPT_HITS)),
    Setting(name="search", search=lambda view, question: view.search(question)),
)
"""As a prompt is filled, which is what counts; and as `prag search` searches if not told more."""
