"""`prag eval`: questions whose answers you know → how well they are found, and what is missed.

Floor: street.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from partitioned_rag.cli import options, render, shapes, terminal
from partitioned_rag.durable import write_whole
from partitioned_rag.errors import InputError, WorkError

if TYPE_CHECKING:
    from partitioned_rag.evaluation.scoring import Evaluation, Question

DEFAULT_QUESTIONS = 20
MOST_QUESTIONS = 1000
TELL_EVERY = 100


@click.command("eval", short_help="Measure how well your own questions are answered.")
@click.argument("file", metavar="[FILE]", required=False, type=click.Path(path_type=Path))
@click.option("--compare", is_flag=True, help="Search in every way there is, a row for each.")
@click.option(
    "--make",
    is_flag=True,
    help="Propose questions instead, about CONTACT's folder or else public/, and write them to "
    "FILE or else to stdout.",
)
@click.option(
    "contact",
    "--as",
    metavar="CONTACT",
    help="With --make: who asks, a phone number or the name of a folder.  [public alone]",
)
@click.option(
    "at_most",
    "--count",
    metavar="N",
    type=click.IntRange(1, MOST_QUESTIONS),
    help=f"With --make: how many questions at most.  [{DEFAULT_QUESTIONS}]",
)
@click.option("--overwrite", is_flag=True, help="With --make: replace FILE if it is there.")
@options.reranker_option
@options.box_options
def evaluate(
    *,
    file: Path | None,
    compare: bool,
    make: bool,
    contact: str | None,
    at_most: int | None,
    overwrite: bool,
    box: str | None,
    embedder: str | None,
    reranker: str | None,
    as_json: bool,
) -> None:
    """Measure how well your own questions are answered.

    FILE has one JSON object a line: "question", "phrase" (a text that what is
    found must hold) or "source" (the file it must come from) or both, each a
    text or a list, and "as", who asks (public, if not given). Shows how much
    of that stands in the first 1, 5 and 10 hits, and in the hits that fit into
    512 to 4096 tokens, as shares in %; how early the first of it comes (MRR,
    at most 1); and what was missed, with the reason.

    Each question is searched as the one who asks it, and no further. What
    --make proposes is made of the very words that are looked for: easy
    questions, to be edited.

    \b
    Examples:
      prag eval --make questions.jsonl --as 15551234567
      prag eval questions.jsonl --compare
    """  # noqa: D301 — click looks for a real backspace
    if make:
        if compare:
            raise click.UsageError("--make compares nothing: leave out --compare")
        with options.open_box(box, embedder) as opened:
            from partitioned_rag.evaluation.evaluating import propose  # noqa: PLC0415 — a door

            view = options.open_view(opened, () if contact is None else (contact,))
            questions = propose(view, at_most=at_most or DEFAULT_QUESTIONS)
        _give(questions, file, overwrite=overwrite, as_json=as_json)
        return
    if contact is not None or at_most is not None or overwrite:
        raise click.UsageError("--as, --count and --overwrite go with --make")
    if file is None:
        raise click.UsageError("name a file of questions, or have --make propose some")
    from partitioned_rag.evaluation.evaluating import evaluate  # noqa: PLC0415 — a door
    from partitioned_rag.evaluation.questions import read_questions  # noqa: PLC0415 — a door
    from partitioned_rag.evaluation.settings import SETTINGS  # noqa: PLC0415 — a door

    questions = read_questions(file)
    with options.open_box(box, embedder, reranker=reranker) as opened:
        for asker in dict.fromkeys(each.contact for each in questions):
            for surprise in opened.surprises(*(() if asker is None else (asker,))):
                terminal.note(surprise)
        found = evaluate(
            opened,
            questions,
            settings=SETTINGS if compare else SETTINGS[:1],
            progress=lambda done: _tell(done, len(questions)),
        )
        where = str(opened.path)
    terminal.emit(shapes.encode(shapes.evaluation(where, found)) if as_json else _shown(found))


def _tell(done: int, total: int) -> None:
    if done % TELL_EVERY == 0 and done < total:
        terminal.note(f"{done} of {total} questions searched")


def _shown(found: "Sequence[Evaluation]") -> str:
    from partitioned_rag.cli import scores  # noqa: PLC0415 — a door

    width = terminal.width_cells()
    if terminal.shows_stdout():
        from partitioned_rag.cli.score_table import drawn  # noqa: PLC0415 — the door of rich

        head = drawn(scores.table(found), width=width)
    else:
        head = scores.plain(found)
    return head + scores.below(found, width=width)


def _give(
    questions: "Sequence[Question]", file: Path | None, *, overwrite: bool, as_json: bool
) -> None:
    """Write what was proposed where it was wanted.

    Raises:
        InputError: The file is there already, or nothing could be proposed.
        WorkError: It cannot be written.
    """
    from partitioned_rag.evaluation.questions import written  # noqa: PLC0415 — a door

    if not questions:
        raise InputError(
            "there is nothing to make a question of", fix="put some text into the folder first"
        )
    if file is not None:
        if not overwrite and (file.exists() or file.is_symlink()):
            raise InputError(
                "the file is there already", where=str(file), fix="name another, or --overwrite it"
            )
        try:
            write_whole(file, written(questions).encode("utf-8"))
        except OSError as error:
            raise WorkError(
                f"the questions cannot be written: {error.strerror}", where=str(file)
            ) from error
        terminal.note(f"{render.many(len(questions), 'question')} written to {file}")
    if as_json:
        terminal.emit(shapes.encode(shapes.proposed(questions, file)))
    elif file is None:
        terminal.emit(written(questions))
