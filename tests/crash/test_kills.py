"""Killed at any instant, the next run ends where a fresh index of the same folder would."""

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from partitioned_rag.sync.pipeline import BATCH_SOURCES
from tests.crash.harness import edit, kill_again_and_again, kill_at_every_step
from tests.worlds import Write, apply

pytestmark = pytest.mark.slow
SEED = 20_260_101
KILLS = 50


def test_killed_at_random_instants_the_next_run_ends_as_a_fresh_index(tmp_path: Path) -> None:
    outcomes = list(kill_again_and_again(tmp_path, seed=SEED, kills=KILLS))
    assert [outcome.difference for outcome in outcomes if outcome.difference] == [], f"seed {SEED}"
    assert sum(outcome.was_killed for outcome in outcomes) == KILLS


def begin_anew(box: Path, _: random.Random) -> None:
    shutil.rmtree(box / ".prag", ignore_errors=True)


def begin_two_batches_anew(box: Path, _: random.Random) -> None:
    """Have the first batch written while the second is embedded."""
    for number in range(BATCH_SOURCES + 1):
        apply(Write(f"public/many/{number}.txt", f"kettle {number}".encode()), box)
    shutil.rmtree(box / ".prag" / "partitions" / "public", ignore_errors=True)


def edit_much(box: Path, rng: random.Random) -> None:
    for _ in range(5):
        edit(box, rng)


def let_one_go(box: Path, rng: random.Random) -> None:
    """Take a contact's folder away, or bring one back that was taken away."""
    folder = box / "friend"
    if folder.exists():
        shutil.rmtree(folder)
    else:
        folder.mkdir()
        edit(box, rng)


def damage(box: Path, _: random.Random) -> None:
    """Spoil one partition's catalog, so that it has to be made anew."""
    folder = box / ".prag" / "partitions" / "friend"
    for leftover in folder.glob("catalog.sqlite3-*"):
        leftover.unlink()
    (folder / "catalog.sqlite3").write_bytes(b"no database at all " * 400)


@pytest.mark.parametrize(
    "prepare", [begin_anew, begin_two_batches_anew, edit_much, let_one_go, damage]
)
def test_killed_after_any_durable_step_the_next_run_ends_as_a_fresh_index(
    tmp_path: Path, prepare: Callable[[Path, random.Random], None]
) -> None:
    outcomes = list(kill_at_every_step(tmp_path, seed=SEED, prepare=prepare))
    different = {n: each.difference for n, each in enumerate(outcomes, 1) if each.difference}
    assert different == {}, f"by the number of steps, seed {SEED}"
    assert len(outcomes) > 5, "hardly a step was counted"
