"""`prag log`: what became of the messages that came, one line each.

Floor: street.
"""

import re
import time
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Final

import click

from partitioned_rag.cli import options, render, terminal
from partitioned_rag.errors import StoreError, WorkError

if TYPE_CHECKING:
    from partitioned_rag.responder.reading import Receipt

LOOK_EVERY_S = 1.0
_AGE = re.compile(r"([0-9]{1,9})([smhd])")
_SECONDS: Final = (("s", 1.0), ("m", 60.0), ("h", 3600.0), ("d", 86400.0))


def moment(written: str, *, now: float) -> float:
    """Turn an age or a date into seconds since 1970; a date without a zone is of this machine's.

    Args:
        written: Such as `30m`, `2h`, `7d`, `2026-03-01` or `2026-03-01T09:30`.
        now: In seconds since 1970.

    Raises:
        ValueError: It is neither.

    >>> moment("2h", now=10_000.0), moment("1970-01-02T00:00Z", now=0.0)
    (2800.0, 86400.0)
    """
    if age := _AGE.fullmatch(written.strip()):
        return now - int(age[1]) * dict(_SECONDS)[age[2]]
    try:
        return datetime.fromisoformat(written.strip()).timestamp()
    except OverflowError as error:  # of a year that no clock here has seen
        raise ValueError from error


def _since(_context: click.Context, _parameter: click.Parameter, written: str | None) -> float:
    if written is None:
        return 0.0
    try:
        return moment(written, now=time.time())
    except ValueError as error:
        raise click.BadParameter(
            "give an age such as 30m, 2h or 7d, or a date such as 2026-03-01 or 2026-03-01T09:30"
        ) from error


@click.command("log", short_help="Show what became of the messages that came.")
@click.option(
    "contact",
    "--as",
    metavar="CONTACT",
    help="Of this contact alone: a phone number, an alias or the name of a folder.",
)
@click.option(
    "since",
    "--since",
    metavar="WHEN",
    callback=_since,
    help="From then on: an age (30m, 2h, 7d), or a date with or without a time.",
)
@click.option("--follow", is_flag=True, help="Go on showing what comes, until Ctrl-C.")
@options.box_options
def log(
    *,
    contact: str | None,
    since: float,
    follow: bool,
    box: str | None,
    embedder: str | None,
    as_json: bool,
) -> None:
    """Show what became of the messages that came.

    One line for each message that was answered or could not be, oldest
    first: when, its id, the contact, the outcome, how long the reply took,
    how many sources it quotes, the model, what was asked, and why it failed.
    With --json, the whole receipt on a line of its own. Changes nothing, and
    may run beside prag run. A receipt that cannot be read is named on stderr,
    and the exit code is then 1.

    \b
    Examples:
      prag log --since 2h
      prag log --as 15551234567 --follow --json
    """  # noqa: D301 — click looks for a real backspace
    from partitioned_rag.responder.reading import Receipts, as_line  # noqa: PLC0415 — a door

    show: Callable[[Receipt], str | None] = as_line if as_json else render.logged
    shown = unreadable = 0
    with options.open_box(box, embedder) as opened:
        receipts = Receipts(opened, contact)
        try:
            while True:
                for each in receipts.unread():
                    if isinstance(each, StoreError):
                        terminal.complain(str(each))
                        unreadable += 1
                    elif each.at >= since and (line := show(each)) is not None:
                        terminal.emit(line)
                        shown += 1
                if not follow:
                    break
                time.sleep(LOOK_EVERY_S)
        except KeyboardInterrupt:
            if not follow:
                raise
    if unreadable:
        raise click.exceptions.Exit(WorkError.exit_code)
    if not shown and not follow:
        terminal.note("nothing found")
