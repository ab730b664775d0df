"""`prag run`: answers what a bridge drops into the inbox.

Floor: street.
"""

import contextlib
import logging
import os
import signal
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from partitioned_rag.cli import options, shapes, terminal
from partitioned_rag.errors import WorkError
from partitioned_rag.responder.observer import Observer, Outcome
from partitioned_rag.values import IndexReport

if TYPE_CHECKING:
    from partitioned_rag.cli.panel import Panel


GRACE_S = 1.0
"""What is still at work so long after a reply's time is over is left where it stands."""


@click.command("run", short_help="Answer the messages that a bridge drops into the inbox.")
@click.option("--once", is_flag=True, help="Answer what is there now, and end.")
@click.option(
    "--dry-run",
    is_flag=True,
    help="Show what would be answered to what is there now. Nothing is taken in or sent; the "
    "index is brought up to date, and limits by the hour are not looked at.",
)
@click.option(
    "--parallel",
    metavar="N",
    type=click.IntRange(min=1),
    default=1,
    help="Replies made at a time; more than Ollama makes (OLLAMA_NUM_PARALLEL) only wait there."
    "  [1]",
)
@options.model_option
@options.window_option
@options.reranker_option
@options.box_options
def run(
    *,
    once: bool,
    dry_run: bool,
    parallel: int,
    model: str | None,
    box: str | None,
    window: int | None,
    embedder: str | None,
    reranker: str | None,
    as_json: bool,
) -> None:
    """Answer the messages that a bridge drops into the inbox.

    Each message in inbox/ that begins with "om" is answered by a file in
    outbox/, from public/ and the sender's own folder. Messages outlive a
    crash in a queue per contact; a file that is no message is put away in
    the index folder, under quarantine/. Ctrl-C and SIGTERM end it: a reply
    that is being made has ten seconds, and is else made at the next start;
    nothing else holds up the end for longer than a second more.
    On a terminal it shows what goes on; elsewhere it says a line for each
    message, and with --json it prints one object a line. With --once, exit
    code 1 says that messages are left which could not be answered, and why;
    what only waits for the bridge, or for the hour to be over, is no failure.

    \b
    Examples:
      prag run
      prag run --once --model qwen3:4b
    """  # noqa: D301 — click looks for a real backspace
    from partitioned_rag.cli import lines  # noqa: PLC0415 — a door
    from partitioned_rag.responder.rehearsal import rehearse  # noqa: PLC0415 — a door
    from partitioned_rag.responder.responder import (  # noqa: PLC0415 — a door
        STOP_WITHIN_S,
        Responder,
    )

    panel = None
    if not (once or dry_run or as_json) and terminal.draws_stderr() and not _is_logged():
        panel = _panel(model)
    notify = panel.observer.told if panel else terminal.note
    with options.open_box(box, embedder, reranker=reranker, window=window, notify=notify) as opened:
        if dry_run:
            for each in rehearse(opened, model=model):
                shape = shapes.encode(shapes.rehearsed(each))
                terminal.emit(shape if as_json else lines.rehearsed(each))
            return
        told = _Lines(as_json=as_json)
        responder = Responder(
            opened,
            model=model,
            observer=panel.observer if panel else told,
            parallel=parallel,
        )
        told.on_reader_gone = responder.stop

        def stop(*_: object) -> None:
            if responder.stopping:  # whoever asks twice means now
                raise KeyboardInterrupt
            if panel:
                panel.observer.end()
            responder.stop()
            signal.setitimer(signal.ITIMER_REAL, STOP_WITHIN_S + GRACE_S)

        def leave(*_: object) -> None:
            try:
                if panel:
                    panel.abandon()
                terminal.say("ended in the middle of something; the next start does it anew")
            finally:  # whatever this has interrupted, such as a write to stderr
                os._exit(0)

        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, stop)
        # A partition that is being indexed holds up the end; to be killed there is safe.
        signal.signal(signal.SIGALRM, leave)
        if once:
            left = responder.drain()
            for waits in left:
                if waits.contact:  # all else was told as it was met
                    terminal.note(lines.unanswered(waits))
            if any(waits.is_trouble for waits in left):
                raise WorkError("not all messages could be answered", fix="they wait; run it again")
            return
        with panel or contextlib.nullcontext():
            responder.run()
    signal.setitimer(signal.ITIMER_REAL, 0)
    if panel:
        terminal.say("ended; `prag log` shows what became of the messages")


def _panel(model: str | None) -> "Panel":
    from partitioned_rag.cli.panel import Panel, look_for  # noqa: PLC0415 — the door of rich
    from partitioned_rag.view import DEFAULT_MODEL  # noqa: PLC0415 — a door

    host = options.ollama_host()
    return Panel(ask=lambda: look_for(model or DEFAULT_MODEL, host))


def _is_logged() -> bool:
    """Say whether `--debug` writes to stderr, which a panel would paint over."""
    return logging.getLogger("partitioned_rag").isEnabledFor(logging.DEBUG)


class _Lines(Observer):
    """A line for each message, and for what is the matter."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self.on_reader_gone: Callable[[], None] = lambda: None

    def done(self, outcome: Outcome) -> None:
        if self._as_json:
            try:
                terminal.emit(shapes.encode(shapes.outcome(outcome)))
            except (terminal.ReaderGoneError, WorkError):
                self.on_reader_gone()
        else:
            from partitioned_rag.cli import lines  # noqa: PLC0415 — a door

            terminal.say(lines.outcome(outcome))

    def indexed(self, report: IndexReport) -> None:
        for each in report.partitions:
            if each.error:
                terminal.note(each.error)

    def told(self, text: str) -> None:
        terminal.note(text)
