"""What is found in a partition's folder, and what is refused without being opened."""

import os
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from partitioned_rag.sources.scan import MAX_LINKS, scan, stamp_of
from partitioned_rag.values import PartitionId, Skip, SkipReason, Source

FRIEND = PartitionId("friend")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "box/friend"
    folder.mkdir(parents=True)
    return folder


def paths(folder: Path) -> list[str]:
    return [found.path for found in scan(folder, FRIEND) if isinstance(found, Source)]


def skips(folder: Path) -> dict[str, SkipReason]:
    return {found.source: found.reason for found in scan(folder, FRIEND) if isinstance(found, Skip)}


def test_files_are_found_sorted_with_what_stat_says(folder: Path) -> None:
    (folder / "b").mkdir()
    (folder / "b/x.txt").write_text("12345")
    (folder / "b.txt").write_text("1")
    (folder / "a.txt").write_text("")
    found = scan(folder, FRIEND)
    assert paths(folder) == ["friend/a.txt", "friend/b.txt", "friend/b/x.txt"]
    status = (folder / "b/x.txt").stat()
    last = found[-1]
    assert isinstance(last, Source)
    assert last.stamp.size_bytes == 5
    assert (last.stamp.mtime_ns, last.stamp.ctime_ns) == (status.st_mtime_ns, status.st_ctime_ns)
    assert last.stamp.inode == status.st_ino
    assert stamp_of(folder, FRIEND, "friend/b/x.txt") == last.stamp


def test_hidden_names_are_passed_over(folder: Path) -> None:
    (folder / ".git").mkdir()
    (folder / ".git/config.txt").write_text("x")
    (folder / ".DS_Store").write_text("x")
    assert scan(folder, FRIEND) == []


def test_a_folder_that_is_gone_holds_nothing(folder: Path) -> None:
    assert scan(folder / "gone", FRIEND) == []
    assert stamp_of(folder, FRIEND, "friend/gone.txt") is None


def test_a_partition_that_is_a_link_is_refused(folder: Path) -> None:
    (folder / "secret.txt").write_text("x")
    link = folder.parent / "link"
    link.symlink_to(folder)
    assert scan(link, PartitionId("link")) == [
        Skip(
            source="link",
            reason=SkipReason.OUTSIDE_PARTITION,
            detail="a link that leads out of partition link",
        )
    ]
    assert stamp_of(link, PartitionId("link"), "link/secret.txt") is None


def test_special_files_are_refused_and_not_opened(folder: Path) -> None:
    os.mkfifo(folder / "fifo.txt")
    (folder / "to_fifo.txt").symlink_to("fifo.txt")
    server = socket.socket(socket.AF_UNIX)
    here = Path.cwd()
    os.chdir(folder)  # a socket's path may be no longer than 107 bytes
    try:
        server.bind("socket.txt")
    finally:
        os.chdir(here)
        server.close()
    assert skips(folder) == dict.fromkeys(
        ["friend/fifo.txt", "friend/socket.txt", "friend/to_fifo.txt"], SkipReason.SPECIAL_FILE
    )
    for name in ("fifo.txt", "socket.txt", "to_fifo.txt", ""):
        assert stamp_of(folder, FRIEND, f"friend/{name}") is None


def test_a_link_within_the_partition_shows_its_target(folder: Path) -> None:
    (folder / "sub").mkdir()
    (folder / "sub/x.txt").write_text("12345")
    targets = {
        "down.txt": "sub/x.txt",
        "dotted.txt": "./sub/.././sub//x.txt",
        "absolute.txt": str(folder / "sub/x.txt"),
        "twice.txt": "down.txt",
        "through_box.txt": "../friend/sub/x.txt",
        "through_root.txt": f"{'../' * 50}{str(folder)[1:]}/sub/x.txt",
    }
    for name, target in targets.items():
        (folder / name).symlink_to(target)
    assert paths(folder) == sorted(f"friend/{name}" for name in (*targets, "sub/x.txt"))
    stamp = stamp_of(folder, FRIEND, "friend/sub/x.txt")
    assert stamp is not None
    for found in scan(folder, FRIEND):
        assert isinstance(found, Source)
        assert found.stamp == stamp
        assert stamp_of(folder, FRIEND, found.path) == stamp


def test_a_link_that_leaves_the_partition_is_refused_whatever_it_points_to(folder: Path) -> None:
    other = folder.parent / "friend-other"
    other.mkdir()
    (other / "x.txt").write_text("private")
    (other / "back").symlink_to("../friend")
    (folder / "mine.txt").write_text("mine")
    targets = {
        "sibling.txt": "../friend-other/x.txt",
        "missing.txt": "../friend-other/no_such.txt",
        "absolute.txt": str(other / "x.txt"),
        "system.txt": "/etc/passwd",
        "round_trip.txt": "../friend-other/back/mine.txt",
        "box": "..",
        "root": "/",
        "folder": "../friend-other",
        "chain.txt": "sibling.txt",
    }
    for name, target in targets.items():
        (folder / name).symlink_to(target)
    assert skips(folder) == {f"friend/{name}": SkipReason.OUTSIDE_PARTITION for name in targets}
    assert paths(folder) == ["friend/mine.txt"]
    for name in targets:
        assert stamp_of(folder, FRIEND, f"friend/{name}") is None


def test_nothing_is_learned_of_what_lies_outside(folder: Path) -> None:
    (folder / "link.txt").symlink_to("../other/x.txt")
    (folder / "through.txt").symlink_to("../other/../friend/mine.txt")
    (folder / "mine.txt").write_text("mine")
    without = scan(folder, FRIEND)
    (folder.parent / "other").mkdir()
    (folder.parent / "other/x.txt").write_text("private")
    assert scan(folder, FRIEND) == without
    assert {found.source for found in without if isinstance(found, Skip)} == {
        "friend/link.txt",
        "friend/through.txt",
    }


def test_links_that_lead_nowhere_are_refused(folder: Path) -> None:
    (folder / "dangling.txt").symlink_to("nowhere.txt")
    (folder / "loop_a.txt").symlink_to("loop_b.txt")
    (folder / "loop_b.txt").symlink_to("loop_a.txt")
    (folder / "self").symlink_to("self")
    assert skips(folder) == dict.fromkeys(
        ["friend/dangling.txt", "friend/loop_a.txt", "friend/loop_b.txt", "friend/self"],
        SkipReason.SPECIAL_FILE,
    )


def test_a_chain_of_links_is_followed_only_so_far(folder: Path) -> None:
    (folder / "0").write_text("x")
    for i in range(MAX_LINKS + 1):
        (folder / str(i + 1)).symlink_to(str(i))
    assert len(paths(folder)) == MAX_LINKS + 1
    assert skips(folder) == {f"friend/{MAX_LINKS + 1}": SkipReason.SPECIAL_FILE}


def test_a_linked_folder_is_walked_once_and_links_in_it_lead_no_further(folder: Path) -> None:
    (folder / "real/deeper").mkdir(parents=True)
    (folder / "real/x.txt").write_text("x")
    (folder / "real/deeper/y.txt").write_text("y")
    (folder / "real/up").symlink_to("..")
    (folder / "a_link").symlink_to("real")
    (folder / "b_link").symlink_to("real")
    assert paths(folder) == [
        "friend/a_link/deeper/y.txt",
        "friend/a_link/x.txt",
        "friend/real/deeper/y.txt",
        "friend/real/x.txt",
    ]
    assert set(skips(folder)) == {"friend/a_link/up", "friend/b_link", "friend/real/up"}


def test_links_between_two_folders_do_not_multiply(folder: Path) -> None:
    for name in ("one", "two"):
        (folder / name).mkdir()
        (folder / name / f"{name}.txt").write_text("x")
        for i in range(20):
            (folder / name / f"link{i}").symlink_to("../two" if name == "one" else "../one")
    assert len(paths(folder)) == 4


@pytest.fixture
def deep(folder: Path) -> Iterator[Callable[[str, int], None]]:
    """Makes a chain of folders of one name, and takes it away: pytest could not, by recursion."""

    def make(name: str, depth: int) -> None:
        descriptor = os.open(folder, os.O_RDONLY)
        for _ in range(depth):
            os.mkdir(name, dir_fd=descriptor)
            below = os.open(name, os.O_RDONLY, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = below
        os.close(os.open("end.txt", os.O_CREAT | os.O_WRONLY, dir_fd=descriptor))
        os.close(descriptor)

    yield make
    subprocess.run(["/bin/rm", "-rf", folder], check=True)


def test_a_very_deep_tree_is_walked_to_its_end(
    folder: Path, deep: Callable[[str, int], None]
) -> None:
    deep("d", 1500)
    assert paths(folder) == ["friend/" + "d/" * 1500 + "end.txt"]


def test_a_path_longer_than_the_system_can_open_is_listed(
    folder: Path, deep: Callable[[str, int], None]
) -> None:
    deep("d" * 200, 25)
    assert set(skips(folder).values()) == {SkipReason.SPECIAL_FILE}
    assert paths(folder) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may open everything")
def test_a_closed_folder_is_listed(folder: Path) -> None:
    (folder / "closed").mkdir(mode=0)
    assert skips(folder) == {"friend/closed": SkipReason.PERMISSION_DENIED}


def test_odd_names_are_kept_as_the_system_gives_them(folder: Path) -> None:
    names = [
        "line\nbreak.txt",
        "-rf.txt",
        "n" * 251 + ".txt",
        os.fsdecode(b"\xff\x80.txt"),
        " .txt",
    ]
    for name in names:
        (folder / name).write_text("x")
    assert paths(folder) == sorted(f"friend/{name}" for name in names)
    for name in names:
        assert stamp_of(folder, FRIEND, f"friend/{name}") is not None
