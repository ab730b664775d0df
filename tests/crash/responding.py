"""Kills real `prag run` processes while they answer, and says what the bridge then saw.

At random instants both kinds are killed: the one that runs until it is told to stop, and
`prag run --once`. All are forked from a process that has loaded the program already, so that most
kills fall into its work and few into its start.
"""

import contextlib
import multiprocessing
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from tests.crash import killer
from tests.crash.traffic import Traffic, repeat_and_quote
from tests.ollama_double import OllamaDouble
from tests.responder.side_by_side import said_by

PATIENCE_S = 180.0
CONTACTS = 20
# Kills fall into the start, so long after the fork at most, or into the work, after a first reply.
LONGEST_START_S = 0.8
LONGEST_WORK_S = 0.6
SHARE_AT_WORK = 0.7
MOST_THOUGHT_S = 0.1
SHARE_ONCE = 0.3
PRELOADED = ["chromadb", "partitioned_rag", "partitioned_rag.cli.main", "partitioned_rag.cli.run",
             "partitioned_rag.responder.responder", "watchfiles"]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Killed:
    """What came of many kills over one box.

    Attributes:
        kills: How many there were.
        kills_once: Of these, of `prag run --once`.
        faults: What is wrong; empty is what must be.
        late_ms: For each reply that quotes what was gone: for how many milliseconds.
    """

    kills: int
    kills_once: int
    asked: int
    removed: int
    quotes: int
    faults: list[str]
    late_ms: list[float]


# ---------------------------------------------------------------- after each durable step


def kill_at_every_step(folder: Path) -> Iterator[tuple[int, list[str]]]:
    """Kill one answer after its first durable step, its second, until one survives."""
    with OllamaDouble(answer=repeat_and_quote) as double:
        for step in range(1, 1000):
            traffic = Traffic(folder / str(step), contacts=1, seed=step)
            traffic.write(traffic.contacts[0])
            was_killed = _run_so_many_steps(traffic.root, double.host, step)
            traffic.pick_up()
            if traffic.faults():
                _run_so_many_steps(traffic.root, double.host, 0)
                traffic.pick_up()
            yield step, traffic.faults()
            if not was_killed:
                return


def _run_so_many_steps(root: Path, host: str, steps: int) -> bool:
    """Answer once in a process that is killed after a step; say whether it was."""
    with _started(root, host, "--once", steps=steps) as process:
        process.join(PATIENCE_S)
        return _end(process, signal.SIGTERM, root)


# ---------------------------------------------------------------- at random instants


def kill_in_boxes(folder: Path, *, seed: int, kills: int, boxes: int) -> list[Killed]:
    """Kill over several boxes at once, each in a process of its own.

    Args:
        folder: The boxes are made there.
        seed: What happens, and when; each box gets one of its own.
        kills: How many in all.
        boxes: How many of them.
    """
    shares = [len(range(n, kills, boxes)) for n in range(boxes)]
    with ProcessPoolExecutor(boxes, mp_context=multiprocessing.get_context("spawn")) as pool:
        done = [
            pool.submit(kill_at_random, folder / f"{n}", seed=seed + n, kills=share)
            for n, share in enumerate(shares)
        ]
        return [each.result() for each in done]


def kill_at_random(folder: Path, *, seed: int, kills: int, contacts: int = CONTACTS) -> Killed:
    """Kill again and again while people write and sources come and go; then let it finish."""
    rng = random.Random(seed)
    folder.mkdir(parents=True)
    traffic = Traffic(folder / "OMBox", contacts=contacts, seed=seed)
    killed = killed_once = 0
    with OllamaDouble(answer=repeat_and_quote) as double:
        double.on_chat(lambda _: time.sleep(rng.uniform(0, MOST_THOUGHT_S)))
        while killed < kills:
            is_once = rng.random() < SHARE_ONCE
            with _started(traffic.root, double.host, *["--once"] * is_once) as process:
                _live(traffic, process, rng)
                was_killed = _end(process, signal.SIGKILL, traffic.root)
            killed += was_killed
            killed_once += was_killed and is_once
        _settle(traffic, double.host)
    return Killed(
        kills=killed,
        kills_once=killed_once,
        asked=len(traffic.ledger.asked),
        removed=traffic.removed,
        quotes=traffic.quotes,
        faults=traffic.faults(moment_s=float("inf")),
        late_ms=[1000 * each.too_late_s for each in traffic.quoted],
    )


def _live(traffic: Traffic, process: ForkServerProcess, rng: random.Random) -> None:
    """Let things happen until the instant of the kill, which falls into the start or the work."""
    if rng.random() < SHARE_AT_WORK:
        sent = len(traffic.ledger.sent)
        _let_happen(traffic, process, rng, lambda: len(traffic.ledger.sent) > sent, PATIENCE_S)
        _let_happen(traffic, process, rng, lambda: False, rng.uniform(0, LONGEST_WORK_S))
    else:
        _let_happen(traffic, process, rng, lambda: False, rng.uniform(0, LONGEST_START_S))


def _let_happen(
    traffic: Traffic,
    process: ForkServerProcess,
    rng: random.Random,
    until: Callable[[], bool],
    seconds: float,
) -> None:
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0 and process.is_alive() and not until():
        traffic.happen()
        process.join(min(left, rng.uniform(0, 0.04)))


def _settle(traffic: Traffic, host: str) -> None:
    """Answer what is left, unhurried, and end as an owner ends it."""
    with _started(traffic.root, host) as process:
        deadline = time.monotonic() + PATIENCE_S
        while traffic.ledger.waiting() and time.monotonic() < deadline and process.is_alive():
            traffic.pick_up()
            process.join(0.02)
        was_killed = _end(process, signal.SIGTERM, traffic.root)
    if was_killed:
        raise AssertionError("prag run does not end")
    traffic.pick_up()


@contextlib.contextmanager
def _started(
    root: Path, host: str, *options: str, steps: int | None = None
) -> Iterator[ForkServerProcess]:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    arguments = [*_arguments(root), *options]
    process = context.Process(target=_prag, args=(arguments, host, str(said_by(root)), steps))
    process.start()
    try:
        yield process
    finally:
        process.kill()
        process.join()
        process.close()


def _end(process: ForkServerProcess, number: signal.Signals, root: Path) -> bool:
    """End a process; say whether SIGKILL ended it, and fail if it failed by itself."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(process.pid or 0, number)
    process.join(PATIENCE_S)
    if process.exitcode not in (0, -signal.SIGKILL):
        said = said_by(root).read_text(errors="replace")
        raise AssertionError(f"prag run ended with {process.exitcode}: {said[-2000:]}")
    return process.exitcode == -signal.SIGKILL


def _prag(arguments: Sequence[str], host: str, said: str, steps: int | None) -> None:
    """Be `prag`, in a process that was forked for it."""
    descriptor = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.environ |= {"PRAG_INDEX": "", "OLLAMA_HOST": host}
    if steps is None:
        from partitioned_rag.cli.main import main  # noqa: PLC0415 — loaded where it forks from

        sys.argv = ["prag", *arguments]
        main()
    else:
        sys.argv = ["killer", str(steps), *arguments]
        killer.main()


def _arguments(root: Path) -> list[str]:
    return ["run", "--box", str(root), "--embedder", "hashing"]
