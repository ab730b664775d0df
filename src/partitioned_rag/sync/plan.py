"""What must be done so that an index is true to its folder. Pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from partitioned_rag.values import SkipReason, Source, Stamp

OF_THE_MOMENT: Final = frozenset({SkipReason.TIMEOUT})
"""Reasons to skip a source that say as much of a busy machine as of the source."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the index remembers of a source; `settled` as in `values.Reading`.

    Attributes:
        skipped: Why it was not read, if it was not.
    """

    stamp: Stamp
    settled: bool
    skipped: SkipReason | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncPlan:
    """Which sources to read and which to forget, each sorted by path.

    Attributes:
        add: Not indexed under this path, not seen elsewhere.
        change: Indexed, with another stamp.
        recheck: Indexed with this very stamp, but read so shortly after it was touched that the
            clock could hide an edit.
        rename: Not indexed under this path, with the old path of what looks like the same file.
        remove: Indexed and not in the folder; the old paths of `rename` are not in it.
        retry: Skipped for a reason of the moment, and touched since or asked for: to be read even
            if the content is known.
    """

    add: tuple[Source, ...] = ()
    change: tuple[Source, ...] = ()
    recheck: tuple[Source, ...] = ()
    rename: tuple[tuple[str, Source], ...] = ()
    remove: tuple[str, ...] = ()
    retry: tuple[Source, ...] = ()

    @property
    def is_empty(self) -> bool:
        """True when the index is true to the folder already."""
        return self == SyncPlan()

    @property
    def to_read(self) -> tuple[Source, ...]:
        """Every source that must be opened, in the order in which it is done."""
        return tuple(sorted(self._unordered(), key=_path))

    @property
    def bytes_to_read(self) -> int:
        """How many bytes those sources have together."""
        return sum(source.stamp.size_bytes for source in self._unordered())

    def _unordered(self) -> tuple[Source, ...]:
        renamed = (source for _, source in self.rename)
        return (*self.add, *self.change, *self.recheck, *self.retry, *renamed)


def plan(
    indexed: Mapping[str, Known],
    found: Mapping[str, Source],
    *,
    again: Collection[SkipReason] = (),
) -> SyncPlan:
    """Compare what is indexed with what is in the folder.

    A rename is told by inode, size and modification time together (the change time moves with the
    rename itself). It is a guess that only saves work and words: the file is read all the same.

    Args:
        indexed: By path.
        found: By path; sources alone, what the scan skipped is not among them.
        again: Reasons for which sources that were skipped are read again, though nobody has touched
            them. None where somebody waits for an answer, `OF_THE_MOMENT` where there is time.

    >>> stamp = Stamp(size_bytes=1, mtime_ns=2, ctime_ns=3, inode=4)
    >>> plan({"a/x": Known(stamp=stamp, settled=True)}, {}).remove
    ('a/x',)
    """
    gone = {path: known for path, known in indexed.items() if path not in found}
    by_identity = {_identity(known.stamp): path for path, known in sorted(gone.items())}
    add: list[Source] = []
    change: list[Source] = []
    recheck: list[Source] = []
    rename: list[tuple[str, Source]] = []
    retry: list[Source] = []
    for path, source in sorted(found.items()):
        known = indexed.get(path)
        if known is None:
            old = by_identity.pop(_identity(source.stamp), None)
            if old is None:
                add.append(source)
            else:
                rename.append((old, source))
                del gone[old]
        elif known.skipped in (again if known.stamp == source.stamp else OF_THE_MOMENT):
            retry.append(source)
        elif known.stamp != source.stamp:
            change.append(source)
        elif not known.settled:
            recheck.append(source)
    return SyncPlan(
        add=tuple(add),
        change=tuple(change),
        recheck=tuple(recheck),
        rename=tuple(rename),
        remove=tuple(sorted(gone)),
        retry=tuple(retry),
    )


def _identity(stamp: Stamp) -> tuple[int, int, int]:
    return stamp.inode, stamp.size_bytes, stamp.mtime_ns


def _path(source: Source) -> str:
    return source.path
