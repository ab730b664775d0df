"""The messages of one contact and what became of each: a small database in that contact's folder.

Floor: street. Every change is one transaction that outlives a power cut. A message is kept for its
identity when it is done; its text is not.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

from partitioned_rag.durable import make_private_file, make_private_folder, sync_folder
from partitioned_rag.errors import StoreError

QUEUE: Final = "queue.sqlite3"
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS messages (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    said TEXT NOT NULL,
    question TEXT NOT NULL,
    arrived_at REAL NOT NULL,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    not_before REAL NOT NULL DEFAULT 0,
    receipt TEXT NOT NULL DEFAULT ''
)
"""
_COLUMNS: Final = "id, said, question, arrived_at, state, attempts, not_before, receipt"


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
        attempts: How often answering it failed.
        not_before: When it is tried again, in seconds since 1970.
        receipt: The receipt of a reply that is ready.
    """

    id: str
    said: str = field(repr=False)
    question: str = field(repr=False)
    arrived_at: float
    state: State
    attempts: int
    not_before: float
    receipt: str = field(repr=False)


class Queue:
    """The queue of one contact. Holds nothing open between calls."""

    def __init__(self, folder: Path) -> None:
        """Name the contact's private folder; nothing is made yet."""
        self._folder = folder
        self._path = folder / QUEUE

    def take_in(self, *, id: str, said: str, question: str | None, arrived_at: float) -> bool:  # noqa: A002 — its name in the table
        """Record a message, once.

        Args:
            id: Its identity.
            said: As it was written.
            question: None for one that is only remembered as ignored.
            arrived_at: In seconds since 1970.

        Returns:
            False if it was there already.

        Raises:
            StoreError: It cannot be written.
        """
        state = State.IGNORED if question is None else State.RECEIVED
        with self._transaction() as database:
            done = database.execute(
                "INSERT OR IGNORE INTO messages (id, said, question, arrived_at, state)"
                " VALUES (?, ?, ?, ?, ?)",
                (id, _bytes(said if question else ""), _bytes(question or ""), arrived_at, state),
            )
            return done.rowcount == 1

    def unfinished(self) -> list[Queued]:
        """Give what is received, being thought about or ready, in the order of arrival.

        Raises:
            StoreError: It cannot be read.
        """
        if not self._path.exists():
            return []
        with self._transaction() as database:
            rows = database.execute(
                f"SELECT {_COLUMNS} FROM messages WHERE state IN (?, ?, ?) ORDER BY seq",  # noqa: S608 — names of columns
                (State.RECEIVED, State.THINKING, State.READY),
            ).fetchall()
        return [
            Queued(
                id=row[0],
                said=_text(row[1]),
                question=_text(row[2]),
                arrived_at=row[3],
                state=State(row[4]),
                attempts=row[5],
                not_before=row[6],
                receipt=row[7],
            )
            for row in rows
        ]

    def think(self, id: str) -> None:  # noqa: A002 — as above
        """Say that a reply is being made."""
        self._change("state = ?", (State.THINKING,), id)

    def ready(self, id: str, *, receipt: str) -> None:  # noqa: A002 — as above
        """Say that the reply lies beside the outbox, written and synced."""
        self._change("state = ?, receipt = ?", (State.READY, receipt), id)

    def return_it(self, id: str) -> None:  # noqa: A002 — as above
        """Have a message answered anew."""
        self._change("state = ?, receipt = ''", (State.RECEIVED,), id)

    def postpone(self, id: str, *, until: float) -> None:  # noqa: A002 — as above
        """Have a message answered later, since answering it failed."""
        self._change(
            "state = ?, receipt = '', attempts = attempts + 1, not_before = ?",
            (State.RECEIVED, until),
            id,
        )

    def finish(self, id: str, state: State) -> None:  # noqa: A002 — as above
        """Be done with a message, and keep no text of it."""
        self._change("state = ?, said = '', question = '', receipt = ''", (state,), id)

    def _change(self, what: str, values: tuple[object, ...], id: str) -> None:  # noqa: A002
        with self._transaction() as database:
            database.execute(f"UPDATE messages SET {what} WHERE id = ?", (*values, id))  # noqa: S608 — the callers' own words

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        try:
            if not self._path.exists():
                make_private_folder(self._folder)
                make_private_file(self._path)
                sync_folder(self._folder)
            database = sqlite3.connect(self._path, isolation_level=None)
            try:
                database.execute("PRAGMA synchronous = FULL")
                database.execute("BEGIN IMMEDIATE")
                database.execute(_SCHEMA)
                yield database
                database.execute("COMMIT")
            finally:
                database.close()
        except (OSError, sqlite3.Error) as error:
            raise StoreError(
                f"the queue cannot be used: {error}",
                where=str(self._path),
                fix="make room, and see that the folder can be written",
            ) from error


def _bytes(text: str) -> bytes:
    """Keep halves of surrogate pairs, which are no text to SQLite."""
    return text.encode("utf-8", "surrogatepass")


def _text(kept: str | bytes) -> str:
    return kept if isinstance(kept, str) else kept.decode("utf-8", "surrogatepass")
