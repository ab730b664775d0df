"""`prag ask`: a question → the reply of the local model.

Floor: street.
"""

import click

from partitioned_rag.cli import options, receipt, render, shapes, terminal

KEPT = "\n\t"
CHANGED = "a file changed while the model was thinking"


@click.command("ask", short_help="Ask the local model, for one audience.")
@options.question_argument
@options.audience_option
@options.model_options
@options.reranker_option
@options.box_options
def ask(
    *,
    question: str,
    contacts: tuple[str, ...],
    model: str | None,
    budget: int | None,
    box: str | None,
    window: int | None,
    embedder: str | None,
    reranker: str | None,
    as_json: bool,
) -> None:
    """Ask the local model, for one audience.

    Sends what `prag prompt` shows to Ollama ($OLLAMA_HOST, else this machine)
    and prints the reply: on a terminal as it comes, into a pipe or file once
    it stands. For when the model has answered, the files that it was told of
    are checked again; if one changed, the reply is withdrawn and asked for
    anew. A question that begins with a dash goes behind --.

    \b
    Examples:
      prag ask "are you free on sunday?" --as 15551234567
      prag ask "when is the shop open?" --model qwen3:4b --json
    """  # noqa: D301 — click looks for a real backspace
    streams = terminal.shows_stdout() and not as_json
    with options.open_box(
        box, embedder, reranker=reranker, window=window, asks_once=True
    ) as opened:
        view = options.open_view(opened, contacts)
        stream = _Stream()
        try:
            answer = view.reply(
                question,
                model=model,
                budget=budget,
                on_text=stream.show if streams else None,
                on_discard=stream.withdraw if streams else _announce_withdrawal,
            )
        finally:
            stream.end()
    if as_json:
        terminal.emit(shapes.encode(shapes.ask(answer)))
        return
    if not streams:
        terminal.emit(render.visible(answer.text, keep=KEPT).rstrip("\n") + "\n")
    terminal.note(receipt.reply_summary(answer))
    if answer.cut:
        terminal.note("the reply is cut: the model stopped for length, not because it was done")


def _announce_withdrawal() -> None:
    terminal.note(f"{CHANGED}: the reply is thrown away")


class _Stream:
    """The reply as it comes, on a terminal."""

    def __init__(self) -> None:
        self._line_is_open = False

    def show(self, text: str) -> None:
        if text:
            terminal.emit(render.visible(text, keep=KEPT))
            self._line_is_open = not text.endswith("\n")

    def withdraw(self) -> None:
        self.end()
        terminal.note(f"{CHANGED}: the reply above is withdrawn")

    def end(self) -> None:
        if self._line_is_open:
            self._line_is_open = False
            terminal.emit("\n")
