"""From a source on disk to its reading: safely opened, whole, with the stamp of its very bytes."""

import hashlib
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from partitioned_rag.sources.opening import COARSE_TICK_NS, TICK_NS, is_settled, take
from partitioned_rag.sources.raw import MAX_FILE_BYTES
from partitioned_rag.sources.readers import Readers
from partitioned_rag.sources.scan import scan, stamp_of
from partitioned_rag.values import Document, PartitionId, Reading, Skip, SkipReason, Source, Stamp
from tests.sources.samples import GOOD, pdf

FRIEND = PartitionId("friend")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "box/friend"
    folder.mkdir(parents=True)
    return folder


def reading(folder: Path, name: str) -> Reading:
    stamp = stamp_of(folder, FRIEND, f"friend/{name}")
    source = Source(
        path=f"friend/{name}",
        stamp=stamp or Stamp(size_bytes=1, mtime_ns=2, ctime_ns=3, inode=4),
    )
    with Readers(folder, FRIEND) as readers:
        return readers.read(source)


def reason(folder: Path, name: str) -> SkipReason:
    outcome = reading(folder, name).outcome
    assert isinstance(outcome, Skip)
    assert outcome.source == f"friend/{name}"
    return outcome.reason


def test_every_sample_is_read_with_its_hash_and_stamp(folder: Path) -> None:
    for sample in GOOD:
        path = folder / sample.path
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(sample.data)
    found = scan(folder, FRIEND)
    assert len(found) == len(GOOD)
    with Readers(folder, FRIEND) as readers:
        for source in found:
            assert isinstance(source, Source)
            (sample,) = (one for one in GOOD if source.path == f"friend/{one.path}")
            read = readers.read(source)
            assert read.source == source
            assert read.content_sha256 == hashlib.sha256(sample.data).hexdigest()
            assert isinstance(read.outcome, Document)
            assert read.outcome.path == source.path
            for words in sample.words:
                assert words in read.outcome.text


def test_a_file_without_bytes_is_empty_whatever_its_name(folder: Path) -> None:
    for name in ("a.pdf", "a.txt", "a", "chat.log", "a.zip"):
        (folder / name).write_bytes(b"")
        assert reason(folder, name) is SkipReason.EMPTY


def test_white_space_alone_is_no_text(folder: Path) -> None:
    for name in ("a.txt", "a.md", "chat.log", "a.csv", "a.html"):
        (folder / name).write_text(" \n\t\u3000\r\n" * 9)
        assert reason(folder, name) is SkipReason.NO_TEXT


def test_a_skipped_file_has_a_hash_too(folder: Path) -> None:
    (folder / "a.txt").write_bytes(b"\x89PNG\r\n\x1a\n")
    read = reading(folder, "a.txt")
    assert isinstance(read.outcome, Skip)
    assert read.outcome.reason is SkipReason.UNSUPPORTED
    assert read.content_sha256 == hashlib.sha256(b"\x89PNG\r\n\x1a\n").hexdigest()


def test_no_sense_is_made_of_what_is_known_already(folder: Path) -> None:
    data = b"%PDF-1.7, which would need a process to find nothing in it"
    (folder / "a.pdf").write_bytes(data)
    sha256 = hashlib.sha256(data).hexdigest()
    source = reading(folder, "a.pdf").source
    with Readers(folder, FRIEND) as readers:
        known = readers.read(source, known_sha256=sha256)
        assert (known.outcome, known.content_sha256, known.source) == (None, sha256, source)
        assert readers.content_sha256("friend/a.pdf") == sha256
        assert isinstance(readers.read(source, known_sha256="another").outcome, Skip)


TURN = b"[2026-01-01 09:00:00] them: tide\n"


@pytest.mark.parametrize(
    ("name", "known", "now", "same_until"),
    [
        ("chat.log", TURN * 2, TURN * 3, 2 * len(TURN)),
        ("chat.log", TURN * 2, TURN * 2 + b"more\n", 2 * len(TURN)),
        ("old.txt", TURN * 2, TURN * 3, 2 * len(TURN)),
        ("chat.log", TURN * 3, TURN * 2, 0),
        ("chat.log", TURN * 2, b"!" + TURN * 3, 0),
        ("note.txt", b"tide\n", b"tide\ntide\n", 0),
        # A text by its name, as long as its first turn is not there.
        ("old.txt", TURN[:23], TURN * 3, 0),
        ("old.txt", b"\n" + TURN, b"\n" + TURN * 2, 0),
        # Cut where the known one ended, what it is now is of no format.
        ("NOTES", "a Grüße".encode(), "any Grüße".encode(), 0),
        ("NOTES", "a Grüß".encode(), "an Grüß".encode(), 0),
    ],
)
def test_a_chat_that_begins_as_it_is_known_says_up_to_where_it_is_the_same(
    folder: Path, name: str, known: bytes, now: bytes, same_until: int
) -> None:
    (folder / name).write_bytes(now)
    source = reading(folder, name).source
    sha256 = hashlib.sha256(known).hexdigest()
    with Readers(folder, FRIEND) as readers:
        read = readers.read(source, known_sha256=sha256, known_bytes=len(known))
        assert read.same_until == same_until
        assert readers.read(source, known_sha256=sha256).same_until == 0


CHILDREN = Path(f"/proc/self/task/{os.getpid()}/children")


@pytest.mark.skipif(not CHILDREN.exists(), reason="needs /proc to see which processes run")
def test_what_is_known_already_starts_no_process(folder: Path) -> None:
    (folder / "a.pdf").write_bytes(pdf("kites"))
    source = reading(folder, "a.pdf").source
    running = CHILDREN.read_text()
    with Readers(folder, FRIEND) as readers:
        readers.read(source, known_sha256=readers.content_sha256("friend/a.pdf"))
        assert CHILDREN.read_text() == running
        readers.read(source)
        assert CHILDREN.read_text() != running


def test_what_cannot_be_read_has_no_hash(folder: Path) -> None:
    os.mkfifo(folder / "fifo.txt")
    (folder / "out.txt").symlink_to("/etc/hostname")
    with (folder / "sparse.txt").open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)
    with Readers(folder, FRIEND) as readers:
        for name in ("fifo.txt", "out.txt", "sparse.txt", "gone.txt"):
            assert readers.content_sha256(f"friend/{name}") == ""


def test_a_huge_file_is_refused_by_its_size_alone(folder: Path) -> None:
    with (folder / "sparse.txt").open("wb") as file:
        file.truncate(64 << 30)
    before = characters_read()
    read = reading(folder, "sparse.txt")
    assert characters_read() - before < 1 << 20
    assert isinstance(read.outcome, Skip)
    assert read.outcome.reason is SkipReason.TOO_LARGE
    assert read.content_sha256 == ""
    assert read.source.stamp.size_bytes == 64 << 30


def characters_read() -> int:
    """How much this process has read from files so far; 0 where the system does not say."""
    count = Path("/proc/self/io")
    return int(count.read_text().split()[1]) if count.exists() else 0


def test_the_largest_file_allowed_is_read(folder: Path) -> None:
    line = b"nothing happened here today\n"
    (folder / "a.log").write_bytes((line * (MAX_FILE_BYTES // len(line) + 1))[:MAX_FILE_BYTES])
    assert isinstance(reading(folder, "a.log").outcome, Document)
    with (folder / "a.log").open("ab") as file:
        file.write(b"x")
    assert reason(folder, "a.log") is SkipReason.TOO_LARGE


def test_a_file_that_is_gone_is_a_reading_with_its_old_stamp(folder: Path) -> None:
    read = reading(folder, "gone.txt")
    assert isinstance(read.outcome, Skip)
    assert read.outcome.reason is SkipReason.SPECIAL_FILE
    assert read.source.stamp == Stamp(size_bytes=1, mtime_ns=2, ctime_ns=3, inode=4)
    assert not read.settled
    assert read.content_sha256 == ""


def test_what_became_a_fifo_or_a_folder_since_the_scan_does_not_block(folder: Path) -> None:
    os.mkfifo(folder / "a.txt")
    (folder / "b.txt").mkdir()
    assert reason(folder, "a.txt") is SkipReason.SPECIAL_FILE
    assert reason(folder, "b.txt") is SkipReason.SPECIAL_FILE


def test_what_became_a_link_out_since_the_scan_is_not_read(folder: Path) -> None:
    other = folder.parent / "other"
    other.mkdir()
    (other / "x.txt").write_text("private")
    (folder / "file.txt").symlink_to("../other/x.txt")
    (folder / "sub").symlink_to("../other")
    assert reason(folder, "file.txt") is SkipReason.OUTSIDE_PARTITION
    assert reason(folder, "sub/x.txt") is SkipReason.OUTSIDE_PARTITION
    assert reason(folder, "../other/x.txt") is SkipReason.OUTSIDE_PARTITION


def test_a_partition_swapped_for_a_link_is_not_read(folder: Path) -> None:
    (folder / "x.txt").write_text("private")
    link = folder.parent / "link"
    link.symlink_to("friend")
    outcome = take(link, PartitionId("link"), "link/x.txt").content
    assert isinstance(outcome, Skip)
    assert outcome.reason is SkipReason.OUTSIDE_PARTITION


def test_a_link_within_the_partition_is_read_as_a_source_of_its_own(folder: Path) -> None:
    (folder / "sub").mkdir()
    (folder / "sub/x.txt").write_text("kites")
    (folder / "linked").symlink_to("sub")
    (folder / "x.txt").symlink_to("linked/x.txt")
    for name in ("x.txt", "linked/x.txt"):
        outcome = reading(folder, name).outcome
        assert isinstance(outcome, Document)
        assert (outcome.path, outcome.text) == (f"friend/{name}", "kites")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may open everything")
def test_a_closed_file_is_listed(folder: Path) -> None:
    (folder / "a.txt").write_text("x")
    (folder / "a.txt").chmod(0)
    assert reason(folder, "a.txt") is SkipReason.PERMISSION_DENIED


def test_a_file_just_written_is_not_settled(folder: Path) -> None:
    (folder / "a.txt").write_text("x")
    assert not reading(folder, "a.txt").settled


def test_a_file_is_settled_once_its_clock_has_ticked() -> None:
    second = 1_000_000_000
    fine = Stamp(size_bytes=1, mtime_ns=5 * second, ctime_ns=5 * second + 1, inode=1)
    assert not is_settled(fine, fine.ctime_ns + TICK_NS)
    assert is_settled(fine, fine.ctime_ns + TICK_NS + 1)
    coarse = Stamp(size_bytes=1, mtime_ns=5 * second, ctime_ns=5 * second, inode=1)
    assert not is_settled(coarse, coarse.ctime_ns + COARSE_TICK_NS)
    assert is_settled(coarse, coarse.ctime_ns + COARSE_TICK_NS + 1)


def test_a_file_from_the_future_is_not_settled() -> None:
    stamp = Stamp(size_bytes=1, mtime_ns=9_000_000_000, ctime_ns=1, inode=1)
    assert not is_settled(stamp, 8_000_000_000)


def test_a_hostile_format_is_not_read_in_this_process(folder: Path) -> None:
    (folder / "a.pdf").write_bytes(pdf("kites"))
    program = (
        "import sys; from pathlib import Path; from partitioned_rag.sources import readers, scan\n"
        f"folder = Path({str(folder)!r})\n"
        "with readers.Readers(folder, 'friend') as child:\n"
        "    print(child.read(scan.scan(folder, 'friend')[0]).outcome.text)\n"
        "print({'pypdf', 'selectolax'} & set(sys.modules))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "kites\nset()\n"


def test_closing_twice_is_harmless(folder: Path) -> None:
    readers = Readers(folder, FRIEND)
    readers.close()
    readers.close()


def test_a_file_that_never_rests_is_read_as_not_settled(folder: Path) -> None:
    path = folder / "a.txt"
    path.write_text("x")
    stop = threading.Event()

    def write() -> None:
        with path.open("ab", buffering=0) as file:
            while not stop.is_set():
                file.write(b"kites\n")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        taken = [take(folder, FRIEND, "friend/a.txt") for _ in range(20)]
    finally:
        stop.set()
        writer.join()
    assert not any(one.is_settled for one in taken)
    for one in taken:
        assert isinstance(one.content, bytes)
        assert one.content.startswith(b"x")
