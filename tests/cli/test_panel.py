"""The panel of `prag run`: what was told is shown, harmless and within the terminal."""

import contextlib
import fcntl
import io
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console, ConsoleDimensions

from partitioned_rag.cli.panel import Panel, look_for
from partitioned_rag.cli.render import DRIVING, cells
from partitioned_rag.cli.scene import OUTCOMES_KEPT, TAIL_CHARS, Making, Scene, drawn
from partitioned_rag.responder.observer import Outcome
from partitioned_rag.values import IndexReport, PartitionId, PartitionReport
from tests.cli.running import BINARY, HASTY, NO_OLLAMA, PATIENCE_S, PHONE
from tests.ollama_double import OllamaDouble
from tests.responder.side_by_side import wait

NOW = 1_772_366_400.0


def outcome(contact: str = PHONE, id: str = "1f", **more: object) -> Outcome:  # noqa: A002
    return Outcome(**({"contact": contact, "id": id, "state": "delivered", "total_s": 3.2} | more))  # type: ignore[arg-type]


def shown(scene: Scene, width: int = 80, height: int = 24) -> str:
    return "\n".join(drawn(scene, width=width, height=height, now=NOW))


# ---------------------------------------------------------------- what is drawn


def test_before_anything_is_told_it_says_so_and_how_to_end_it() -> None:
    assert shown(Scene()) == (
        "prag run 0 answered, 0 failed\n"
        "index    being brought up to date\n"
        "ollama   being asked\n"
        "waiting  nobody\n"
        "Ctrl-C ends it; a reply that is being made has ten seconds"
    )


def test_an_end_that_was_asked_for_is_shown() -> None:
    assert shown(Scene(is_ending=True)).endswith(
        "\nending: a reply that is being made has ten seconds"
    )


def test_the_index_is_shown_with_its_first_error() -> None:
    report = IndexReport(
        box="/box",
        partitions=(
            PartitionReport(id=PartitionId("public"), sources=2, chunks=5),
            PartitionReport(id=PartitionId(PHONE), sources=1, chunks=1, error="the disk is full"),
        ),
        skipped=(),
        seconds=0.42,
        contacts_error="contacts.toml is broken",
    )
    text = shown(Scene(indexed=(NOW, report)))
    assert "3 sources, 6 chunks, in 0.4 s at " in text
    assert "; 2 errors: the disk is full" in text


def test_of_many_who_wait_those_with_most_messages_are_named_and_the_rest_counted() -> None:
    waiting = {f"contact {n:02}": n + 1 for n in range(40)}
    line = shown(Scene(waiting=waiting)).splitlines()[3]
    assert line.startswith("waiting  contact 39 40, contact 38 39, ")
    named = len(re.findall(r"contact \d\d \d+", line))
    assert line.endswith(f" and {40 - named} more")
    assert cells(line) <= 80


def test_of_a_reply_the_last_lines_are_shown() -> None:
    scene = Scene(making={PHONE: Making(id="1f", began_at=NOW - 7)})
    for n in range(5000):
        scene.say(PHONE, f"line {n}\n")
    text = shown(scene)
    assert f"reply    to {PHONE}, 7 s" in text
    assert "  line 4999" in text
    assert "  line 4900" not in text
    assert len(scene.making[PHONE].tail) <= TAIL_CHARS
    scene.withdraw(PHONE)
    assert "line" not in shown(scene)


def test_what_is_done_is_no_reply_any_more_and_stands_among_the_last() -> None:
    scene = Scene(making={PHONE: Making(id="1f", began_at=NOW)})
    scene.finish(outcome(id="another", state="failed", reason="too old", total_s=0.0), now=NOW)
    assert "reply  " in shown(scene)
    scene.finish(outcome(), now=NOW)
    text = shown(scene)
    assert "reply  " not in text
    assert f"{PHONE}           delivered in 3.2 s" in text
    assert f"{PHONE}           failed: too old" in text
    assert "1 answered, 1 failed" in text


def test_of_what_is_done_the_newest_stay_and_the_memory_does_not_grow() -> None:
    scene = Scene()
    for n in range(10 * OUTCOMES_KEPT):
        scene.finish(outcome(id=str(n), reason=f"message {n}"), now=NOW)
    text = shown(scene, height=12)
    assert len(scene.outcomes) == OUTCOMES_KEPT
    assert len(text.splitlines()) == 12
    assert f"message {10 * OUTCOMES_KEPT - 1}" in text


TEXTS = st.text(st.characters() | st.sampled_from("\x1b\n\r\u202e\ud800日\t "), max_size=200)
SCENES = st.builds(
    Scene,
    ollama=TEXTS,
    waiting=st.dictionaries(TEXTS, st.integers(1, 10**6)),
    making=st.dictionaries(TEXTS, st.builds(Making, id=TEXTS, began_at=st.just(NOW), tail=TEXTS)),
    remarks=st.lists(st.tuples(st.just(NOW), TEXTS), max_size=3),
    outcomes=st.lists(
        st.tuples(st.just(NOW), st.builds(Outcome, contact=TEXTS, id=TEXTS, state=TEXTS)),
        max_size=30,
    ),
    is_ending=st.booleans(),
)


@given(SCENES, st.integers(1, 120), st.integers(1, 60))
def test_whatever_is_told_the_screen_is_not_left_and_the_terminal_not_driven(
    scene: Scene, width: int, height: int
) -> None:
    lines = drawn(scene, width=width, height=height, now=NOW)
    assert len(lines) <= max(8, height)
    assert all(cells(line) <= max(20, width) for line in lines)
    assert not any(DRIVING.search(line) for line in lines)
    assert lines[-1].startswith(("Ctrl-C", "ending"))


# ---------------------------------------------------------------- the panel at work


class Screen(io.StringIO):
    """A terminal that remembers what was drawn, and counts how often."""

    def __init__(self) -> None:
        super().__init__()
        self.frames = 0

    def flush(self) -> None:
        self.frames += 1
        super().flush()


class Window(Console):
    """What a screen is seen through; counts how often its size was asked for, once a look."""

    def __init__(self, screen: io.StringIO) -> None:
        super().__init__(file=screen, force_terminal=True, color_system=None)
        self.rows, self.looks = 16, 0

    @property  # type: ignore[misc]
    def size(self) -> ConsoleDimensions:
        self.looks += threading.current_thread().name == "prag-panel"
        return ConsoleDimensions(60, self.rows)


def panel(screen: io.StringIO, ask: Callable[[], str] = lambda: "running") -> Panel:
    return Panel(ask=ask, console=Window(screen))


def wait_until(held: Callable[[], bool], screen: io.StringIO) -> None:
    give_up_at = time.monotonic() + PATIENCE_S
    while not held():
        assert time.monotonic() < give_up_at, screen.getvalue()
        time.sleep(0.02)


def test_what_the_responder_tells_is_drawn_and_the_terminal_given_back() -> None:
    screen = Screen()
    with panel(screen) as drawing:
        told = drawing.observer
        told.begun(PHONE, "1f")
        told.said(PHONE, "the tide\x1b[2J turns")
        told.waiting({PHONE: 3})
        wait_until(lambda: "the tide\\x1b[2J turns" in screen.getvalue(), screen)
        assert f"{PHONE} 3" in screen.getvalue()
        told.done(outcome())
        told.told("contacts.toml is broken")
        wait_until(lambda: "note: contacts.toml is broken" in screen.getvalue(), screen)
        told.end()
        wait_until(lambda: "ending: " in screen.getvalue(), screen)
    assert screen.getvalue().count("\x1b[?1049h") == screen.getvalue().count("\x1b[?1049l") == 1
    assert screen.getvalue().rindex("\x1b[?25h") > screen.getvalue().rindex("\x1b[?25l")


def test_little_is_drawn_where_much_changes() -> None:
    screen = Screen()
    with panel(screen) as drawing:
        wait_until(lambda: "running" in screen.getvalue(), screen)
        before, began = screen.frames, time.monotonic()
        for n in range(20_000):
            drawing.observer.said(PHONE, str(n))
            drawing.observer.waiting({PHONE: n})
        wait_until(lambda: f"{PHONE} 19999" in screen.getvalue(), screen)
        assert screen.frames - before <= 2 + 4 * (1 + time.monotonic() - began)


def test_what_changes_nothing_is_not_drawn_and_another_size_is() -> None:
    screen = Screen()
    window = Window(screen)
    with Panel(ask=lambda: "running", console=window) as drawing:
        wait_until(lambda: "running" in screen.getvalue(), screen)
        drawn_before, looked_before = screen.frames, window.looks

        def has_looked() -> bool:
            drawing.observer.waiting({})
            return window.looks > looked_before + 12

        wait_until(has_looked, screen)
        assert screen.frames == drawn_before
        window.rows = 20
        wait_until(lambda: screen.frames > drawn_before, screen)


def test_an_ollama_that_does_not_answer_holds_up_nothing() -> None:
    screen, held = Screen(), threading.Event()

    def ask() -> str:
        held.wait(PATIENCE_S)
        return "running"

    with panel(screen, ask) as drawing:
        drawing.observer.told("a mark")
        wait_until(lambda: "a mark" in screen.getvalue(), screen)
        assert "being asked" in screen.getvalue()
    held.set()


def test_a_terminal_that_is_gone_ends_the_drawing_and_nothing_else() -> None:
    class Gone(Screen):
        def flush(self) -> None:
            if self.frames > 2:
                raise OSError(5, "Input/output error")
            super().flush()

    screen = Gone()
    with panel(screen) as drawing:
        for n in range(5):
            drawing.observer.told(str(n))
        wait_until(lambda: not drawing.is_drawing, screen)
        drawing.observer.told("nobody sees it")


def test_ollama_is_asked_for_the_model() -> None:
    with OllamaDouble() as double:
        assert look_for("gemma4", double.host) == "running, gemma4 is pulled"
        assert "`ollama pull nothing`" in look_for("nothing", double.host)
    assert "ollama serve" in look_for("gemma4", NO_OLLAMA)
    assert look_for("gemma4", "ftp://x")


# ---------------------------------------------------------------- prag run on a terminal


class Terminal:
    """A real terminal with `prag run` on it."""

    def __init__(self, env: Mapping[str, str], command: Sequence[str | Path]) -> None:
        self._ours, theirs = pty.openpty()
        self._resize(theirs, 80)
        self.process = subprocess.Popen(
            command,
            env=dict(env) | {"TERM": "xterm"},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        self.seen = ""

    def resize(self, columns: int) -> None:
        self._resize(self._ours, columns)

    @staticmethod
    def _resize(descriptor: int, columns: int) -> None:
        fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))

    def read_until(self, wanted: str) -> None:
        give_up_at = time.monotonic() + PATIENCE_S
        while wanted not in self.seen:
            assert time.monotonic() < give_up_at, self.seen
            if select.select([self._ours], [], [], 1)[0]:
                try:
                    self.seen += os.read(self._ours, 65536).decode(errors="replace")
                except OSError:  # how Linux says that nobody holds the terminal any more
                    raise AssertionError(self.seen) from None

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._ours)


@contextlib.contextmanager
def terminal(
    env: Mapping[str, str], command: Sequence[str | Path] = (BINARY, "run")
) -> Iterator[Terminal]:
    there = Terminal(env, command)
    try:
        yield there
    finally:
        there.close()


def drop(folder: Path, text: str) -> None:
    (folder / "inbox").mkdir(exist_ok=True)
    (folder / "inbox" / "a.new").write_text(json.dumps({"sender": PHONE, "text": text}))
    (folder / "inbox" / "a.new").rename(folder / "inbox" / "a.json")


def test_on_a_terminal_prag_run_shows_the_panel_and_leaves_the_terminal_as_it_was(
    env: Mapping[str, str], folder: Path
) -> None:
    with (
        OllamaDouble() as double,
        terminal(dict(env) | {"OLLAMA_HOST": double.host}) as there,
    ):
        there.read_until("gemma4 is pulled")
        there.read_until(" sources, ")
        drop(folder, "om is it sunday?")
        there.read_until("delivered in ")
        there.resize(40)
        there.seen = ""
        there.read_until("Ctrl-C ends it; a reply that is being m…")
        there.process.send_signal(signal.SIGINT)
        there.read_until("ended; `prag log`")
        assert "\x1b[?1049l" in there.seen
        assert there.process.wait(PATIENCE_S) == 0
    assert (folder / "outbox" / f"{PHONE}.txt").exists()


def test_an_end_that_has_to_wait_for_a_reply_is_shown(env: Mapping[str, str], folder: Path) -> None:
    with OllamaDouble() as double, terminal(dict(env) | {"OLLAMA_HOST": double.host}) as there:
        gate = double.hold()
        drop(folder, "om is it sunday?")
        there.read_until(f"to {PHONE}, ")
        there.process.send_signal(signal.SIGTERM)
        there.read_until("ending: a reply")
        gate.set()
        there.read_until("ended; `prag log`")
        assert there.process.wait(PATIENCE_S) == 0


def test_an_end_in_the_middle_of_something_leaves_the_terminal_as_it_was(
    env: Mapping[str, str], folder: Path
) -> None:
    (folder / "public" / "new.txt").write_text("not indexed yet\n")
    with OllamaDouble() as double:
        double.hold_embedding()
        env = dict(env) | {"OLLAMA_HOST": double.host, "PRAG_EMBEDDER": "ollama:nomic-embed-text"}
        with terminal(env, [sys.executable, "-c", HASTY, "run"]) as there:
            there.read_until("gemma4 is pulled")
            wait(
                lambda: any(each.path == "/api/embed" for each in double.exchanges),
                lambda: there.seen,
                patience_s=PATIENCE_S,
            )
            there.process.send_signal(signal.SIGTERM)
            there.read_until("the next start does it anew")
            assert there.seen.rindex("\x1b[?1049l") > there.seen.rindex("\x1b[?1049h")
            assert there.seen.rindex("\x1b[?25h") > there.seen.rindex("\x1b[?25l")
            assert there.process.wait(PATIENCE_S) == 0


@pytest.mark.parametrize("elsewhere", ["a terminal that cannot draw", "a pipe"])
def test_elsewhere_there_are_lines_and_no_panel(
    env: Mapping[str, str], folder: Path, elsewhere: str
) -> None:
    drop(folder, "hello")
    ours, theirs = pty.openpty() if elsewhere.startswith("a terminal") else os.pipe()
    with subprocess.Popen(
        [BINARY, "run"],
        env=dict(env) | {"TERM": "dumb" if elsewhere.startswith("a terminal") else "xterm"},
        stderr=theirs,
        start_new_session=True,
    ) as process:
        os.close(theirs)
        said = b""
        while b" ignored" not in said:
            if not select.select([ours], [], [], PATIENCE_S)[0]:
                process.kill()
                raise AssertionError(said)
            said += os.read(ours, 65536)
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 0
        with contextlib.suppress(OSError):
            said += os.read(ours, 65536)
    os.close(ours)
    assert b"\x1b" not in said
    assert b"Ctrl-C ends it" not in said
