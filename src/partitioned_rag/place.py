"""Where an OMBox and its index are, and that the one is no danger to the other.

Floor: edge. What lies in a folder that somebody names for an index is theirs until it carries our
mark: nothing in it is changed or removed before.
"""

import errno
import os
from pathlib import Path
from typing import Final

from partitioned_rag.durable import make_private_folder, write_whole
from partitioned_rag.errors import BoxError, StoreError
from partitioned_rag.folders import cannot_be_read

INDEX: Final = ".prag"
OWNER: Final = "box"
"""Names the box that an index is of; without it a folder is no index."""

PARTITIONS: Final = "partitions"
TOKENIZERS: Final = "tokenizers"
SYNCED: Final = (
    *("Dropbox", "OneDrive", "Google Drive", "GoogleDrive", "Mobile Documents", "Nextcloud"),
)


class IndexFolder:
    """The folder that holds the index of one box. Threads may share it."""

    def __init__(self, box: Path, named: str | Path | None) -> None:
        """Choose the place; nothing is read of it or written there yet.

        Args:
            box: The OMBox, as `box_folder` gives it.
            named: Where the owner wants the index; `.prag` in the box by default.

        Raises:
            BoxError: It is a link, or lies in the box where sources do, or the box lies in it.
        """
        self._box = box
        self.path = _expanded(Path(named)) if named else box / INDEX
        if self.path.is_symlink():
            raise BoxError(
                "the index folder is a link, so what is private could land anywhere",
                where=str(self.path),
                fix="remove the link, or name the place itself (PRAG_INDEX)",
            )
        place, folder = self.path.resolve(), box.resolve()
        within = place.relative_to(folder).parts if place.is_relative_to(folder) else (".",)
        if not within or not within[0].startswith(".") or folder.is_relative_to(place):
            raise BoxError(
                "the index would lie among the sources, or they in it",
                where=str(self.path),
                fix="keep it apart from the OMBox, or in a folder of it that begins with a dot",
            )

    @property
    def partitions(self) -> Path:
        """Holds a folder for each partition."""
        return self.path / PARTITIONS

    @property
    def tokenizers(self) -> Path:
        """Holds what models say of their tokenizers."""
        return self.path / TOKENIZERS

    @property
    def looks_synced(self) -> bool:
        """Whether its name is that of a folder which a program copies to other machines."""
        return any(name in str(self.path) for name in SYNCED)

    def prepare(self) -> None:
        """Make the folder, or see that it is ours.

        Raises:
            BoxError: It cannot be written, or is not ours.
            StoreError: The disk is full or failing.
        """
        if not self._box.is_dir():
            # Not to be made by making its index: its disk may be back in a moment.
            raise is_gone(self._box)
        self.check()
        owner = self.path / OWNER
        try:
            make_private_folder(self.path)
            # Before anything else: without it, what is there is somebody else's. A box that was
            # moved takes the index in it along.
            if not owner.exists() or owner.read_bytes() != self._name():
                write_whole(owner, self._name())
            for folder in (self.partitions, self.tokenizers):
                make_private_folder(folder)
        except OSError as error:
            raise self._cannot_be_written(error) from error
        # Another process may have begun at the same time, for another box.
        self.check()

    def check(self) -> None:
        """Refuse a folder that is no index, or that of another box: what is in it is not ours.

        Raises:
            BoxError: It is.
            StoreError: The disk is failing.
        """
        try:
            held = [path.name for path in self.path.iterdir()]
            whose = (self.path / OWNER).read_bytes() if OWNER in held else b""
        except FileNotFoundError:
            return
        except OSError as error:
            raise self._cannot_be_written(error) from error
        if self.path.parent == self._box:  # it is where only an index is
            return
        if OWNER in held and whose != self._name():
            raise BoxError(
                f"the index there is that of another OMBox, {os.fsdecode(whose)!a}",
                where=str(self.path),
                fix="give each OMBox an index folder of its own; if that one was moved here, remove"
                " the index: it is made anew",
            )
        # A process that was killed as it began may have left no more than the mark half written.
        if OWNER not in held and not all(name.startswith(f".{OWNER}.") for name in held):
            raise BoxError(
                "there is something else in the folder for the index",
                where=str(self.path),
                fix="name a new or an empty folder (PRAG_INDEX)",
            )

    def size_bytes(self) -> int:
        """Say what it takes on disk."""
        total = 0
        for root, _, files in os.walk(self.path):
            for name in files:
                try:
                    total += os.stat(os.path.join(root, name)).st_size  # noqa: PTH116, PTH118
                except OSError:  # removed meanwhile
                    continue
        return total

    def _name(self) -> bytes:
        return os.fsencode(self._box.resolve())

    def _cannot_be_written(self, error: OSError) -> BoxError | StoreError:
        what = f"the index cannot be written: {error.strerror}"
        if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EMFILE, errno.ENFILE}:
            return StoreError(what, where=str(self.path), fix="make room, and try again")
        return BoxError(
            what, where=str(self.path), fix="keep it in a folder that can be written (PRAG_INDEX)"
        )


def box_folder(path: str | Path) -> Path:
    """Find an OMBox.

    Args:
        path: Its folder; `~` is expanded.

    Returns:
        The absolute path.

    Raises:
        BoxError: It is missing, is no folder or cannot be read.
    """
    folder = _expanded(Path(path))
    try:
        if not folder.exists():
            raise BoxError(
                "there is no such folder",
                where=str(folder),
                fix="create it with a folder public/ in it, or name another (--box)",
            )
        if not folder.is_dir():
            raise BoxError("this is a file, not an OMBox", where=str(folder), fix="name the folder")
        with os.scandir(folder):
            pass
    except OSError as error:
        raise cannot_be_read(folder, error) from error
    return folder


def is_gone(box: Path) -> BoxError:
    """Make the error for a box that was there and is not now."""
    return BoxError(
        "the OMBox is gone",
        where=str(box),
        fix="see that its disk is there, or open it where it is now",
    )


def _expanded(path: Path) -> Path:
    try:
        return path.expanduser().absolute()
    except RuntimeError as error:  # pathlib's way of saying that there is no such user
        raise BoxError(
            "there is no such user", where=str(path), fix="write the path out in full"
        ) from error
