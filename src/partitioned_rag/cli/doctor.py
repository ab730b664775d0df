"""`prag doctor`: is everything there to answer from this box?

Floor: street.
"""

import click

from partitioned_rag.cli import options, render, shapes, terminal


@click.command("doctor", short_help="Look over all that an answer needs, and say what to mend.")
@options.model_option
@options.window_option
@options.reranker_option
@options.box_options
@click.pass_context
def doctor(
    context: click.Context,
    *,
    model: str | None,
    window: int | None,
    box: str | None,
    embedder: str | None,
    reranker: str | None,
    as_json: bool,
) -> None:
    """Look over all that an answer needs, and say what to mend.

    Looks at the box, the rights and size of its index, the disk, the embedder,
    the reranker if there is one, Ollama, the model, its window, and whether
    its tokens are counted exactly, which is then compared with the server's
    own count of some fixed texts. One line each: ok, warn or fail, with what
    to do. Loads the embedder, the reranker and the model. Exit code 1 if
    anything fails.

    \b
    Examples:
      prag doctor
      prag doctor --model qwen3:4b --json
    """  # noqa: D301 — click looks for a real backspace
    with options.open_box(box, embedder, reranker=reranker, window=window) as opened:
        found = []
        for finding in opened.examine(model=model):
            found.append(finding)
            if not as_json:
                terminal.emit(render.finding(finding, width=terminal.width_cells()))
    if as_json:
        terminal.emit(shapes.encode(shapes.doctor(found)))
    if any(finding.health == "fail" for finding in found):
        context.exit(1)
