"""What one partition holds: its sources and the text of their chunks. All SQL of the index is here.

A committed row is the acknowledgement: only what stands here is indexed.
`secure_delete` overwrites what is deleted, since SQLite otherwise leaves old text in its pages.
"""

import json
import os
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Self, cast

from partitioned_rag.durable import make_private_file
from partitioned_rag.store.full_text import SCHEMA as FULL_TEXT
from partitioned_rag.store.full_text import FullText
from partitioned_rag.store.index import DamagedError
from partitioned_rag.store.refusals import damage, refusals
from partitioned_rag.values import (
    Chunk,
    ChunkId,
    Contents,
    Entry,
    PartitionId,
    Piece,
    Reading,
    Skip,
    SkipReason,
    Source,
    Stamp,
    Summary,
)

SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE sources (
    id INTEGER PRIMARY KEY,
    path BLOB NOT NULL UNIQUE,          -- bytes: a file's name need not be UTF-8
    size_bytes INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    ctime_ns INTEGER NOT NULL,
    inode TEXT NOT NULL,                -- text: 64 unsigned bits do not fit an INTEGER
    settled INTEGER NOT NULL,
    content_sha256 TEXT NOT NULL,
    skip_reason TEXT,
    skip_detail TEXT
);
CREATE TABLE chunks (
    key INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    source_id INTEGER NOT NULL REFERENCES sources (id) ON DELETE CASCADE,
    start INTEGER NOT NULL,
    end INTEGER NOT NULL,
    page INTEGER,
    lead TEXT NOT NULL,
    text TEXT NOT NULL,
    text_sha256 BLOB NOT NULL,
    speaker TEXT NOT NULL,
    part INTEGER NOT NULL,
    embedded_sha256 BLOB NOT NULL,
    vector_crc32 INTEGER NOT NULL
);
CREATE INDEX chunks_of_a_source ON chunks (source_id, start, end);
CREATE INDEX chunks_with_a_vector ON chunks (embedded_sha256);
CREATE TABLE summaries (
    id INTEGER PRIMARY KEY,
    source_id INTEGER NOT NULL REFERENCES sources (id) ON DELETE CASCADE,
    start INTEGER NOT NULL,
    end INTEGER NOT NULL,
    text TEXT NOT NULL,
    text_sha256 BLOB NOT NULL
);
CREATE INDEX summaries_of_a_source ON summaries (source_id, start);
-- What a summary was made of. A chunk that goes takes its link along, and a link its summary: so no
-- summary outlives a word that it was made of. A chunk that is edited or moved is another row; one
-- around which something changed has another id, which its link follows.
CREATE TABLE summarised (
    chunk_id TEXT PRIMARY KEY REFERENCES chunks (id) ON DELETE CASCADE ON UPDATE CASCADE,
    summary_id INTEGER NOT NULL REFERENCES summaries (id) ON DELETE CASCADE
) WITHOUT ROWID;
CREATE INDEX links_of_a_summary ON summarised (summary_id);
CREATE TRIGGER summary_goes_with_its_chunks AFTER DELETE ON summarised BEGIN
    DELETE FROM summaries WHERE id = OLD.summary_id;
END;
"""
CHUNKS = (
    "SELECT chunks.id AS id, path, chunks.start AS start, chunks.end AS end, chunks.page AS page,"
    " chunks.lead AS lead, chunks.text AS text, chunks.text_sha256 AS text_sha256"
    " FROM chunks JOIN sources ON sources.id = chunks.source_id"
)

# Not the first behind it in its part: where it is the last, all that follows would be looked at.
BEHIND_ONE = (
    "JOIN chunks AS one ON one.source_id = chunks.source_id"
    " WHERE one.id = ? AND chunks.part = one.part AND chunks.start ="
    " (SELECT min(start) FROM chunks AS later"
    " WHERE later.source_id = one.source_id AND later.start >= one.end)"
)
ONE_OF = "chunks.id IN (SELECT value FROM json_each(?))"


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexedSource:
    """What the catalog knows of a source; `skip` is set when it was read and refused."""

    source: Source
    settled: bool
    content_sha256: str
    skip: Skip | None


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexedChunk:
    """A chunk and the source it stands in."""

    source: str
    chunk: Chunk


class Catalog:
    """The SQLite database of one partition. One thread at a time."""

    def __init__(self, path: Path) -> None:
        """Open it, or make an empty one.

        Raises:
            DamagedError: It is no database of this kind.
            OSError: It cannot be opened or created.
        """
        make_private_file(path)
        self._inode = path.stat().st_ino
        self._path = path
        with damage():
            # Autocommit, so that each transaction is one that `transaction` wrote down.
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._db.row_factory = sqlite3.Row
            self.full_text = FullText(self._db)
            try:
                self._db.execute("PRAGMA journal_mode = WAL")
                self._db.execute("PRAGMA synchronous = FULL")
                self._db.execute("PRAGMA secure_delete = ON")
                self._db.execute("PRAGMA foreign_keys = ON")
                self._db.execute("PRAGMA trusted_schema = OFF")
                # Not told by the file's size: after a kill all of it may stand in the log.
                if not self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                    self._db.executescript(f"BEGIN IMMEDIATE; {SCHEMA} {FULL_TEXT} COMMIT;")
            except BaseException:
                self._db.close()
                raise

    @classmethod
    def to_look_at(cls, path: Path) -> Self:
        """Open one that is there, to read alone; nothing on disk changes.

        Raises:
            DamagedError: It is no database of this kind.
            OSError: It cannot be opened.
        """
        looking = cls.__new__(cls)
        looking._path = path
        looking._inode = path.stat().st_ino
        # Where not even the file of its locks can be made, nobody can be writing to it either.
        modes = ("mode=ro",) if os.access(path.parent, os.W_OK) else ("mode=ro", "immutable=1")
        with damage():
            for mode in modes:
                looking._db = sqlite3.connect(
                    f"{path.as_uri()}?{mode}", uri=True, check_same_thread=False
                )
                looking._db.row_factory = sqlite3.Row
                try:
                    looking._db.execute("SELECT count(*) FROM sqlite_master").fetchone()
                except sqlite3.OperationalError:
                    looking._db.close()
                    if mode == modes[-1]:
                        raise
                else:
                    break
        return looking

    def is_the_one_on_disk(self) -> bool:
        """Say whether the file is still there: another process may have rebuilt or removed it."""
        try:
            return self._path.stat().st_ino == self._inode
        except FileNotFoundError:
            return False

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make what the block changes durable as one, or not at all."""
        with refusals():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    def empty_log(self) -> None:
        """Take what was deleted out of the write-ahead log too, unless another process reads it."""
        with damage():
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def meta(self) -> dict[str, str]:
        """Read what the index says of itself."""
        with damage():
            return {row[0]: row[1] for row in self._db.execute("SELECT key, value FROM meta")}

    def set_meta(self, values: Mapping[str, str]) -> None:
        """Write what the index says of itself; within a `transaction`."""
        self._db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", list(values.items()))

    def sources(self) -> dict[str, IndexedSource]:
        """List every source that was read, by path, skipped ones included."""
        with damage():
            listed = map(_source, self._db.execute("SELECT * FROM sources"))
            return {indexed.source.path: indexed for indexed in listed}

    def source(self, path: str) -> IndexedSource | None:
        """Look one source up."""
        with damage():
            row = self._db.execute(
                "SELECT * FROM sources WHERE path = ?", (os.fsencode(path),)
            ).fetchone()
            return _source(row) if row else None

    def counts(self) -> tuple[int, int]:
        """Count the sources that are indexed, and their chunks.

        Raises:
            DamagedError: None are counted where there are some.
        """
        with damage():
            sources = self._db.execute(
                "SELECT count(*) FROM sources WHERE skip_reason IS NULL"
            ).fetchone()
            # SQLite counts in an index, and one whose first page was lost is an empty one to it.
            chunks = self._db.execute("SELECT count(*) FROM chunks").fetchone()
            if not chunks[0] and self._db.execute("SELECT 1 FROM chunks NOT INDEXED").fetchone():
                raise DamagedError("chunks are not counted")
            return int(sources[0]), int(chunks[0])

    def put(self, contents: Contents, *, vector_crc32: Mapping[ChunkId, int]) -> None:
        """Replace what is known of a source, writing what differs; within a `transaction`.

        Args:
            contents: What was read, or refused, and the chunks.
            vector_crc32: Of the vectors of those chunks that the source did not have before.
        """
        reading, entries = contents.reading, contents.entries
        path = os.fsencode(reading.source.path)
        self._db.execute(
            "INSERT OR IGNORE INTO sources (path, size_bytes, mtime_ns, ctime_ns, inode, settled,"
            " content_sha256) VALUES (?, 0, 0, 0, '0', 0, '')",
            (path,),
        )
        self.restamp(reading)
        skip = reading.outcome if isinstance(reading.outcome, Skip) else None
        self._db.execute(
            "UPDATE sources SET content_sha256 = ?, skip_reason = ?, skip_detail = ?"
            " WHERE path = ?",
            (
                reading.content_sha256,
                skip.reason.value if skip else None,
                skip.detail if skip else None,
                path,
            ),
        )
        source_id = self._db.execute("SELECT id FROM sources WHERE path = ?", (path,)).fetchone()[0]
        kept = {entry.chunk.id for entry in entries}
        had = self.chunk_ids({reading.source.path: contents.since})
        staying = self._staying(had - kept)
        for entry in entries:
            if entry.chunk.id in had:
                continue
            chunk = entry.chunk
            key = staying.pop((chunk.start, chunk.end, chunk.lead, chunk.text), None)
            if key is None:
                self._insert(entry, source_id, vector_crc32[chunk.id])
            else:
                self._refresh(key, entry, vector_crc32[chunk.id])
        for key in staying.values():
            self.full_text.remove(key)
            self._db.execute("DELETE FROM chunks WHERE key = ?", (key,))

    def _staying(self, ids: Collection[ChunkId]) -> dict[tuple[int, int, str, str], int]:
        """Give the rows of chunks by what is quoted of them, in case only their fields differ."""
        rows = self._db.execute(
            "SELECT start, end, lead, text, key FROM chunks"
            " WHERE id IN (SELECT value FROM json_each(?))",
            (json.dumps(list(ids)),),
        )
        return {(row[0], row[1], row[2], row[3]): row[4] for row in rows}

    def _refresh(self, key: int, entry: Entry, vector_crc32: int) -> None:
        """Let a chunk that stands as it stood be found by something else, and bear another id."""
        fields = entry.fields
        self._db.execute(
            "UPDATE chunks SET id = ?, page = ?, speaker = ?, part = ?, embedded_sha256 = ?,"
            " vector_crc32 = ? WHERE key = ?",
            (
                entry.chunk.id,
                entry.chunk.page,
                fields.speaker,
                fields.part,
                text_hash(fields.embedded),
                vector_crc32,
                key,
            ),
        )
        self.full_text.replace(key, fields)

    def _insert(self, entry: Entry, source_id: int, vector_crc32: int) -> None:
        chunk, fields = entry.chunk, entry.fields
        made = self._db.execute(
            "INSERT INTO chunks VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                chunk.id,
                source_id,
                chunk.start,
                chunk.end,
                chunk.page,
                chunk.lead,
                chunk.text,
                text_hash(chunk.text),
                fields.speaker,
                fields.part,
                text_hash(fields.embedded),
                vector_crc32,
            ),
        )
        self.full_text.add(cast("int", made.lastrowid), fields)

    def has_other_words(self, ids: Collection[ChunkId], texts: Iterable[str]) -> bool:
        """Say whether any of some chunks has a text that is not among these."""
        with damage():
            rows = self._db.execute(
                "SELECT text FROM chunks WHERE id IN (SELECT value FROM json_each(?))",
                (json.dumps(list(ids)),),
            )
            return bool({row[0] for row in rows}.difference(texts))

    def restamp(self, reading: Reading) -> None:
        """Note that a source was touched and reads as before; within a `transaction`."""
        stamp = reading.source.stamp
        self._db.execute(
            "UPDATE sources SET size_bytes = ?, mtime_ns = ?, ctime_ns = ?, inode = ?, settled = ?"
            " WHERE path = ?",
            (
                stamp.size_bytes,
                stamp.mtime_ns,
                stamp.ctime_ns,
                str(stamp.inode),
                reading.settled,
                os.fsencode(reading.source.path),
            ),
        )

    def remove(self, paths: Iterable[str]) -> None:
        """Forget sources and their chunks; within a `transaction`."""
        for path in map(os.fsencode, paths):
            self.full_text.remove_source(path)
            self._db.execute("DELETE FROM sources WHERE path = ?", (path,))

    def chunk_ids(self, since: Mapping[str, int] | None = None) -> set[ChunkId]:
        """List the chunks of some sources, of each from a place on, or of all sources."""
        with damage():
            if since is None:
                return {ChunkId(row[0]) for row in self._db.execute("SELECT id FROM chunks")}
            return {
                ChunkId(row[0])
                for path, start in since.items()
                for row in self._db.execute(
                    "SELECT chunks.id FROM chunks JOIN sources ON sources.id = source_id"
                    " WHERE path = ? AND start >= ?",
                    (os.fsencode(path), start),
                )
            }

    def vector_crc32(self) -> dict[ChunkId, int]:
        """List what the vector of each chunk must be.

        Raises:
            DamagedError: There are others than are counted.
        """
        with damage():
            rows = self._db.execute("SELECT id, vector_crc32 FROM chunks")
            wanted = {ChunkId(row[0]): int(row[1]) for row in rows}
            if len(wanted) != self.counts()[1]:
                raise DamagedError("chunks are not counted")
            return wanted

    def chunks(self, ids: Sequence[ChunkId]) -> dict[ChunkId, IndexedChunk]:
        """Look chunks up by id; unknown ids are passed over.

        Raises:
            DamagedError: A text is not the one that was indexed.
        """
        with damage():
            rows = self._db.execute(f"{CHUNKS} WHERE {ONE_OF}", (json.dumps(list(ids)),))
            return {ChunkId(row["id"]): _indexed_chunk(row) for row in rows}

    def all_chunks(self) -> list[IndexedChunk]:
        """List every chunk, by the path of its source and by place."""
        with damage():
            rows = self._db.execute(f"{CHUNKS} ORDER BY path, chunks.start, chunks.end")
            return [_indexed_chunk(row) for row in rows]

    def chars(self) -> int:
        """Count the characters of all chunks together."""
        with damage():
            row = self._db.execute("SELECT coalesce(sum(end - start), 0) FROM chunks").fetchone()
            return int(row[0])

    def chunks_within(self, path: str, start: int, end: int) -> list[Chunk]:
        """List the chunks of a source that share characters with a span, in order."""
        with damage():
            rows = self._db.execute(
                f"{CHUNKS} WHERE path = ? AND chunks.end > ? AND chunks.start < ?"
                " ORDER BY chunks.start",
                (os.fsencode(path), start, end),
            )
            return [_chunk(row) for row in rows]

    def chunks_embedded_as(self, texts: Collection[str]) -> dict[str, ChunkId]:
        """Find, for each text that was embedded for any chunk here, such a chunk."""
        found: dict[str, ChunkId] = {}
        with damage():
            for text in texts:
                (first,) = self._db.execute(
                    "SELECT min(id) FROM chunks WHERE embedded_sha256 = ?", (text_hash(text),)
                ).fetchone()
                if first is not None:
                    found[text] = ChunkId(first)
        return found

    # ------------------------------------------------------------ searching

    def places(
        self, *, keys: Collection[int], ids: Collection[ChunkId]
    ) -> list[tuple[int, ChunkId, str, int, int, str]]:
        """Say where chunks stand: key, id, source, part, start, speaker.

        Args:
            keys: Of chunks that are known by their keys.
            ids: Of others.
        """
        with damage():
            rows = self._db.execute(
                "SELECT key, chunks.id, path, part, start, speaker"
                " FROM chunks JOIN sources ON sources.id = source_id"
                " WHERE key IN (SELECT value FROM json_each(?))"
                " OR chunks.id IN (SELECT value FROM json_each(?))",
                (json.dumps(list(keys)), json.dumps(list(ids))),
            )
            paths: dict[bytes, str] = {}
            return [
                (
                    key,
                    ChunkId(chunk_id),
                    paths.get(path) or paths.setdefault(path, os.fsdecode(path)),
                    part,
                    start,
                    speaker,
                )
                for key, chunk_id, path, part, start, speaker in rows
            ]

    def sections_of(
        self, ids: Collection[ChunkId], *, most_chars: int
    ) -> dict[ChunkId, list[Chunk]]:
        """Give for chunks those that begin in the same part, where so many characters hold it.

        Returns:
            In order, the chunk among them. A chunk alone in its part, or in a longer one, is not
            in the result.
        """
        sections: dict[ChunkId, list[Chunk]] = {}
        with damage():
            rows = self._db.execute(
                "SELECT one.id AS wanted, chunks.id AS id, chunks.start AS start,"
                " chunks.end AS end, chunks.page AS page, chunks.lead AS lead,"
                " chunks.text AS text, chunks.text_sha256 AS text_sha256"
                " FROM chunks AS one JOIN chunks ON chunks.source_id = one.source_id"
                " AND chunks.part = one.part"
                " AND chunks.start BETWEEN one.part AND one.part + :most"
                " WHERE one.id IN (SELECT value FROM json_each(:ids))"
                # No more of a long part is read than shows that it is long.
                " AND one.end <= one.part + :most"
                " ORDER BY one.key, chunks.start",
                {"ids": json.dumps(list(ids)), "most": most_chars},
            )
            for row in rows:
                sections.setdefault(ChunkId(row["wanted"]), []).append(_chunk(row))
        return {
            wanted: section
            for wanted, section in sections.items()
            if len(section) > 1 and section[-1].end - section[0].start <= most_chars
        }

    def next_in_part(self, chunk_id: ChunkId) -> list[Chunk]:
        """Give the chunk behind one, if there is one in the same part of the source."""
        with damage():
            rows = self._db.execute(f"{CHUNKS} {BEHIND_ONE}", (chunk_id,))
            return [_chunk(row) for row in rows]

    # ------------------------------------------------------------ summaries

    def pieces(self) -> list[Piece]:
        """List the chunks that no summary was made of, by the path of their source and by place."""
        with damage():
            rows = self._db.execute(
                "SELECT * FROM (SELECT chunks.id AS id, path, start, end, page, lead, text,"
                " text_sha256,"
                " row_number() OVER (PARTITION BY source_id ORDER BY start, end) AS number"
                " FROM chunks JOIN sources ON sources.id = source_id)"
                " WHERE id NOT IN (SELECT chunk_id FROM summarised) ORDER BY path, number"
            )
            return [
                Piece(source=os.fsdecode(row["path"]), number=row["number"], chunk=_chunk(row))
                for row in rows
            ]

    def can_be_summarised(self, ids: Collection[ChunkId], path: str) -> bool:
        """Say whether chunks still stand in a source, and in no summary."""
        with damage():
            return bool(ids) and all(
                self._db.execute(
                    "SELECT 1 FROM chunks JOIN sources ON sources.id = source_id"
                    " WHERE chunks.id = ? AND path = ?"
                    " AND chunks.id NOT IN (SELECT chunk_id FROM summarised)",
                    (chunk_id, os.fsencode(path)),
                ).fetchone()
                for chunk_id in ids
            )

    def put_summary(self, summary: Summary, ids: Collection[ChunkId]) -> None:
        """Bind a summary to the chunks it was made of; within a `transaction`.

        Args:
            summary: Of a span of one source.
            ids: Of chunks that `can_be_summarised`, as was said within the same transaction.
        """
        made = self._db.execute(
            "INSERT INTO summaries (source_id, start, end, text, text_sha256)"
            " SELECT id, ?, ?, ?, ? FROM sources WHERE path = ?",
            (
                summary.start,
                summary.end,
                summary.text,
                text_hash(summary.text),
                os.fsencode(summary.source),
            ),
        )
        self._db.executemany(
            "INSERT INTO summarised VALUES (?, ?)",
            [(chunk_id, made.lastrowid) for chunk_id in ids],
        )

    def summaries(self, partition: PartitionId) -> list[Summary]:
        """List every summary, by the path of its source and by place.

        Raises:
            DamagedError: A text is not the one that was kept.
        """
        with damage():
            rows = self._db.execute(
                "SELECT path, start, end, text, text_sha256"
                " FROM summaries JOIN sources ON sources.id = source_id ORDER BY path, start, end"
            )
            return [_summary(row, partition) for row in rows]

    def close(self) -> None:
        """Let go of the file; twice is harmless."""
        self._db.close()


def text_hash(text: str) -> bytes:
    """Name a text by its content, to see again that it has been embedded."""
    return sha256(text.encode()).digest()


def _source(row: sqlite3.Row) -> IndexedSource:
    path = os.fsdecode(row["path"])
    reason = row["skip_reason"]
    return IndexedSource(
        source=Source(
            path=path,
            stamp=Stamp(
                size_bytes=row["size_bytes"],
                mtime_ns=row["mtime_ns"],
                ctime_ns=row["ctime_ns"],
                inode=int(row["inode"]),
            ),
        ),
        settled=bool(row["settled"]),
        content_sha256=row["content_sha256"],
        skip=Skip(source=path, reason=SkipReason(reason), detail=row["skip_detail"])
        if reason
        else None,
    )


def _indexed_chunk(row: sqlite3.Row) -> IndexedChunk:
    return IndexedChunk(source=os.fsdecode(row["path"]), chunk=_chunk(row))


def _summary(row: sqlite3.Row, partition: PartitionId) -> Summary:
    if text_hash(row["text"]) != row["text_sha256"]:
        raise DamagedError("a summary's text is not the one that was kept")
    return Summary(
        partition=partition,
        source=os.fsdecode(row["path"]),
        start=row["start"],
        end=row["end"],
        text=row["text"],
    )


def _chunk(row: sqlite3.Row) -> Chunk:
    if text_hash(row["text"]) != row["text_sha256"]:
        raise DamagedError("a chunk's text is not the one that was indexed")
    return Chunk(
        id=ChunkId(row["id"]),
        start=row["start"],
        end=row["end"],
        text=row["text"],
        page=row["page"],
        lead=row["lead"],
    )
