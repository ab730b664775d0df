"""Questions with a ratio for an answer: both sides on the same input, in one run, taking turns."""

import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

RESULTS = Path(__file__).parent / "results"
# The widest that a processor of x86 has decides how fast products are; its name does not say it.
UNITS = {
    "amx_bf16": "AMX",
    "avx512_vnni": "AVX-512 with VNNI",
    "avx_vnni": "AVX2 with VNNI",
    "avx512f": "AVX-512",
    "avx2": "AVX2",
}
PACKAGES = ("chromadb", "sentence-transformers", "torch", "tokenizers", "numpy")


def seconds(work: Callable[[], object]) -> float:
    """Time one call, wall clock."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def ratios(
    ours: Callable[[], float], theirs: Callable[[], float], *, runs: int
) -> dict[str, float]:
    """Measure two sides in turn and compare them pair by pair.

    Args:
        ours: Gives a figure of ours, say seconds.
        theirs: Gives the same figure of the other side.
        runs: How many pairs; the first pair warms up and is not counted.

    Returns:
        The median, lowest and highest of `ours / theirs`, and the medians of the two figures.
    """
    return compared([(ours(), theirs()) for _ in range(runs + 1)][1:])


def compared(pairs: Sequence[tuple[float, float]]) -> dict[str, float]:
    """Compare figures pair by pair, as `ratios` does."""
    quotients = [a / b for a, b in pairs]
    return {
        "ratio_median": statistics.median(quotients),
        "ratio_min": min(quotients),
        "ratio_max": max(quotients),
        "ours_median": statistics.median(a for a, _ in pairs),
        "theirs_median": statistics.median(b for _, b in pairs),
        "runs": len(pairs),
    }


def machine(packages: Sequence[str]) -> dict[str, object]:
    """Say on what it was measured."""
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = (line.partition(":") for line in info.read_text().splitlines())
        said = {name.strip(): value.strip() for name, _, value in lines}
        cpu = said.get("model name", cpu)
        flags = said.get("flags", "").split()
        cpu += next((f", {unit}" for flag, unit in UNITS.items() if flag in flags), "")
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "system": platform.system(),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in packages},
    }


def known(name: str) -> dict[str, object]:
    """Give what was answered before, for a run that asks only some of the questions."""
    path = RESULTS / f"{name}.json"
    found: dict[str, object] = json.loads(path.read_text())["answers"] if path.exists() else {}
    return found


def save(name: str, answers: dict[str, object], *, packages: Sequence[str] = PACKAGES) -> None:
    """Write the answers of a script to `results/NAME.json` and print them.

    Args:
        name: Of the file.
        answers: By a short name of the question.
        packages: Whose versions bear on them.
    """
    answers = json.loads(json.dumps(answers, sort_keys=True))
    write(name, {"answers": answers, "machine": machine(packages)})


def write(name: str, result: dict[str, object]) -> None:
    """Write what a script found to `results/NAME.json`, in its order, and print it."""
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps(result, indent=2)
    (RESULTS / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    print(text)


def save_part(
    name: str,
    part: str,
    answers: dict[str, object],
    *,
    of: Sequence[str],
    packages: Sequence[str] = PACKAGES,
) -> None:
    """Write what one part of a script answers to `results/NAME.json`, and leave the others alone.

    Args:
        name: Of the file.
        part: Measured by itself, so with the machine that it was measured on.
        answers: By a short name of the question.
        of: All parts that there are; those that were not measured stand in the file as such.
        packages: Whose versions bear on them.
    """
    path = RESULTS / f"{name}.json"
    there = json.loads(path.read_text(encoding="utf-8"))["parts"] if path.exists() else {}
    parts = dict.fromkeys(of) | there | {part: {"machine": machine(packages), "answers": answers}}
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps({"parts": parts}, indent=2, sort_keys=True)
    path.write_text(text + "\n", encoding="utf-8")
    print(json.dumps({part: answers}, indent=2))
