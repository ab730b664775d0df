"""The walk over one partition's folder: what is there, by `stat` alone.

Floor: edge. Never opens a file, never leaves the partition, never asks what lies beyond it: a link
that leads out is refused by its own words, so that nothing is learned of what it points to.
"""

import os
import stat
from pathlib import Path
from typing import Final, NamedTuple

from partitioned_rag.values import PartitionId, Skip, SkipReason, Source, Stamp

MAX_LINKS: Final = 40
"""Links followed for one path before it counts as a loop; the kernel's own limit on Linux."""


class Outside(Exception):  # noqa: N818 - a verdict about a path, not an error of the program
    """A path leaves its partition. Never leaves `sources/`."""


class Found(NamedTuple):
    """What a look at a folder has found, in no order.

    Attributes:
        stamps: Of each regular file, by the path of its source.
        skips: What had to be refused.
    """

    stamps: dict[str, Stamp]
    skips: list[Skip]


def look(folder: Path, partition: PartitionId) -> Found:
    """Find what a partition holds, as `scan` does; for each question, so that little is made of it.

    Args:
        folder: The partition's folder.
        partition: Its id; the paths of what is found begin with it.
    """
    if folder.is_symlink():
        return Found({}, [outside(partition, partition)])
    walk = _Walk(folder, partition)
    walk.over(os.fspath(folder), partition)
    for path, target in walk.linked_folders():
        walk.over(target, path, is_linked=True)
    return walk.found


def scan(folder: Path, partition: PartitionId) -> list[Source | Skip]:
    """Find what a partition holds.

    Args:
        folder: The partition's folder.
        partition: Its id; the paths of what is found begin with it.

    Returns:
        Regular files and what had to be refused, sorted by path. Hidden names are passed over. A
        folder that does not exist holds nothing, and so does a file that vanishes meanwhile.
    """
    stamps, skips = look(folder, partition)
    found = [Source(path=path, stamp=stamp) for path, stamp in stamps.items()]
    return sorted(
        [*found, *skips], key=lambda one: one.path if isinstance(one, Source) else one.source
    )


def stamp_of(folder: Path, partition: PartitionId, path: str) -> Stamp | None:
    """Say what `stat` says of one source now.

    Args:
        folder: The partition's folder.
        partition: Its id.
        path: As in `Source.path`.

    Returns:
        The stamp that `scan` would give; None if there is no such regular file in the partition.
    """
    try:
        status = os.lstat(os.path.join(folder, *resolved(folder, partition, path)))  # noqa: PTH118
    except (OSError, ValueError, Outside):
        return None
    return stamped(status) if stat.S_ISREG(status.st_mode) else None


def resolved(folder: Path, partition: PartitionId, path: str) -> list[str]:
    """Follow a source's links within its partition.

    Args:
        folder: The partition's folder.
        partition: Its id.
        path: As in `Source.path`.

    Returns:
        The names that lead from the folder to the file, none of them a link.

    Raises:
        Outside: A step leaves the partition.
        OSError: A step leads nowhere or cannot be looked at.
    """
    first, *names = path.split("/")
    if first != partition or folder.is_symlink():
        raise Outside
    return _follow(os.path.abspath(folder), names)  # noqa: PTH100


def stamped(status: os.stat_result) -> Stamp:
    """Keep of a `stat` what tells one content from another."""
    # By place, which for ten thousand files is not nothing.
    return Stamp(status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


def refused(path: str, error: OSError) -> Skip:
    """Say why the operating system does not give a file or folder."""
    if isinstance(error, PermissionError):
        return Skip(source=path, reason=SkipReason.PERMISSION_DENIED, detail="may not be opened")
    reason = os.strerror(error.errno) if error.errno else "unknown error"
    return special(path, f"cannot be opened: {reason}")


def outside(path: str, partition: PartitionId) -> Skip:
    """Refuse a link that leads out, without a word about where to."""
    return Skip(
        source=path,
        reason=SkipReason.OUTSIDE_PARTITION,
        detail=f"a link that leads out of partition {partition}",
    )


def special(path: str, detail: str) -> Skip:
    """Refuse what is no file with bytes of its own."""
    return Skip(source=path, reason=SkipReason.SPECIAL_FILE, detail=detail)


class _Pending(NamedTuple):
    """A folder still to be read: where it is, and how its sources' paths begin."""

    folder: str
    prefix: str


class _Walk:
    """One scan: what it has found, and the linked folders it has yet to enter."""

    def __init__(self, folder: Path, partition: PartitionId) -> None:
        self.found = Found({}, [])
        self._root = os.path.abspath(folder)  # noqa: PTH100
        self._partition = partition
        self._links: list[tuple[str, list[str]]] = []

    def over(self, folder: str, prefix: str, *, is_linked: bool = False) -> None:
        """Walk a tree with a stack of our own: folders nest deeper than Python's."""
        stamps, skips = self.found
        pending = [_Pending(folder, prefix)]
        while pending:
            here, prefix = pending.pop()
            try:
                # `os.scandir` and not `Path.iterdir`: its entries know their type without a `stat`,
                # and making a `Path` of each costs more than all the rest of the walk.
                with os.scandir(here) as entries:
                    for entry in entries:
                        if entry.name[0] == ".":
                            continue
                        path = f"{prefix}/{entry.name}"
                        try:
                            if entry.is_file(follow_symlinks=False):
                                stamps[path] = stamped(entry.stat(follow_symlinks=False))
                            elif entry.is_dir(follow_symlinks=False):
                                pending.append(_Pending(entry.path, path))
                            elif entry.is_symlink():
                                self._follow_link(path, is_linked)
                            else:
                                skips.append(special(path, "is no regular file"))
                        except FileNotFoundError:
                            continue
                        except OSError as error:
                            skips.append(refused(path, error))
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as error:
                skips.append(refused(prefix, error))

    def _follow_link(self, path: str, is_linked: bool) -> None:  # noqa: FBT001 - as above
        try:
            names = _follow(self._root, path.split("/")[1:])
            status = os.lstat(os.path.join(self._root, *names))  # noqa: PTH118
        except Outside:
            self.found.skips.append(outside(path, self._partition))
            return
        except OSError:
            self.found.skips.append(special(path, "a link that leads nowhere"))
            return
        if stat.S_ISREG(status.st_mode):
            self.found.stamps[path] = stamped(status)
        elif not stat.S_ISDIR(status.st_mode):
            self.found.skips.append(special(path, "a link to what is no regular file"))
        elif is_linked:
            # Two folders full of links to each other would multiply without end.
            self.found.skips.append(special(path, "a link to a folder, within a linked folder"))
        else:
            self._links.append((path, names))

    def linked_folders(self) -> list[tuple[str, str]]:
        """Decide which linked folders to enter: each target once, and none from within itself.

        Returns:
            The path of each link and where it leads. Decided in order of the paths, so that the
            order in which the system lists a folder decides nothing.
        """
        entered: dict[tuple[str, ...], str] = {}
        chosen = []
        for path, names in sorted(self._links):
            own = path.split("/")[1:]
            if own[: len(names)] == names:
                self.found.skips.append(special(path, "a link to a folder that it lies in"))
            elif tuple(names) in entered:
                self.found.skips.append(special(path, "a second link to the same folder"))
            else:
                entered[tuple(names)] = path
                chosen.append((path, os.path.join(self._root, *names)))  # noqa: PTH118
        self._links.clear()
        return chosen


def _follow(root: str, names: list[str]) -> list[str]:
    """Resolve links name by name, looking at nothing that is not below `root`.

    `os.path.realpath` would do the same, but by asking what lies outside: whether a link is inside
    would then depend on what other partitions hold.

    Args:
        root: Absolute path of the partition's folder, which is no link itself.
        names: Below it.

    Returns:
        Names below it, none of them a link.

    Raises:
        Outside: A step leaves `root`.
        OSError: A step leads nowhere.
    """
    roots = [_parts(root), _parts(os.path.realpath(root))]
    base = roots[1]
    here = list(base)
    waiting = names[::-1]
    links = 0
    while waiting:
        name = waiting.pop()
        if name == "..":
            del here[-1:]
        elif name not in ("", "."):
            here.append(name)
        if len(here) <= len(base):
            # Above the folder there is only the way back into it, word by word.
            if here != base[: len(here)]:
                raise Outside
            continue
        target = _link_target("/" + "/".join(here))
        if target is None:
            continue
        links += 1
        if links > MAX_LINKS:
            raise OSError("too many links")
        steps = target.split("/")
        del here[-1:]
        if target.startswith("/"):
            steps = _below(_parts(target), roots)
            here = list(base)
        waiting += reversed(steps)
    if here[: len(base)] != base:
        raise Outside
    return here[len(base) :]


def _below(target: list[str], roots: list[list[str]]) -> list[str]:
    """Give the rest of an absolute target that begins as the folder's own path does."""
    for root in roots:
        if target[: len(root)] == root:
            return target[len(root) :]
    raise Outside


def _link_target(path: str) -> str | None:
    """Read a link; None for what is none."""
    if not stat.S_ISLNK(os.lstat(path).st_mode):
        return None
    return os.readlink(path)  # noqa: PTH115 - a Path would fold "." and "//"


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part not in ("", ".")]
