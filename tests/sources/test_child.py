"""The process that reads hostile files: whatever kills it costs one file."""

import contextlib
import os
import select
import signal
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from partitioned_rag.sources.isolation import IsolatedReader
from partitioned_rag.sources.raw import RawFile, Unreadable
from partitioned_rag.sources.registry import format_named, read_here
from partitioned_rag.sync.plan import OF_THE_MOMENT
from partitioned_rag.values import SkipReason
from tests.sources.samples import GOOD, pdf

pytestmark = pytest.mark.skipif(not Path("/proc").exists(), reason="needs /proc")

PAGE = RawFile(path="public/page.html", data=b"<p>Bring the kites.")


@pytest.fixture
def reader() -> Iterator[IsolatedReader]:
    with contextlib.closing(IsolatedReader()) as reader:
        yield reader


def verdict(reader: IsolatedReader, format_name: str, data: bytes) -> SkipReason:
    with pytest.raises(Unreadable) as refusal:
        reader.read(format_name, RawFile(path="public/x", data=data))
    return refusal.value.reason


def running(reader: IsolatedReader) -> int:
    assert reader.pid is not None
    return reader.pid


def test_every_sample_is_read_as_it_would_be_here(reader: IsolatedReader) -> None:
    for sample in GOOD:
        document = reader.read(sample.format, sample.raw)
        assert document == read_here(format_named(sample.format), sample.raw)


def test_one_child_reads_many_files(reader: IsolatedReader) -> None:
    reader.read("HTML", PAGE)
    first = running(reader)
    assert verdict(reader, "PDF", b"no PDF") is SkipReason.CORRUPT
    reader.read("HTML", PAGE)
    assert running(reader) == first


def test_a_child_that_was_killed_is_replaced(reader: IsolatedReader) -> None:
    reader.read("HTML", PAGE)
    first = running(reader)
    os.kill(first, signal.SIGKILL)
    assert reader.read("HTML", PAGE).text == "Bring the kites."
    assert running(reader) != first


def test_a_child_that_the_system_kills_says_nothing_of_its_file(reader: IsolatedReader) -> None:
    document = reader.begin("HTML", RawFile(path="public/x.html", data=b"<p>kites" * 200_000))
    os.kill(running(reader), signal.SIGKILL)
    with pytest.raises(Unreadable) as refusal:
        document()
    # So that it is tried again, as what a busy machine was too slow for.
    assert refusal.value.reason in OF_THE_MOMENT
    assert reader.read("HTML", PAGE).text == "Bring the kites."


def test_an_answer_that_nobody_asked_for_is_not_taken_for_the_next(reader: IsolatedReader) -> None:
    reader.begin("HTML", RawFile(path="public/x.html", data=b"<p>Another page."))
    assert reader.read("HTML", PAGE).text == "Bring the kites."


def test_a_child_that_hangs_is_given_up() -> None:
    # More than a pipe takes, so that the child hangs before it has heard all of it.
    large = RawFile(path="public/x.html", data=b"<p>" + b"kites " * 100_000)
    with contextlib.closing(IsolatedReader(wall_seconds_per_cpu_second=0.3)) as reader:
        reader.read("HTML", PAGE)
        first = running(reader)
        os.kill(first, signal.SIGSTOP)
        assert reader.read("HTML", large).text.startswith("kites kites")
        assert running(reader) != first
        assert not Path(f"/proc/{first}").exists()


@pytest.mark.slow
def test_work_without_end_is_a_timeout_and_the_next_file_is_read(reader: IsolatedReader) -> None:
    endless = b"<p " + b" ".join(b"a%d=1" % i for i in range(120_000)) + b">x"
    assert verdict(reader, "HTML", endless) is SkipReason.TIMEOUT
    assert reader.read("HTML", PAGE).text == "Bring the kites."


@pytest.mark.slow
def test_what_needs_too_much_memory_is_too_large(reader: IsolatedReader) -> None:
    many = b"[" + b"{}," * 6_000_000 + b"{}]"
    assert verdict(reader, "JSON", many) is SkipReason.TOO_LARGE
    assert reader.read("HTML", PAGE).text == "Bring the kites."


def test_a_bomb_is_too_large(reader: IsolatedReader) -> None:
    content = zlib.compress(b" " * (200 << 20), 9)
    plain = b"BT /F1 12 Tf 50 700 Td (x) Tj ET"
    data = pdf("x").replace(
        b"<< /Length %d >>\nstream\n%s" % (len(plain), plain),
        b"<< /Length %d /Filter /FlateDecode >>\nstream\n%s" % (len(content), content),
    )
    assert verdict(reader, "PDF", data) is SkipReason.TOO_LARGE


def test_a_table_that_unfolds_is_too_large(reader: IsolatedReader) -> None:
    header = ",".join(f"a rather long name of column {i}" for i in range(100))
    rows = (",".join("1" * 100) + "\n") * 20_000
    assert verdict(reader, "table", f"{header}\n{rows}".encode()) is SkipReason.TOO_LARGE


def test_depth_is_corrupt_and_not_a_crash(reader: IsolatedReader) -> None:
    assert verdict(reader, "JSON", b"[" * 100_000 + b"]" * 100_000) is SkipReason.CORRUPT


def test_a_large_file_and_a_large_answer_pass_the_pipes(reader: IsolatedReader) -> None:
    text = "<p>" + "kites and tea " * 300_000
    document = reader.read("HTML", RawFile(path="public/x.html", data=text.encode()))
    assert document.text == text[3:].strip()


def test_a_name_that_is_not_utf8_survives_the_way(reader: IsolatedReader) -> None:
    path = "public/\udcff\n.html"
    assert reader.read("HTML", RawFile(path=path, data=PAGE.data)).path == path


def test_closing_leaves_no_process_and_no_pipe() -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    reader = IsolatedReader()
    reader.read("HTML", PAGE)
    pid = running(reader)
    reader.close()
    reader.close()
    assert not Path(f"/proc/{pid}").exists(), "a zombie"
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_the_child_ends_with_its_parent(tmp_path: Path) -> None:
    program = (
        "from partitioned_rag.sources.isolation import IsolatedReader\n"
        "from partitioned_rag.sources.raw import RawFile\n"
        "reader = IsolatedReader()\n"
        "reader.read('HTML', RawFile(path='a', data=b'<p>x'))\n"
        "print(reader.pid, flush=True)\n"
        "import os, signal; os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60
    )
    pid = int(done.stdout)
    # Its end is awaited, not slept for: the pipe that it inherited as its own closes with it.
    wait_until_gone(pid)


def wait_until_gone(pid: int) -> None:
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    ready, _, _ = select.select([descriptor], [], [], 30)
    os.close(descriptor)
    assert ready, f"process {pid} still runs"


def test_the_child_knows_nothing_of_our_environment(
    reader: IsolatedReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_SECRET", "kites")
    reader.read("HTML", PAGE)
    environment = Path(f"/proc/{running(reader)}/environ").read_bytes()
    assert b"PYTHONPATH=" in environment
    assert b"A_SECRET" not in environment


def limits(reader: IsolatedReader) -> dict[str, str]:
    lines = Path(f"/proc/{running(reader)}/limits").read_text().splitlines()
    return {line[:26].strip(): line[26:].split()[0] for line in lines[1:]}


def test_the_child_may_not_write_or_open_much(reader: IsolatedReader) -> None:
    reader.read("HTML", PAGE)
    values = limits(reader)
    assert values["Max file size"] == "0"
    assert values["Max core file size"] == "0"
    assert values["Max open files"] == "16"
    assert int(values["Max cpu time"]) <= 20
    assert int(values["Max address space"]) < 2**31


@pytest.mark.slow
def test_time_is_counted_for_each_file_alone(reader: IsolatedReader) -> None:
    reader.read("HTML", PAGE)
    first = int(limits(reader)["Max cpu time"])
    costly = b"<p " + b" ".join(b"a%d=1" % i for i in range(35_000)) + b">x"
    reader.read("HTML", RawFile(path="public/x.html", data=costly))
    reader.read("HTML", PAGE)
    assert int(limits(reader)["Max cpu time"]) > first
