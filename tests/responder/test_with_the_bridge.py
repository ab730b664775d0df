"""`prag run` beside the bridge, both as they run at an owner's."""

import signal
from pathlib import Path

import pytest

from tests.ollama_double import OllamaDouble
from tests.responder.side_by_side import (
    PATIENCE_S,
    answering,
    bridging,
    make_box,
    said_by,
    unfinished,
    wait_for_all,
)

CONTACTS = 8
TRAFFIC = ("--rate", "12", "--seconds", "5", "--poll", "0.1", "--chatter", "0.2", "--seed", "7")


@pytest.mark.slow
def test_every_message_is_answered_once_and_in_order_beside_the_bridge(tmp_path: Path) -> None:
    root = make_box(tmp_path / "OMBox", contacts=CONTACTS)
    entries = tmp_path / "ledger"
    with OllamaDouble() as double, answering(root, double.host) as process:
        with bridging(root, entries, "--contacts", str(CONTACTS), *TRAFFIC):
            kept = wait_for_all(root, entries, process)
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 0, said_by(root).read_text()
    assert (kept.faults(), unfinished(root)) == ([], [])
    assert len({question.contact for question in kept.asked}) > 1
    assert not list((root / ".prag").glob("quarantine/*")), "a message was taken for none"
