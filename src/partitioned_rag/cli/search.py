"""`prag search`: a question → hits.

Floor: street.
"""

import click

from partitioned_rag.cli import options, render, shapes, terminal


@click.command("search", short_help="Find what answers a question, for one audience.")
@options.question_argument
@options.audience_option
@click.option(
    "k",
    "-k",
    metavar="N",
    type=click.IntRange(1, options.MOST_HITS),
    default=10,
    show_default=True,
    help="How many hits at most.",
)
@options.reranker_option
@options.box_options
def search(
    *,
    question: str,
    contacts: tuple[str, ...],
    k: int,
    box: str | None,
    embedder: str | None,
    reranker: str | None,
    as_json: bool,
) -> None:
    """Find what answers a question, for one audience.

    Shows the best spans of what the audience may read, by words and by
    meaning: rank, score (at most 1), where it stands (source:start-end, in
    characters) and the lines with most of the question's words. Files that
    changed are read again first.
    A question that begins with a dash goes behind --.

    \b
    Examples:
      prag search "are you free on sunday?" --as 15551234567 -k 3
      prag search --json -- "--help, what was that?"
    """  # noqa: D301 — click looks for a real backspace
    with options.open_box(box, embedder, reranker=reranker, asks_once=True) as opened:
        view = options.open_view(opened, contacts)
        hits = view.search(question, k=k)
    if as_json:
        shape = shapes.search(question, view.audience, view.partitions, hits)
        terminal.emit(shapes.encode(shape))
    elif hits:
        terminal.emit(render.hits(hits, question=question, width=terminal.width_cells()))
    else:
        terminal.note("nothing found")
