"""`--reranker`: every command that searches takes it, and none goes on without the one named."""

import json
from pathlib import Path
from typing import cast

import pytest

from tests.cli.running import FRIEND, Prag
from tests.cross_encoders import make_cross_encoder

pytestmark = pytest.mark.usefixtures("folder")

SEARCHING = (
    ("search", "sunday?"),
    ("prompt", "sunday?"),
    ("ask", "sunday?"),
    ("run", "--once"),
    ("eval", "questions.jsonl"),
    ("doctor",),
)


@pytest.mark.parametrize("command", SEARCHING, ids=" ".join)
def test_a_reranker_that_is_not_there_stops_each_command_that_searches(
    prag: Prag, tmp_path: Path, command: tuple[str, ...]
) -> None:
    questions = tmp_path / "questions.jsonl"
    questions.write_text('{"question": "sunday?", "source": "public/schedule.txt"}\n')
    arguments = [str(questions) if each == questions.name else each for each in command]
    missing = str(tmp_path / "nothing")
    for ran in (
        prag(*arguments, "--reranker", missing),
        prag(*arguments, PRAG_RERANKER=missing),
    ):
        said = ran.failed(2)
        assert "no such folder for the reranker" in said
        assert missing in said


@pytest.mark.slow
def test_hits_stand_in_its_order_and_nothing_else_is_said(prag: Prag, tmp_path: Path) -> None:
    model = str(make_cross_encoder(tmp_path / "model"))
    without = prag("search", "sunday?", "--as", FRIEND, "--json").json()
    ran = prag("search", "sunday?", "--as", FRIEND, "--json", "--reranker", model)
    assert ran.err == ""
    ours, theirs = (
        cast("list[dict[str, object]]", found["hits"]) for found in (ran.json(), without)
    )
    assert {hit["source"] for hit in ours} == {hit["source"] for hit in theirs}
    assert [hit["score"] for hit in ours] != [hit["score"] for hit in theirs]


@pytest.mark.slow
def test_the_doctor_says_whether_it_can_be_loaded(prag: Prag, tmp_path: Path) -> None:
    model = make_cross_encoder(tmp_path / "model")

    def finding() -> dict[str, str]:
        found = json.loads(prag("doctor", "--json", "--reranker", str(model)).out)["findings"]
        (its,) = [each for each in found if each["subject"] == "reranker"]
        return cast("dict[str, str]", its)

    assert finding() == {"subject": "reranker", "health": "ok", "detail": str(model), "fix": ""}
    (model / "model.safetensors").unlink()
    assert finding()["health"] == "fail"
    assert "model.safetensors" in finding()["fix"]
