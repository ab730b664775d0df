"""A chat that grew is indexed at its end alone, and the index is the one that is made at once."""

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from zlib import crc32

from hypothesis import example, given
from hypothesis import strategies as st

from partitioned_rag.chunking import MAX_CHUNK_CHARS
from partitioned_rag.embedding.registry import open_embedder
from partitioned_rag.matching.fields import TURNS_AROUND
from partitioned_rag.partition import Partition
from partitioned_rag.sources.composing import MAX_RUN_CHARS
from partitioned_rag.store.catalog import text_hash
from partitioned_rag.store.store import CATALOG
from partitioned_rag.values import PartitionId, Progress
from tests import worlds

FRIEND = PartitionId("friend")
EMBEDDER = open_embedder("hashing")
Row = tuple[object, ...]

FOUND_BY = """
SELECT path, chunks.id, start, end, page, lead, chunks.text, text_sha256, speaker, part,
       embedded_sha256, vector_crc32, words.text
FROM chunks JOIN sources ON sources.id = source_id JOIN words ON words.rowid = key
ORDER BY path, start
"""


@dataclass
class Chat:
    """A partition whose chat is written again and again, and how much was cut of it each time."""

    box: Path
    partition: Partition
    chunks_cut: list[int] = field(default_factory=list)

    def becomes(self, data: bytes, *, name: str = "chat.log") -> None:
        path = self.box / "friend" / name
        path.write_bytes(data)
        # Long ago, and another time for each writing.
        os.utime(path, (len(self.chunks_cut) + 1,) * 2)
        seen: list[Progress] = []
        self.partition.sync(progress=seen.append)
        self.chunks_cut.append(max(each.chunks_done for each in seen))

    def indexed(self) -> list[Row]:
        db = sqlite3.connect(self.box.parent / "index" / CATALOG)
        try:
            return db.execute(FOUND_BY).fetchall()
        finally:
            db.close()

    def made_at_once(self) -> list[Row]:
        return [
            (
                os.fsencode(path),
                *(each.chunk.id, each.chunk.start, each.chunk.end, each.chunk.page),
                *(each.chunk.lead, each.chunk.text, text_hash(each.chunk.text)),
                *(each.fields.speaker, each.fields.part, text_hash(each.fields.embedded)),
                crc32(EMBEDDER.embed_chunks([each.fields.embedded])[0].tobytes()),
                each.fields.words,
            )
            for path, each in worlds.entries(self.box, FRIEND, EMBEDDER)
        ]


@contextmanager
def a_chat() -> Iterator[Chat]:
    with tempfile.TemporaryDirectory() as scratch:
        box = Path(scratch) / "box"
        (box / "friend").mkdir(parents=True)
        partition = Partition(
            FRIEND,
            folder=box / "friend",
            index_folder=Path(scratch) / "index",
            embedder=EMBEDDER,
            notify=lambda _: None,
        )
        try:
            yield Chat(box, partition)
        finally:
            partition.close()


# ---------------------------------------------------------------- what a bridge may write

WORDS = (
    *("yesterday", "on sunday", "ferry", "überraschung", "日曜日", "🎂", "↵", "[", "x" * 600),
    *("word " * 400, "\r", "\u2028", "\0", "", "[2026-03-01 10:00:00] me: nested"),
)
HALF_A_RUN = "[" * (MAX_RUN_CHARS // 2 + 1)
TIMES = ("03-01 09:00", "03-01 10:00", "03-01 11:30", "03-02 08:00", "02-31 00:00", "03-01 10:30")
ENDS = (b"\n", b"\n", b"\n", b"\r\n", b"\n\n", b"")

turns = st.builds(
    lambda time, who, said: f"[2026-{time}:00] {who}:{said}".encode(),
    st.sampled_from(TIMES),
    st.sampled_from(("them", "me")),
    st.lists(st.sampled_from(WORDS), max_size=3).map(lambda words: " " + " ".join(words)),
)
# What is in no turn's form, what no UTF-8 is, and what may tip the charset of the whole.
others = st.sampled_from(
    (
        b"a note",
        b"",
        b"  ",
        b"[2026-03-01 10:00:00] th",
        b"\xe9\xe8",
        b"\xe9l\xe8ve \xe0 No\xebl " * 3,
    )
)
lines = st.builds(bytes.__add__, st.one_of(turns, turns, turns, others), st.sampled_from(ENDS))
run_lines = st.just(HALF_A_RUN.encode())
files = st.lists(st.one_of(lines, lines, lines, lines, run_lines), min_size=4, max_size=14).map(
    b"".join
)


@st.composite
def lives(draw: st.DrawFn) -> list[bytes]:
    """A file as it is seen again and again: cut anywhere while it grows, now and then edited."""
    whole = draw(files)
    cuts = sorted(draw(st.lists(st.integers(0, len(whole)), min_size=1, max_size=3)))
    seen = [whole[:cut] for cut in cuts] + [whole]
    if draw(st.integers(0, 3)) == 0:
        at = draw(st.integers(0, len(whole)))
        seen.append(
            whole[:at] + draw(st.sampled_from((b"", b"!", b"\n", b"\xff"))) + whole[at + 1 :]
        )
        seen.append(seen[-1] + draw(lines))
    return seen


def said(*words: str, hour: int = 9) -> bytes:
    return b"".join(
        f"[2026-03-01 {hour:02}:{minute:02}:00] them: {word}\n".encode()
        for minute, word in enumerate(words)
    )


FIVE = said("one", "two", "three", "four", "five")


@given(lives())
@example([FIVE, FIVE + said("six")])
@example([FIVE, FIVE + said("the day after", hour=15)])
@example([FIVE[:-3], FIVE])
@example([b"\n" + said("one", "two", "three"), b"\n" + FIVE])
@example([bytes(range(128, 256)), bytes(range(128, 256)) + b"\n" + FIVE])
@example([FIVE, FIVE + b"and more of five\n" + said("six")])
@example([FIVE + "🎂".encode()[:2], FIVE + "🎂\n".encode() + said("six")])
@example([FIVE[:-1] + HALF_A_RUN.encode(), FIVE[:-1] + 2 * HALF_A_RUN.encode() + b"\n"])
@example([FIVE, FIVE.replace(b"two", b"too") + said("six")])
@example(
    [
        FIVE + said("caf\u00e9").decode().encode("latin-1") + said("six", "seven", "eight"),
        FIVE
        + said("caf\u00e9").decode().encode("latin-1")
        + said("six", "seven", "eight")
        + said("d\u00e9j\u00e0 \u00e9t\u00e9 \u00e0 No\u00ebl").decode().encode("latin-1") * 3,
    ]
)
def test_an_index_that_grew_with_its_chat_is_the_one_that_is_made_at_once(
    life: list[bytes],
) -> None:
    with a_chat() as chat:
        for data in life:
            chat.becomes(data)
            assert chat.indexed() == chat.made_at_once()


def test_a_chat_that_grew_is_cut_at_its_end_alone() -> None:
    many = said(*(f"word{number}" for number in range(50)))
    with a_chat() as chat:
        chat.becomes(many)
        chat.becomes(many + said("more", hour=10))
        # The last turn may have gone on, and is the neighbour of those before it.
        assert chat.chunks_cut == [50, TURNS_AROUND + 2]
        chat.becomes(many.replace(b"word0", b"word!") + said("more", "and more", hour=10))
        assert chat.chunks_cut[-1] == 52
        assert chat.indexed() == chat.made_at_once()


def test_a_file_that_becomes_a_chat_as_it_grows_is_cut_anew() -> None:
    chat_to_be = b"[2026-03-01 09:00:00] th"
    turns_to_come = b"em: hello\n" + FIVE
    with a_chat() as chat:
        # By its name a text, as long as no turn is seen at its beginning.
        chat.becomes(chat_to_be, name="old.log")
        chat.becomes(chat_to_be + turns_to_come, name="old.log")
        assert chat.indexed() == chat.made_at_once()


def test_a_long_turn_that_grew_is_cut_anew() -> None:
    long = FIVE[:-1] + b" word" * MAX_CHUNK_CHARS
    with a_chat() as chat:
        chat.becomes(FIVE)
        for more in (b"", b" more\n", b" more\n" + said("six")):
            chat.becomes(long + more)
            assert chat.indexed() == chat.made_at_once()
