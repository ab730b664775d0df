"""The questions of the example, asked with the model that people use."""

import json
import shutil
from pathlib import Path

import pytest

from partitioned_rag import Missing, OMBox, evaluate, propose, read_questions
from partitioned_rag.evaluation.settings import SETTINGS

pytestmark = pytest.mark.slow
EXAMPLES = Path(__file__).parents[2] / "examples"
# Reasons that would be a fault of the file and not of the search.
OF_THE_FILE = {Missing.SOURCE_NOT_THERE, Missing.SOURCE_SKIPPED, Missing.PHRASE_NOT_THERE}


def test_what_answers_the_questions_of_the_example_is_found(tmp_path: Path) -> None:
    shutil.copytree(EXAMPLES / "OMBox", tmp_path / "OMBox", ignore=shutil.ignore_patterns(".prag"))
    questions = read_questions(EXAMPLES / "questions.jsonl")
    assert {each.contact for each in questions} >= {None, "friend", "15550100123"}
    with OMBox(tmp_path / "OMBox") as box:
        found = evaluate(box, questions, settings=SETTINGS)
        assert found == evaluate(box, questions, settings=SETTINGS)
        proposed = propose(box.view("friend"), at_most=30)
        (of_proposed,) = evaluate(box, proposed)
    for evaluation in found:
        reasons = {piece.missed for each in evaluation.results for piece in each.evidence}
        assert reasons.isdisjoint(OF_THE_FILE)
    as_a_prompt, by_vectors = found[0], found[-1]
    assert dict(as_a_prompt.recall_at)[10] >= 0.9, as_a_prompt.missed
    assert dict(as_a_prompt.recall_within)[4096] >= 0.9, as_a_prompt.missed
    assert as_a_prompt.reciprocal_rank > by_vectors.reciprocal_rank
    assert len(proposed) == 30
    assert {piece.missed for each in of_proposed.results for piece in each.evidence}.isdisjoint(
        OF_THE_FILE
    )


def test_each_line_of_the_example_is_asked_by_somebody_of_the_example() -> None:
    lines = (EXAMPLES / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    askers = {json.loads(line).get("as", "public") for line in lines if line}
    assert askers == {"public", "friend", "15550100123", "+1 555 010 0123"}
