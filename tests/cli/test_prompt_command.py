"""`prag prompt`: what would be sent, what it costs, what was left out."""

from pathlib import Path
from typing import cast

import pytest

from tests.cli.running import FRIEND, Prag

pytestmark = pytest.mark.usefixtures("folder")
Rows = list[dict[str, object]]


def test_the_contract(prag: Prag) -> None:
    result = prag("prompt", "are you coming?", "--as", FRIEND, "--json").json()
    assert set(result) == {
        *("messages", "tokens", "budget", "window", "reply_reserve", "count", "margin", "bill"),
        *("whole_folder", "hits", "turns", "summaries", "omitted", "rendered"),
    }
    assert result["count"] in {"exact", "calibrated", "estimated"}
    messages = cast("Rows", result["messages"])
    assert all(set(message) == {"role", "content"} for message in messages)
    assert messages[0]["role"] == "system"
    assert "are you coming?" in str(messages[-1]["content"])
    bill = cast("list[dict[str, int]]", result["bill"])
    tokens, budget = result["tokens"], result["budget"]
    assert isinstance(tokens, int)
    assert isinstance(budget, int)
    assert sum(item["tokens"] for item in bill) == tokens <= budget
    for turn in cast("Rows", result["turns"]):
        assert set(turn) == {"source", "start", "end"}
    for each in cast("Rows", result["omitted"]):
        assert set(each) == {"source", "start", "end", "reason"}


def test_the_budget_is_the_one_given_and_what_does_not_fit_is_listed(
    prag: Prag, folder: Path
) -> None:
    for number in range(40):
        text = f"On sunday {number} the shop is open, and so on.\n" * 20
        (folder / "public" / f"{number}.txt").write_text(text)
    ran = prag("prompt", "sunday?", "--budget", "700", "--json")
    result = ran.json()
    assert result["budget"] == 700
    assert cast("int", result["tokens"]) <= 700
    assert result["omitted"]
    shown = prag("prompt", "sunday?", "--budget", "700").out
    assert f"left out ({len(cast('Rows', result['omitted']))})" in shown
    assert "of 700 tokens" in shown


def test_a_message_over_the_budget_is_refused_saying_by_how_much(prag: Prag) -> None:
    said = prag("prompt", "word " * 500, "--budget", "300", "--json").failed(2)
    assert "token" in said
    assert any(part.isdigit() for part in said.split())


def test_a_person_sees_roles_bill_and_what_was_left_out(prag: Prag) -> None:
    shown = prag("prompt", "are you coming?", "--as", FRIEND).out
    headings = [line.split()[1] for line in shown.splitlines() if line.startswith("──")]
    assert headings[0] == "system"
    assert "user" in headings
    assert "bill" in headings
    assert max(map(len, shown.splitlines())) <= 80
