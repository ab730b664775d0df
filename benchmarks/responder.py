"""Can `prag run` be left running beside a bridge?

`python benchmarks/responder.py [PART [NUMBER]]`; without a part all of them, some half an hour.
Each part is measured by itself, and what is saved of the others stays as it is.

    traffic [SECONDS]     60: ten messages a second from twenty contacts, through a bridge that
                          looks every two seconds; the model thinks for 20 ms. `--rate` for a
                          machine that has other things to do, `--embedder` for another one
    kills [KILLS]         1,000: SIGKILL at random instants, while people write and sources go
    idle [SECONDS]        60: nothing happens
    many [MESSAGES]       10,000: a quarter of them questions, to a model that answers at once
    revocation [TRIALS]   200: what a reply quotes goes while the model thinks

All but `kills` and `revocation` need Linux, for what a process costs.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from invented import make_box as fill
from ratio import save_part
from watched import Cost, cost

from tests.crash.responding import kill_in_boxes
from tests.crash.traffic import Traffic, repeat_and_quote
from tests.ollama_double import Exchange, OllamaDouble, echo
from tests.responder import ledger
from tests.responder.side_by_side import (
    answering,
    bridging,
    make_box,
    unfinished,
    wait,
    wait_for_all,
)

NAME = "responder"
CONTACTS = 20
RATE = 10.0
THINKS_S = 0.02
PATIENCE_S = 900.0
EMBEDDER = "hashing"

Answers = dict[str, object]


# ---------------------------------------------------------------- traffic


class Model:
    """Answers after a while, and remembers when it was at work."""

    def __init__(self, thinks_s: float) -> None:
        """Choose how long it thinks."""
        self.thinks_s = thinks_s
        self.busy: list[tuple[float, float]] = []
        self.at_work_s: dict[str, float] = {}
        self._began = threading.local()

    def think(self, _: Exchange) -> None:
        """Begin."""
        self._began.at = time.time()
        time.sleep(self.thinks_s)

    def answer(self, rendered: str) -> str:
        """End; nobody thinks where a single token is asked for, to see how the model counts."""
        began, ended = self._began.__dict__.pop("at", None), time.time()
        if began is None:
            return echo(rendered)
        self.busy.append((began, ended))
        word = ledger.asked_in(rendered)
        self.at_work_s[word] = self.at_work_s.get(word, 0.0) + ended - began
        return echo(rendered)

    def busy_s(self, begin: float, end: float) -> float:
        """Say for how much of a time it was at work; one reply is made at a time."""
        return sum(max(0.0, min(end, to) - max(begin, since)) for since, to in self.busy)


def traffic(seconds: int, embedder: str, rate: float) -> Answers:
    """Let people write, and set out where the time went."""
    model = Model(THINKS_S)
    with tempfile.TemporaryDirectory() as folder, OllamaDouble(answer=model.answer) as double:
        double.on_chat(model.think)
        root = make_box(Path(folder) / "OMBox", contacts=CONTACTS)
        fill(root, files=30, paragraphs=8)
        entries = Path(folder) / "ledger"
        options = ("--contacts", str(CONTACTS), "--rate", str(rate), "--seconds", str(seconds))
        with answering(root, double.host, embedder=embedder) as process:
            warm_up(root, Path(folder) / "warm", process.pid, double)
            model.busy.clear()
            before = cost(process.pid)
            with bridging(root, entries, *options):
                kept = wait_for_all(root, entries, process, patience_s=PATIENCE_S)
            used_s = cost(process.pid).cpu_s - before.cpu_s
        faults = kept.faults() + list(unfinished(root))
        service = [
            receipt["timings"]["total_s"] - model.at_work_s[ledger.answered(echo_of(receipt))]
            for receipt in receipts(root)
        ]
    own, whole, behind = where_time_went(kept, model)
    return {
        f"questions in {seconds} s": len(kept.asked),
        "lost, doubled, misdirected or out of order": len(faults),
        **spread("ms outside the model", own),
        **spread("ms of service outside the model, from receipts", service),
        **spread("ms behind an earlier reply that the bridge has not taken", behind),
        **spread("ms from inbox to outbox", whole),
        "CPU seconds of `prag run` a message": round(used_s / len(kept.asked), 3),
        "load average of the last minute": round(os.getloadavg()[0], 1),
    }


def warm_up(root: Path, entries: Path, pid: int, double: OllamaDouble) -> None:
    """Have each contact answered once, so that all is loaded and indexed."""
    options = ("--contacts", str(CONTACTS), "--rate", "50", "--seconds", "4", "--poll", "0.1")
    with bridging(root, entries, *options, "--seed", "2"):
        wait(
            lambda: (kept := ledger.read(entries)).is_quiet and not kept.waiting(),
            lambda: f"{pid} has {unfinished(root)}",
            patience_s=PATIENCE_S,
        )
    double.exchanges.clear()
    for path in (root / ".prag" / "partitions").glob("*/receipts/*.json"):
        path.unlink()


def where_time_went(
    kept: ledger.Ledger, model: Model
) -> tuple[list[float], list[float], list[float]]:
    """Set out, for each reply: our own time, all of it, and the wait for the bridge.

    Our own is what neither the model was at work in, whoever it worked for, nor an earlier reply to
    the same contact still lay in the outbox.
    """
    asked_at = {question.word: question.at for question in kept.asked}
    taken_at: dict[str, float] = {}
    own, whole, behind = [], [], []
    for reply in kept.sent:
        asked = asked_at[reply.word]
        begin = max(asked, taken_at.get(reply.contact, 0.0))
        taken_at[reply.contact] = reply.at
        end = reply.appeared_at
        own.append(max(0.0, end - begin - model.busy_s(begin, end)))
        whole.append(end - asked)
        behind.append(begin - asked)
    return own, whole, behind


def receipts(root: Path) -> list[dict[str, dict[str, float]]]:
    """Read the receipts of all contacts."""
    found = (root / ".prag" / "partitions").glob("1*/receipts/*.json")
    return [json.loads(path.read_text()) for path in found]


def echo_of(receipt: dict[str, dict[str, float]]) -> str:
    """Say what the double answered to the message of a receipt."""
    return f"You said: {str(receipt['question']).splitlines()[-1]}"


# ---------------------------------------------------------------- kills


def kills(number: int) -> Answers:
    """Kill, and count what went wrong."""
    seed = time.time_ns() % 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        done = kill_in_boxes(Path(folder), seed=seed, kills=number, boxes=os.cpu_count() or 1)
    faults = [fault for each in done for fault in each.faults]
    late_ms = sorted(late for each in done for late in each.late_ms)
    for fault in faults:
        print(fault, file=sys.stderr)
    return {
        "kills": sum(each.kills for each in done),
        "of `prag run --once`": sum(each.kills_once for each in done),
        "seed": seed,
        "questions": sum(each.asked for each in done),
        "sources removed": sum(each.removed for each in done),
        "quotes seen": sum(each.quotes for each in done),
        "lost, doubled, misdirected, leaked or left in a queue": len(faults),
        "quotes of what was gone before the rename": len(late_ms),
        "the longest that it had been gone, ms": round(max(late_ms, default=0.0), 1),
    }


# ---------------------------------------------------------------- idle, and many messages


def idle(seconds: int) -> Answers:
    """Watch it do nothing."""
    with tempfile.TemporaryDirectory() as folder, OllamaDouble() as double:
        root = make_box(Path(folder) / "OMBox", contacts=CONTACTS)
        with answering(root, double.host) as process:
            warm_up(root, Path(folder) / "warm", process.pid, double)
            time.sleep(10)  # what the messages set going has come to an end
            before = cost(process.pid)
            time.sleep(seconds)
            after = cost(process.pid)
    return {
        f"percent of a core in {seconds} s": round(100 * (after.cpu_s - before.cpu_s) / seconds, 3),
        **grown(before, after),
    }


def many(messages: int) -> Answers:
    """Have it answer for long, and look how it grows."""
    with tempfile.TemporaryDirectory() as folder, OllamaDouble() as double:
        double.on_chat(lambda _: forget(double))
        root = make_box(Path(folder) / "OMBox", contacts=10)
        entries = Path(folder) / "ledger"
        patience_s = max(PATIENCE_S, messages / 4)  # of a machine that has other things to do
        options = ("--contacts", "10", "--rate", "1000", "--seconds", str(patience_s))
        options += ("--most", str(messages), "--chatter", "0.75", "--ahead", "30")
        marks: list[tuple[int, Cost]] = []
        with (
            answering(root, double.host) as process,
            bridging(root, entries, *options, "--poll", "0.05"),
        ):

            def is_done() -> bool:
                written = entries.read_bytes().count(b"\n") if entries.exists() else 0
                kept = ledger.read(entries)
                if len(kept.asked) >= len(marks) * messages / 40:
                    marks.append((len(kept.asked), cost(process.pid)))
                return written > messages and kept.is_quiet and not kept.waiting()

            wait(is_done, lambda: f"left: {unfinished(root)}", patience_s=patience_s)
            marks.append((len(ledger.read(entries).asked), cost(process.pid)))
            kept = ledger.read(entries)
        faults = kept.faults() + list(unfinished(root))
    for asked, used in marks:
        print(asked, used, file=sys.stderr)
    half = next(used for asked, used in marks if asked >= len(kept.asked) / 2)
    return {
        "messages": messages,
        "of these answered": len(kept.sent),
        "lost, doubled, misdirected or out of order": len(faults),
        "megabytes after a tenth": round(marks[1][1].megabytes, 1),
        **{f"{name} in the second half": how for name, how in grown(half, marks[-1][1]).items()},
        "CPU seconds an answer": round(marks[-1][1].cpu_s / len(kept.sent), 4),
    }


def forget(double: OllamaDouble) -> None:
    """Keep the double from keeping all that it was ever asked."""
    with double.lock:
        del double.exchanges[:-10]


def grown(before: Cost, after: Cost) -> Answers:
    """Set out how a process has grown."""
    return {
        "megabytes": f"{before.megabytes:.1f} to {after.megabytes:.1f}",
        "file handles": f"{before.handles} to {after.handles}",
        "threads": f"{before.threads} to {after.threads}",
    }


# ---------------------------------------------------------------- revocation


def revocation(trials: int) -> Answers:
    """Take a source away while the model thinks, in turn by removing, moving and editing it."""
    takes: list[Callable[[Path, Path], object]] = [
        lambda path, _: path.unlink(),
        lambda path, elsewhere: path.rename(elsewhere / path.name),
        lambda path, _: path.write_text("Nothing is known of it.\n"),
    ]
    taken: set[str] = set()
    quoted: list[str] = []
    with tempfile.TemporaryDirectory() as folder, OllamaDouble(answer=repeat_and_quote) as double:
        box = Traffic(Path(folder) / "OMBox", contacts=CONTACTS, seed=trials)
        trial, token, source = 0, "", box.root / "none.txt"

        def take_away(exchange: Exchange) -> None:
            if token in exchange.rendered and token not in taken:
                taken.add(token)
                takes[trial % 3](source, box.root / box.contacts[(trial + 1) % CONTACTS])

        double.on_chat(take_away)
        with answering(box.root, double.host):
            for trial in range(trials):
                contact = box.contacts[trial % CONTACTS]
                token = f"s9{trial:04}"
                source = box.root / (contact if trial % 2 else "public") / f"trial {trial}.txt"
                source.write_text(f"The word for the trial is {token}.\n")
                box.write(contact)
                reply = box.root / "outbox" / f"{contact}.txt"
                wait(reply.exists, lambda: f"left: {unfinished(box.root)}", patience_s=60)
                if token in reply.read_text():
                    quoted.append(token)
                box.pick_up()
                for left in box.root.glob(f"*/{source.name}"):
                    left.unlink()
            # A reply is there a moment before its message is done with.
            wait(
                lambda: not unfinished(box.root),
                lambda: f"left: {unfinished(box.root)}",
                patience_s=60,
            )
        faults = box.faults()
    for fault in faults:
        print(fault, file=sys.stderr)
    return {
        "trials": trials,
        "taken away while the model thought": len(taken),
        "quoted": len(quoted),
        "other faults": len(faults),
    }


# ---------------------------------------------------------------- all of it


def spread(label: str, seconds: Sequence[float]) -> Answers:
    """Give the median and the 95th percentile, in milliseconds."""
    cuts = statistics.quantiles(seconds, n=20)
    return {f"{label}, p50": round(1000 * cuts[9], 1), f"{label}, p95": round(1000 * cuts[18], 1)}


def main() -> None:
    """Ask one question, or all."""
    parts: dict[str, tuple[Callable[[int], Answers], int]] = {
        "traffic": (lambda seconds: traffic(seconds, chosen.embedder, chosen.rate), 60),
        "kills": (kills, 1_000),
        "idle": (idle, 60),
        "many": (many, 10_000),
        "revocation": (revocation, 200),
    }
    parser = argparse.ArgumentParser()
    parser.add_argument("part", nargs="?", choices=list(parts))
    parser.add_argument("number", nargs="?", type=int)
    parser.add_argument("--embedder", default=EMBEDDER)
    parser.add_argument("--rate", type=float, default=RATE)
    chosen = parser.parse_args()
    for name in [chosen.part] if chosen.part else parts:
        ask, usual = parts[name]
        answers = ask(chosen.number or usual)
        if name == "traffic":
            name = as_asked(name, chosen.embedder, chosen.rate)  # noqa: PLW2901
        save_part(NAME, name, answers, of=list(parts), packages=("chromadb", "watchfiles"))


def as_asked(part: str, embedder: str, rate: float) -> str:
    """Tell a part that was asked otherwise than usual from the usual one."""
    embedders = [embedder] * (embedder != EMBEDDER)
    rates = [f"{rate:g} a second"] * (rate != RATE)
    return ", ".join([part, *embedders, *rates])


if __name__ == "__main__":
    main()
