"""A responder that is killed loses no message, answers none twice, and none to another."""

from pathlib import Path

import pytest

from tests.crash.responding import kill_at_every_step, kill_at_random

SEED = 20261124


@pytest.mark.slow
def test_a_kill_after_any_durable_step_loses_and_doubles_nothing(tmp_path: Path) -> None:
    seen = list(kill_at_every_step(tmp_path))
    assert [(step, faults) for step, faults in seen if faults] == []
    assert len(seen) > 20  # the steps of one answer, or nothing was counted


@pytest.mark.slow
def test_kills_at_random_instants_lose_and_double_nothing(tmp_path: Path) -> None:
    killed, faults = kill_at_random(tmp_path, seed=SEED, kills=20)
    assert (faults, f"seed {SEED}, {killed} kills") == ([], f"seed {SEED}, {killed} kills")
