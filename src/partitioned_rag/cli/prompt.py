"""`prag prompt`: a question → what would be sent to the model.

Floor: street.
"""

import click

from partitioned_rag.cli import options, receipt, shapes, terminal
from partitioned_rag.errors import WorkError


@click.command("prompt", short_help="Show what would be sent to the model, and its cost.")
@options.question_argument
@options.audience_option
@options.model_options
@click.option(
    "is_raw", "--raw", is_flag=True, help="Print the text as the model sees it, control tokens too."
)
@options.reranker_option
@options.box_options
def prompt(
    *,
    question: str,
    contacts: tuple[str, ...],
    model: str | None,
    budget: int | None,
    box: str | None,
    window: int | None,
    embedder: str | None,
    reranker: str | None,
    is_raw: bool,
    as_json: bool,
) -> None:
    """Show what would be sent to the model, and its cost.

    Shows every message in full, then the window as a bar with the bill in
    tokens, then each packed chunk with its cost, then what was found and left
    out, with the reason. Has the model answer nothing. With Ollama running,
    counts are those of the model itself; without, they are estimates and say
    so. Lines are indented and folded for reading; --json has them to the
    character. A question that begins with a dash goes behind --.

    \b
    Examples:
      prag prompt "are you free on sunday?" --as 15551234567
      prag prompt "when is the shop open?" --raw
    """  # noqa: D301 — click looks for a real backspace
    with options.open_box(
        box, embedder, reranker=reranker, window=window, asks_once=True
    ) as opened:
        view = options.open_view(opened, contacts)
        made = view.prompt(question, model=model, budget=budget)
    if as_json:
        terminal.emit(shapes.encode(shapes.prompt(made)))
    elif not is_raw:
        terminal.emit(receipt.prompt(made, width=terminal.width_cells()))
    elif made.rendered is not None:
        terminal.emit(receipt.raw(made))
    else:
        raise WorkError(
            "what the model sees cannot be shown: no server tells it",
            fix="start Ollama with the model, or leave out --raw",
        )
