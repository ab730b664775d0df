"""A box as a plain dict, scripts of edits, and the oracle of what should be found.

A world says what is on disk and nothing else, so it can be drawn, compared, shrunk and shown. The
oracle reads, cuts and compares everything anew for each question, with no index and no memory:
slow, and too simple to be wrong in the way an index is.
"""

import os
import shutil
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from partitioned_rag.chunking import chunk
from partitioned_rag.embedding.embedder import Embedder
from partitioned_rag.identity import PUBLIC
from partitioned_rag.matching import fields
from partitioned_rag.matching.mixing import levels, mixed
from partitioned_rag.matching.question import read as question_read
from partitioned_rag.matching.words import expression, shares_of
from partitioned_rag.partition import SECTION_CHARS
from partitioned_rag.ranking import grown, rank
from partitioned_rag.search import QUOTED, WEIGHED
from partitioned_rag.sources import chatlog
from partitioned_rag.sources.readers import Readers
from partitioned_rag.sources.scan import scan
from partitioned_rag.values import (
    Candidate,
    Document,
    Entry,
    Hit,
    Match,
    Names,
    PartitionId,
    Source,
    Turn,
)

World = Mapping[str, bytes]
"""Path relative to the box → content; a path that ends in `/` is a folder with nothing in it.

The first name of a path is its partition. Paths are as `os.fsdecode` gives them.
"""


# ---------------------------------------------------------------- edits


@dataclass(frozen=True, slots=True)
class Write:
    """Make a file, or replace its content in place."""

    path: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Append:
    """Add to the end of a file; nothing if it is not there."""

    path: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Move:
    """Give a file another path, in its partition or in another; nothing if it is not there."""

    path: str
    to: str


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove a file, or a whole folder when the path ends in `/`; nothing if it is not there."""

    path: str


@dataclass(frozen=True, slots=True)
class Touch:
    """Give a file a new time and the same content; nothing if it is not there."""

    path: str


Edit = Write | Append | Move | Delete | Touch
Round = tuple[Edit, ...]
"""Edits that happen between two questions."""


def build(world: World, root: Path) -> Path:
    """Make a world on disk."""
    root.mkdir(parents=True, exist_ok=True)
    for path, content in world.items():
        if path.endswith("/"):
            (root / path).mkdir(parents=True, exist_ok=True)
        else:
            apply(Write(path, content), root)
    return root


def apply(edit: Edit, root: Path) -> None:
    """Do to a folder what an edit says, in the way an editor or a shell would."""
    path = root / edit.path
    match edit:
        case Write(_, content):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        case Append(_, content) if path.is_file():
            with path.open("ab") as file:
                file.write(content)
        case Move(_, to) if path.is_file() and not (root / to).is_dir():
            (root / to).parent.mkdir(parents=True, exist_ok=True)
            path.rename(root / to)
        case Delete(name) if name.endswith("/"):
            shutil.rmtree(path, ignore_errors=True)
        case Delete():
            path.unlink(missing_ok=True)
        case Touch() if path.is_file():
            os.utime(path)


def after(world: World, edits: Iterable[Edit]) -> dict[str, bytes]:
    """Say what is on disk after some edits."""
    files = dict(world)
    for edit in edits:
        match edit:
            case Write(path, content):
                files[path] = content
            case Append(path, content) if path in files:
                files[path] += content
            case Move(path, to) if path in files:
                files[to] = files.pop(path)
            case Delete(path):
                files = {name: files[name] for name in files if not _lies_in(name, path)}
    return files


def _lies_in(path: str, gone: str) -> bool:
    return path.startswith(gone) if gone.endswith("/") else path == gone


def part(world: World, partitions: Iterable[str]) -> dict[str, bytes]:
    """Keep of a world what lies in some partitions."""
    wanted = tuple(f"{name}/" for name in partitions)
    return {path: content for path, content in world.items() if path.startswith(wanted)}


# ---------------------------------------------------------------- the oracle


def read(root: Path, partition: str) -> list[Document]:
    """Read whatever has text in a partition, with the product's own readers."""
    name = PartitionId(partition)
    documents = []
    with Readers(root / partition, name) as readers:
        for found in scan(root / partition, name):
            if isinstance(found, Source):
                outcome = readers.read(found).outcome
                if isinstance(outcome, Document):
                    documents.append(outcome)
    return documents


def entries(root: Path, partition: str, embedder: Embedder) -> list[tuple[str, Entry]]:
    """Cut all that can be read of a partition, and say what it is found by."""
    return [
        (document.path, entry)
        for document in read(root, partition)
        for entry in fields.entries(
            document,
            chunk(document, token_spans=embedder.token_spans, window_tokens=embedder.window_tokens),
        )
    ]


def candidates(
    root: Path,
    partition: str,
    question: str,
    embedder: Embedder,
    *,
    weighed: int = 10_000,
    quoted: int = 10_000,
    beside: Sequence[Entry] = (),
) -> list[Candidate]:
    """Say what a partition offers for a question: each chunk embedded alone, full text made anew.

    Args:
        root: The box.
        partition: Of the box.
        question: As it was asked.
        embedder: The one of the box.
        weighed: As the search has it.
        quoted: As the search has it.
        beside: Strangers in the full text, for who wants to plant that fault.
    """
    asked = question_read(question, Names())
    vector = [float(part) for part in embedder.embed_question(asked.embedded)]
    found = entries(root, partition, embedder)
    having = _words([entry for _, entry in found], asked.words, beside)
    every = [
        Match(
            id=entry.chunk.id,
            source=path,
            part=entry.fields.part,
            start=entry.chunk.start,
            speaker=entry.fields.speaker,
            words=words,
            cosine=_cosine(entry.fields.embedded, vector, embedder),
        )
        for (path, entry), words in zip(found, having, strict=True)
    ]
    gathered = {
        each.id
        for kind in ("words", "cosine")
        for each in every
        if kind == "cosine" or getattr(each, kind) > 0
        if getattr(each, kind) >= _bar([getattr(other, kind) for other in every], weighed)
    }
    best = mixed([each for each in every if each.id in gathered], speaker=asked.speaker)[:quoted]
    texts = [entry.fields.words for _, entry in found]
    shares = shares_of(asked.words, texts)
    share = {entry.chunk.id: each for (_, entry), each in zip(found, shares, strict=True)}
    scores = levels(
        [each.cosine for each in best], [share[each.id] for each in best], among=max(len(found), 1)
    )
    at = {entry.chunk.id: number for number, (_, entry) in enumerate(found)}
    return [
        _with_company(found, at[each.id], score) for each, score in zip(best, scores, strict=True)
    ]


def beginning(text: str) -> str:
    """Cut what is quoted down to what an embedder takes, for a fault that embeds it anew."""
    return text[:100]


def _words(found: Sequence[Entry], words: tuple[str, ...], beside: Sequence[Entry]) -> list[float]:
    """Ask a full text of these chunks for the score of each."""
    db = sqlite3.connect(":memory:")
    try:
        db.execute(
            "CREATE VIRTUAL TABLE words"
            " USING fts5 (text, tokenize = 'porter unicode61 remove_diacritics 2')"
        )
        db.executemany(
            "INSERT INTO words VALUES (?)",
            [(each.fields.words,) for each in (*found, *beside)],
        )
        ask = "SELECT rowid, -bm25(words) FROM words WHERE words MATCH ?"
        rows = db.execute(ask, (expression(words),)).fetchall() if words else []
        scored = dict(rows)
        return [scored.get(key, 0.0) for key in range(1, len(found) + 1)]
    finally:
        db.close()


def _cosine(text: str, asked: Sequence[float], embedder: Embedder) -> float:
    row = embedder.embed_chunks([text])[0]
    return float((row.astype(np.float64) * np.asarray(asked)).sum())


def _bar(scores: Sequence[float], limit: int) -> float:
    return sorted(scores, reverse=True)[min(limit, len(scores)) - 1]


def _with_company(found: Sequence[tuple[str, Entry]], at: int, score: float) -> Candidate:
    """Quote a turn that asks with the next turn, and a document's chunk with its short section."""
    path, entry = found[at]
    piece = entry.chunk
    offered = Candidate(
        score=score,
        source=path,
        start=piece.start,
        end=piece.end,
        text=piece.text,
        page=piece.page,
        lead=piece.lead,
    )
    together = [
        each.chunk
        for other, each in found
        if other == path and each.fields.part == entry.fields.part
    ]
    if not entry.fields.speaker:
        is_short = together[-1].end - together[0].start <= SECTION_CHARS
        return grown(offered, together) if is_short else offered
    behind = [each for each in together if each.start >= piece.end][:1]
    return grown(offered, behind) if piece.text.endswith(("?", "？", "؟")) else offered


def readable_folders(root: Path, contacts: Sequence[str]) -> list[str]:
    """Say what an audience may read, in the words of the threat model and not of the code."""
    names = [PUBLIC, *contacts] if len(set(contacts)) == 1 else [PUBLIC]
    return [name for name in names if (root / name).is_dir()]


def expected_hits(
    root: Path, contacts: Sequence[str], question: str, embedder: Embedder, *, k: int
) -> list[Hit]:
    """Say what a search must return."""
    return rank(
        {
            PartitionId(name): candidates(
                root,
                name,
                question,
                embedder,
                weighed=max(WEIGHED, 4 * k),
                quoted=max(QUOTED, 4 * k),
            )
            for name in readable_folders(root, contacts)
        },
        k=k,
    )


def recent_turns(root: Path, contacts: Sequence[str], *, limit: int) -> list[Turn]:
    """Say which turns of their own chat an audience of one is in the middle of."""
    if len(set(contacts)) != 1 or not (root / contacts[0]).is_dir():
        return []
    path = f"{contacts[0]}/chat.log"
    chats = [document for document in read(root, contacts[0]) if document.path == path]
    return [turn for chat in chats for turn in chatlog.turns(chat)][-limit:]
