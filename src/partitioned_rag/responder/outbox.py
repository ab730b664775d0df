"""Replies on their way to the bridge.

Floor: street. The bridge takes `<address>.txt` and removes it before it sends. A reply is first
written beside it, whole and synced, under a name that the bridge passes over; the rename is the
moment of sending, and by the missing temporary file it can be known after a crash that it was.
"""

import os
from pathlib import Path

from partitioned_rag.durable import sync_folder, write_whole


class Outbox:
    """The folder that the bridge takes replies from."""

    def __init__(self, folder: Path) -> None:
        """Name the folder."""
        self._folder = folder

    @property
    def identity(self) -> str:
        """Tells this very folder from another one that may lie in its place some day."""
        return str(self._folder.stat().st_ino)

    def is_free(self, address: str) -> bool:
        """Say whether the bridge has taken the last reply to an address.

        A reply that lies there is neither replaced nor added to: the bridge may have read it and
        not yet removed it, and what was added then would be lost.
        """
        return self._folder.is_dir() and not os.path.lexists(self._place(address))

    def prepare(self, id: str, text: str) -> None:  # noqa: A002 — the message's
        """Write a reply that is not yet to be sent, so that it outlives a power cut.

        Raises:
            OSError: It cannot be written.
        """
        write_whole(self._beside(id), text.encode("utf-8", "replace"))

    def is_prepared(self, id: str) -> bool:  # noqa: A002 — as above
        """Say whether a reply was written and not sent."""
        return os.path.lexists(self._beside(id))

    def send(self, address: str, id: str) -> None:  # noqa: A002 — as above
        """Give a prepared reply to the bridge; the place must be free.

        Raises:
            OSError: It cannot be renamed, and is not sent.
        """
        self._beside(id).rename(self._place(address))

    def sync(self) -> None:
        """Make what was sent outlive a power cut.

        Raises:
            OSError: It cannot be known to.
        """
        sync_folder(self._folder)

    def discard(self, id: str) -> None:  # noqa: A002 — as above
        """Remove a prepared reply, and what a crash left of writing it."""
        self._beside(id).unlink(missing_ok=True)
        for path in self._folder.glob(f".{self._beside(id).name}.*"):
            path.unlink(missing_ok=True)

    def _place(self, address: str) -> Path:
        return self._folder / f"{address}.txt"

    def _beside(self, id: str) -> Path:  # noqa: A002 — as above
        return self._folder / f".{id}.reply"
