"""What goes wrong with one contact, a disk or a clock: told, survived, and nobody else's matter."""

import json
import os
import shutil
import sys
import threading
import time
from pathlib import Path

import pytest

from partitioned_rag import Observer, OMBox, Outcome, Responder, StoreError
from partitioned_rag.responder import schedule
from partitioned_rag.responder.outbox import Outbox
from partitioned_rag.responder.queue import Queue, State
from tests.ollama_double import Exchange as Chat
from tests.ollama_double import Fault, OllamaDouble
from tests.responder.test_queueing import drain, queue_of, take
from tests.responder.test_round_trip import ASKER, OTHER, drop, outbox, receipts
from tests.responder.test_running import Running


def kept(root: Path, contact: str) -> Path:
    return root / ".prag" / "partitions" / contact


# ---------------------------------------------------------------- of one contact


def test_a_damaged_queue_is_set_aside_and_holds_nobody_up(root: Path, double: OllamaDouble) -> None:
    drop(root, ASKER, "om when?")
    drain(root, double)
    take(root)
    (kept(root, ASKER) / "queue.sqlite3").write_bytes(b"no database at all" * 100)
    drop(root, ASKER, "om and now?", 2)
    drop(root, OTHER, "om when?", 2)
    told = drain(root, double)
    assert list(outbox(root)) == [f"{OTHER}.txt"]
    assert "damaged" in told.texts[0]
    assert len(list(kept(root, ASKER).glob("queue.sqlite3.damaged-*"))) == 1
    take(root)
    drain(root, double)
    assert list(outbox(root)) == [f"{ASKER}.txt"]


def test_a_file_in_place_of_a_contacts_folder_holds_nobody_up(
    root: Path, double: OllamaDouble
) -> None:
    path = drop(root, ASKER, "om when?")
    shutil.rmtree(root / ASKER)
    (root / ASKER).write_text("no folder")
    drop(root, OTHER, "om when?", 2)
    told = drain(root, double)
    assert list(outbox(root)) == [f"{OTHER}.txt"]
    assert path.exists()
    assert "cannot be made" in told.texts[0]


def test_receipts_that_cannot_be_written_hold_nobody_up_and_double_nothing(
    root: Path, double: OllamaDouble
) -> None:
    drop(root, ASKER, "om when?")
    drop(root, OTHER, "om when?", 2)
    kept(root, ASKER).mkdir(parents=True)
    (kept(root, ASKER) / "receipts").write_text("no folder")
    told = drain(root, double)
    assert set(outbox(root)) == {f"{ASKER}.txt", f"{OTHER}.txt"}
    assert "receipt" in told.texts[0]
    take(root)
    (kept(root, ASKER) / "receipts").unlink()
    drain(root, double)
    assert outbox(root) == {}
    assert len(receipts(root, ASKER)) == 1


# ---------------------------------------------------------------- of the box


def test_another_responder_is_refused_though_its_index_is_elsewhere(
    root: Path, tmp_path: Path, double: OllamaDouble
) -> None:
    refused: list[str] = []

    def begin_another(_: Chat) -> None:
        with OMBox(root, "hashing", index=tmp_path / "other") as box:
            try:
                Responder(box).drain()
            except StoreError as error:
                refused.append(error.what)

    double.on_chat(begin_another)
    drop(root, ASKER, "om when?")
    drain(root, double)
    assert refused == ["another responder answers from this OMBox"]


def test_a_ready_reply_counts_as_sent_only_in_the_outbox_it_was_put_into(
    root: Path, double: OllamaDouble
) -> None:
    drop(root, ASKER, "om when?")
    double.misbehave(Fault.HTTP_500)
    drain(root, double)
    queue = queue_of(root, ASKER)
    (message,) = queue.unfinished()
    queue.postpone(message.id, until=0)
    queue.ready(message.id, address=ASKER, outbox="another", receipt="{}")
    drain(root, double)
    assert list(outbox(root)) == [f"{ASKER}.txt"]

    drop(root, OTHER, "om when?", 2)
    double.misbehave(Fault.HTTP_500)
    drain(root, double)
    (message,) = queue_of(root, OTHER).unfinished()
    here = str((root / "outbox").stat().st_ino)
    queue_of(root, OTHER).ready(message.id, address=OTHER, outbox=here, receipt="{}")
    drain(root, double)
    assert list(outbox(root)) == [f"{ASKER}.txt"]
    assert [path.stem for path in receipts(root, OTHER)] == [message.id]


def test_a_box_that_goes_away_is_not_made_anew_and_is_answered_when_it_is_back(
    root: Path, double: OllamaDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("partitioned_rag.responder.schedule.FIRST_PAUSE_S", 0.05)
    with Running(root, double) as running:
        running.seen.wait(lambda: len(running.seen.reports) == 1)
        away = root.with_name("away")
        root.rename(away)
        drop(away, ASKER, "om when?")
        running.responder._rung.put(None)
        running.seen.wait(lambda: bool(running.seen.texts))
        assert not root.exists()
        away.rename(root)
        running.seen.wait(lambda: len(running.seen.outcomes) == 1)
    assert list(outbox(root)) == [f"{ASKER}.txt"]


def test_the_index_is_looked_over_when_it_wakes_and_not_at_every_step(
    root: Path, double: OllamaDouble
) -> None:
    listed: list[str] = []
    is_counting = True

    def note(event: str, arguments: tuple[object, ...]) -> None:
        if is_counting and event == "os.listdir" and str(arguments[0]) == str(root / ".prag"):
            listed.append(event)

    sys.addaudithook(note)  # stays for good
    for n in range(10):
        drop(root, f"1555010000{n}", "om when?", n)
    drain(root, double)
    is_counting = False
    assert len(outbox(root)) == 10
    # Twice each: as it wakes, for the view, and for the one that is compared with it.
    assert len(listed) <= 70


def test_a_queue_does_not_make_a_box_anew_that_is_gone(root: Path) -> None:
    root.rename(root.with_name("away"))
    with pytest.raises(StoreError, match="gone"):
        queue_of(root, ASKER).take_in(
            id="1", exchange="", sender=ASKER, said="om a", question="a", arrived_at=0
        )
    assert not root.exists()


def test_a_box_that_stays_away_is_looked_for_less_and_less_often(
    root: Path, double: OllamaDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The longest pause is no time in which it went well."""
    pause_s = schedule.pause_s
    failures: list[int] = []

    def note(attempts: int) -> float:
        failures.append(attempts)
        return pause_s(attempts)

    monkeypatch.setattr(schedule, "pause_s", note)
    monkeypatch.setattr(schedule, "FIRST_PAUSE_S", 0.5)
    monkeypatch.setattr(schedule, "LONGEST_PAUSE_S", 0.5)
    with Running(root, double) as running:
        running.seen.wait(lambda: len(running.seen.reports) == 1)
        root.rename(root.with_name("away"))
        running.seen.wait(lambda: 3 in failures or failures.count(1) == 3)
        root.with_name("away").rename(root)
    assert 3 in failures, f"it began anew: {failures}"


# ---------------------------------------------------------------- of a clock


def test_a_clock_that_was_ahead_silences_nobody(root: Path, double: OllamaDouble) -> None:
    (root / "contacts.toml").write_text(f"[contacts.{ASKER}]\nmax_per_hour = 1\n")
    drop(root, ASKER, "om a?")
    drain(root, double)
    (answered,) = receipts(root, ASKER)
    queue_of(root, ASKER).finish(answered.stem, State.DELIVERED, at=time.time() + 30 * 86400)
    take(root)
    drop(root, ASKER, "om b?", 2)
    drain(root, double)
    assert "b?" in take(root)[0]
    drop(root, OTHER, "om c?", 3)
    double.misbehave(Fault.HTTP_500)
    drain(root, double)
    (message,) = queue_of(root, OTHER).unfinished()
    queue_of(root, OTHER).postpone(message.id, until=time.time() + 86400)
    drain(root, double)
    assert "c?" in take(root)[0]


def test_a_half_written_file_of_a_clock_ahead_is_given_its_time(
    root: Path, double: OllamaDouble
) -> None:
    path = root / "inbox" / f"{ASKER}_1.json"
    path.write_text('{"sender": "1555')
    os.utime(path, (time.time() + 3600,) * 2)
    drain(root, double)
    assert path.exists()
    path.write_text(json.dumps({"sender": ASKER, "text": "om when?"}))
    os.utime(path, (time.time() + 3600,) * 2)
    drain(root, double)
    assert list(outbox(root)) == [f"{ASKER}.txt"]


def test_a_reply_that_was_renamed_is_not_made_again_though_syncing_fails(
    root: Path, double: OllamaDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced = Outbox.sync

    def fail(self: Outbox) -> None:
        monkeypatch.setattr(Outbox, "sync", synced)
        raise OSError(5, "the disk is failing")

    monkeypatch.setattr(Outbox, "sync", fail)
    drop(root, ASKER, "om when?")
    told = drain(root, double)
    assert "failing" in told.texts[0]
    assert len(take(root)) == 1
    drain(root, double)
    assert take(root) == []
    assert len(double.chats) == 1
    assert len(receipts(root, ASKER)) == 1


def test_an_alias_that_moves_just_before_the_reply_is_made_leaves_no_receipt_with_another(
    root: Path, double: OllamaDouble
) -> None:
    class Move(Observer):
        def begun(self, contact: str, id: str) -> None:  # noqa: A002
            (root / "contacts.toml").write_text(f'[contacts.other]\naliases = ["{ASKER}"]\n')

    for name in ("friend", "other"):
        (root / name).mkdir()
    (root / "contacts.toml").write_text(f'[contacts.friend]\naliases = ["{ASKER}"]\n')
    drop(root, ASKER, "om when?")
    with OMBox(root, "hashing", ollama_host=double.host) as box:
        Responder(box, observer=Move()).drain()
    assert not (kept(root, "friend") / "receipts").exists()
    assert len(receipts(root, "other")) == 1


def test_an_outbox_that_is_removed_is_made_again(root: Path, double: OllamaDouble) -> None:
    with Running(root, double) as running:
        running.seen.wait(lambda: len(running.seen.reports) == 1)
        (root / "outbox").rmdir()
        drop(root, ASKER, "om when?")
        running.seen.wait(lambda: len(running.seen.outcomes) == 1)
    assert list(outbox(root)) == [f"{ASKER}.txt"]


def test_a_queue_goes_with_its_folder_without_an_index(root: Path, double: OllamaDouble) -> None:
    drop(root, ASKER, "om when?")
    double.misbehave(Fault.HTTP_500)
    drain(root, double)
    shutil.rmtree(root / ASKER)
    drain(root, double)
    assert outbox(root) == {}
    assert not kept(root, ASKER).exists()


# ---------------------------------------------------------------- what stays behind


def test_nothing_that_was_said_stays_in_a_queue(root: Path, double: OllamaDouble) -> None:
    for n in range(5):
        drop(root, ASKER, f"om walrus {n}?", n)
        drain(root, double)
        take(root)
    assert queue_of(root, ASKER).unfinished() == []
    for path in kept(root, ASKER).glob("queue.sqlite3*"):
        assert b"walrus" not in path.read_bytes()
        assert path.stat().st_mode & 0o077 == 0


def test_a_thought_of_an_observer_that_fails_ends_nothing(root: Path, double: OllamaDouble) -> None:
    class Broken(Observer):
        def said(self, contact: str, text: str) -> None:
            raise RuntimeError("no terminal")

        def done(self, outcome: Outcome) -> None:
            raise RuntimeError("no terminal")

    drop(root, ASKER, "om when?")
    with OMBox(root, "hashing", ollama_host=double.host) as box:
        Responder(box, observer=Broken()).drain()
    assert queue_of(root, ASKER).waiting() == 0
    assert list(outbox(root)) == [f"{ASKER}.txt"]


def test_queues_leave_no_threads_or_files_open(root: Path, double: OllamaDouble) -> None:
    for n in range(3):
        drop(root, ASKER, f"om q{n}?", n)
    with OMBox(root, "hashing", ollama_host=double.host) as box:
        responder = Responder(box)
        responder.drain()
        take(root)
        threads, files = threading.active_count(), len(list(Path("/dev/fd").iterdir()))
        responder.drain()
        take(root)
        assert len(list(Path("/dev/fd").iterdir())) <= files
        assert threading.active_count() <= threads
    assert Queue(kept(root, ASKER)).waiting() == 1
