"""`prag run` and the bridge beside each other, as real processes, over one box."""

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from tests.responder import ledger

BRIDGE = Path(__file__).with_name("bridge.py")
PATIENCE_S = 120.0
# Nobody in these tests is to be held back by how much they may ask.
MANY = 1_000_000


def make_box(root: Path, *, contacts: int) -> Path:
    """Make a box in which some people may ask as often as they like."""
    (root / "public").mkdir(parents=True)
    (root / "public" / "tide.txt").write_text("The tide turns at noon.\n")
    listed = (f"[contacts.1555010{n:04}]\nmax_per_hour = {MANY}\n" for n in range(contacts))
    (root / "contacts.toml").write_text("".join(listed))
    return root


@contextmanager
def answering(
    root: Path, host: str, *options: str, embedder: str = "hashing"
) -> Iterator[subprocess.Popen[bytes]]:
    """Run `prag run` until the block ends; what it says goes beside the box."""
    command = [sys.executable, "-m", "partitioned_rag", "run", "--box", str(root)]
    with said_by(root).open("ab") as said:
        process = subprocess.Popen(
            [*command, "--embedder", embedder, *options],
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            env=os.environ | {"PRAG_INDEX": "", "OLLAMA_HOST": host},
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@contextmanager
def bridging(root: Path, entries: Path, *options: str) -> Iterator[None]:
    """Run the bridge until the block ends."""
    process = subprocess.Popen(
        [sys.executable, str(BRIDGE), str(root), str(entries), *options], stdin=subprocess.PIPE
    )
    try:
        yield
    finally:
        assert process.stdin
        process.stdin.close()
        process.wait(PATIENCE_S)


def said_by(root: Path) -> Path:
    """Name the file that holds what `prag run` said of a box."""
    return root.with_name(f"{root.name}.said")


def wait_for_all(
    root: Path, entries: Path, process: subprocess.Popen[bytes], *, patience_s: float = PATIENCE_S
) -> ledger.Ledger:
    """Wait until nobody asks any more and all is answered; if that does not come, say how far."""

    def is_done() -> bool:
        kept = ledger.read(entries)
        return kept.is_quiet and not kept.waiting()

    def state() -> str:
        kept = ledger.read(entries)
        return (
            f"{len(kept.asked)} asked, {len(kept.waiting())} without a reply, "
            f"exit code {process.poll()}, in the queues {unfinished(root)}, "
            f"it said: {said_by(root).read_text()[-2000:]}"
        )

    wait(lambda: is_done() or process.poll() is not None, state, patience_s=patience_s)
    assert is_done(), state()
    return ledger.read(entries)


def wait(until: Callable[[], bool], state: Callable[[], str], *, patience_s: float) -> None:
    """Wait on a condition, and fail with the state if it does not come about."""
    deadline = time.monotonic() + patience_s
    while not until():
        assert time.monotonic() < deadline, state()
        time.sleep(0.05)


def unfinished(root: Path) -> Sequence[str]:
    """Name what is left of work: messages in queues, files in the inbox and the outbox."""
    left: list[str] = []
    for path in sorted((root / ".prag" / "partitions").glob("*/queue.sqlite3")):
        with closing(sqlite3.connect(f"file:{path}?mode=rw", uri=True)) as database:
            # A kill can leave a database without any table.
            if not database.execute("PRAGMA user_version").fetchone()[0]:
                continue
            rows = database.execute(
                "SELECT id, state FROM messages"
                " WHERE state NOT IN ('delivered', 'ignored', 'failed')"
            )
            left += [f"{path.parent.name}: {message} is {state}" for message, state in rows]
    for folder in ("inbox", "outbox"):
        left += sorted(f"{folder}/{path.name}" for path in (root / folder).iterdir())
    return left
