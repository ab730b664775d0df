"""Read, chunk, embed, write: carries out a plan, source by source, in bounded memory.

What is gone goes first; what is new is acknowledged in batches, so that a killed run loses two
batches of work at most. A text that is indexed anywhere in the partition is not embedded again:
a renamed file costs nothing, a chat that grew costs its tail. Of that chat no more is cut and
compared, either, than what stands so near its new end that it can be found by something else now.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from partitioned_rag.chunking import chunk
from partitioned_rag.embedding.embedder import Embedder
from partitioned_rag.matching import fields
from partitioned_rag.store.catalog import IndexedSource
from partitioned_rag.store.store import Store
from partitioned_rag.sync.plan import SyncPlan
from partitioned_rag.sync.writing import Writer
from partitioned_rag.values import (
    Contents,
    Document,
    PartitionId,
    Progress,
    Reading,
    Skip,
    SkipReason,
    Source,
    Wanted,
)

# Enough texts to sort by length without much padding, few enough to stay small in memory.
BATCH_CHUNKS = 512
BATCH_SOURCES = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What was done, in files; as in `PartitionReport`."""

    added: int = 0
    changed: int = 0
    renamed: int = 0
    removed: int = 0

    def __add__(self, other: "Changes") -> "Changes":
        """Add up two steps."""
        return Changes(
            added=self.added + other.added,
            changed=self.changed + other.changed,
            renamed=self.renamed + other.renamed,
            removed=self.removed + other.removed,
        )


class Read(Protocol):
    """Reads sources in their order, those that do not hold what is known of them."""

    def __call__(self, wanted: Iterable[Wanted]) -> Iterator[Reading]:
        """Give a reading of each; its outcome is None where the content is the one that is known.

        It may take the next sources in hand before one is given.
        """
        ...


def carry_out(
    plan: SyncPlan,
    *,
    partition: PartitionId,
    store: Store,
    read: Read,
    embedder: Embedder,
    progress: Callable[[Progress], None] | None,
) -> Changes:
    """Make the store of one partition what its folder was when the plan was made.

    Raises:
        EmbedderError: The embedder failed; what was acknowledged before stands.
        DamagedError: The store contradicts itself.
        OSError: The store cannot be written.
    """
    indexed = store.sources()
    changes = Changes(removed=sum(_was_indexed(indexed, path) for path in plan.remove))
    store.remove(plan.remove)
    old_path = {source.path: old for old, source in plan.rename}
    to_read = plan.to_read
    total_bytes = plan.bytes_to_read
    done_bytes = done_chunks = 0
    batch: list[Contents] = []
    touched: list[Reading] = []
    waiting = 0
    again = frozenset(plan.retry)
    wanted = (_wanted(each, None if each in again else indexed.get(each.path)) for each in to_read)
    readings = zip(to_read, read(wanted), strict=True)
    with Writer(store=store, embedder=embedder) as writer:
        for number, (source, reading) in enumerate(readings, start=1):
            before = indexed.get(source.path)
            if before and _reads_as_before(reading, before):
                if (before.source, before.settled) != (reading.source, reading.settled):
                    touched.append(reading)
            else:
                contents = _cut(reading, embedder)
                renamed_from = indexed.get(old_path.get(source.path, ""))
                changes += _change(contents.reading, before, renamed_from)
                batch.append(contents)
                waiting += len(contents.entries)
                done_chunks += len(contents.entries)
            done_bytes += source.stamp.size_bytes
            is_full = waiting >= BATCH_CHUNKS or len(batch) >= BATCH_SOURCES
            if is_full and number < len(to_read):
                writer.begin(batch)
                batch, waiting = [], 0
            if progress:
                progress(
                    Progress(
                        partition=partition,
                        sources_done=number,
                        sources_total=len(to_read),
                        bytes_done=done_bytes,
                        bytes_total=total_bytes,
                        chunks_done=done_chunks,
                    )
                )
        writer.finish(batch)
    if touched:
        store.restamp(touched)
    store.remove([old for old, _ in plan.rename])
    store.compact()
    return changes


def _wanted(source: Source, known: IndexedSource | None) -> Wanted:
    if known is None:
        return Wanted(source)
    known_bytes = known.source.stamp.size_bytes if known.skip is None else 0
    return Wanted(source, known.content_sha256, known_bytes)


def _reads_as_before(reading: Reading, before: IndexedSource) -> bool:
    # What could not be opened has no hash, and that may be no news.
    is_same = reading.content_sha256 == before.content_sha256
    return is_same and reading.outcome in (None, before.skip)


def _cut(reading: Reading, embedder: Embedder) -> Contents:
    """Cut what was read, from where on it can differ from what is indexed."""
    document = reading.outcome
    if not isinstance(document, Document):
        return Contents(reading=reading)
    since = fields.cut_from(document, reading.same_until)
    chunks = chunk(
        document,
        token_spans=embedder.token_spans,
        window_tokens=embedder.window_tokens,
        since=since,
    )
    if chunks:
        entries = tuple(fields.entries(document, chunks))
        return Contents(reading=reading, entries=entries, since=since)
    nothing = Skip(source=document.path, reason=SkipReason.NO_TEXT, detail="only white space")
    return Contents(
        reading=Reading(
            source=reading.source,
            settled=reading.settled,
            content_sha256=reading.content_sha256,
            outcome=nothing,
        )
    )


def _change(
    reading: Reading, before: IndexedSource | None, renamed_from: IndexedSource | None
) -> Changes:
    is_indexed = isinstance(reading.outcome, Document)
    if renamed_from is not None and renamed_from.skip is None:
        if is_indexed and renamed_from.content_sha256 == reading.content_sha256:
            return Changes(renamed=1)
        return Changes(added=int(is_indexed), removed=1)
    if before is None or before.skip is not None:
        return Changes(added=int(is_indexed))
    return Changes(changed=1) if is_indexed else Changes(removed=1)


def _was_indexed(indexed: Mapping[str, IndexedSource], path: str) -> bool:
    return path in indexed and indexed[path].skip is None
