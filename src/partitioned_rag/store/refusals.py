"""What SQLite says when it cannot → damage, which is rebuilt, or an error that says why."""

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from partitioned_rag.store.index import DamagedError


@contextmanager
def damage() -> Iterator[None]:
    """Tell a damaged database, which is rebuilt, from one that cannot be used just now."""
    with refusals():
        try:
            yield
        except (TypeError, ValueError, LookupError, AttributeError, ArithmeticError) as error:
            # A damaged page can be a good one to SQLite, with rows that no program wrote.
            raise DamagedError("a row of the catalog makes no sense") from error


@contextmanager
def refusals() -> Iterator[None]:
    """Say as an `OSError` what SQLite refuses for want of room, rights or time."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        if "no such module" in str(error):
            raise OSError(errno.ENOSYS, "this Python's SQLite has no full text, FTS5") from error
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if number := {
            sqlite3.SQLITE_FULL: errno.ENOSPC,
            sqlite3.SQLITE_READONLY: errno.EROFS,
            sqlite3.SQLITE_CANTOPEN: errno.EACCES,
            sqlite3.SQLITE_PERM: errno.EACCES,
            sqlite3.SQLITE_IOERR: errno.EIO,
            # Another program holds it, or this one is short of something: it is as good as ever.
            sqlite3.SQLITE_BUSY: errno.EBUSY,
            sqlite3.SQLITE_LOCKED: errno.EBUSY,
            sqlite3.SQLITE_PROTOCOL: errno.EBUSY,
            sqlite3.SQLITE_INTERRUPT: errno.EINTR,
            sqlite3.SQLITE_NOMEM: errno.ENOMEM,
        }.get(code):
            raise OSError(number, os.strerror(number)) from error
        raise DamagedError(f"{type(error).__name__} of the catalog") from error
