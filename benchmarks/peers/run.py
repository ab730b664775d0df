"""One piece of work of one side, as a process of its own; prints JSON of what it cost.

python run.py SIDE sync --files DIR --store DIR [--chunks FILE]
python run.py SIDE search --files DIR --store DIR --questions FILE

SIDE is `ours` or one of the peers. A search asks every question in turn and times each.
Ours needs no chunks: it cuts files itself.
"""

import argparse
import json
import resource
import time
from importlib import import_module
from pathlib import Path

from side import Place, Side, keep_offline

SIDES = {
    "ours": ("ours", "Ours"),
    "loop": ("with_loop", "Loop"),
    "langchain": ("with_langchain", "LangChain"),
    "llamaindex": ("with_llamaindex", "LlamaIndex"),
    "txtai": ("with_txtai", "Txtai"),
    "haystack": ("with_haystack", "Haystack"),
}
HITS = 10
KIB = 1 << 10
MIB = 1 << 20


def peak_megabytes() -> float:
    """Say what this process held at most.

    Linux counts into `ru_maxrss` what the parent held when it started this process, so it is
    asked for the peak of this memory alone.
    """
    status = Path("/proc/self/status")
    if status.exists():
        line = next(each for each in status.read_text().splitlines() if each.startswith("VmHWM:"))
        return int(line.split()[1]) / KIB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MIB


def sync(side: Side, chunks_file: Path | None) -> dict[str, object]:
    """Make the index what the folder is."""
    chunks = json.loads(chunks_file.read_text(encoding="utf-8")) if chunks_file else {}
    began, began_cpu = time.perf_counter(), time.process_time()
    side.sync(chunks)
    return {
        "work_s": time.perf_counter() - began,
        "work_cpu_s": time.process_time() - began_cpu,
    }


def search(side: Side, questions_file: Path) -> dict[str, object]:
    """Ask every question in turn; the first one pays for what is loaded late."""
    times, hits = [], []
    for question in json.loads(questions_file.read_text(encoding="utf-8")):
        began = time.perf_counter()
        hits.append(side.search(question, HITS))
        times.append(time.perf_counter() - began)
    return {"times_s": times, "hits": hits}


def main() -> None:
    """Do the work and print what it cost."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("side", choices=SIDES)
    parser.add_argument("work", choices=("sync", "search"))
    parser.add_argument("--files", type=Path, required=True)
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--chunks", type=Path)
    parser.add_argument("--questions", type=Path)
    parser.add_argument("--embedder", default="all-MiniLM-L6-v2")
    given = parser.parse_args()
    keep_offline()
    module, name = SIDES[given.side]
    make = getattr(import_module(module), name)
    began = time.perf_counter()
    side: Side = make(Place(given.files, given.store, given.embedder))
    open_s = time.perf_counter() - began
    cost = sync(side, given.chunks) if given.work == "sync" else search(side, given.questions)
    print(json.dumps(cost | {"open_s": open_s, "peak_mb": peak_megabytes()}))


if __name__ == "__main__":
    main()
