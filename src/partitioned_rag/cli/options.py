"""What several commands ask for, and the environment, which is read here and nowhere else.

Floor: street.
"""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from partitioned_rag.cli import terminal

if TYPE_CHECKING:
    from partitioned_rag.box import OMBox
    from partitioned_rag.view import View

Command = TypeVar("Command", bound=Callable[..., None])

MOST_HITS = 1000


def open_box(
    box: str | None,
    embedder: str | None,
    *,
    reranker: str | None = None,
    window: int | None = None,
    asks_once: bool = False,
    notify: Callable[[str], None] = terminal.note,
) -> "OMBox":
    """Open the OMBox that the options and the environment name.

    Args:
        box: Its folder; `~/Desktop/OMBox` if that exists, else `~/OMBox`, where none is named.
        embedder: As in `OMBox`.
        reranker: As in `OMBox`.
        window: As in `OMBox`.
        asks_once: As in `OMBox`.
        notify: Told of waiting and of rebuilding.

    Raises:
        InputError, EmbedderError: As `OMBox`.
    """
    from partitioned_rag.box import OMBox  # noqa: PLC0415 — a door: `--help` needs no engine

    return OMBox(
        box or _usual_box(),
        embedder,
        index=os.environ.get("PRAG_INDEX") or None,
        ollama_host=ollama_host(),
        reranker=reranker,
        window=window,
        asks_once=asks_once,
        notify=notify,
    )


def ollama_host() -> str | None:
    """Say where the environment has Ollama."""
    return os.environ.get("OLLAMA_HOST") or None


def open_view(opened: "OMBox", contacts: Sequence[str]) -> "View":
    """Make the view of those who were named, and tell what could surprise about it.

    Raises:
        ContactError: As `OMBox.view`.
    """
    view = opened.view(*contacts)
    for surprise in opened.surprises(*contacts):
        terminal.note(surprise)
    return view


def _usual_box() -> Path:
    on_desktop = Path.home() / "Desktop" / "OMBox"
    return on_desktop if on_desktop.exists() else Path.home() / "OMBox"


# ---------------------------------------------------------------- options


def box_options(command: Command) -> Command:
    """Add what every command takes: which OMBox, which embedder, and whether to print JSON."""
    for option in (
        click.option("as_json", "--json", is_flag=True, help="Print one JSON object instead."),
        click.option(
            "--embedder",
            metavar="NAME",
            envvar="PRAG_EMBEDDER",
            help="What turns text into vectors: all-MiniLM-L6-v2, int8:all-MiniLM-L6-v2 (indexes "
            "in half the time), hashing, ollama:MODEL, or the folder of a sentence-transformers "
            "model.  [$PRAG_EMBEDDER, else all-MiniLM-L6-v2]",
        ),
        click.option(
            "--box",
            metavar="DIR",
            envvar="PRAG_BOX",
            help="The OMBox.  [$PRAG_BOX, else ~/Desktop/OMBox if there is one, else ~/OMBox]",
        ),
    ):
        command = option(command)
    return command


def reranker_option(command: Command) -> Command:
    """Add `--reranker`."""
    return click.option(
        "--reranker",
        metavar="DIR",
        envvar="PRAG_RERANKER",
        help="A cross-encoder that puts the best of what is found in order: the folder of a "
        "sentence-transformers model.  [$PRAG_RERANKER, else none]",
    )(command)


def audience_option(command: Command) -> Command:
    """Add `--as`."""
    return click.option(
        "contacts",
        "--as",
        metavar="CONTACT",
        multiple=True,
        help="Who will see the answer: a phone number or the name of a folder. Several times for "
        "several people, who read what each of them may read. Without it: public alone.",
    )(command)


def window_option(command: Command) -> Command:
    """Add `--window`."""
    return click.option(
        "--window",
        metavar="TOKENS",
        envvar="PRAG_WINDOW",
        type=click.IntRange(min=256),
        help="The model's window, prompt and reply together; another one than last time has "
        "Ollama load the model anew.  [$PRAG_WINDOW, else what Ollama has set for the model, "
        "else 4096; never more than the model was trained for]",
    )(command)


def model_option(command: Command) -> Command:
    """Add `--model`."""
    return click.option(
        "--model",
        metavar="MODEL",
        envvar="PRAG_MODEL",
        help="The Ollama model to ask.  [$PRAG_MODEL, else gemma4]",
    )(command)


def model_options(command: Command) -> Command:
    """Add what shapes a prompt: the model, its window and the budget."""
    budget = click.option(
        "--budget",
        metavar="TOKENS",
        type=click.IntRange(min=1),
        help="Tokens the prompt may take.  [the window less 512 for the reply]",
    )
    return model_option(budget(window_option(command)))


def question_argument(command: Command) -> Command:
    """Add the question, which is one argument."""
    return click.argument(
        "question", metavar="QUESTION", nargs=-1, required=True, callback=_one_question
    )(command)


def _one_question(
    _context: click.Context, _parameter: click.Parameter, words: tuple[str, ...]
) -> str:
    if len(words) > 1:
        raise click.UsageError(f"put the question in quotes: it came as {len(words)} words")
    return words[0]
