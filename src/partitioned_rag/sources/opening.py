"""The one door through which the bytes of a source come in.

Floor: edge. Opens nothing but regular files of one partition, blocks on nothing, follows no link
but those that `scan` has followed, and never takes half of a change for the whole.
"""

import os
import stat
import time
from pathlib import Path
from typing import Final, NamedTuple

from partitioned_rag.sources.raw import MAX_FILE_BYTES
from partitioned_rag.sources.scan import (
    Outside,
    outside,
    refused,
    resolved,
    special,
    stamped,
)
from partitioned_rag.values import PartitionId, Skip, SkipReason, Stamp

MAX_ATTEMPTS: Final = 5
"""How often a file that changes under our eyes is read again."""

TICK_NS: Final = 50_000_000
"""Kernels stamp files with a clock that stands still for up to 10 ms; several of those."""

COARSE_TICK_NS: Final = 2_000_000_000
"""For file systems that keep whole seconds, or even pairs of them."""

_SECOND_NS: Final = 1_000_000_000


class Taken(NamedTuple):
    """What came of opening a file.

    Attributes:
        content: Its bytes, or why there are none.
        stamp: Of those very bytes; None when the file could not be looked at.
        is_settled: No later edit can carry the same stamp.
    """

    content: bytes | Skip
    stamp: Stamp | None = None
    is_settled: bool = False


def take(folder: Path, partition: PartitionId, path: str) -> Taken:
    """Read the bytes of a source.

    Args:
        folder: The partition's folder.
        partition: Its id.
        path: As in `Source.path`.

    Returns:
        All of its bytes, from a moment when nobody wrote to it. If there is no such moment in
        `MAX_ATTEMPTS`, those of the last, as not settled.
    """
    for _ in range(MAX_ATTEMPTS):
        now_ns = time.time_ns()
        try:
            names = resolved(folder, partition, path)
            descriptor = _opened(folder, names)
        except Outside:
            return Taken(outside(path, partition))
        except OSError as error:
            return Taken(refused(path, error))
        try:
            before = os.fstat(descriptor)
            content = _content(descriptor, before, path)
            after = os.fstat(descriptor)
        except OSError as error:
            return Taken(refused(path, error))
        finally:
            os.close(descriptor)
        stamp = stamped(after)
        if stamped(before) == stamp:
            return Taken(content, stamp, is_settled(stamp, now_ns))
    return Taken(content, stamp)


def is_settled(stamp: Stamp, now_ns: int) -> bool:
    """Say whether a file was left alone for so long that its next edit must change its stamp.

    Args:
        stamp: Of the file.
        now_ns: When its reading began, in nanoseconds since the epoch.

    Returns:
        False, too, for a file from the future: of such clocks nothing can be said.
    """
    # A time without a fraction of a second comes from a file system that does not keep any.
    tick_ns = TICK_NS if stamp.ctime_ns % _SECOND_NS else COARSE_TICK_NS
    return now_ns - max(stamp.mtime_ns, stamp.ctime_ns) > tick_ns


def _opened(folder: Path, names: list[str]) -> int:
    """Open a file name by name, so that no folder can be swapped for a link on the way."""
    # O_PATH asks for no right to list a folder, as an ordinary path does not; macOS lacks it.
    looking = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    here = os.open(folder, looking)
    try:
        for name in names[:-1]:
            below = os.open(name, looking, dir_fd=here)
            os.close(here)
            here = below
        # A FIFO would block here until somebody writes to it.
        flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
        return os.open(names[-1] if names else ".", flags, dir_fd=here)
    finally:
        os.close(here)


def _content(descriptor: int, status: os.stat_result, path: str) -> bytes | Skip:
    if not stat.S_ISREG(status.st_mode):
        return special(path, "is no regular file")
    data = b""
    if status.st_size <= MAX_FILE_BYTES:
        # One byte more than allowed, since the file may have grown since.
        with open(descriptor, "rb", closefd=False) as file:
            data = file.read(MAX_FILE_BYTES + 1)
    if max(status.st_size, len(data)) > MAX_FILE_BYTES:
        limit = f"is larger than {MAX_FILE_BYTES // 2**20} MiB: cut it into smaller files"
        return Skip(source=path, reason=SkipReason.TOO_LARGE, detail=limit)
    return data
