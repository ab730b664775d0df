"""Makes an index what its folder is, as often as the folder changes meanwhile.

Floor: flow. Most questions find nothing changed, and that has to be seen at a glance.
"""

import logging
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from partitioned_rag.cores import cores
from partitioned_rag.embedding.embedder import Embedder
from partitioned_rag.sources.readers import Readers
from partitioned_rag.sources.scan import look
from partitioned_rag.store.catalog import IndexedSource
from partitioned_rag.store.store import Store
from partitioned_rag.sync.pipeline import Changes, carry_out
from partitioned_rag.sync.plan import Known, SyncPlan, plan
from partitioned_rag.values import PartitionId, Progress, Skip, SkipReason, Source, Stamp

log = logging.getLogger(__name__)

# A folder that keeps changing under a sync is as it was at some moment after a few rounds.
ROUNDS = 3
# Each may have a process that reads it, which takes a seventh of a second to start, some 30 MB, and
# a gigabyte if its file is made for that.
FILES_AT_ONCE = 4
BYTES_FOR_ANOTHER = 1 << 20


def follow(
    store: Store,
    *,
    folder: Path,
    partition: PartitionId,
    embedder: Embedder,
    progress: Callable[[Progress], None] | None,
    again: Collection[SkipReason],
) -> tuple[Changes, list[Skip]]:
    """Make the index of one partition what its folder is.

    Args:
        store: The index.
        folder: The partition's folder.
        partition: Its id.
        embedder: Embeds what is new.
        progress: Told after every file that was read.
        again: As in `plan`.

    Returns:
        What was done, and what of the folder is no source.

    Raises:
        EmbedderError, DamagedError, OSError: As `carry_out`.
    """
    changes = Changes()
    for _ in range(ROUNDS):
        stamps, skips = look(folder, partition)
        if not again and _is_unchanged(store.sources(), stamps):
            break
        todo = planned(store.sources(), stamps, again=again)
        again = ()  # once is enough
        if todo.is_empty:
            break
        with Readers(folder, partition, at_once=_at_once(todo)) as readers:
            changes += carry_out(
                todo,
                partition=partition,
                store=store,
                read=readers.read_all,
                embedder=embedder,
                progress=progress,
            )
        if not (todo.add or todo.change or todo.rename or todo.remove):
            break  # what was only read again may have to be read again once more
    if changes != Changes():
        log.info(
            "%s: %d sources, %d chunks, %d added, %d changed, %d renamed, %d removed",
            partition,
            *store.counts(),
            changes.added,
            changes.changed,
            changes.renamed,
            changes.removed,
        )
    return changes, skips


def planned(
    indexed: Mapping[str, IndexedSource],
    stamps: Mapping[str, Stamp],
    *,
    again: Collection[SkipReason] = (),
) -> SyncPlan:
    """Plan what must be done, from what the index knows and what a look at the folder found."""
    known = {
        path: Known(
            stamp=each.source.stamp,
            settled=each.settled,
            skipped=each.skip.reason if each.skip else None,
        )
        for path, each in indexed.items()
    }
    found = {path: Source(path=path, stamp=stamp) for path, stamp in stamps.items()}
    return plan(known, found, again=again)


def _at_once(todo: SyncPlan) -> int:
    """Say how many files to take in hand: another process pays only if there is much to read."""
    return min(FILES_AT_ONCE, cores(), 1 + todo.bytes_to_read // BYTES_FOR_ANOTHER)


def _is_unchanged(indexed: Mapping[str, IndexedSource], stamps: Mapping[str, Stamp]) -> bool:
    """Say whether a plan would be empty."""
    known = {path: each.source.stamp if each.settled else None for path, each in indexed.items()}
    return known == stamps
