"""The scores as a person sees them: a table that fits, every miss with its reason, no harm."""

import io
import re
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.text import Text

from partitioned_rag.cli import scores
from partitioned_rag.cli.render import DRIVING, cells
from partitioned_rag.cli.score_table import drawn
from partitioned_rag.evaluation.scoring import (
    BUDGETS_TOKENS,
    CUTOFFS,
    Evaluation,
    Evidence,
    Missing,
    Question,
    QuestionResult,
)
from partitioned_rag.values import CountKind

WIDTH = 80


def a_result(evidence: Iterable[Evidence], *, text: str = "why?") -> QuestionResult:
    return QuestionResult(
        question=Question(text=text, contact="friend", phrases=("p",)),
        evidence=tuple(evidence),
        recall_at=tuple((k, 1.0) for k in CUTOFFS),
        recall_within=tuple((budget, 1.0) for budget in BUDGETS_TOKENS),
        reciprocal_rank=1.0,
    )


def an_evaluation(*results: QuestionResult, name: str = "mine", recall: float = 1.0) -> Evaluation:
    return Evaluation(
        setting=name,
        results=results,
        recall_at=tuple((k, recall) for k in CUTOFFS),
        recall_within=tuple((budget, recall) for budget in BUDGETS_TOKENS),
        reciprocal_rank=recall,
        count=CountKind.ESTIMATED,
        margin=0.15,
    )


FOUND = a_result([Evidence(phrase="a", sources=(), rank=1)])


def test_a_row_for_each_setting_within_eighty_columns() -> None:
    shown = scores.plain([an_evaluation(FOUND, recall=1 / 3), an_evaluation(FOUND, name="n" * 99)])
    assert shown.splitlines()[:2] == [
        "recall in %          @1     @5    @10    512  1,024  2,048  4,096    MRR",
        "mine               33.3   33.3   33.3   33.3   33.3   33.3   33.3  0.333",
    ]
    assert "n…" in shown
    assert max(map(cells, shown.splitlines())) <= WIDTH


def test_what_the_numbers_are_is_said_and_that_nothing_was_missed() -> None:
    shown = scores.below([an_evaluation(FOUND)], width=WIDTH)
    assert "1 question: " in shown
    assert "estimated, 15% on top" in shown
    assert shown.endswith("\nmine: nothing was missed\n")


@pytest.mark.parametrize(
    ("piece", "said"),
    [
        (
            Evidence(phrase="the key", sources=(), rank=17, missed=Missing.RANKED_LOW),
            "found at rank 17: “the key”",
        ),
        (
            Evidence(phrase="", sources=("public/a",), rank=17, missed=Missing.RANKED_LOW),
            "found at rank 17: public/a",
        ),
        (
            Evidence(phrase="the key", sources=("public/a",), missed=Missing.NOT_FOUND),
            "not found, though it is there: “the key”",
        ),
        (
            Evidence(phrase="the key", sources=(), missed=Missing.PHRASE_NOT_THERE),
            "the phrase stands in nothing that the asker may read: “the key”",
        ),
        (
            Evidence(phrase="the key", sources=("public/a", "b"), missed=Missing.PHRASE_NOT_THERE),
            "the phrase does not stand in public/a or b: “the key”",
        ),
        (
            Evidence(phrase="the key", sources=("x/a",), missed=Missing.SOURCE_NOT_THERE),
            "the source is not among what the asker may read: x/a",
        ),
        (
            Evidence(
                phrase="",
                sources=("public/a",),
                missed=Missing.SOURCE_SKIPPED,
                detail="encrypted",
            ),
            "the source is skipped (encrypted): public/a",
        ),
    ],
)
def test_every_miss_is_listed_with_its_reason(piece: Evidence, said: str) -> None:
    assert scores.why(piece) == said
    shown = scores.below([an_evaluation(FOUND, a_result([piece], text="where?"))], width=WIDTH)
    assert "mine: 1 question missed in the first 10 hits" in shown
    assert f"\n  friend: “where?”\n    {said}\n" in shown


def test_of_other_settings_it_is_said_how_many_they_miss() -> None:
    missed = a_result([Evidence(phrase="a", sources=(), missed=Missing.NOT_FOUND)])
    shown = scores.below([an_evaluation(FOUND), an_evaluation(missed, name="other")], width=WIDTH)
    assert shown.endswith("\nother: 1 question missed; --json lists them\n")


texts = st.text(st.one_of(st.characters(), st.sampled_from("\n\t\x1b日é")), max_size=200)


@given(texts, texts.filter(bool), st.sampled_from(list(Missing)))
def test_no_text_drives_the_terminal_or_begins_a_line(
    text: str, source: str, missed: Missing
) -> None:
    piece = Evidence(phrase=text, sources=(source,), rank=11, missed=missed, detail="empty")
    told = [an_evaluation(a_result([piece], text=text), name="m")]
    for shown in (scores.plain(told), scores.below(told, width=WIDTH)):
        assert not DRIVING.search(shown.replace("\n", ""))
        assert all(re.match("m|recall|1 question|so many|  |$", line) for line in shown.split("\n"))
        assert max(map(cells, shown.split("\n"))) <= WIDTH


def test_on_a_terminal_the_table_says_the_same_and_the_best_stands_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    told = [an_evaluation(FOUND, recall=0.5), an_evaluation(FOUND, name="other", recall=0.25)]
    shown = drawn(scores.table(told), width=WIDTH)
    told_plainly = Text.from_ansi(shown).plain
    assert [line.split() for line in told_plainly.splitlines() if "%" not in line] != []
    for row in scores.table(told):
        assert any(line.split() == " ".join(row).split() for line in told_plainly.splitlines()), (
            told_plainly
        )
    assert "\x1b[1m50.0" in shown.replace(" ", "") or "\x1b[1m 50.0" in shown
    assert "\x1b[1m25.0" not in shown
    assert max(map(cells, told_plainly.splitlines())) <= WIDTH


def test_no_color_and_a_dumb_terminal_are_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = scores.table([an_evaluation(FOUND), an_evaluation(FOUND, name="other", recall=0.25)])
    monkeypatch.setenv("TERM", "dumb")
    assert "\x1b" not in drawn(rows, width=WIDTH)
    assert io.StringIO(drawn(rows, width=WIDTH)).readlines()
