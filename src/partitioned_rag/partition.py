"""`Partition`: a folder and its index as one handle, so that they cannot be paired wrongly.

Floor: flow. It does not know the box, its siblings, or the pool that may close it; closed, it opens
itself again when it is next used.
"""

import errno
import logging
import sys
import threading
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol, TypeVar

from partitioned_rag import chunking
from partitioned_rag.durable import remove_folder
from partitioned_rag.embedding.embedder import Embedder
from partitioned_rag.errors import StoreError
from partitioned_rag.matching import fields, mixing
from partitioned_rag.place import is_gone
from partitioned_rag.ranking import grown
from partitioned_rag.sources import chatlog, registry
from partitioned_rag.sources.readers import Readers
from partitioned_rag.sources.scan import look, stamp_of
from partitioned_rag.store.catalog import Catalog
from partitioned_rag.store.index import DamagedError
from partitioned_rag.store.lock import hold
from partitioned_rag.store.store import CATALOG, Maker, Store, holds_nothing_else
from partitioned_rag.sync.following import follow, planned
from partitioned_rag.sync.pipeline import Changes
from partitioned_rag.sync.plan import OF_THE_MOMENT
from partitioned_rag.units import CHARS_PER_TOKEN, UNIT_TOKENS, units
from partitioned_rag.values import (
    Asked,
    Candidate,
    ChunkId,
    Document,
    PartitionId,
    PartitionReport,
    PartitionStatus,
    Piece,
    Progress,
    Skip,
    SkipReason,
    Source,
    Summary,
    Turn,
    Weights,
)

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Vector = npt.NDArray[np.float32]

T = TypeVar("T")
log = logging.getLogger(__name__)

CHAT = "chat.log"
ASKING = ("?", "？", "؟")
# A section that is short is quoted whole: about two chunks, which most budgets have room for.
SECTION_CHARS = 1_200
FIXES = MappingProxyType(
    {
        errno.EIO: "make room if the disk is full, and see that it is sound",
        errno.ENOSPC: "make room, or keep the index elsewhere (PRAG_INDEX)",
        errno.EMFILE: "close something, or raise the limit on open files (`ulimit -n`)",
        errno.ENFILE: "close something: the system has no more open files",
        errno.ENOMEM: "close something: the memory is used up",
        errno.ENOSYS: "use a Python whose SQLite was built with FTS5",
        errno.EBUSY: "close the program that has its files open, and try again",
        errno.ELOOP: "remove the link, or name the place itself (PRAG_INDEX)",
    }
)


class Quote(Protocol):
    """A span of a source and the text that stood there."""

    @property
    def source(self) -> str:
        """As in `Source.path`."""
        ...

    @property
    def start(self) -> int:
        """Where it begins in the text that was read."""
        ...

    @property
    def end(self) -> int:
        """Where it ends."""
        ...


class Partition:
    """The live handle of one partition. Threads may share it; they take turns."""

    def __init__(
        self,
        partition: PartitionId,
        *,
        folder: Path,
        index_folder: Path,
        embedder: Embedder,
        notify: Callable[[str], None],
    ) -> None:
        """Bind the partition's folder to its index; opens nothing yet.

        Args:
            partition: Its id, which is the name of its folder.
            folder: Where its sources are.
            index_folder: Where its index is or will be.
            embedder: Shared with other partitions; it learns from none.
            notify: Told in a sentence of waiting and of rebuilding.
        """
        self.id = partition
        self.chat_path = f"{partition}/{CHAT}"
        self._folder = folder
        self._index_folder = index_folder
        self._embedder = embedder
        self._notify = notify
        self._turn = threading.RLock()
        self._is_in_use = False
        self._stays_open = True
        self._store: Store | None = None

    def stay_open(self) -> None:
        """Keep files and threads between uses, from the next use on."""
        self._stays_open = True

    def let_go(self) -> None:
        """Keep no files and threads between uses; waits for nobody who is using it now."""
        self._stays_open = False
        if self._turn.acquire(blocking=False):
            try:
                if not self._is_in_use:
                    self.close()
            finally:
                self._turn.release()

    def sync(self, *, progress: Callable[[Progress], None] | None = None) -> PartitionReport:
        """Bring the index up to date with the folder.

        Raises:
            StoreError: The index cannot be written.
            EmbedderError: The embedder failed.
        """
        return self._with_store(
            lambda store: self._bring_up_to_date(store, progress, again=OF_THE_MOMENT)
        )

    def catch_up(self) -> None:
        """Bring the index up to date where nobody reads the report; cheap when nothing changed.

        Raises:
            StoreError, EmbedderError: As `sync`.
        """
        self._with_store(self._catch_up)

    def is_empty(self) -> bool:
        """Say at a glance whether there is nothing in the folder; waits for nobody."""
        try:
            return not any(not path.name.startswith(".") for path in self._folder.iterdir())
        except OSError:
            # If there is not even a box, that is an error, and whoever searches will say so.
            return self._folder.parent.is_dir()

    def candidates(
        self, asked: Asked, vector: "Vector", *, weighed: int, quoted: int, weights: Weights
    ) -> list[Candidate]:
        """Find the chunks that answer a question best in the folder as it is now.

        Args:
            asked: The question.
            vector: Of what of it was embedded.
            weighed: So many of the best by each kind of evidence are weighed.
            quoted: The most there will be; best first. A turn that asks comes with the next one, a
                chunk of a short section with all of it.
            weights: Of what speaks for a chunk.
        """
        return self._up_to_date(
            lambda store: _candidates(
                store, asked, vector, weighed=weighed, quoted=quoted, weights=weights
            )
        )

    def everything(self, *, at_most_chars: int) -> list[Candidate] | None:
        """Give every chunk of the folder as it is now, in the order of sources and places.

        Returns:
            None if they are more than so many characters together. Nothing is scored.
        """
        return self._up_to_date(
            lambda store: store.everything() if store.chars() <= at_most_chars else None
        )

    def is_current(self, paths: Iterable[str]) -> bool:
        """Say whether sources are, at this moment, what the last sync made of them.

        Costs a `stat` each; a source that was touched too shortly before it was read for its
        stamp to be trusted is read.
        """
        wanted = sorted(set(paths))

        def check(store: Store) -> bool:
            with Readers(self._folder, self.id) as readers:
                return all(self._is_as_indexed(path, store, readers) for path in wanted)

        return self._with_store(check)

    def stands(self, quotes: Iterable[tuple[Quote, str]]) -> bool:
        """Say whether quoted spans still stand, word for word, in the folder as it is now.

        Args:
            quotes: Spans of sources of this partition with the text that was quoted.
        """
        wanted = list(quotes)

        return not wanted or self._up_to_date(
            lambda store: all(_stands(quote, text, store) for quote, text in wanted)
        )

    def recent_turns(self, *, limit: int) -> list[Turn]:
        """Read the last turns of the partition's own chat, oldest first."""
        with self._turn:
            stamp = stamp_of(self._folder, self.id, self.chat_path)
            if stamp is None:
                return []
            with Readers(self._folder, self.id) as readers:
                reading = readers.read(Source(path=self.chat_path, stamp=stamp))
            if not isinstance(reading.outcome, Document):
                return []
            return chatlog.turns(reading.outcome)[-limit:]

    # ------------------------------------------------------------ summaries

    day_of = staticmethod(chatlog.day_of)

    def pieces(self) -> list[Piece]:
        """List the chunks of the folder as it is now that no summary was made of."""
        return self._up_to_date(lambda store: store.pieces())

    def can_be_summarised(self, ids: Sequence[ChunkId], path: str) -> bool:
        """Say whether chunks stand in the folder as it is now, and in no summary."""
        return self._up_to_date(lambda store: store.can_be_summarised(ids, path))

    def keep_summary(self, summary: Summary, ids: Sequence[ChunkId]) -> bool:
        """Keep a summary for as long as every chunk stands that it was made of.

        Returns:
            False, and nothing is kept, if one of them is gone by now or has a summary already.
        """
        return self._up_to_date(lambda store: store.keep_summary(summary, ids))

    def summaries(self) -> list[Summary]:
        """Give the summaries of what stands in the folder as it is now, by source and place."""
        return self._up_to_date(lambda store: store.summaries(self.id))

    def keeps(self, summaries: Collection[Summary]) -> bool:
        """Say whether summaries are still those of the folder as it is now."""
        return not summaries or set(summaries) <= set(self.summaries())

    # ------------------------------------------------------------ its state

    def status(self, *, whole_tokens: int) -> PartitionStatus:
        """Say what the index holds; changes nothing, waits for nobody.

        Args:
            whole_tokens: What takes no more than this needs no summaries.
        """
        found = look(self._folder, self.id)
        path = self._index_folder / CATALOG
        if not path.exists():
            return PartitionStatus(
                id=self.id,
                sources=0,
                chunks=0,
                pending=len(found.stamps),
                skipped=_sorted(found.skips),
                summarised=0,
                spans=0,
            )
        try:
            catalog = Catalog.to_look_at(path)
            try:
                known = catalog.sources()
                counts = catalog.counts()
                summarised = len(catalog.summaries(self.id))
                waiting = (
                    units(
                        catalog.pieces(),
                        day_of=self.day_of,
                        size=lambda text: len(text) // CHARS_PER_TOKEN,
                        limit=UNIT_TOKENS,
                    )
                    if catalog.chars() > whole_tokens * CHARS_PER_TOKEN
                    else []
                )
            finally:
                catalog.close()
        except DamagedError:
            known, counts, summarised, waiting = {}, (0, 0), 0, []
        except OSError as error:
            raise self._disk_error(error) from error
        todo = planned(known, found.stamps)
        skips = [k.skip for k in known.values() if k.skip and k.source.path in found.stamps]
        return PartitionStatus(
            id=self.id,
            sources=counts[0],
            chunks=counts[1],
            pending=len(todo.add) + len(todo.change) + len(todo.rename) + len(todo.remove),
            skipped=_sorted((*found.skips, *skips)),
            summarised=summarised,
            spans=summarised + len(waiting),
        )

    def forget(self) -> int | None:
        """Remove the index, and with it all that was kept for this partition.

        Returns:
            How many sources it held; None if the folder holds what no index has, and was left.

        Raises:
            StoreError: It cannot be removed.
        """
        with self._turn:
            self.close()
            try:
                if not holds_nothing_else(self._index_folder):
                    return None
                with hold(self._index_folder, waiting=self._say_waiting):
                    held = self.status(whole_tokens=sys.maxsize).sources
                    # Somebody may write to us at this moment, who is then no contact to forget.
                    if not remove_folder(self._index_folder, unless=self._folder.is_dir):
                        return 0
            except FileNotFoundError:  # another process was first
                return 0
            except OSError as error:
                raise self._disk_error(error) from error
            return held

    def close(self) -> None:
        """Let go of files and threads; the next use opens them again."""
        with self._turn:
            if self._store is not None:
                self._store.close()
                self._store = None

    # ------------------------------------------------------------ the folder

    def _is_as_indexed(self, path: str, store: Store, readers: Readers) -> bool:
        indexed = store.sources().get(path)
        stamp = stamp_of(self._folder, self.id, path)
        if indexed is None or indexed.skip is not None or stamp is None:
            return False
        if indexed.settled:
            return indexed.source.stamp == stamp
        return readers.content_sha256(path) == indexed.content_sha256

    # ------------------------------------------------------------ the index

    def _up_to_date(self, work: Callable[[Store], T]) -> T:
        """Do something with the index once it is as the folder is now."""

        def caught_up(store: Store) -> T:
            self._catch_up(store)
            return work(store)

        return self._with_store(caught_up)

    def _catch_up(self, store: Store) -> None:
        """Bring the index up to date where nobody reads the report."""
        self._follow(store, progress=None, again=())
        if note := store.take_note():
            self._notify(f"partition {self.id}: {note}")

    def _bring_up_to_date(
        self,
        store: Store,
        progress: Callable[[Progress], None] | None,
        *,
        again: Collection[SkipReason],
    ) -> PartitionReport:
        changes, skips = self._follow(store, progress=progress, again=again)
        held, chunks = store.counts()
        refused = [known.skip for known in store.sources().values() if known.skip]
        return PartitionReport(
            id=self.id,
            sources=held,
            chunks=chunks,
            added=changes.added,
            changed=changes.changed,
            renamed=changes.renamed,
            removed=changes.removed,
            skipped=_sorted((*skips, *refused)),
            note=store.take_note(),
        )

    def _follow(
        self,
        store: Store,
        *,
        progress: Callable[[Progress], None] | None,
        again: Collection[SkipReason],
    ) -> tuple[Changes, list[Skip]]:
        return follow(
            store,
            folder=self._folder,
            partition=self.id,
            embedder=self._embedder,
            progress=progress,
            again=again,
        )

    def _with_store(self, work: Callable[[Store], T]) -> T:
        """Run work on the store under the lock; on damage make the index anew and run it again."""
        with self._turn:
            if self._is_in_use:
                raise ValueError("a partition cannot be asked by what it calls back")
            if not self._folder.parent.is_dir():
                # Not a folder that was deleted: the disk that it is on is not there.
                raise is_gone(self._folder.parent)
            self._is_in_use = True
            try:
                with hold(self._index_folder, waiting=self._say_waiting):
                    return self._whatever_it_takes(work)
            except DamagedError as error:
                self.close()
                raise StoreError(
                    f"the index of partition {self.id} is damaged and could not be made anew"
                    f" ({error})",
                    where=str(self._index_folder),
                    fix="remove that folder and index again",
                ) from error
            except OSError as error:
                self.close()
                raise self._disk_error(error) from error
            finally:
                self._is_in_use = False
                if not self._stays_open:
                    self.close()

    def _whatever_it_takes(self, work: Callable[[Store], T]) -> T:
        """Run work; open the store once more before believing that it is damaged."""
        try:
            return work(self._opened())
        except DamagedError:
            self.close()
        try:
            return work(self._opened())
        except DamagedError as error:
            log.warning("%s: the index was damaged and is made anew", self.id)
            store = self._opened()
            store.begin_anew(f"the index was damaged ({error})")
            return work(store)

    def _opened(self) -> Store:
        if self._store is not None:
            try:
                self._store.refresh()
            except DamagedError:
                self.close()
            except BaseException:
                self.close()
                raise
        if self._store is None:
            self._store = Store(
                self._index_folder,
                Maker(
                    embedder=f"{self._embedder.name} ({self._embedder.version})",
                    recipe=f"{registry.RECIPE} {chunking.RECIPE} {fields.RECIPE}",
                    dimensions=self._embedder.dimensions,
                    try_out=lambda: self._embedder.embed_chunks(["lemon cake"]),
                ),
            )
        return self._store

    def _say_waiting(self, holder: int) -> None:
        process = f"process {holder}" if holder else "another process"
        self._notify(f"partition {self.id} is being indexed by {process}, waiting")

    def _disk_error(self, error: OSError) -> StoreError:
        return StoreError(
            f"the index of partition {self.id} cannot be used: {error.strerror or error}",
            where=str(self._index_folder),
            fix=FIXES.get(
                error.errno or 0,
                "see that the folder can be written, or keep the index elsewhere (PRAG_INDEX)",
            ),
        )


def _candidates(
    store: Store,
    asked: Asked,
    vector: "Vector",
    *,
    weighed: int,
    quoted: int,
    weights: Weights,
) -> list[Candidate]:
    _, among = store.counts()
    if not among:
        return []  # and no vectors need to be opened to say so
    matches = store.matches(asked, vector, limit=weighed)
    best = mixing.mixed(matches, speaker=asked.speaker, weights=weights)[:quoted]
    scores = mixing.levels(
        [each.cosine for each in best],
        store.coverages([each.id for each in best], asked.words),
        among=among,
    )
    score_of = {each.id: score for each, score in zip(best, scores, strict=True)}
    of_documents = [each.id for each in best if not each.speaker]
    company = store.sections_of(of_documents, most_chars=SECTION_CHARS)
    candidates = store.candidates(score_of)
    for match, candidate in zip(best, candidates, strict=True):
        if match.speaker and candidate.text.endswith(ASKING):
            company[match.id] = store.next_in_part(match.id)
    return [
        grown(candidate, company.get(match.id, ()))
        for match, candidate in zip(best, candidates, strict=True)
    ]


def _stands(quote: Quote, text: str, store: Store) -> bool:
    """Compare a quoted span with what the chunks of its source say of it."""
    said = [False] * len(text)
    for chunk in store.chunks_within(quote.source, quote.start, quote.end):
        start, end = max(chunk.start, quote.start), min(chunk.end, quote.end)
        now = chunk.text[start - chunk.start : end - chunk.start]
        if now != text[start - quote.start : end - quote.start]:
            return False
        said[start - quote.start : end - quote.start] = [True] * (end - start)
    # Between chunks there is white space alone, which nobody can be misquoted by.
    return all(known or character.isspace() for known, character in zip(said, text, strict=True))


def _sorted(skips: Sequence[Skip]) -> tuple[Skip, ...]:
    return tuple(sorted(skips, key=lambda skip: skip.source))
