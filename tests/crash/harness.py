"""Kills real `prag index` processes, over a folder that keeps changing.

After each kill the next run must end where a fresh index of the same folder would: the same
sources, chunks and hits to the bit, with nothing to complain of but, at most, a rebuild that is
said. Used by the suite with few kills and by `benchmarks/crash.py` with many.
"""

import itertools
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from partitioned_rag.box import OMBox
from partitioned_rag.values import Hit, PartitionReport
from tests.worlds import Append, Delete, Edit, Move, Write, apply

KILLER = Path(__file__).with_name("killer.py")
PARTITIONS = ("public", "friend", "15550100001")
WORDS = "harbour accordion lantern orchard kettle bicycle museum tram pancake violin".split()
QUESTIONS = ("accordion in the harbour", "kettle", "bicycle museum violin")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one kill.

    Attributes:
        was_killed: False when the run had ended before its time.
        difference: How the index differs from a fresh one; empty is what must be.
        rebuilt: A partition had to be made anew.
    """

    was_killed: bool
    difference: str
    rebuilt: bool


def kill_again_and_again(folder: Path, *, seed: int, kills: int) -> Iterator[Outcome]:
    """Edit, index, kill, compare, until so many runs were really killed."""
    rng = random.Random(seed)
    box = furnished(folder, rng)
    lasts_s = run(box, kill_after_s=None)[1]
    killed = 0
    while killed < kills:
        edit(box, rng)
        was_killed, took_s = run(box, kill_after_s=rng.uniform(0.05, 1.1) * lasts_s)
        if not was_killed:
            lasts_s = took_s
        killed += was_killed
        yield _outcome(box, was_killed=was_killed)


def kill_at_every_step(
    folder: Path, *, seed: int, prepare: Callable[[Path, random.Random], None]
) -> Iterator[Outcome]:
    """Kill after the first durable step, then after the second, until a run survives.

    Args:
        folder: An empty one.
        seed: Of the edits.
        prepare: Gives each run something to do; what it did before has been indexed.
    """
    rng = random.Random(seed)
    box = furnished(folder, rng)
    run(box, kill_after_s=None)
    for step in itertools.count(1):
        prepare(box, rng)
        was_killed, _ = run(box, kill_after_s=None, kill_after_steps=step)
        yield _outcome(box, was_killed=was_killed)
        if not was_killed:
            return


def furnished(folder: Path, rng: random.Random) -> Path:
    """Make a box with some files in every partition."""
    box = folder / "OMBox"
    for partition in PARTITIONS:
        (box / partition).mkdir(parents=True)
        for _ in range(12):
            apply(_write(rng, partition), box)
    return box


def edit(box: Path, rng: random.Random) -> None:
    """Write, append, move and delete a few files."""
    for _ in range(rng.randint(1, 8)):
        apply(_edit(rng, box), box)


def _outcome(box: Path, *, was_killed: bool) -> Outcome:
    mended, reports = state(box, index=None)
    with tempfile.TemporaryDirectory(dir=box.parent) as anew:
        fresh, _ = state(box, index=Path(anew))
    return Outcome(
        was_killed=was_killed,
        difference="" if mended == fresh else f"{mended} is not {fresh}",
        rebuilt=any(report.note for report in reports),
    )


def run(
    box: Path, *, kill_after_s: float | None, kill_after_steps: int | None = None
) -> tuple[bool, float]:
    """Start the program; say whether it was killed, and how long it ran."""
    began = time.monotonic()
    program = ["-m", "partitioned_rag"] if kill_after_steps is None else [KILLER, kill_after_steps]
    process = subprocess.Popen(
        [sys.executable, *map(str, program), "index", str(box), "--embedder", "hashing"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=os.environ | {"PRAG_INDEX": ""},
    )
    try:
        _, said = process.communicate(timeout=kill_after_s)
    except subprocess.TimeoutExpired:
        process.kill()
        _, said = process.communicate()
    if process.returncode not in (0, -signal.SIGKILL):
        raise AssertionError(f"prag index failed: {said.decode(errors='replace')}")
    return process.returncode == -signal.SIGKILL, time.monotonic() - began


def state(
    box: Path, *, index: Path | None
) -> tuple[list[tuple[str, int, int, list[list[Hit]]]], tuple[PartitionReport, ...]]:
    """Index a box, and say what each partition then holds and answers, and how the index went."""
    with OMBox(box, "hashing", index=index) as opened:
        reports = opened.index().partitions
        state = [
            (
                str(report.id),
                report.sources,
                report.chunks,
                [opened.view(*_reader(report.id)).search(q, k=100) for q in QUESTIONS],
            )
            for report in reports
            if report.sources or (box / report.id).is_dir()
        ]
    return state, reports


def _reader(partition: str) -> tuple[str, ...]:
    return () if partition == "public" else (partition,)


def _text(rng: random.Random) -> bytes:
    sentences = (" ".join(rng.choices(WORDS, k=9)) for _ in range(rng.randint(1, 40)))
    return (".\n\n".join(sentences) + ".\n").encode()


def _write(rng: random.Random, partition: str) -> Write:
    return Write(f"{partition}/{rng.randrange(20)}.txt", _text(rng))


def _edit(rng: random.Random, box: Path) -> Edit:
    partition = rng.choice(PARTITIONS)
    there = sorted(path for path in (box / partition).iterdir() if path.is_file())
    kind = rng.choice(("write", "write", "append", "move", "delete"))
    if kind == "write" or not there:
        return _write(rng, partition)
    path = rng.choice(there).relative_to(box).as_posix()
    if kind == "append":
        return Append(path, _text(rng))
    if kind == "move":
        return Move(path, f"{rng.choice(PARTITIONS)}/{rng.randrange(20)}.txt")
    return Delete(path)
