"""One writer per partition, across processes, and no lock outlives its process."""

import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

from partitioned_rag.store.lock import hold

HOLD = """
import sys
from pathlib import Path
from partitioned_rag.store.lock import hold
with hold(Path(sys.argv[1]), waiting=print):
    print("held", flush=True)
    sys.stdin.read()
"""


def holder(folder: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_process_waits_and_learns_for_whom(tmp_path: Path) -> None:
    folder = tmp_path / "friend"
    other = holder(folder)
    told: list[int] = []

    def waiting(process_id: int) -> None:
        told.append(process_id)
        assert other.stdin is not None
        other.stdin.close()  # only now does the other let go, so we did wait for it

    with hold(folder, waiting=waiting):
        assert other.wait(timeout=60) == 0
    assert told == [other.pid]
    assert other.stdout is not None
    other.stdout.close()


def test_a_killed_holder_leaves_no_lock_behind(tmp_path: Path) -> None:
    other = holder(tmp_path / "friend")
    other.kill()
    other.wait(timeout=60)
    told: list[int] = []
    with hold(tmp_path / "friend", waiting=told.append):
        assert told == []
    for stream in (other.stdin, other.stdout):
        assert stream is not None
        stream.close()


def test_threads_of_one_process_take_turns(tmp_path: Path) -> None:
    inside: list[int] = []
    most: list[int] = []

    def work() -> None:
        for _ in range(20):
            with hold(tmp_path / "friend", waiting=lambda _: None):
                inside.append(1)
                most.append(len(inside))
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (max(most), len(most)) == (1, 80)


def test_whoever_waited_for_a_forgotten_partition_gets_a_lock_that_counts(tmp_path: Path) -> None:
    folder = tmp_path / "friend"
    got: list[os.stat_result] = []

    def wait() -> None:
        with hold(folder, waiting=lambda _: started.set()):
            got.append((folder / "lock").stat())

    started = threading.Event()
    thread = threading.Thread(target=wait)
    with hold(folder, waiting=lambda _: None):
        thread.start()
        assert started.wait(timeout=60)
        shutil.rmtree(folder)
    thread.join(timeout=60)
    assert len(got) == 1  # the lock it holds is the file that others will find
