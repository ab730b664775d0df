"""`Panel`: draws what a responder tells, on a terminal that is left open.

Floor: street; the home of rich, so it is imported inside a function only. What the responder's
threads call does no more than note, under one lock; a thread of the panel's own draws, and another
asks Ollama, so that neither holds up a reply.
"""

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.text import Text

from partitioned_rag.cli.scene import Making, Scene, drawn
from partitioned_rag.errors import PragError
from partitioned_rag.responder.observer import Observer, Outcome
from partitioned_rag.values import IndexReport

FRAME_S = 0.25
# A clock that runs, and a window that was made larger or smaller, are noticed so often.
TICK_S = 1.0
ASK_EVERY_S = 10.0
# A server that runs says at once which models it has.
PATIENCE_S = 3.0


# The screen as it was before, and the cursor (xterm's control sequences 1049 and 25).
GIVE_BACK = b"\x1b[?1049l\x1b[?25h"


class Panel:
    """A context manager; while it is entered, the whole terminal is its own.

    Attributes:
        observer: For a responder. Its calls return at once, whatever the terminal does.
    """

    def __init__(self, *, ask: Callable[[], str], console: Console | None = None) -> None:
        """Draw nothing yet.

        Args:
            ask: Says how Ollama is, in a sentence; may take a while.
            console: Where to draw; stderr by default.
        """
        self.observer = _Notes()
        self._console = console or Console(stderr=True, highlight=False, markup=False, emoji=False)
        self._ask = ask
        self._closed = threading.Event()
        # Without a thread of rich's own that draws whether there is something new or not.
        self._live = Live(console=self._console, screen=True, auto_refresh=False)
        self._drawing = threading.Thread(target=self._draw, name="prag-panel", daemon=True)
        self._asking = threading.Thread(target=self._look, name="prag-panel-ollama", daemon=True)

    def __enter__(self) -> Self:
        self._live.start()
        self._drawing.start()
        self._asking.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closed.set()
        # Who asks Ollama may have to wait, and draws nothing: nobody waits for that.
        self._drawing.join()
        with contextlib.suppress(OSError):  # the terminal is gone
            self._live.stop()

    def abandon(self) -> None:
        """Give the terminal back as the process leaves. A signal's handler may call it."""
        if self._live.is_started:
            with contextlib.suppress(OSError):
                os.write(self._console.file.fileno(), GIVE_BACK)

    @property
    def is_drawing(self) -> bool:
        """Whether there is a terminal still, and this has not ended."""
        return self._drawing.is_alive()

    def _draw(self) -> None:
        shown: tuple[list[str], int, int] | None = None
        while True:
            width, height = self._console.size
            lines = self.observer.lines(width=width, height=height)
            if (lines, width, height) != shown:
                shown = (lines, width, height)
                try:
                    self._live.update(Text("\n".join(lines), no_wrap=True), refresh=True)
                except OSError:  # the terminal is gone, and replies are made all the same
                    return
            if self._closed.wait(FRAME_S):
                return
            self.observer.wait(TICK_S)

    def _look(self) -> None:
        while not self._closed.is_set():
            self.observer.found(self._ask())
            self._closed.wait(ASK_EVERY_S)


class _Notes(Observer):
    """Keeps what is told, under one lock. Threads may share it."""

    def __init__(self) -> None:
        self._scene = Scene()
        self._lock = threading.Lock()
        self._changed = threading.Event()
        self._is_ending = False

    def end(self) -> None:
        """Note that an end was asked for. A signal's handler may call it: it takes no lock."""
        self._is_ending = True

    def wait(self, timeout_s: float) -> None:
        """Wait for something new."""
        self._changed.wait(timeout_s)
        self._changed.clear()

    def lines(self, *, width: int, height: int) -> list[str]:
        """Lay out what was told so far."""
        with self._lock:
            self._scene.is_ending = self._is_ending
            return drawn(self._scene, width=width, height=height, now=time.time())

    def found(self, ollama: str) -> None:
        """Note how Ollama is."""
        with self._noting() as scene:
            scene.ollama = ollama

    def begun(self, contact: str, id: str) -> None:  # noqa: A002 — the message's
        with self._noting() as scene:
            scene.making[contact] = Making(id=id, began_at=time.time())

    def said(self, contact: str, text: str) -> None:
        with self._noting() as scene:
            scene.say(contact, text)

    def withdrawn(self, contact: str) -> None:
        with self._noting() as scene:
            scene.withdraw(contact)

    def done(self, outcome: Outcome) -> None:
        with self._noting() as scene:
            scene.finish(outcome, now=time.time())

    def waiting(self, counts: Mapping[str, int]) -> None:
        with self._noting() as scene:
            scene.waiting = dict(counts)

    def indexed(self, report: IndexReport) -> None:
        with self._noting() as scene:
            scene.indexed = (time.time(), report)

    def told(self, text: str) -> None:
        with self._noting() as scene:
            scene.remarks.append((time.time(), text))

    @contextlib.contextmanager
    def _noting(self) -> Iterator[Scene]:
        with self._lock:
            yield self._scene
        self._changed.set()


def look_for(model: str, host: str | None) -> str:
    """Say whether Ollama answers and has a model, in a sentence."""
    from partitioned_rag.ollama_api import Ollama  # noqa: PLC0415 — the door of httpx

    try:
        with Ollama(host, timeout_s=PATIENCE_S) as server:
            server.digest(model)
    except PragError as error:
        return str(error)
    return f"running, {model} is pulled"
