"""The sides of the comparison as processes: ours, and each peer in the peers' own environment."""

import compileall
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PEERS_FOLDER = ROOT / "benchmarks" / "peers"
PEERS_PYTHON = ROOT / ".venv-peers" / "bin" / "python"
PEERS = ("loop", "langchain", "llamaindex", "txtai", "haystack")
OURS = "ours"
MODULES = {peer: f"with_{peer}" for peer in PEERS}
PRAG = "from partitioned_rag.cli.main import main; main()"


@dataclass(frozen=True, slots=True)
class Cost:
    """What a process took, and what it said on its last line."""

    process_s: float
    cpu_s: float
    said: Mapping[str, Any]


def compile_ours() -> None:
    """Compile our modules, as pip does with those that it installs, of the peers too.

    Ours lie here as source, and where the environment forbids to keep what was compiled, each
    process would compile them again.
    """
    compileall.compile_dir(ROOT / "src" / "partitioned_rag", quiet=1)


def run(command: Sequence[str], **environment: str) -> Cost:
    """Run a process to its end.

    Raises:
        SystemExit: It failed.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    done = subprocess.run(
        command,
        env=os.environ | {"PYTHONPATH": str(ROOT / "src")} | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    took = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(f"{' '.join(command[:4])} failed:\n{done.stderr[-3_000:]}")
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(took, cpu_s, json.loads(done.stdout.splitlines()[-1]))


def work(side: str, what: str, *, files: Path, store: Path, **options: Path | str) -> Cost:
    """Have one side do a piece of work; see `peers/run.py`."""
    python = sys.executable if side == OURS else str(PEERS_PYTHON)
    command = [python, str(PEERS_FOLDER / "run.py"), side, what]
    for name, value in {"files": files, "store": store, **options}.items():
        command += [f"--{name}", str(value)]
    return run(command)


def at_hand(wanted: Sequence[str]) -> list[str]:
    """Give those of the peers that are installed, and say of each other one that it is left out."""
    if not PEERS_PYTHON.exists():
        print("the peers are not installed (`make bench` tries to): only ours is measured")
        return []
    found = []
    for peer in wanted:
        done = subprocess.run(
            [PEERS_PYTHON, "-c", f"import {MODULES[peer]}"],
            cwd=PEERS_FOLDER,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            print(f"{peer} is left out: {(done.stderr.splitlines() or ['no reason given'])[-1]}")
        else:
            found.append(peer)
    return found


def versions(packages: Sequence[str]) -> dict[str, str]:
    """Say which versions the peers have."""
    asked = (
        "import json, sys; from importlib.metadata import version;"
        " print(json.dumps({name: version(name) for name in sys.argv[1:]}))"
    )
    return dict(run([str(PEERS_PYTHON), "-c", asked, *packages]).said)
