"""The reading itself: from a `Source` to its `Document` or `Skip`.

Floor: edge. Hostile formats go through child processes. These can read several files while this
process waits, or works on what they have read; of all else sense is made here, at its turn.
"""

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from partitioned_rag.errors import WorkError
from partitioned_rag.sources.opening import Taken, take
from partitioned_rag.sources.raw import RawFile, Unreadable
from partitioned_rag.sources.registry import (
    Format,
    grows_at_its_end,
    read_here,
    recognise,
    same_until,
)
from partitioned_rag.values import (
    Document,
    PartitionId,
    Reading,
    Skip,
    SkipReason,
    Source,
    Wanted,
)

if TYPE_CHECKING:
    from partitioned_rag.sources.isolation import IsolatedReader


class Readers:
    """Reads the files of one partition; nothing of another can be named here.

    A context manager; not to be shared by threads. Child processes are started with the first files
    that need them and ended by `close`.
    """

    def __init__(self, folder: Path, partition: PartitionId, *, at_once: int = 1) -> None:
        """Start nothing yet.

        Args:
            folder: Of the partition.
            partition: Its id.
            at_once: How many files `read_all` takes in hand, and so the most child processes.
        """
        self._folder = folder
        self._partition = partition
        self._at_once = at_once
        self._children: list[IsolatedReader] = []
        self._idle: list[IsolatedReader] = []
        self._is_closed = False

    def __enter__(self) -> Self:
        """Give the readers; nothing is started yet."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close."""
        self.close()

    def close(self) -> None:
        """End the child processes; harmless when there are none. Nothing is read any more."""
        self._is_closed = True
        with ExitStack() as stack:
            for child in self._children:
                stack.callback(child.close)

    def read(self, source: Source, *, known_sha256: str = "", known_bytes: int = 0) -> Reading:
        """Read one source as it is now, whatever it was when it was found.

        Args:
            source: What to read.
            known_sha256: As in `Wanted`.
            known_bytes: As in `Wanted`.

        Returns:
            The reading, with the stamp of the very bytes that were read. A file that is gone, or is
            not to be had, is a reading too: with its old stamp, no hash, and a `Skip`.

        Raises:
            WorkError: The child process cannot be started at all.
        """
        return self._begin(
            Wanted(source=source, known_sha256=known_sha256, known_bytes=known_bytes)
        )()

    def read_all(self, wanted: Iterable[Wanted]) -> Iterator[Reading]:
        """Read sources in their order, each as `read` does.

        So many as may be in hand are taken before the first is given. While the caller works on
        one, child processes read the others. Whoever breaks off has to close these readers.

        Raises:
            WorkError: A child process cannot be started at all.
        """
        in_hand: deque[Callable[[], Reading]] = deque()
        for each in wanted:
            try:
                begun = self._begin(each)
            except WorkError:
                if not in_hand:
                    raise
                # Perhaps no more are to be had than those that have work, which will be free.
                yield from _each_called(in_hand)
                begun = self._begin(each)
            in_hand.append(begun)
            if len(in_hand) == self._at_once:
                yield in_hand.popleft()()
        yield from _each_called(in_hand)

    def content_sha256(self, path: str) -> str:
        """Hash what a source holds now, with all the care of `read` and no sense made of it.

        Returns:
            As in `Reading.content_sha256`: empty for what cannot be read or is too large.
        """
        return _sha256(take(self._folder, self._partition, path).content)

    def _begin(self, wanted: Wanted) -> Callable[[], Reading]:
        """Take a source as it is now; what is returned waits until sense is made of it."""
        self._check_open()
        path = wanted.source.path
        taken = take(self._folder, self._partition, path)
        data, sha256 = taken.content, _sha256(taken.content)
        if isinstance(data, Skip):
            return partial(_reading, wanted, taken, sha256, data)
        if sha256 == wanted.known_sha256:
            return partial(_reading, wanted, taken, sha256, None)
        raw = RawFile(path=path, data=data)
        make_sense = self._begin_to_make_sense(raw)

        def reading() -> Reading:
            outcome = make_sense()
            return _reading(wanted, taken, sha256, outcome, _known_until(outcome, raw, wanted))

        return reading

    def _begin_to_make_sense(self, raw: RawFile) -> Callable[[], Document | Skip]:
        try:
            document = self._begin_document(raw)
        except Unreadable as verdict:
            return partial(_skip, raw, verdict)

        def outcome() -> Document | Skip:
            try:
                return document()
            except Unreadable as verdict:
                return _skip(raw, verdict)

        return outcome

    def _begin_document(self, raw: RawFile) -> Callable[[], Document]:
        if not raw.data:
            raise Unreadable(SkipReason.EMPTY, "has no bytes")
        chosen = recognise(raw)
        return (
            self._begin_elsewhere(chosen, raw)
            if chosen.is_isolated
            else partial(read_here, chosen, raw)
        )

    def _begin_elsewhere(self, chosen: Format, raw: RawFile) -> Callable[[], Document]:
        # The one that was in use last: so no more are started than there is work for.
        child = self._idle.pop() if self._idle else self._another_child()
        wait = child.begin(chosen.name, raw)

        def document() -> Document:
            self._check_open()
            try:
                return wait()
            finally:
                self._idle.append(child)

        return document

    def _another_child(self) -> "IsolatedReader":
        from partitioned_rag.sources.isolation import IsolatedReader  # noqa: PLC0415 - a door

        child = IsolatedReader()
        self._children.append(child)
        return child

    def _check_open(self) -> None:
        if self._is_closed:
            raise ValueError("these readers are closed")


def _each_called(in_hand: deque[Callable[[], Reading]]) -> Iterator[Reading]:
    while in_hand:
        yield in_hand.popleft()()


def _reading(
    wanted: Wanted,
    taken: Taken,
    sha256: str,
    outcome: Document | Skip | None,
    same_until: int = 0,
) -> Reading:
    return Reading(
        source=Source(path=wanted.source.path, stamp=taken.stamp or wanted.source.stamp),
        settled=taken.is_settled,
        content_sha256=sha256,
        outcome=outcome,
        same_until=same_until,
    )


def _known_until(outcome: Document | Skip, raw: RawFile, wanted: Wanted) -> int:
    """Say up to where a document reads as the one of the content that was known."""
    if isinstance(outcome, Skip) or not 0 < wanted.known_bytes < len(raw.data):
        return 0
    if not grows_at_its_end(raw):
        return 0
    before = RawFile(path=raw.path, data=raw.data[: wanted.known_bytes])
    # Before anything is asked of it: other bytes may be of no format at all.
    return same_until(outcome, raw, before) if _sha256(before.data) == wanted.known_sha256 else 0


def _skip(raw: RawFile, verdict: Unreadable) -> Skip:
    return Skip(source=raw.path, reason=verdict.reason, detail=verdict.detail)


def _sha256(content: bytes | Skip) -> str:
    return "" if isinstance(content, Skip) else hashlib.sha256(content).hexdigest()
