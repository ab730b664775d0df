"""One writer per partition, across processes.

Chroma's own waiting can last minutes without a word when two processes meet, so this lock comes
first. The kernel drops it with the process that held it: a killed one leaves nothing to clean up.
"""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from partitioned_rag.durable import PRIVATE_FILE, make_private_folder

LOCK = "lock"
POLL_S = 0.02
SAY_AFTER_S = 0.5


@contextmanager
def hold(folder: Path, *, waiting: Callable[[int], None]) -> Iterator[None]:
    """Hold the lock of a partition's index while the block runs.

    Args:
        folder: The partition's index folder; created if it is missing.
        waiting: Called once with the holder's process id (0 if unknown) when the wait gets long.

    Raises:
        OSError: The lock file cannot be created.
    """
    descriptor = _acquire(folder, waiting)
    try:
        yield
    finally:
        os.close(descriptor)


def _acquire(folder: Path, waiting: Callable[[int], None]) -> int:
    path = folder / LOCK
    began = time.monotonic()
    said = False
    while True:
        make_private_folder(folder)
        try:
            descriptor = os.open(
                path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, PRIVATE_FILE
            )
        except FileNotFoundError:  # the folder was removed between the two calls
            continue
        try:
            while not _try_lock(descriptor):
                if not said and time.monotonic() - began > SAY_AFTER_S:
                    said = True
                    waiting(_holder(descriptor))
                time.sleep(POLL_S)
            # The partition may have been forgotten, its folder with it, while we waited.
            if _is_the_file_at(descriptor, path):
                _sign(descriptor)
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _sign(descriptor: int) -> None:
    """Write down who holds the lock, unless it stands there from the last time.

    To cut a file short can cost milliseconds, and a question takes the lock several times.
    """
    mine = os.getpid()
    if _holder(descriptor) != mine:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(mine).encode(), 0)


def _holder(descriptor: int) -> int:
    text = os.pread(descriptor, 20, 0)
    return int(text) if text.isdigit() else 0


def _is_the_file_at(descriptor: int, path: Path) -> bool:
    try:
        there = path.stat(follow_symlinks=False)
    except FileNotFoundError:
        return False
    here = os.fstat(descriptor)
    return (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino)
