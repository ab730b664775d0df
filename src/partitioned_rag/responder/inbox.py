"""Files of the inbox → messages, or why they are none.

Floor: street. What lies in the inbox was written by whoever can write there: nothing is followed,
nothing is opened that could block, and nothing is taken into memory before its size is known.
"""

import hashlib
import json
import os
import re
import stat
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

SUFFIX: Final = ".json"
MOST_BYTES: Final = 1024 * 1024
YOUNG_S: Final = 5.0
"""The bridge writes in place: what is this young and no JSON yet may become a message."""

_PREFIX = re.compile(r"[oO][mM]:?\s*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What somebody wrote.

    Attributes:
        id: Of the file's name and content: the same file again is the same message.
        sender: As the file has it.
        said: As it was written, and as the bridge put it into the chat.
        question: Without what it begins with; None if it is not for us, or asks nothing.
    """

    id: str
    sender: str
    said: str = field(repr=False)
    question: str | None = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """A file that is no message.

    Attributes:
        reason: A sentence for the owner; quotes nothing of it.
        may_be_unfinished: Whoever writes it may not be done.
    """

    reason: str
    may_be_unfinished: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A file of the inbox as it was read.

    Attributes:
        arrived_at: When it was last written, in seconds since 1970.
        stamp: By which `is_unchanged` knows it again.
    """

    path: Path
    arrived_at: float
    stamp: tuple[int, ...]
    content: Message | Broken


class _Pairs(list[tuple[str, object]]):
    """An object of JSON with every key that was written, also those written twice."""


def message_files(inbox: Path) -> list[Path]:
    """List what may be messages, in the order of their names.

    Links, pipes, sockets and folders are none, nor is what is hidden or has another ending.
    """
    try:
        with os.scandir(inbox) as entries:
            found = [
                entry.name
                for entry in entries
                if entry.name.endswith(SUFFIX)
                and not entry.name.startswith(".")
                and entry.is_file(follow_symlinks=False)
            ]
    except FileNotFoundError:
        return []
    return [inbox / name for name in sorted(found)]


def some_of_each(paths: Sequence[Path], most: int) -> list[Path]:
    """Choose the first few of each sender, as the names have it; which is all that they decide.

    >>> [path.name for path in some_of_each([Path("1_1"), Path("1_2"), Path("2_1")], 1)]
    ['1_1', '2_1']
    """
    taken: Counter[str] = Counter()
    chosen = []
    for path in paths:
        sender = path.name.partition("_")[0]
        taken[sender] += 1
        if taken[sender] <= most:
            chosen.append(path)
    return chosen


def read(path: Path) -> Arrival | None:
    """Read one file.

    Returns:
        None if it is gone, or is no regular file any more.
    """
    try:
        found = path.stat(follow_symlinks=False)
        if not stat.S_ISREG(found.st_mode):
            return None
        content, found = _content(path, found)
    except FileNotFoundError:
        return None
    except OSError as error:
        content = Broken(reason=f"it cannot be read: {error.strerror}")
    return Arrival(path=path, arrived_at=found.st_mtime, stamp=_stamp(found), content=content)


def is_unchanged(arrival: Arrival) -> bool:
    """Say whether a file is still the one that was read.

    The bridge gives two messages of one sender within a millisecond the same name.
    """
    try:
        return _stamp(arrival.path.stat(follow_symlinks=False)) == arrival.stamp
    except FileNotFoundError:
        return False


def parse(name: str, raw: bytes) -> Message | Broken:
    """Turn the content of a file into a message.

    Args:
        name: The file's; it says nothing about the sender.
        raw: All of it.
    """
    try:
        decoded = json.loads(raw.decode("utf-8-sig"), object_pairs_hook=_Pairs)
    except RecursionError:
        return Broken(reason="it is nested too deep")
    except ValueError:  # no UTF-8, no JSON, or a number of thousands of digits
        return Broken(reason="it is no JSON in UTF-8", may_be_unfinished=True)
    if not isinstance(decoded, _Pairs):
        return Broken(reason="it is no JSON object")
    fields = dict(decoded)
    if len(fields) != len(decoded):
        return Broken(reason="it has a key twice")
    digest = hashlib.sha256(os.fsencode(name) + b"\0" + raw).hexdigest()
    return _message(digest[:24], fields)


def _message(id: str, fields: dict[str, object]) -> Message | Broken:  # noqa: A002 — its name there
    sender, said = fields.get("sender"), fields.get("text")
    if not isinstance(sender, str) or not isinstance(said, str):
        return Broken(reason="it has no sender or no text, or they are no strings")
    return Message(id=id, sender=sender, said=said, question=_question(said))


def _question(said: str) -> str | None:
    begun = _PREFIX.match(said)
    asked = said[begun.end() :] if begun else ""
    return asked if any(each.isprintable() and not each.isspace() for each in asked) else None


def _content(path: Path, found: os.stat_result) -> tuple[Message | Broken, os.stat_result]:
    if found.st_size > MOST_BYTES:
        return Broken(reason=f"it is larger than {MOST_BYTES} bytes"), found
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb") as file:  # noqa: PTH123 — by its descriptor
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise FileNotFoundError(str(path))
        raw = file.read(MOST_BYTES + 1)
    if len(raw) > MOST_BYTES:
        return Broken(reason=f"it is larger than {MOST_BYTES} bytes"), found
    return parse(path.name, raw), found


def _stamp(found: os.stat_result) -> tuple[int, ...]:
    return (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
