"""Files and folders that are private from birth, and whole or absent after a crash.

Floor: tool. Knows nothing of what it keeps.
"""

import contextlib
import errno
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

PRIVATE_FOLDER = 0o700
PRIVATE_FILE = 0o600


def make_private_folder(path: Path) -> None:
    """Create a folder that only its owner can enter, with its parents; an existing one is closed.

    Raises:
        OSError: It cannot be created, or is a link: what is private could then land anywhere.
    """
    if path.is_symlink():
        raise OSError(errno.ELOOP, f"{path.name} is a link", str(path))
    for missing in reversed([path, *path.parents]):
        if not missing.exists():
            missing.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
    if path.stat().st_mode & 0o777 != PRIVATE_FOLDER:
        path.chmod(PRIVATE_FOLDER)


def make_private_file(path: Path) -> None:
    """Create an empty file that only its owner can read, if there is none.

    One that is there is not opened: to close any handle of a database's file drops all locks that
    SQLite holds on it in this process (fcntl(2), "record locking").

    Raises:
        OSError: It cannot be created, or is a link.
    """
    if path.is_symlink():
        raise OSError(errno.ELOOP, f"{path.name} is a link", str(path))
    with contextlib.suppress(FileExistsError):
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        os.close(os.open(path, flags, PRIVATE_FILE))


def close_to_others(folder: Path) -> None:
    """Take every right of others off what another program has created below a private folder.

    The folder itself was closed from the start, so nobody could get at these files before either.
    """
    for root, folders, files in os.walk(folder):
        for name in folders:
            Path(root, name).chmod(PRIVATE_FOLDER)
        for name in files:
            Path(root, name).chmod(PRIVATE_FILE)


def write_whole(path: Path, *parts: bytes | bytearray | memoryview) -> None:
    """Replace a file's content so that a reader, or a crash, sees the old or the new, never a part.

    Args:
        path: The file; need not be there.
        parts: The new content, one after the other.

    Raises:
        OSError: It cannot be written; the old content then still stands.
    """
    # Of this thread alone: another one, or another process, may be writing the same.
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.new")
    temporary.unlink(missing_ok=True)
    make_private_file(temporary)
    try:
        with temporary.open("wb") as file:
            for part in parts:
                file.write(part)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Make the names in a folder survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_folder(path: Path, *, unless: Callable[[], bool] | None = None) -> bool:
    """Remove a folder with all it holds; a crash leaves it whole, or out of sight and half removed.

    What is out of sight has a name that begins with `.gone-`; `sweep` removes what is left of it.

    Args:
        path: The folder; need not be there.
        unless: Asked when it is out of sight, so that nothing more can be put into it: it comes
            back if this says so, and if no other has taken its place.

    Returns:
        False if it came back.

    Raises:
        OSError: It cannot be removed.
    """
    try:
        gone = path.with_name(f".gone-{path.stat(follow_symlinks=False).st_ino}")
        path.rename(gone)
    except FileNotFoundError:
        return True
    if unless is not None and unless():
        with contextlib.suppress(OSError):
            gone.rename(path)
            return False
    # Another process may be sweeping it away at the same time.
    shutil.rmtree(gone, ignore_errors=True)
    if gone.exists():
        shutil.rmtree(gone)
    return True


def sweep(folder: Path) -> None:
    """Finish the removals that a crash cut short."""
    for path in folder.glob(".gone-*"):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
