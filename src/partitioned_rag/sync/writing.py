"""Embeds a batch while the one before it is written and the next one is read and cut.

Only texts go to another thread, and only vectors come back. Whatever touches the store or the
folder is the caller's own thread, one thing after the other: so batches are acknowledged in the
order in which they come, and what interrupts the caller interrupts the reading and writing, too.
"""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Self

from partitioned_rag.embedding.embedder import Embedder
from partitioned_rag.store.store import Store
from partitioned_rag.values import Contents

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

    import numpy as np
    import numpy.typing as npt

    Vector = npt.NDArray[np.float32]
    Vectors = Mapping[str, Vector]

# An embedder cannot be stopped: whoever interrupts an index waits for so many texts at most.
TEXTS_AT_ONCE = 128


@dataclass(frozen=True, slots=True)
class _Begun:
    """A batch that is being embedded.

    Attributes:
        known: Vectors of those of its texts that were embedded already, by text.
        others: To come, of those that were not.
    """

    batch: Sequence[Contents]
    known: "Vectors"
    others: "Future[Vectors]"

    def vectors(self) -> "Vectors":
        """Wait for the vectors of all its texts."""
        return {**self.known, **self.others.result()}


class Writer:
    """Brings batches of one partition into its store. A context manager, for one thread alone.

    When the context is left, however that is, no thread of it is left and nothing more is written:
    what was begun and not acknowledged is found again by the next sync.
    """

    def __init__(self, *, store: Store, embedder: Embedder) -> None:
        """Start nothing yet: a sync of one batch, as most are, needs no thread."""
        self._store = store
        self._embedder = embedder
        self._begun: _Begun | None = None
        self._thread: ThreadPoolExecutor | None = None
        self._is_left = threading.Event()

    def __enter__(self) -> Self:
        """Give the writer."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the thread, if there is one."""
        self._is_left.set()
        if self._thread is not None:
            self._thread.shutdown()

    def begin(self, batch: Sequence[Contents]) -> None:
        """Begin to embed a batch; the one before it is acknowledged when this returns.

        Args:
            batch: What was read; none of its sources stands in another batch.

        Raises:
            EmbedderError: The batch before could not be embedded.
            DamagedError: The store contradicts itself.
            OSError: The store cannot be written.
        """
        before, self._begun = self._begun, None
        in_hand = before.vectors() if before else {}
        known, unknown = self._sorted_out(batch, in_hand)
        others = self._opened_thread().submit(self._embed, unknown)
        self._begun = _Begun(batch, known, others)
        if before:
            self._store.put(before.batch, in_hand)

    def finish(self, batch: Sequence[Contents]) -> None:
        """Take the last batch, which may be empty; when this returns, all are acknowledged.

        Raises:
            EmbedderError, DamagedError, OSError: As `begin`, of this batch or the one before.
        """
        if self._begun is None:
            if batch:
                known, unknown = self._sorted_out(batch, {})
                self._store.put(batch, {**known, **self._embed(unknown)})
            return
        if batch:
            self.begin(batch)
        last, self._begun = self._begun, None
        self._store.put(last.batch, last.vectors())

    def _sorted_out(
        self, batch: Sequence[Contents], in_hand: "Vectors"
    ) -> tuple["Vectors", list[str]]:
        """Give the vectors of those texts that were embedded already, and the other texts.

        Args:
            batch: What is embedded next.
            in_hand: Vectors of the batch before, which is not in the store yet. What it replaces
                still is: a text that goes with it and comes again here is not embedded twice.
        """
        had = self._store.replaced_by(batch)
        new = dict.fromkeys(
            entry.fields.embedded
            for contents in batch
            for entry in contents.entries
            if entry.chunk.id not in had
        )
        known = {text: in_hand[text] for text in new if text in in_hand}
        known |= self._store.known_vectors(text for text in new if text not in known)
        return known, [text for text in new if text not in known]

    def _embed(self, texts: Sequence[str]) -> "Vectors":
        """Embed texts, a part at a time, until there are no more or nobody waits for them."""
        vectors: dict[str, Vector] = {}
        # Some embedders pad the texts that they are given to the longest of them.
        longest_first = sorted(texts, key=len, reverse=True)
        for start in range(0, len(texts), TEXTS_AT_ONCE):
            if self._is_left.is_set():
                break
            part = longest_first[start : start + TEXTS_AT_ONCE]
            vectors.update(zip(part, self._embedder.embed_chunks(part), strict=True))
        return vectors

    def _opened_thread(self) -> "ThreadPoolExecutor":
        if self._thread is None:
            # A door: few syncs have a second batch.
            from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415

            self._thread = ThreadPoolExecutor(1, thread_name_prefix="prag-embedder")
        return self._thread
