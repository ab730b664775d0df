"""`prag summarize`: what does not fit a prompt → summaries of it.

Floor: street.
"""

from typing import TYPE_CHECKING

import click

from partitioned_rag.cli import options, render, shapes, terminal

if TYPE_CHECKING:
    from partitioned_rag.values import SummaryProgress


@click.command("summarize", short_help="Summarise what does not fit a prompt.")
@click.option(
    "contacts",
    "--as",
    metavar="CONTACT",
    multiple=True,
    help="Summarise only what this contact may read.  [every partition]",
)
@options.window_option
@options.model_option
@options.box_options
@click.pass_context
def summarize(
    context: click.Context,
    *,
    contacts: tuple[str, ...],
    model: str | None,
    window: int | None,
    box: str | None,
    embedder: str | None,
    as_json: bool,
) -> None:
    """Summarise what does not fit a prompt.

    Has the local model write a few sentences about each day of a chat, and
    about each few pages of everything else, in partitions that are too large
    to stand in a prompt whole. Prompts then tell the newest of it after what
    was quoted. What has a summary costs nothing; a summary goes with the first
    change of its text. A model's summary can be wrong.

    Takes a model's time: seconds to minutes for each. Interrupted, it keeps
    what was made.

    \b
    Examples:
      prag summarize --model qwen3:4b
      prag summarize --as 15551234567 --json
    """  # noqa: D301 — click looks for a real backspace
    with options.open_box(box, embedder, window=window) as opened:
        for surprise in opened.surprises(*contacts) if contacts else ():
            terminal.note(surprise)
        report = opened.summarize(*contacts, model=model, progress=_tell)
    text = render.summarize(report, width=terminal.width_cells())
    failures = [each.error for each in report.partitions if each.error]
    if failures:
        terminal.complain_of_a_part(text, failures)
        context.exit(1)
    terminal.emit(shapes.encode(shapes.summarize(report)) if as_json else text)


def _tell(now: "SummaryProgress") -> None:
    terminal.note(f"partition {now.partition}: {now.done} of {now.total} summarised")
