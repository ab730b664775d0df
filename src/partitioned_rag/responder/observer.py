"""What a responder tells while it works, to whoever shows it.

Floor: street.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from partitioned_rag.values import IndexReport


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one message, or of one file that is none.

    Attributes:
        contact: Who wrote; empty for a file that is no message.
        id: Of the message, or the name of the file.
        state: `delivered`, `ignored`, `failed`, `quarantined`, or `received` for one that waits
            to be tried again.
        reason: A sentence; empty where there is nothing to say.
        total_s: Seconds that making the reply took; 0 where none was made.
    """

    contact: str
    id: str
    state: str
    reason: str = ""
    total_s: float = 0.0


class Observer:
    """Is told of everything and does nothing; override what you want to show.

    All of it is for the owner's eyes. Calls come from several threads, and whoever dawdles in one
    holds up replies.
    """

    def begun(self, contact: str, id: str) -> None:  # noqa: A002 — the message's
        """A reply is being made."""

    def said(self, contact: str, text: str) -> None:
        """A piece of it has come. It may still be withdrawn."""

    def withdrawn(self, contact: str) -> None:
        """All pieces so far are withdrawn, and another reply begins."""

    def done(self, outcome: Outcome) -> None:
        """A message is done with, postponed or put away."""

    def waiting(self, counts: Mapping[str, int]) -> None:
        """So many messages of each contact wait; those who have none are not named."""

    def indexed(self, report: IndexReport) -> None:
        """The index was brought up to date with the folder."""

    def told(self, text: str) -> None:
        """Something is the matter that is not one message's."""
