"""`prag run`: answers what a bridge drops into the inbox.

Floor: street.
"""

import signal
import threading

import click

from partitioned_rag.cli import options, shapes, terminal


@click.command("run", short_help="Answer the messages that a bridge drops into the inbox.")
@click.option("--once", is_flag=True, help="Answer what is there now, and end.")
@options.model_option
@options.box_options
def run(
    *,
    once: bool,
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
    the index folder, under quarantine/. Ctrl-C and SIGTERM end it when the
    message at hand is done. With --json, one object a line for each message.

    \b
    Examples:
      prag run
      prag run --once --model qwen3:4b
    """  # noqa: D301 — click looks for a real backspace
    from partitioned_rag.responder.responder import (  # noqa: PLC0415 — a door
        Outcome,
        Responder,
    )

    def tell(done: Outcome) -> None:
        if as_json:
            terminal.emit(shapes.encode(shapes.outcome(done)))
            return
        reason = f": {done.reason}" if done.reason else ""
        terminal.say(f"{done.contact or 'inbox'} {done.id} {done.state}{reason}")

    with options.open_box(box, embedder, window=window) as opened:
        responder = Responder(opened, model=model, tell=tell)
        if once:
            responder.drain()
            return
        stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
        responder.run(stop)
