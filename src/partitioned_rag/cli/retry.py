"""`prag retry`: has a message answered that failed.

Floor: street.
"""

import time

import click

from partitioned_rag.cli import options, shapes, terminal


@click.command("retry", short_help="Have a message answered that failed.")
@click.argument("id", metavar="ID")
@options.box_options
def retry(
    *,
    id: str,  # noqa: A002 — its name in the shell
    box: str | None,
    embedder: str | None,
    as_json: bool,
) -> None:
    """Have a message answered that failed.

    Puts the message back into the inbox that it came by, so that a prag run
    that is at work answers it, or the next one does. ID is what prag log
    shows, or as much of it as no other message begins with, four characters
    at least. A message that was answered is refused. One that is retried
    again after it was taken from the inbox is answered again.

    \b
    Examples:
      prag retry 0123abcd
      prag retry 0123abcd --box ~/OMBox --json
    """  # noqa: D301 — click looks for a real backspace
    from partitioned_rag.responder.retrying import retry as put_back  # noqa: PLC0415 — a door

    with options.open_box(box, embedder) as opened:
        done = put_back(opened, id, stamp=time.time_ns())
    if as_json:
        terminal.emit(shapes.encode(shapes.retried(done)))
        return
    terminal.say(
        f"the message of {done.contact} lies in the inbox again ({done.path.name}); a running"
        " `prag run` answers it, or else the next one, and `prag log` then shows it under a new id"
    )
