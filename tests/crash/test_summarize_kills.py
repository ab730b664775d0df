"""Killed at any durable step, `prag summarize` leaves a summary whole or not at all."""

import itertools
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from partitioned_rag.box import OMBox
from partitioned_rag.store.catalog import Catalog
from partitioned_rag.values import PartitionId, Summary
from tests.crash.harness import KILLER
from tests.ollama_double import OllamaDouble
from tests.properties.summarising import digest_of

FRIEND = PartitionId("friend")
WINDOW = 512
MANY_STEPS = 40


def held(box: Path) -> set[Summary]:
    catalog = Catalog.to_look_at(box / ".prag" / "partitions" / FRIEND / "catalog.sqlite3")
    try:
        return set(catalog.summaries(FRIEND))
    finally:
        catalog.close()


def indexed(box: Path, host: str) -> OMBox:
    shutil.rmtree(box / ".prag", ignore_errors=True)
    opened = OMBox(box, "hashing", ollama_host=host, window=WINDOW)
    opened.index()
    return opened


@pytest.mark.slow
def test_killed_after_any_durable_step_a_summary_is_whole_or_absent(tmp_path: Path) -> None:
    box = tmp_path / "OMBox"
    (box / FRIEND).mkdir(parents=True)
    text = "".join(f"Tide {n} comes in over the sand of the bay.\n\n" for n in range(16))
    (box / FRIEND / "long.txt").write_text(text)
    with OllamaDouble(answer=digest_of) as double:
        with indexed(box, double.host) as opened:
            opened.summarize()
        whole = held(box)
        assert len(whole) > 1
        left = set()
        for steps in itertools.count(1):
            assert steps < MANY_STEPS, "the run never survived"
            indexed(box, double.host).close()
            arguments = ["summarize", "--window", WINDOW, "--box", box, "--embedder", "hashing"]
            ran = subprocess.run(
                [sys.executable, KILLER, *map(str, (steps, *arguments))],
                env=os.environ | {"OLLAMA_HOST": double.host, "PRAG_INDEX": ""},
                capture_output=True,
                check=False,
            )
            assert ran.returncode in {0, -signal.SIGKILL}, ran.stderr
            after = held(box)
            assert after <= whole, f"after {steps} steps"
            left.add(len(after))
            with OMBox(box, "hashing", ollama_host=double.host, window=WINDOW) as opened:
                opened.summarize()
            assert held(box) == whole, f"a run after a kill at {steps} steps"
            if ran.returncode == 0:
                break
    assert len(left) > 1, "no kill fell between two summaries"
