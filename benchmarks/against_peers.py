"""What indexing and asking cost here and in other libraries, on the same chunks and weights.

Every piece of work is a process of its own, and the sides take turns. The chunks are ours and are
given to the peers, which pay neither for cutting nor, where only the work is timed, for importing
and loading the model; we pay for both.

python benchmarks/against_peers.py [--files N] [--paragraphs N] [--chat-kb N] [--repeats N]
                                   [--questions N] [--embedder NAME] [--peers NAME,NAME]

Run it alone on the machine (over an hour on two cores; most of it goes into the peers' embedding).
The peers are installed by `make bench` into `.venv-peers`.
"""

import argparse
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from corpus import BEGAN, cut, make_chat, turn
from invented import make_box, sentence
from ratio import machine, write
from sides import OURS, PEERS, PRAG, Cost, at_hand, compile_ours, run, versions, work

from partitioned_rag.embedding.registry import DEFAULT_EMBEDDER, open_embedder

# These do everything again whatever changed: what it costs when a file went is what it always does.
FORGETFUL = ("loop", "txtai", "haystack")
OUR_PACKAGES = ("chromadb", "numpy", "onnxruntime", "tokenizers")
PEER_PACKAGES = (
    *("chroma-haystack", "chromadb", "haystack-ai", "langchain-chroma", "langchain-classic"),
    *("langchain-core", "llama-index-core", "sentence-transformers", "torch", "txtai"),
)
MB = 1_000_000


@dataclass(frozen=True, slots=True)
class Measure:
    """A figure that every side has, and which way is better."""

    asked: str
    unit: str
    more_is_better: bool = False


MEASURES = {
    "full": Measure("Index everything", "chunks/s", more_is_better=True),
    "full, process": Measure("Index everything, whole process", "chunks/s", more_is_better=True),
    "full, processor": Measure(
        "Index everything, by processor time", "chunks/s", more_is_better=True
    ),
    "memory": Measure("Peak memory of that", "MB"),
    "disk": Measure("The index on disk", "MB"),
    "unchanged": Measure("Nothing changed, whole process", "s"),
    "unchanged, work": Measure("Nothing changed, the work alone", "s"),
    "edited": Measure("One file changed, whole process", "s"),
    "appended": Measure("One line more in a long chat, whole process", "s"),
    "deleted": Measure("One file deleted, whole process", "s"),
    "cold": Measure("A first question, whole process", "s"),
    "cold, processor": Measure("A first question, processor time", "s"),
    "warm p50": Measure("A further question, median", "ms"),
    "warm p95": Measure("A further question, 95th percentile", "ms"),
}


@dataclass(slots=True)
class Bench:
    """The folders of one comparison, and what was measured so far."""

    folder: Path
    sides: Sequence[str]
    questions: int
    embedder: str
    figures: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    counted: dict[str, dict[str, float]] = field(default_factory=dict)
    chunks: dict[str, list[str]] = field(default_factory=dict)
    chat_chunks: dict[str, list[str]] = field(default_factory=dict)
    stores: dict[str, Path] = field(default_factory=dict)
    chat_built: dict[str, Cost] = field(default_factory=dict)

    @property
    def public(self) -> Path:
        """Hold the many files."""
        return self.folder / "box" / "public"

    @property
    def chat(self) -> Path:
        """Hold the one chat."""
        return self.folder / "chatbox" / "friend"

    def note(self, measure: str, side: str, figure: float) -> None:
        """Keep a figure."""
        self.figures.setdefault(measure, {}).setdefault(side, []).append(figure)

    def sync(self, side: str, files: Path, store: Path, chunks: Mapping[str, list[str]]) -> Cost:
        """Have a side make its index what the folder is."""
        if side == OURS:
            return work(side, "sync", files=files, store=store, embedder=self.embedder)
        given = self.folder / "chunks.json"
        given.write_text(json.dumps(chunks), encoding="utf-8")
        return work(side, "sync", files=files, store=store, chunks=given)

    def changed(self, measure: str, cost_of: Callable[[str], Cost]) -> None:
        """Measure a sync of each side in turn."""
        for side in self.sides:
            cost = cost_of(side)
            self.note(measure, side, cost.process_s)
            self.note(f"{measure}, work", side, cost.said["work_s"])


def settle() -> None:
    """Let the clock move on, so that no file looks as if it had been touched just now."""
    time.sleep(2.5)


def size_mb(folder: Path) -> float:
    """Add up the files of a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / MB


def one_round(bench: Bench, number: int) -> None:
    """Index, change this and that, ask: each side in turn at each step."""
    rng = random.Random(number)
    embedder = open_embedder(DEFAULT_EMBEDDER)
    for side in bench.sides:
        bench.stores[side] = bench.folder / f"{side}-{number}"
        cost = bench.sync(side, bench.public, bench.stores[side], bench.chunks)
        chunks = sum(map(len, bench.chunks.values()))
        bench.note("full", side, chunks / cost.said["work_s"])
        bench.note("full, process", side, chunks / cost.process_s)
        bench.note("full, processor", side, chunks / cost.said["work_cpu_s"])
        bench.note("memory", side, cost.said["peak_mb"])
        bench.note("disk", side, size_mb(bench.stores[side]))
    ask_warm(bench)

    paths = sorted(bench.public.rglob("*.txt"))
    edited, victim = paths[number], paths[-1 - number]
    account: dict[str, Cost] = {}
    kept = victim.read_text(encoding="utf-8")
    name = victim.relative_to(bench.folder / "box").as_posix()
    gone = bench.chunks.pop(name)
    victim.unlink()
    settle()

    def after_deletion(side: str) -> Cost:
        account[side] = bench.sync(side, bench.public, bench.stores[side], bench.chunks)
        return account[side]

    bench.changed("deleted", after_deletion)
    ask_cold(bench, gone[0])

    def unless_forgetful(side: str) -> Cost:
        if side in FORGETFUL:
            return account[side]
        return bench.sync(side, bench.public, bench.stores[side], bench.chunks)

    bench.changed("unchanged", unless_forgetful)
    with edited.open("a", encoding="utf-8") as file:
        file.write("\n" + sentence(rng) + "\n")
    bench.chunks |= cut(bench.public, embedder)
    settle()
    bench.changed("edited", unless_forgetful)
    with (bench.chat / "chat.log").open("a", encoding="utf-8") as file:
        file.write(turn(rng, BEGAN + timedelta(days=10_000 + number)))
    bench.chat_chunks |= cut(bench.chat, embedder)
    settle()

    def chat_grew(side: str) -> Cost:
        if side in FORGETFUL:
            return bench.chat_built[side]
        return bench.sync(side, bench.chat, bench.folder / f"{side}-chat", bench.chat_chunks)

    bench.changed("appended", chat_grew)
    victim.write_text(kept, encoding="utf-8")
    bench.chunks[name] = gone
    settle()


def ask_warm(bench: Bench) -> None:
    """Ask what stands in chunks, in one process, and see that it is found."""
    texts = [chunk for chunks in bench.chunks.values() for chunk in chunks]
    asked = [text.partition(".")[0] for text in random.Random(5).sample(texts, bench.questions)]
    given = bench.folder / "questions.json"
    given.write_text(json.dumps([asked[0], *asked]), encoding="utf-8")
    for side in bench.sides:
        options = {"embedder": bench.embedder} if side == OURS else {}
        store = bench.stores[side]
        said = work(
            side, "search", files=bench.public, store=store, questions=given, **options
        ).said
        times = sorted(said["times_s"][1:])
        bench.note("warm p50", side, statistics.median(times) * 1_000)
        bench.note("warm p95", side, times[int(len(times) * 0.95)] * 1_000)
        pairs = zip(asked, said["hits"][1:], strict=True)
        found = sum(any(words in hit for hit in hits) for words, hits in pairs)
        bench.counted.setdefault("found", {})[side] = found / len(asked)


def ask_cold(bench: Bench, gone: str) -> None:
    """Ask for what was deleted, each side in a process that has nothing loaded."""
    words = gone.partition(".")[0]
    given = bench.folder / "questions.json"
    given.write_text(json.dumps([words]), encoding="utf-8")
    for side in bench.sides:
        store = bench.stores[side]
        if side == OURS:
            box = str(bench.public.parent)
            command = [sys.executable, "-c", PRAG, "search", words, "--json", "--box", box]
            cost = run(command, PRAG_INDEX=str(store), PRAG_EMBEDDER=bench.embedder)
            hits = [hit["text"] for hit in cost.said["hits"]]
        else:
            cost = work(side, "search", files=bench.public, store=store, questions=given)
            hits = cost.said["hits"][0]
        bench.note("cold", side, cost.process_s)
        bench.note("cold, processor", side, cost.cpu_s)
        still = bench.counted.setdefault("found after deletion", {})
        still[side] = still.get(side, 0) + any(gone in hit for hit in hits)


def compared(bench: Bench) -> dict[str, object]:
    """Compare each peer with us, round by round."""
    table: dict[str, object] = {}
    for name, measure in MEASURES.items():
        figures = bench.figures[name]
        row: dict[str, object] = {
            "asked": measure.asked,
            "unit": measure.unit,
            OURS: statistics.median(figures[OURS]),
        }
        for peer in bench.sides:
            if peer == OURS:
                continue
            pairs = zip(figures[OURS], figures[peer], strict=True)
            times = [a / b if measure.more_is_better else b / a for a, b in pairs]
            row[peer] = {
                "figure": statistics.median(figures[peer]),
                "times": statistics.median(times),
                "lowest": min(times),
                "highest": max(times),
            }
        table[name] = row
    return table


def peers_named(text: str) -> list[str]:
    """Read a list of peers."""
    names = text.split(",")
    if unknown := set(names).difference(PEERS):
        raise argparse.ArgumentTypeError(f"no peer: {', '.join(sorted(unknown))}")
    return names


def results_name(embedder: str) -> str:
    """Name the results: those of another precision stand beside those of the default."""
    precision, is_another, _ = embedder.partition(":")
    return f"peers-{precision}" if is_another else "peers"


def main() -> None:
    """Measure, and write `results/peers.json`, or `results/peers-int8.json`."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--files", type=int, default=2_000, help="text files")
    parser.add_argument("--paragraphs", type=int, default=1, help="of each, about a chunk each")
    parser.add_argument("--chat-kb", type=int, default=1_000, help="size of the chat that grows")
    parser.add_argument("--repeats", type=int, default=3, help="rounds")
    parser.add_argument("--questions", type=int, default=200, help="warm ones of a round")
    parser.add_argument("--embedder", default=DEFAULT_EMBEDDER, help="ours")
    parser.add_argument("--peers", type=peers_named, default=PEERS, help="those to compare with")
    given = parser.parse_args()
    sides = [OURS, *at_hand(given.peers)]
    if sides == [OURS]:
        return
    compile_ours()
    embedder = open_embedder(given.embedder)
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), sides, given.questions, given.embedder)
        make_box(bench.folder / "box", files=given.files, paragraphs=given.paragraphs)
        make_chat(bench.chat, kilobytes=given.chat_kb)
        bench.chunks, bench.chat_chunks = cut(bench.public, embedder), cut(bench.chat, embedder)
        settle()
        for side in sides:
            store = bench.folder / f"{side}-chat"
            bench.chat_built[side] = bench.sync(side, bench.chat, store, bench.chat_chunks)
            print(f"{side}: has its chat", flush=True)
        sizes = {
            "files": given.files,
            "embedder": embedder.name,
            "version": embedder.version,
            "chunks": sum(map(len, bench.chunks.values())),
            "chat_kb": given.chat_kb,
            "chat_chunks": sum(map(len, bench.chat_chunks.values())),
        }
        for number in range(given.repeats):
            first = number % len(sides)
            bench.sides = sides[first:] + sides[:first]
            one_round(bench, number)
            print(f"round {number + 1} of {given.repeats}", flush=True)
            # After each, so that a run that is broken off has been worth its time.
            write(
                results_name(given.embedder),
                {
                    "machine": machine(OUR_PACKAGES) | {"peers": versions(PEER_PACKAGES)},
                    "sizes": sizes | {"rounds": number + 1},
                    "measures": compared(bench),
                    "counted": bench.counted,
                },
            )


if __name__ == "__main__":
    main()
