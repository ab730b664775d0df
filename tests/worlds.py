"""A box as a plain dict, scripts of edits, and the oracle of what should be found.

A world says what is on disk and nothing else, so it can be drawn, compared, shrunk and shown. The
oracle reads, cuts and compares everything anew for each question, with no index and no memory:
slow, and too simple to be wrong in the way an index is.
"""

import math
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from partitioned_rag.chunking import chunk
from partitioned_rag.embedding.embedder import Embedder
from partitioned_rag.identity import PUBLIC
from partitioned_rag.ranking import rank
from partitioned_rag.search import CANDIDATES
from partitioned_rag.sources import chatlog
from partitioned_rag.sources.registry import Readers
from partitioned_rag.sources.scan import scan
from partitioned_rag.values import Candidate, Document, Hit, PartitionId, Source, Turn

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


def candidates(root: Path, partition: str, question: str, embedder: Embedder) -> list[Candidate]:
    """Score every chunk of a partition, each embedded alone."""
    asked = [float(part) for part in embedder.embed_question(question)]
    return [
        Candidate(
            score=math.fsum(
                float(x) * y
                for x, y in zip(embedder.embed_chunks([piece.text])[0], asked, strict=True)
            ),
            source=document.path,
            start=piece.start,
            end=piece.end,
            text=piece.text,
            page=piece.page,
            lead=piece.lead,
        )
        for document in read(root, partition)
        for piece in chunk(
            document, token_spans=embedder.token_spans, window_tokens=embedder.window_tokens
        )
    ]


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
            PartitionId(name): sorted(
                candidates(root, name, question, embedder),
                key=lambda found: (-found.score, found.source, found.start),
            )[: max(CANDIDATES, 4 * k)]
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
