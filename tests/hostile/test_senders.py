"""Senders that mean harm, or that a program mistook: each is one contact, or nobody.

The cases are not part of the project; where they are missing, these tests are skipped.
"""

import json
from pathlib import Path
from typing import NotRequired, TypedDict

import pytest

from partitioned_rag.identity import phone_digits

DATA = Path(__file__).parents[2].parent / "shared" / "data" / "hostile" / "senders.json"
pytestmark = pytest.mark.skipif(not DATA.is_file(), reason=f"needs the hostile senders in {DATA}")


class Case(TypedDict):
    id: str
    sender: object
    expect: str
    digits: NotRequired[str]
    needs: NotRequired[str]


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    read: list[Case] = json.loads(DATA.read_text(encoding="utf-8"))["cases"]
    return read


def needs_aliases(case: Case) -> bool:
    """Say whether a case is about a name that the owner gave a contact: there are none yet."""
    return case.get("needs") == "aliases"


def meant(case: Case) -> str | None:
    """Say whom a sender is; what is no string never gets as far as `identity`."""
    sender = case["sender"]
    return phone_digits(sender) if isinstance(sender, str) else None


def test_each_sender_is_one_contact_or_nobody(cases: list[Case]) -> None:
    judged = [case for case in cases if not needs_aliases(case)]
    wrong = {
        case["id"]: (case["sender"], meant(case))
        for case in judged
        if meant(case) != (case["digits"] if case["expect"] == "contact" else None)
    }
    assert wrong == {}
    assert {case["expect"] for case in judged} == {"contact", "quarantine"}


def test_what_needs_an_alias_is_left_out_here_and_is_not_all(cases: list[Case]) -> None:
    left_out = [case for case in cases if needs_aliases(case)]
    assert 0 < len(left_out) < len(cases) / 4
    # Without aliases, none of them may become the number of somebody.
    assert [case["id"] for case in left_out if meant(case) is not None] == []
