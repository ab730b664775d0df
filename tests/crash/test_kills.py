"""Killed at any instant, the next run ends where a fresh index of the same folder would."""

from pathlib import Path

import pytest

from tests.crash.harness import kill_again_and_again

SEED = 20_260_101
KILLS = 50


@pytest.mark.slow
def test_killed_at_random_instants_the_next_run_ends_as_a_fresh_index(tmp_path: Path) -> None:
    outcomes = list(kill_again_and_again(tmp_path, seed=SEED, kills=KILLS))
    assert [outcome.difference for outcome in outcomes if outcome.difference] == [], f"seed {SEED}"
    assert sum(outcome.was_killed for outcome in outcomes) == KILLS
