"""The messages of one contact and what became of each: a small database in that contact's folder.

Floor: street. Every change is one transaction that outlives a power cut. A message is kept for its
identity when it is done; its text is not.
"""

import errno
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

from partitioned_rag.durable import make_private_file, make_private_folder, sync_folder
from partitioned_rag.errors import StoreError

QUEUE: Final = "queue.sqlite3"
VERSION: Final = 1
_SCHEMA: Final = """
CREATE TABLE messages (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    exchange TEXT NOT NULL,
    sender TEXT NOT NULL,
    said BLOB NOT NULL,
    question BLOB NOT NULL,
    arrived_at REAL NOT NULL,
    is_notice INTEGER NOT NULL DEFAULT 0,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    not_before REAL NOT NULL DEFAULT 0,
    address TEXT NOT NULL DEFAULT '',
    outbox TEXT NOT NULL DEFAULT '',
    receipt TEXT NOT NULL DEFAULT '',
    done_at REAL NOT NULL DEFAULT 0
);
CREATE INDEX unfinished ON messages (is_notice, seq)
    WHERE state IN ('received', 'thinking', 'ready');
CREATE INDEX done ON messages (done_at) WHERE state = 'delivered';
"""
_COLUMNS: Final = (
    "id, exchange, sender, said, question, arrived_at, is_notice, state, attempts, not_before,"
    " address, outbox, receipt"
)
_UNFINISHED: Final = "state IN ('received', 'thinking', 'ready')"
_WAITING: Final = f"SELECT COUNT(*) FROM messages WHERE {_UNFINISHED} AND NOT is_notice"  # noqa: S608 — our own words


class State(StrEnum):
    """Where a message is on its way."""

    RECEIVED = "received"
    THINKING = "thinking"
    READY = "ready"
    DELIVERED = "delivered"
    IGNORED = "ignored"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Queued:
    """A message in its queue.

    Attributes:
        exchange: Name of the exchange that it came by.
        sender: As it came.
        said: As it was written.
        question: What is asked.
        arrived_at: In seconds since 1970, as all times here.
        is_notice: True for a word of ours that nobody asked for; it goes before messages.
        attempts: How often answering it failed.
        not_before: When it is tried again.
        address: Where the reply goes that is ready.
        outbox: In which very folder it was put beside.
        receipt: The receipt of a reply that is ready.
    """

    id: str
    exchange: str
    sender: str
    said: str = field(repr=False)
    question: str = field(repr=False)
    arrived_at: float
    is_notice: bool
    state: State
    attempts: int
    not_before: float
    address: str
    outbox: str
    receipt: str = field(repr=False)


class Queue:
    """The queue of one contact. Holds nothing open between calls."""

    def __init__(self, folder: Path) -> None:
        """Name the contact's private folder; nothing is made yet."""
        self._folder = folder
        self._path = folder / QUEUE

    # ------------------------------------------------------------ in

    def take_in(
        self,
        *,
        id: str,  # noqa: A002 — its name in the table
        exchange: str,
        sender: str,
        said: str,
        question: str | None,
        arrived_at: float,
        is_notice: bool = False,
    ) -> bool:
        """Record a message, once.

        Args:
            id: Its identity.
            exchange: As in `Queued`, and so are the others.
            sender: As it came.
            said: As it was written.
            question: None for one that is only remembered as ignored.
            arrived_at: In seconds since 1970.
            is_notice: For a word of ours.

        Returns:
            False if it was there already.

        Raises:
            StoreError: It cannot be written.
        """
        is_ignored = question is None
        with self._writing() as database:
            done = database.execute(
                "INSERT OR IGNORE INTO messages"
                " (id, exchange, sender, said, question, arrived_at, is_notice, state)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    id,
                    exchange,
                    "" if is_ignored else sender,
                    _bytes("" if is_ignored else said),
                    _bytes(question or ""),
                    arrived_at,
                    is_notice,
                    State.IGNORED if is_ignored else State.RECEIVED,
                ),
            )
            return done.rowcount == 1

    # ------------------------------------------------------------ looking

    def head(self) -> Queued | None:
        """Give the one whose turn it is: notices first, then in the order of arrival.

        Raises:
            StoreError: It cannot be read.
        """
        return next(iter(self._unfinished(limit=1)), None)

    def unfinished(self) -> list[Queued]:
        """Give what is received, being thought about or ready, in that order.

        Raises:
            StoreError: It cannot be read.
        """
        return self._unfinished(limit=-1)

    def waiting(self) -> int:
        """Count the messages that are not done with, notices aside.

        Raises:
            StoreError: It cannot be read.
        """
        rows = self._rows(_WAITING)
        return int(rows[0][0]) if rows else 0

    def knows(self, id: str) -> bool:  # noqa: A002 — as above
        """Say whether a message was ever taken in.

        Raises:
            StoreError: It cannot be read.
        """
        return bool(self._rows("SELECT 1 FROM messages WHERE id = ?", id))

    def delivered_since(self, time: float, *, notices: bool) -> list[float]:
        """Say when replies, or else notices, were given, from some time on.

        Raises:
            StoreError: It cannot be read.
        """
        return [
            row[0]
            for row in self._rows(
                "SELECT done_at FROM messages"
                " WHERE state = 'delivered' AND done_at > ? AND is_notice = ?",
                time,
                notices,
            )
        ]

    def find(self, id: str) -> Queued | None:  # noqa: A002 — as above
        """Give a message, whatever became of it.

        Raises:
            StoreError: It cannot be read.
        """
        return next(iter(self._queued("WHERE id = ?", id)), None)

    # ------------------------------------------------------------ on its way

    def think(self, id: str) -> None:  # noqa: A002 — as above
        """Say that a reply is being made."""
        self._change("state = ?", (State.THINKING,), id)

    def ready(self, id: str, *, address: str, outbox: str, receipt: str) -> bool:  # noqa: A002 — as above
        """Say that the reply lies beside the outbox, written and synced.

        Returns:
            False if the message is not there any more, since its contact was removed.
        """
        return self._change(
            "state = ?, address = ?, outbox = ?, receipt = ?",
            (State.READY, address, outbox, receipt),
            id,
        )

    def return_it(self, id: str) -> None:  # noqa: A002 — as above
        """Have a message answered anew."""
        self._change("state = ?, address = '', receipt = ''", (State.RECEIVED,), id)

    def postpone(self, id: str, *, until: float) -> None:  # noqa: A002 — as above
        """Have a message answered later, since answering it failed."""
        self._change(
            "state = ?, address = '', receipt = '', attempts = attempts + 1, not_before = ?",
            (State.RECEIVED, until),
            id,
        )

    def finish(self, id: str, state: State, *, at: float) -> None:  # noqa: A002 — as above
        """Be done with a message, and keep no text of it."""
        self._change(
            "state = ?, said = x'', question = x'', address = '', receipt = '', done_at = ?",
            (state, at),
            id,
        )

    def forget(self, id: str) -> None:  # noqa: A002 — as above
        """Keep nothing of a message, such as one that turns out to be another's."""
        if not self._path.exists():
            return
        with self._writing() as database:
            database.execute("DELETE FROM messages WHERE id = ?", (id,))

    # ------------------------------------------------------------ the database

    def _change(self, what: str, values: tuple[object, ...], id: str) -> bool:  # noqa: A002
        """Change a message; what was removed with its contact is not made anew."""
        if not self._path.exists():
            return False
        with self._writing() as database:
            done = database.execute(f"UPDATE messages SET {what} WHERE id = ?", (*values, id))  # noqa: S608 — the callers' own words
            return done.rowcount == 1

    def _unfinished(self, *, limit: int) -> list[Queued]:
        return self._queued(f"WHERE {_UNFINISHED} ORDER BY is_notice DESC, seq LIMIT ?", limit)

    def _queued(self, which: str, *values: object) -> list[Queued]:
        return [
            Queued(
                id=row[0],
                exchange=row[1],
                sender=row[2],
                said=_text(row[3]),
                question=_text(row[4]),
                arrived_at=row[5],
                is_notice=bool(row[6]),
                state=State(row[7]),
                attempts=row[8],
                not_before=row[9],
                address=row[10],
                outbox=row[11],
                receipt=row[12],
            )
            for row in self._rows(
                f"SELECT {_COLUMNS} FROM messages {which}",  # noqa: S608 — our own words
                *values,
            )
        ]

    def _rows(self, query: str, *values: object) -> list[tuple]:  # type: ignore[type-arg]
        if not self._path.exists():
            return []
        with self._opened() as database:
            if not _is_made(database):
                return []
            return database.execute(query, values).fetchall()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._opened() as database:
            database.execute("BEGIN IMMEDIATE")
            if not _is_made(database):
                for statement in _SCHEMA.split(";"):
                    database.execute(statement)
                database.execute(f"PRAGMA user_version = {VERSION}")
            yield database
            database.execute("COMMIT")

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        try:
            if not self._path.exists():
                # A box that is gone is not made anew by making a queue in it.
                if not self._folder.parent.is_dir():
                    raise FileNotFoundError(errno.ENOENT, "the index is gone")
                make_private_folder(self._folder)
                make_private_file(self._path)
                sync_folder(self._folder)
            database = sqlite3.connect(self._path, isolation_level=None)
            try:
                database.execute("PRAGMA synchronous = FULL")
                # What a message said must not stay in the pages of one that is done.
                database.execute("PRAGMA secure_delete = ON")
                yield database
            finally:
                database.close()
        except (OSError, sqlite3.Error) as error:
            # Its own class alone says so; all others are of something else.
            if type(error) is sqlite3.DatabaseError:
                self._path.rename(self._path.with_name(f"{QUEUE}.damaged-{time.time_ns()}"))
                raise StoreError(
                    f"the queue is damaged, and set aside: {error}",
                    where=str(self._path),
                    fix="what waited in it must be asked again",
                ) from error
            raise StoreError(
                f"the queue cannot be used: {error}",
                where=str(self._path),
                fix="make room, and see that the folder can be written",
            ) from error


def count_waiting(path: Path) -> int | None:
    """Count the messages of a queue that are not done with, notices aside; changes nothing.

    Args:
        path: The database.

    Returns:
        None if it cannot be read without mending it.
    """
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
            return int(database.execute(_WAITING).fetchone()[0]) if _is_made(database) else 0
    except sqlite3.Error:
        return None


def _is_made(database: sqlite3.Connection) -> bool:
    """Say whether the tables are there; a crash may have left an empty file."""
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if version not in {0, VERSION}:
        raise sqlite3.NotSupportedError(f"it was made by another version ({version})")
    return bool(version)


def _bytes(text: str) -> bytes:
    """Keep halves of surrogate pairs, which are no text to SQLite."""
    return text.encode("utf-8", "surrogatepass")


def _text(kept: bytes) -> str:
    return kept.decode("utf-8", "surrogatepass")
