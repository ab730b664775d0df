"""What a responder tells while it works, to whoever shows it.

Floor: street.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ParamSpec

from partitioned_rag.values import IndexReport

P = ParamSpec("P")
log = logging.getLogger(__name__)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Unanswered:
    """What `drain` could not answer of one contact, or take in.

    Attributes:
        contact: Whose messages wait; empty for what stays in the inbox.
        messages: How many; None if that cannot be said.
        reason: Why, a sentence.
        is_trouble: False if it only waits: for the bridge to take an earlier reply, for the hour to
            be over, or for the next start.
    """

    contact: str
    messages: int | None
    reason: str
    is_trouble: bool


class Observer:
    """Is told of everything and does nothing; override what you want to show.

    All of it is for the owner's eyes. Calls come from several threads, and whoever dawdles in one
    holds up replies. What one raises is logged, and changes nothing.
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


class Guarded(Observer):
    """Passes everything on, and logs what the other raises, since showing is not answering."""

    def __init__(self, other: Observer) -> None:
        """Choose to whom."""
        self._other = other

    def begun(self, contact: str, id: str) -> None:  # noqa: A002 — the message's
        """As `Observer`, and so are all others."""
        _guarded(self._other.begun, contact, id)

    def said(self, contact: str, text: str) -> None:
        """As `Observer`."""
        _guarded(self._other.said, contact, text)

    def withdrawn(self, contact: str) -> None:
        """As `Observer`."""
        _guarded(self._other.withdrawn, contact)

    def done(self, outcome: Outcome) -> None:
        """As `Observer`."""
        _guarded(self._other.done, outcome)

    def waiting(self, counts: Mapping[str, int]) -> None:
        """As `Observer`."""
        _guarded(self._other.waiting, counts)

    def indexed(self, report: IndexReport) -> None:
        """As `Observer`."""
        _guarded(self._other.indexed, report)

    def told(self, text: str) -> None:
        """As `Observer`."""
        _guarded(self._other.told, text)


def _guarded(tell: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> None:
    try:
        tell(*args, **kwargs)
    # Whatever somebody else's code may raise; its words could quote what it was told.
    except Exception as error:  # noqa: BLE001
        log.warning("what is told of a responder cannot be shown: %s", type(error).__name__)
