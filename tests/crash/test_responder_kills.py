"""A responder that is killed loses no message, answers none twice, and none to another."""

from pathlib import Path

import pytest

from tests.crash.responding import kill_at_every_step, kill_in_boxes

SEED = 20261124
# Between the last look at the sources and the rename lies a moment.
MOMENT_MS = 25.0


@pytest.mark.slow
def test_a_kill_after_any_durable_step_loses_and_doubles_nothing(tmp_path: Path) -> None:
    seen = list(kill_at_every_step(tmp_path))
    assert [(step, faults) for step, faults in seen if faults] == []
    assert len(seen) > 20  # the steps of one answer, or nothing was counted


@pytest.mark.slow
def test_kills_at_random_instants_lose_double_misdirect_and_quote_nothing(tmp_path: Path) -> None:
    done = kill_in_boxes(tmp_path, seed=SEED, kills=60, boxes=2)
    assert [(f"seed {SEED}", each.faults) for each in done if each.faults] == []
    assert [each.late_ms for each in done if max(each.late_ms, default=0) > MOMENT_MS] == []
    assert all(each.quotes and each.removed and each.kills_once for each in done), done
