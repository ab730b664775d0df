"""`prag run`: answers what a bridge drops into the inbox.

Floor: street.
"""

import signal

import click

from partitioned_rag.cli import options, shapes, terminal
from partitioned_rag.responder.observer import Observer, Outcome
from partitioned_rag.values import IndexReport


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
    as_json: bool,
) -> None:
    """Answer the messages that a bridge drops into the inbox.

    Each message in inbox/ that begins with "om" is answered by a file in
    outbox/, from public/ and the sender's own folder. Messages outlive a
    crash in a queue per contact; a file that is no message is put away in
    the index folder, under quarantine/. Ctrl-C and SIGTERM end it: a reply
    that is being made has ten seconds, and is else made at the next start.
    With --json, one object a line for each message.

    \b
    Examples:
      prag run
      prag run --once --model qwen3:4b
    """  # noqa: D301 — click looks for a real backspace
    from partitioned_rag.cli import lines  # noqa: PLC0415 — a door
    from partitioned_rag.responder.rehearsal import rehearse  # noqa: PLC0415 — a door
    from partitioned_rag.responder.responder import Responder  # noqa: PLC0415 — a door

    with options.open_box(box, embedder, window=window) as opened:
        if dry_run:
            for each in rehearse(opened, model=model):
                shape = shapes.encode(shapes.rehearsed(each))
                terminal.emit(shape if as_json else lines.rehearsed(each))
            return
        responder = Responder(
            opened, model=model, observer=_Lines(as_json=as_json), parallel=parallel
        )

        def stop(*_: object) -> None:
            if responder.stopping:  # whoever asks twice means now
                raise KeyboardInterrupt
            responder.stop()

        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, stop)
        if once:
            responder.drain()
        else:
            responder.run()


class _Lines(Observer):
    """A line for each message, and for what is the matter."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json

    def done(self, outcome: Outcome) -> None:
        if self._as_json:
            terminal.emit(shapes.encode(shapes.outcome(outcome)))
        else:
            from partitioned_rag.cli import lines  # noqa: PLC0415 — a door

            terminal.say(lines.outcome(outcome))

    def indexed(self, report: IndexReport) -> None:
        for each in report.partitions:
            if each.error:
                terminal.note(each.error)

    def told(self, text: str) -> None:
        terminal.note(text)
