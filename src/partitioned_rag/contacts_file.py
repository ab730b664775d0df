"""`contacts.toml`: the bytes of the owner's one file of configuration, and what they say now.

Floor: edge. Opens nothing but a plain file in the root of the box, blocks on nothing and follows no
link: what a link leads to could be a contact's own to write.
"""

import os
import stat
from pathlib import Path
from typing import Final

from partitioned_rag.contacts import FILE, Contacts, fault, parse
from partitioned_rag.errors import ContactsError

MAX_BYTES: Final = 2**18


class ContactsFile:
    """The file of one box. Threads may share it."""

    def __init__(self, box: Path) -> None:
        """Name the file; it is not looked at yet, and need not be there."""
        self._path = box / FILE
        self._last: tuple[bytes, Contacts | ContactsError] = (b"", Contacts())

    def read(self) -> Contacts:
        """Say what the owner has written as of now; no file says nothing.

        The bytes are read each time, since they are few and no stamp can be trusted as far; they
        are parsed when they have changed. A file that is seen half written lacks something, and
        what is lacking lets nobody read more.

        Raises:
            ContactsError: The file cannot be read, or not be understood.
        """
        content = self._content()
        known, contacts = self._last
        if content != known:
            try:
                contacts = parse(_decoded(content))
            except ContactsError as error:
                contacts = error
            self._last = (content, contacts)
        if isinstance(contacts, ContactsError):
            raise ContactsError(contacts.what, where=contacts.where, fix=contacts.fix)
        return contacts

    def problem(self) -> ContactsError | None:
        """Say why the file cannot be used; None if it can, or is not there."""
        try:
            self.read()
        except ContactsError as error:
            return error
        return None

    def _content(self) -> bytes:
        try:
            # A FIFO would block until somebody writes to it.
            flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor = os.open(self._path, flags)
        except FileNotFoundError:
            return b""
        except OSError as error:
            if self._path.is_symlink():
                raise fault("this is a link, not a file") from error
            raise fault(f"it cannot be read: {error.strerror}") from error
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise fault("this is no plain file")
            with open(descriptor, "rb", closefd=False) as file:
                content = file.read(MAX_BYTES + 1)
        except OSError as error:
            raise fault(f"it cannot be read: {error.strerror}") from error
        finally:
            os.close(descriptor)
        if len(content) > MAX_BYTES:
            raise fault(f"it is larger than {MAX_BYTES // 2**10} KiB")
        return content


def _decoded(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise fault("this is not UTF-8", line=line) from None
