"""`prag prompt`: a question → what would be sent to the model.

Floor: street.
"""

import click

from partitioned_rag.cli import options, render, shapes, terminal


@click.command("prompt", short_help="Show what would be sent to the model, and its cost.")
@options.question_argument
@options.audience_option
@options.model_options
@options.box_options
def prompt(
    *,
    question: str,
    contacts: tuple[str, ...],
    model: str | None,
    budget: int | None,
    box: str | None,
    embedder: str | None,
    as_json: bool,
) -> None:
    """Show what would be sent to the model, and its cost.

    Shows every message in full, then the bill in tokens, then what was found
    and left out, with the reason. Sends nothing and needs no Ollama. Lines are
    indented and folded for reading; --json has them to the character. A
    question that begins with a dash goes behind --.

    \b
    Examples:
      prag prompt "are you free on sunday?" --as 15551234567
      prag prompt "when is the shop open?" --budget 2000 --json
    """  # noqa: D301 — click looks for a real backspace
    with options.open_box(box, embedder) as opened:
        view = options.open_view(opened, contacts)
        made = view.prompt(question, model=model, budget=budget)
    if as_json:
        terminal.emit(shapes.encode(shapes.prompt(made)))
    else:
        terminal.emit(render.prompt(made, width=terminal.width_cells()))
