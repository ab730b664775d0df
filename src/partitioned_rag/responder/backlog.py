"""What waits to be answered and what was put away, for the owner's eyes.

Floor: street. Opens nothing for writing, makes nothing and takes nobody's lock, so it may look
while a responder works.
"""

from dataclasses import dataclass
from pathlib import Path

from partitioned_rag.box import OMBox
from partitioned_rag.errors import StoreError
from partitioned_rag.place import PARTITIONS
from partitioned_rag.responder import quarantine
from partitioned_rag.responder.queue import QUEUE, count_waiting


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """The messages of one contact that are recorded and not done with.

    Attributes:
        contact: Whose they are.
        messages: How many; None if the queue cannot be read now.
    """

    contact: str
    messages: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """What a responder has left to do, and to the owner.

    Attributes:
        waiting: Contacts of whom something waits, by id.
        quarantined: Files of the inbox that were no messages, and are kept.
        quarantine: Where those are.
    """

    waiting: tuple[Waiting, ...]
    quarantined: int
    quarantine: Path


def backlog_of(box: OMBox) -> Backlog:
    """Look at what waits and at what was put away.

    Args:
        box: Stays the caller's to close.

    Raises:
        BoxError: The index is that of another OMBox.
        StoreError: The disk is failing.
    """
    index = box.checked_index()
    try:
        waiting = [
            Waiting(contact=path.parent.name, messages=count_waiting(path))
            for path in sorted((index / PARTITIONS).glob(f"*/{QUEUE}"))
            if not path.parent.name.startswith(".")  # a removal that is not done yet
        ]
        put_away = quarantine.count(index / quarantine.FOLDER)
    except OSError as error:
        raise StoreError(
            f"what waits cannot be looked at: {error.strerror}", where=str(index)
        ) from error
    return Backlog(
        waiting=tuple(each for each in waiting if each.messages != 0),
        quarantined=put_away,
        quarantine=index / quarantine.FOLDER,
    )
