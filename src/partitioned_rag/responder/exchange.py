"""`Exchange`: the two folders through which we and a bridge hand each other files.

Floor: street.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from partitioned_rag.box import OMBox
from partitioned_rag.responder.outbox import Outbox


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """Where messages of one kind come from, and where the replies to them go.

    Attributes:
        inbox: Messages are dropped here, as files that end in `.json`.
        outbox: Replies are put here, as files that end in `.txt`.
        name: Stays the same from run to run, since queued messages remember by it where their reply
            goes. The box's own exchange has none.
    """

    inbox: Path
    outbox: Path
    name: str = ""

    @classmethod
    def of(cls, box: OMBox) -> Self:
        """Name the box's own `inbox/` and `outbox/`."""
        return cls(inbox=box.path / "inbox", outbox=box.path / "outbox")

    @property
    def replies(self) -> Outbox:
        """The outbox, to put replies into."""
        return Outbox(self.outbox)
