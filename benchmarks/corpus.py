"""What is indexed in a comparison, and the chunks of it, cut once and for all sides."""

import random
from datetime import datetime, timedelta
from pathlib import Path
from typing import cast

from invented import sentence

from partitioned_rag import Embedder
from partitioned_rag.chunking import chunk
from partitioned_rag.sources.readers import Readers
from partitioned_rag.sources.scan import scan
from partitioned_rag.values import Document, PartitionId, Source

BEGAN = datetime(2024, 1, 1, 9)  # noqa: DTZ001 — a chat has the time of its place


def make_chat(folder: Path, *, kilobytes: int, seed: int = 4) -> Path:
    """Write a `chat.log` of about that size into a contact's folder."""
    rng = random.Random(seed)
    folder.mkdir(parents=True)
    lines, size, now = [], 0, BEGAN
    while size < kilobytes << 10:
        now += timedelta(minutes=rng.randint(1, 90))
        lines.append(turn(rng, now))
        size += len(lines[-1])
    (folder / "chat.log").write_text("".join(lines), encoding="utf-8")
    return folder


def turn(rng: random.Random, at: datetime) -> str:
    """Make up a line of a chat."""
    return f"[{at:%Y-%m-%d %H:%M:%S}] {rng.choice(('them', 'me'))}: {sentence(rng)}\n"


def cut(folder: Path, embedder: Embedder) -> dict[str, list[str]]:
    """Cut the files of a partition as an index does, by path."""
    partition = PartitionId(folder.name)
    found = {}
    with Readers(folder, partition) as readers:
        for source in scan(folder, partition):
            document = cast("Document", readers.read(cast("Source", source)).outcome)
            pieces = chunk(
                document, token_spans=embedder.token_spans, window_tokens=embedder.window_tokens
            )
            found[cast("Source", source).path] = [piece.text for piece in pieces]
    return found
