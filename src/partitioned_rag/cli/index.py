"""`prag index`: the folder → an index that is up to date with it.

Floor: street.
"""

from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from partitioned_rag.cli import options, render, shapes, terminal

if TYPE_CHECKING:
    from partitioned_rag.cli.progress import Bar
    from partitioned_rag.values import Progress


@click.command("index", short_help="Bring the index up to date with the folder.")
@click.argument("folder", metavar="[DIR]", required=False)
@options.box_options
@click.pass_context
def index(
    context: click.Context,
    *,
    folder: str | None,
    box: str | None,
    embedder: str | None,
    as_json: bool,
) -> None:
    """Bring the index up to date with the folder.

    DIR is the OMBox, as with --box. Says per partition how many sources and
    chunks are indexed, how many files were added, changed, renamed or removed
    since last time, and which were skipped and why. Unchanged files cost next
    to nothing. You need not run it: every question brings what it reads up to
    date first. The index is kept in .prag in the OMBox, or where $PRAG_INDEX
    says.

    \b
    Examples:
      prag index ~/OMBox
      prag index --box ~/OMBox --json > report.json
    """  # noqa: D301 — click looks for a real backspace
    names_both = folder and context.get_parameter_source("box") is ParameterSource.COMMANDLINE
    if names_both and folder != box:
        raise click.UsageError("name the OMBox once: as DIR or with --box")
    watch = _Watch()
    with options.open_box(folder or box, embedder, notify=watch.note) as opened:
        try:
            report = opened.index(progress=watch.update)
        finally:
            watch.close()
    text = render.index(report, width=terminal.width_cells())
    failures = [each.error for each in report.partitions if each.error]
    if failures:
        terminal.complain_of_a_part(text, failures)
        context.exit(1)
    terminal.emit(shapes.encode(shapes.index(report)) if as_json else text)


class _Watch:
    """Draws a progress bar where a person can see it, from the first file that is read."""

    def __init__(self) -> None:
        self._bar: Bar | None = None

    def update(self, now: "Progress") -> None:
        if self._bar is None:
            if not terminal.draws_stderr():
                return
            from partitioned_rag.cli.progress import Bar  # noqa: PLC0415 — the door of rich

            self._bar = Bar()
        self._bar.update(now)

    def note(self, text: str) -> None:
        if self._bar is None:
            terminal.note(text)
        else:
            self._bar.note(text)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()
