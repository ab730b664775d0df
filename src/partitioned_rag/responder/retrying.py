"""A message that failed → the same message in the inbox, to be answered anew.

Floor: street. Opens no queue: whoever answers takes it in as it would any other, with its own
promises.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from partitioned_rag.box import OMBox
from partitioned_rag.durable import write_whole
from partitioned_rag.errors import InputError, StoreError
from partitioned_rag.responder.reading import FAILED, RETRIED, Receipt, Receipts, mark_as_retried

SHORTEST_PREFIX: Final = 4

_ID = re.compile(rf"[0-9a-f]{{{SHORTEST_PREFIX},24}}")
_EXCHANGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Retried:
    """A message that lies in the inbox again.

    Attributes:
        id: Of the message that failed; as it comes in again, it gets another.
        contact: Whose it is.
        path: The new file.
    """

    id: str
    contact: str
    path: Path


def retry(box: OMBox, id: str, *, stamp: int) -> Retried:  # noqa: A002 — the message's
    """Put the text of a message that failed back into the inbox that it came by.

    Args:
        box: Stays the caller's to close.
        id: Of the message, or its beginning, of at least four characters, if no other begins so.
        stamp: Makes the new file's name another than that of any earlier retry.

    Raises:
        InputError: No such message is known or more than one is, it was answered, or it was
            retried before.
        BoxError: As `Receipts`.
        StoreError: The file cannot be written.
    """
    receipt = _the_one(Receipts(box), id.lower())
    if receipt.outcome == RETRIED:
        raise InputError(
            "this message was given back to the inbox before",
            where=receipt.id,
            fix="`prag log` shows what became of it, under another id",
        )
    if receipt.outcome != FAILED:
        raise InputError("this message was answered, and would be answered twice", where=receipt.id)
    inbox = _inbox(box, receipt)
    try:
        inbox.mkdir(exist_ok=True)
        path = inbox / f"retry-{receipt.id}-{stamp}.json"
        body = {"sender": receipt.sender, "text": receipt.message}
        write_whole(path, (json.dumps(body, ensure_ascii=True) + "\n").encode())
        mark_as_retried(receipt)
    except OSError as error:
        raise StoreError(
            f"the message cannot be put into the inbox: {error.strerror}", where=str(inbox)
        ) from error
    return Retried(id=receipt.id, contact=receipt.contact, path=path)


def _the_one(receipts: Receipts, begin: str) -> Receipt:
    if not _ID.fullmatch(begin):
        raise InputError(
            f"an id is {SHORTEST_PREFIX} to 24 of the characters 0-9 and a-f",
            fix="`prag log` shows them",
        )
    unreadable: list[StoreError] = []
    found: list[Receipt] = []
    for each in receipts.unread():
        if isinstance(each, StoreError):
            unreadable += [each] if Path(each.where).stem.startswith(begin) else []
        elif each.id.startswith(begin):
            found.append(each)
    if len(found) + len(unreadable) > 1:
        raise InputError(
            f"{len(found) + len(unreadable)} messages have an id that begins so",
            where=begin,
            fix="write more of it; `prag log --json` shows ids whole",
        )
    if unreadable:
        raise unreadable[0]
    if not found:
        raise InputError(
            "no message with this id was answered or failed",
            where=begin,
            fix="`prag log` shows those that were",
        )
    return found[0]


def _inbox(box: OMBox, receipt: Receipt) -> Path:
    """Name the inbox that a message came by: the box's own, or that of a bridge beside it."""
    if not receipt.exchange:
        return box.path / "inbox"
    folder = box.path / f".{receipt.exchange}"
    if not _EXCHANGE.fullmatch(receipt.exchange) or not folder.is_dir() or folder.is_symlink():
        raise InputError(
            "the folders by which this message came are not in this OMBox",
            where=f"{receipt.id} by {receipt.exchange!a}",
            fix="its sender can write again",
        )
    return folder / "inbox"
