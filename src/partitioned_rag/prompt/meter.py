"""What a packer must know of the model at hand: how it counts, and what it takes for structure.

Floor: core, pure: abilities are handed over as functions.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from partitioned_rag.values import CountKind, Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Meter:
    """Measures texts and prompts as one model sees them.

    Attributes:
        count: Tokens of a text by itself, margin included. It guides a search, and no promise rests
            on a sum of it: texts that are joined count otherwise than apart.
        cost: Tokens of a whole prompt with all that the model's template adds, margin included. It
            never says less than the server will count.
        neutralise: Makes text from outside unable to be anything but text for this model.
        render: Writes a prompt as the model sees it, or gives None where that cannot be known.
        kind: How far `cost` can be trusted.
        margin: By what share each count has been raised to be safe; it stands in the counts.
    """

    count: Callable[[str], int]
    cost: Callable[[Sequence[Message]], int]
    neutralise: Callable[[str], str]
    render: Callable[[Sequence[Message]], str | None]
    kind: CountKind
    margin: float
