"""`Responder.run` and `prag run`: woken by events, ended by signals, and what a dry run leaves."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

import pytest

from partitioned_rag import IndexReport, Observer, OMBox, Outcome, Responder
from partitioned_rag.responder import responder as module
from tests.cli.running import HASTY
from tests.ollama_double import Exchange as Chat
from tests.ollama_double import OllamaDouble
from tests.responder.side_by_side import wait
from tests.responder.test_queueing import queue_of
from tests.responder.test_round_trip import ASKER, OTHER, drop, outbox

T = TypeVar("T")
PATIENCE_S = 60


class Signals(Observer):
    """Lets a test wait for what is told."""

    def __init__(self) -> None:
        self.happened = threading.Condition()
        self.outcomes: list[Outcome] = []
        self.reports: list[IndexReport] = []
        self.texts: list[str] = []
        self.counts: list[dict[str, int]] = []

    def waiting(self, counts: Mapping[str, int]) -> None:
        self._keep(self.counts, dict(counts))

    def done(self, outcome: Outcome) -> None:
        self._keep(self.outcomes, outcome)

    def indexed(self, report: IndexReport) -> None:
        self._keep(self.reports, report)

    def told(self, text: str) -> None:
        self._keep(self.texts, text)

    def wait(self, until: Callable[[], bool]) -> None:
        with self.happened:
            assert self.happened.wait_for(until, PATIENCE_S)

    def _keep(self, where: list[T], what: T) -> None:
        with self.happened:
            where.append(what)
            self.happened.notify_all()


class Running:
    """A responder that runs in a thread of its own until the block ends."""

    def __init__(self, root: Path, double: OllamaDouble) -> None:
        self.seen = Signals()
        self._box = OMBox(root, "hashing", ollama_host=double.host)
        self.responder = Responder(self._box, observer=self.seen)
        self._thread = threading.Thread(target=self.responder.run)

    def __enter__(self) -> "Running":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.responder.stop()
        self._thread.join(PATIENCE_S)
        self._box.close()
        assert not self._thread.is_alive()


def test_a_message_that_comes_while_it_runs_is_answered(root: Path, double: OllamaDouble) -> None:
    with Running(root, double) as running:
        for n in range(3):
            drop(root, ASKER, f"om q{n}?", n)
            running.seen.wait(lambda n=n: len(running.seen.outcomes) == n + 1)  # type: ignore[misc]
            assert f"q{n}?" in (root / "outbox" / f"{ASKER}.txt").read_text()
            (root / "outbox" / f"{ASKER}.txt").unlink()


def test_events_alone_wake_it(
    root: Path, double: OllamaDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOOK_EVERY_S", 10 * PATIENCE_S)
    with Running(root, double) as running:
        running.seen.wait(lambda: len(running.seen.reports) == 1)  # by then it watches
        drop(root, ASKER, "om when?")
        running.seen.wait(lambda: len(running.seen.outcomes) == 1)
        drop(root, ASKER, "om and then?", 2)
        (root / "outbox" / f"{ASKER}.txt").unlink()
        running.seen.wait(lambda: len(running.seen.outcomes) == 2)


def test_where_there_are_no_events_it_looks(
    root: Path, double: OllamaDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_events(*_: object, **__: object) -> Iterator[object]:
        raise OSError("no space left for watches")

    monkeypatch.setattr("watchfiles.watch", no_events)
    with Running(root, double) as running:
        running.seen.wait(lambda: bool(running.seen.texts))
        drop(root, ASKER, "om when?")
        running.seen.wait(lambda: len(running.seen.outcomes) == 1)
    assert "now and then" in running.seen.texts[0]


def test_the_index_follows_the_folder(root: Path, double: OllamaDouble) -> None:
    with Running(root, double) as running:
        running.seen.wait(lambda: len(running.seen.reports) == 1)
        (root / "public" / "new.txt").write_text("walrus\n")
        running.seen.wait(
            lambda: any(
                each.added for report in running.seen.reports[1:] for each in report.partitions
            )
        )


def test_a_stop_gives_the_reply_at_hand_its_time_and_then_returns_it(
    root: Path, double: OllamaDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STOP_WITHIN_S", 0.2)
    gate = double.hold()
    asked = threading.Event()
    double.on_chat(lambda _: asked.set())
    drop(root, ASKER, "om when?")
    try:
        with Running(root, double):
            assert asked.wait(PATIENCE_S)
        assert outbox(root) == {}
        assert [str(each.state) for each in queue_of(root, ASKER).unfinished()] == ["received"]
    finally:
        gate.set()
    assert outbox(root) == {}


def test_a_stop_while_the_model_thinks_lets_it_finish(root: Path, double: OllamaDouble) -> None:
    drop(root, ASKER, "om when?")
    drop(root, OTHER, "om where?")
    running = Running(root, double)

    def stop(_: Chat) -> None:
        running.responder.stop()

    double.on_chat(stop)
    with running:
        running.seen.wait(lambda: bool(running.seen.outcomes))
    # The one at hand is finished, and none is begun after it.
    assert [each.state for each in running.seen.outcomes] == ["delivered"]


def test_trouble_while_it_runs_is_told_and_does_not_end_it(
    root: Path, double: OllamaDouble
) -> None:
    with Running(root, double) as running:
        running.seen.wait(lambda: len(running.seen.reports) == 1)
        queue = root / ".prag" / "partitions" / ASKER / "queue.sqlite3"
        queue.mkdir(parents=True)
        drop(root, ASKER, "om when?")
        running.seen.wait(lambda: bool(running.seen.texts))
        queue.rmdir()
        running.seen.wait(lambda: len(running.seen.outcomes) == 1)
    assert "queue" in running.seen.texts[0]


# ---------------------------------------------------------------- the command


def command(root: Path, *options: str) -> list[str]:
    prag_run = (sys.executable, "-m", "partitioned_rag", "run")
    return [*prag_run, "--box", str(root), "--embedder", "hashing", *options]


def environment(host: str) -> dict[str, str]:
    return os.environ | {"PRAG_INDEX": "", "OLLAMA_HOST": host}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_cleanly(root: Path, double: OllamaDouble, number: int) -> None:
    drop(root, ASKER, "om when?")
    with subprocess.Popen(
        command(root, "--json"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(double.host),
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        told = json.loads(process.stdout.readline())
        process.send_signal(number)
        assert (process.wait(PATIENCE_S), process.stderr.read()) == (0, "")
    assert (told["contact"], told["state"]) == (ASKER, "delivered")


@pytest.mark.parametrize("options", [(), ("--once",)], ids=["run", "once"])
def test_a_stop_does_not_wait_for_a_partition_that_is_being_indexed(
    root: Path, double: OllamaDouble, options: tuple[str, ...]
) -> None:
    """It leaves in the middle, and the next start makes good on it."""
    embedder = ("--embedder", "ollama:nomic-embed-text")
    gate = double.hold_embedding()
    drop(root, ASKER, "om when?")
    with subprocess.Popen(
        [sys.executable, "-c", HASTY, "run", "--box", str(root), *embedder, *options],
        stderr=subprocess.PIPE,
        text=True,
        env=environment(double.host),
    ) as process:
        assert process.stderr is not None
        wait(
            lambda: any(each.path == "/api/embed" for each in double.exchanges),
            lambda: f"exit code {process.poll()}",
            patience_s=PATIENCE_S,
        )
        process.send_signal(signal.SIGTERM)
        assert (process.wait(PATIENCE_S / 2), gate.is_set()) == (0, False)
        assert "the next start does it anew" in process.stderr.read()
    gate.set()
    done = subprocess.run(
        [sys.executable, "-m", "partitioned_rag", "run", "--once", "--box", str(root), *embedder],
        env=environment(double.host),
        check=False,
        timeout=PATIENCE_S,
    )
    assert (done.returncode, list(outbox(root))) == (0, [f"{ASKER}.txt"])


def once(root: Path, host: str) -> tuple[int, str]:
    """Run it for what is there now, and give its exit code and what it said."""
    done = subprocess.run(
        command(root, "--once"),
        capture_output=True,
        text=True,
        env=environment(host),
        check=False,
        timeout=PATIENCE_S,
    )
    return done.returncode, done.stderr


def test_what_is_left_though_it_could_be_answered_is_a_failure_that_says_why(
    root: Path, double: OllamaDouble
) -> None:
    drop(root, ASKER, "om when?")
    code, said = once(root, "http://127.0.0.1:1")
    assert code == 1
    assert f"note: 1 message of {ASKER} left: " in said
    assert "ollama serve" in said
    code, said = once(root, "http://127.0.0.1:1")  # too early to be tried again, and a failure
    assert (code, "could not be answered before" in said) == (1, True)
    (message,) = queue_of(root, ASKER).unfinished()
    queue_of(root, ASKER).postpone(message.id, until=0)
    assert once(root, double.host)[0] == 0


def test_what_is_left_in_the_inbox_is_a_failure_too(root: Path, double: OllamaDouble) -> None:
    (root / "contacts.toml").write_text("nobody = 1\n")
    drop(root, ASKER, "om when?")
    code, said = once(root, double.host)
    assert (code, "messages stay in the inbox" in said) == (1, True)


def test_what_waits_for_the_bridge_or_the_hour_is_told_and_no_failure(
    root: Path, double: OllamaDouble
) -> None:
    (root / "contacts.toml").write_text(f"[contacts.{ASKER}]\nmax_per_hour = 1\n")
    for n in range(2):
        drop(root, ASKER, f"om q{n}?", n)
    code, said = once(root, double.host)
    assert (code, "an earlier reply was not taken yet" in said) == (0, True)
    (root / "outbox" / f"{ASKER}.txt").unlink()
    once(root, double.host)
    (root / "outbox" / f"{ASKER}.txt").unlink()
    code, said = once(root, double.host)
    assert (code, "the limit of 1 an hour is reached" in said) == (0, True)


def test_a_dry_run_tells_all_and_leaves_all(root: Path, double: OllamaDouble) -> None:
    drop(root, ASKER, "om when does the tide turn?")
    drop(root, OTHER, "hello", 2)
    (root / "inbox" / "x.json").write_text("no json")
    os.utime(root / "inbox" / "x.json", (0, 0))
    before = sorted(path.name for path in (root / "inbox").iterdir())
    done = subprocess.run(
        command(root, "--dry-run", "--json"),
        capture_output=True,
        text=True,
        env=environment(double.host),
        check=True,
        timeout=PATIENCE_S,
    )
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert [each["outcome"] for each in told] == ["delivered", "ignored", "quarantined"]
    assert "when does the tide turn?" in told[0]["text"]
    assert sorted(path.name for path in (root / "inbox").iterdir()) == before
    assert outbox(root) == {}
    assert list((root / ".prag" / "partitions").glob("*/queue.sqlite3")) == []
    assert not (root / ".prag" / "quarantine").exists()
