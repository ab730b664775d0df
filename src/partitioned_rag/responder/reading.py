"""Receipts of one contact or of all → values for the owner's eyes, oldest first.

Floor: street. Opens no queue and changes nothing, so it may run beside a responder. What is no
receipt costs a sentence and never the rest.
"""

import json
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from partitioned_rag.box import OMBox
from partitioned_rag.durable import write_whole
from partitioned_rag.errors import StoreError
from partitioned_rag.place import PARTITIONS
from partitioned_rag.responder.receipts import RECEIPTS

DELIVERED: Final = "delivered"
FAILED: Final = "failed"
RETRIED: Final = "retried"

_NAME = re.compile(r"[0-9a-f]{24}(-wait)?\.json")
# Much larger than any window could make one; what is larger was not written by us.
_MOST_BYTES: Final = 64 * 1024 * 1024
# The end of the year 9998: what a calendar can show in any zone.
_LAST_S: Final = 253_370_764_799.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What became of one message.

    Attributes:
        path: Where it stands; `as_line` gives all of it.
        contact: In whose folder it lies.
        id: Of the message.
        sender: As the message had it.
        message: As it was written.
        question: What was asked.
        at: When the reply was ready or given up, in seconds since 1970.
        outcome: `delivered`, `failed`, or `retried` for one that failed and was given back to the
            inbox.
        exchange: Name of the exchange that it came by; the box's own has none.
        reason: Why it failed, or why something was said that nobody asked for; a sentence.
        model: Name of the model; empty where none was asked, as for the two below.
        total_s: Seconds that making the reply took.
        sources: How many sources the prompt quoted.
    """

    path: Path
    contact: str
    id: str
    sender: str = field(repr=False)
    message: str = field(repr=False)
    question: str = field(repr=False)
    at: float
    outcome: str
    exchange: str = ""
    reason: str = ""
    model: str = ""
    total_s: float | None = None
    sources: int | None = None


class Receipts:
    """The receipts of a box, and which of them have been read.

    Not for several threads at once.
    """

    def __init__(self, box: OMBox, contact: str | None = None) -> None:
        """Choose whose; nothing is read yet.

        Args:
            box: Stays the caller's to close.
            contact: One contact, as they write or as their folder is named, or an alias of theirs;
                nobody else's folder is looked into then. None means every contact.

        Raises:
            ContactError: There can be no such contact.
            ContactsError: `contacts.toml` cannot be used, so who it is cannot be known.
            BoxError: The index is that of another OMBox.
        """
        self._partitions = box.checked_index() / PARTITIONS
        self._contact = None if contact is None else box.contact_of(contact)
        self._seen: dict[str, set[str]] = {}

    def unread(self) -> Iterator[Receipt | StoreError]:
        """Read what has come since the last time, oldest first; the first time, all there is.

        Yields:
            A receipt, or why a file is none.

        Raises:
            StoreError: A folder cannot be listed.
        """
        read = [each for path in self._new_paths() if (each := _read(path)) is not None]
        yield from (each for each in read if isinstance(each, StoreError))
        receipts = [each for each in read if isinstance(each, Receipt)]
        yield from sorted(receipts, key=lambda receipt: (receipt.at, receipt.contact, receipt.id))

    def _new_paths(self) -> list[Path]:
        """List what was not there the last time; asked for every second, so only names are seen."""
        paths: list[Path] = []
        for contact in [self._contact] if self._contact is not None else _names(self._partitions):
            # Begins with a dot: a removal that is not done yet.
            if contact.startswith("."):
                continue
            folder = self._partitions / contact / RECEIPTS
            seen = self._seen.setdefault(contact, set())
            new = set(_names(folder)) - seen
            seen.update(new)
            paths += [folder / name for name in sorted(new) if _NAME.fullmatch(name)]
        return paths


def as_line(receipt: Receipt) -> str | None:
    """Give all of a receipt as one line of JSON in ASCII; None if it was removed meanwhile.

    Raises:
        StoreError: Something else stands there by now.
    """
    try:
        shape = _content(receipt.path)
    except (OSError, RecursionError, ValueError, TypeError) as error:
        raise _unreadable(receipt.path, "something else stands there by now") from error
    if shape is None:
        return None
    return json.dumps(shape, ensure_ascii=True, allow_nan=False) + "\n"


def mark_as_retried(receipt: Receipt) -> None:
    """Say in a receipt that its message was given back to the inbox.

    Raises:
        OSError, StoreError: It cannot be written, or something else stands there by now.
    """
    line = as_line(receipt)
    if line is not None:
        shape = json.loads(line) | {"outcome": RETRIED}
        write_whole(receipt.path, (json.dumps(shape, ensure_ascii=True) + "\n").encode())


def _names(folder: Path) -> list[str]:
    """List a folder.

    Raises:
        StoreError: It is there and cannot be listed.
    """
    try:
        return os.listdir(folder)  # noqa: PTH208 — of many thousands of names, every second
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise StoreError(
            f"the receipts cannot be listed: {error.strerror}", where=str(folder)
        ) from error


def _read(path: Path) -> Receipt | StoreError | None:
    """Read one receipt; None if it is gone, which it is with its contact."""
    try:
        shape = _content(path)
        return None if shape is None else _receipt(path, shape)
    except OSError as error:
        return _unreadable(path, error.strerror or "it cannot be read")
    except RecursionError:
        return _unreadable(path, "it is nested too deep")
    except (ValueError, TypeError, KeyError):
        return _unreadable(path, "it is not as we write receipts")


def _content(path: Path) -> dict[str, object] | None:
    """Read one file; nothing is followed, nothing is opened that could block.

    Raises:
        OSError, RecursionError, ValueError: It is no receipt.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    with open(descriptor, "rb") as file:  # noqa: PTH123 — by its descriptor
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ValueError
        raw = file.read(_MOST_BYTES + 1)
    if len(raw) > _MOST_BYTES:
        raise ValueError
    shape = json.loads(raw.decode(), parse_constant=_refuse)
    if not isinstance(shape, dict):
        raise TypeError
    return shape


def _receipt(path: Path, shape: dict[str, object]) -> Receipt:
    """Take out of a receipt what is shown of it.

    Raises:
        KeyError, TypeError, ValueError: Something is missing, or not as it must be.
    """
    timings = _table(shape["timings"])
    at = _number(timings["at"])
    if shape["id"] != path.stem or not 0 <= at <= _LAST_S:
        raise ValueError
    if shape["outcome"] not in {DELIVERED, FAILED, RETRIED}:
        raise ValueError
    return Receipt(
        path=path,
        contact=path.parent.parent.name,
        id=path.stem,
        sender=_text(shape["sender"]),
        message=_text(shape["message"]),
        question=_text(shape["question"]),
        at=at,
        outcome=_text(shape["outcome"]),
        exchange=_text(shape.get("exchange", "")),
        reason=_text(shape["reason"]),
        model=_text(shape.get("model", "")),
        total_s=_number(timings["total_s"]) if "total_s" in timings else None,
        sources=_sources(shape["packed"]) if "packed" in shape else None,
    )


def _sources(packed: object) -> int:
    if not isinstance(packed, list):
        raise TypeError
    return len({_text(_table(each)["source"]) for each in packed})


def _table(value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise TypeError
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _number(value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise TypeError
    try:
        return float(value)
    except OverflowError as error:
        raise ValueError from error


def _refuse(_: str) -> float:
    raise ValueError


def _unreadable(path: Path, why: str) -> StoreError:
    return StoreError(f"a receipt cannot be read: {why}", where=str(path))
