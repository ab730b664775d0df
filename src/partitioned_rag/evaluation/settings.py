"""The settings that `prag eval --compare` compares: this is the one place where they are listed.

Floor: street. A setting is a name and a search; to compare another one is another line here.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from partitioned_rag.values import Hit, Weights
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


def _weighed(weights: Weights) -> Callable[[View, str], Sequence[Hit]]:
    return lambda view, question: view.search(question, k=PROMPT_HITS, weights=weights)


SETTINGS: Final = (
    Setting(name="prompt", search=lambda view, question: view.search(question, k=PROMPT_HITS)),
    Setting(name="search", search=lambda view, question: view.search(question)),
    Setting(name="words", search=_weighed(Weights(cosine=0, speaker=0, sitting=0))),
    Setting(name="vectors", search=_weighed(Weights(words=0, speaker=0, sitting=0))),
)
"""As a prompt is filled, which is what counts; as `prag search` searches if not told more; and as a
prompt would be filled by words alone, or by vectors alone."""
