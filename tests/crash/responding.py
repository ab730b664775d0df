"""Kills real `prag run --once` processes while they answer, and says what the bridge then saw.

The bridge's side is played between runs: it takes what lies in the outbox. Every question holds a
word of its own, which the double repeats, so each reply tells which message it answers.
"""

import json
import os
import random
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.ollama_double import OllamaDouble

KILLER = Path(__file__).with_name("killer.py")
PATIENCE_S = 120


def contact_of(n: int) -> str:
    """Number a contact."""
    return f"1555010{n:04}"


@dataclass(slots=True)
class Traffic:
    """A box with messages, and what came out of it."""

    root: Path
    sent: dict[str, str] = field(default_factory=dict)
    seen: Counter[str] = field(default_factory=Counter)
    misdirected: list[str] = field(default_factory=list)

    def drop(self, contacts: int, each: int) -> None:
        """Have some contacts write."""
        for name in ("public", "inbox", "outbox"):
            (self.root / name).mkdir(parents=True, exist_ok=True)
        many = (f"[contacts.{contact_of(n)}]\nmax_per_hour = 100000\n" for n in range(100))
        (self.root / "contacts.toml").write_text("".join(many))
        for n in range(contacts):
            contact = contact_of(n)
            (self.root / contact).mkdir(exist_ok=True)
            for _ in range(each):
                word = f"q{len(self.sent):05}"
                self.sent[word] = contact
                with (self.root / contact / "chat.log").open("a") as chat:
                    chat.write(f"[2026-01-01 10:00:00] them: om {word}\n")
                body = json.dumps({"sender": contact, "text": f"om {word}"})
                (self.root / "inbox" / f"{contact}_{word}.json").write_text(body)

    def pick_up(self) -> None:
        """Take every reply, as the bridge does: only what ends in `.txt`."""
        for path in sorted((self.root / "outbox").glob("*.txt")):
            if path.name.startswith("."):
                continue
            said = path.read_text()
            path.unlink()
            for word in re.findall(r"You said: (q\d+)", said):
                self.seen[word] += 1
                if self.sent[word] != path.stem:
                    self.misdirected.append(word)

    def faults(self) -> list[str]:
        """Say what was lost, doubled or sent to somebody else."""
        lost = [f"lost {word}" for word in self.sent if not self.seen[word]]
        doubled = [f"doubled {word}" for word, times in self.seen.items() if times > 1]
        return lost + doubled + [f"misdirected {word}" for word in self.misdirected]


def run(
    root: Path, host: str, *, after_s: float | None = None, after_steps: int | None = None
) -> bool:
    """Answer once in a process of its own; say whether it was killed."""
    program = ["-m", "partitioned_rag"] if after_steps is None else [str(KILLER), str(after_steps)]
    process = subprocess.Popen(
        [sys.executable, *program, "run", "--once", "--box", str(root), "--embedder", "hashing"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=os.environ | {"PRAG_INDEX": "", "OLLAMA_HOST": host},
    )
    try:
        _, said = process.communicate(timeout=after_s or PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        _, said = process.communicate()
    if process.returncode not in (0, -signal.SIGKILL):
        raise AssertionError(f"prag run failed: {said.decode(errors='replace')}")
    return process.returncode == -signal.SIGKILL


def settle(traffic: Traffic, host: str, *, runs: int) -> None:
    """Answer what is left, unhurried."""
    for _ in range(runs):
        run(traffic.root, host)
        traffic.pick_up()


def kill_at_every_step(folder: Path) -> Iterator[tuple[int, list[str]]]:
    """Kill one answer after its first durable step, its second, until one survives."""
    with OllamaDouble() as double:
        for step in range(1, 1000):
            traffic = Traffic(folder / str(step))
            traffic.drop(1, 1)
            was_killed = run(traffic.root, double.host, after_steps=step)
            traffic.pick_up()
            settle(traffic, double.host, runs=1)
            yield step, traffic.faults()
            if not was_killed:
                return


def kill_at_random(folder: Path, *, seed: int, kills: int) -> tuple[int, list[str]]:
    """Kill again and again while several contacts write; say how often, and what went wrong."""
    rng = random.Random(seed)
    traffic = Traffic(folder / "OMBox")
    killed = 0
    with OllamaDouble() as double:
        while killed < kills:
            traffic.drop(contacts=rng.randint(1, 4), each=1)
            killed += run(traffic.root, double.host, after_s=rng.uniform(0.5, 4.0))
            if rng.random() < 0.7:
                traffic.pick_up()
        # The longest queue needs a run for each of its messages, since a reply waits for the last.
        longest = max(Counter(traffic.sent.values()).values())
        for _ in range(longest + 1):
            settle(traffic, double.host, runs=1)
            if not traffic.faults():
                break
    return killed, traffic.faults()
