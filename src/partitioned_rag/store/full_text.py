"""The full text of one partition: SQLite's FTS5, in the database of its catalog.

Its statistics, how rare a word is and how long a chunk commonly is, are those of this partition
alone. It knows chunks by the keys of their rows.
"""

import json
import sqlite3
from collections.abc import Collection, Sequence
from typing import Final

from partitioned_rag.matching.words import expression
from partitioned_rag.store.refusals import damage
from partitioned_rag.values import ChunkId, Fields

SCHEMA: Final = """
-- What is found of a chunk, by its key. No trigger keeps it in step with the chunks: an untrusted
-- schema may not write to a virtual table.
CREATE VIRTUAL TABLE words USING fts5 (
    text, tokenize = 'porter unicode61 remove_diacritics 2'
);
"""

COMMON_FROM: Final = 1_000
"""A word of so many chunks tells little, and would be looked up in all of them."""


class FullText:
    """The words of one catalog's chunks. Whatever writes is called within a transaction of it."""

    def __init__(self, db: sqlite3.Connection) -> None:
        """Share the catalog's connection."""
        self._db = db

    def add(self, key: int, fields: Fields) -> None:
        """Take in what a chunk is found by."""
        self._db.execute(
            "INSERT INTO words (rowid, text) VALUES (?, ?)",
            (key, fields.words),
        )

    def replace(self, key: int, fields: Fields) -> None:
        """Let a chunk be found by something else."""
        self._db.execute(
            "UPDATE words SET text = ? WHERE rowid = ?",
            (fields.words, key),
        )

    def remove(self, key: int) -> None:
        """Let a chunk be found by nothing."""
        self._db.execute("DELETE FROM words WHERE rowid = ?", (key,))

    def remove_source(self, path: bytes) -> None:
        """Let no chunk of a source be found."""
        self._db.execute(
            "DELETE FROM words WHERE rowid IN (SELECT key FROM chunks"
            " JOIN sources ON sources.id = source_id WHERE path = ?)",
            (path,),
        )

    def erase(self) -> None:
        """Take the words of removed chunks off the disk.

        FTS5 only marks what is removed, and drops it when it merges: so here all of it is merged.
        """
        self._db.execute("INSERT INTO words (words) VALUES ('optimize')")

    def scores(self, words: Sequence[str]) -> dict[int, float]:
        """Find the chunks in which, or around which, any of some words stands.

        A word in `COMMON_FROM` chunks or more is passed over beside a rarer one. Where all are so
        common, chunks are found that have every one of them.

        Args:
            words: As `matching.words.words_of` lists them.

        Returns:
            Keys with their BM25: at least 0, higher where they match better.
        """
        with damage():
            counts = {word: self._count(expression([word])) for word in words}
            there = [word for word in words if counts[word]]
            rarer = [word for word in there if counts[word] < COMMON_FROM]
            asked = expression(rarer) if rarer else expression(there, every=True)
            if not there or (not rarer and self._count(asked) == COMMON_FROM):
                return {}
            return dict(
                self._db.execute(
                    "SELECT rowid, -bm25(words) FROM words WHERE words MATCH ?", (asked,)
                )
            )

    def _count(self, asked: str) -> int:
        """Count in how many chunks it is, up to `COMMON_FROM`."""
        (count,) = self._db.execute(
            "SELECT count(*) FROM (SELECT rowid FROM words WHERE words MATCH ? LIMIT ?)",
            (asked, COMMON_FROM),
        ).fetchone()
        return int(count)

    def texts(self, ids: Collection[ChunkId]) -> dict[ChunkId, str]:
        """Give all that some chunks are found by."""
        with damage():
            rows = self._db.execute(
                "SELECT chunks.id, words.text FROM chunks JOIN words ON words.rowid = chunks.key"
                " WHERE chunks.id IN (SELECT value FROM json_each(?))",
                (json.dumps(list(ids)),),
            )
            return {ChunkId(row[0]): row[1] for row in rows}
