"""How well a search did, as text for a person: a table of settings, and what was missed.

Floor: street. Pure, as `render`, and bound by the same rule: what comes from the folder begins no
line.
"""

from collections.abc import Sequence

from partitioned_rag.cli.render import MARGIN, cells, clip, hung, many, padded, visible
from partitioned_rag.evaluation.scoring import (
    CUTOFFS,
    Evaluation,
    Evidence,
    Missing,
    Question,
    QuestionResult,
    Recalls,
)

HEAD = "recall in %"
NAME_CELLS = 16
PHRASE_CELLS = 60
GUTTER = 2


def table(evaluations: Sequence[Evaluation]) -> list[list[str]]:
    """Set out what is shown of each setting, the row of heads first."""
    first = evaluations[0]
    heads = [
        HEAD,
        *(f"@{cutoff}" for cutoff, _ in first.recall_at),
        *(f"{tokens:,}" for tokens, _ in first.recall_within),
        "MRR",
    ]
    rows = [
        [
            clip(visible(each.setting), NAME_CELLS),
            *_percentages(each.recall_at),
            *_percentages(each.recall_within),
            f"{each.reciprocal_rank:.3f}",
        ]
        for each in evaluations
    ]
    return [heads, *rows]


def plain(evaluations: Sequence[Evaluation]) -> str:
    """Draw the table where nobody watches a terminal."""
    rows = table(evaluations)
    columns = [max(cells(row[at]) for row in rows) for at in range(len(rows[0]))]
    return "".join(
        padded(name, columns[0])
        + "".join(
            value.rjust(column + GUTTER) for value, column in zip(values, columns[1:], strict=True)
        )
        + "\n"
        for name, *values in rows
    )


def below(evaluations: Sequence[Evaluation], *, width: int) -> str:
    """Say what the columns are and how they were counted, and list what was missed."""
    first = evaluations[0]
    lines = [
        "",
        *hung(
            f"{many(len(first.results), 'question')}: evidence in the first so many hits, and in"
            f" the hits that fit into so many tokens ({first.count}, {first.margin:.0%} on top)",
            width=width,
            lead="",
        ),
    ]
    lines += _missed(first, width=width)
    for each in evaluations[1:]:
        lines += hung(
            f"{each.setting}: {many(len(each.missed), 'question')} missed"
            + ("; --json lists them" if each.missed else ""),
            width=width,
            lead="",
        )
    return "\n".join(lines).rstrip("\n") + "\n"


def asker(question: Question) -> str:
    """Say who asks."""
    return question.contact or "public"


def _percentages(recalls: Recalls) -> list[str]:
    return [f"{100 * share:.1f}" for _, share in recalls]


def _missed(evaluation: Evaluation, *, width: int) -> list[str]:
    name = f"{evaluation.setting}: "
    missed = evaluation.missed
    if not missed:
        return ["", *hung(f"{name}nothing was missed", width=width, lead="")]
    lines = [
        "",
        *hung(
            f"{name}{many(len(missed), 'question')} missed in the first {CUTOFFS[-1]} hits, in"
            " whole or in part:",
            width=width,
            lead="",
        ),
    ]
    for each in missed:
        lines += _one(each, width=width)
    return [*lines, ""]


def _one(result: QuestionResult, *, width: int) -> list[str]:
    question = result.question
    asked = " ".join(question.text.split())
    return [
        *hung(f"{asker(question)}: “{asked}”", width=width),
        *(
            line
            for piece in result.evidence
            if piece.missed
            for line in hung(why(piece), width=width, lead=2 * MARGIN)
        ),
    ]


def why(piece: Evidence) -> str:
    """Say in a sentence what became of a piece of evidence."""
    phrase = f"“{clip(visible(' '.join(piece.phrase.split())), PHRASE_CELLS)}”"
    sources = " or ".join(piece.sources)
    what = phrase if piece.phrase else sources
    match piece.missed:
        case Missing.RANKED_LOW:
            return f"found at rank {piece.rank}: {what}"
        case Missing.SOURCE_SKIPPED:
            return f"the source is skipped ({piece.detail}): {sources}"
        case Missing.SOURCE_NOT_THERE:
            return f"the source is not among what the asker may read: {sources}"
        case Missing.PHRASE_NOT_THERE if piece.sources:
            return f"the phrase does not stand in {sources}: {phrase}"
        case Missing.PHRASE_NOT_THERE:
            return f"the phrase stands in nothing that the asker may read: {phrase}"
        case _:
            return f"not found, though it is there: {what}"
