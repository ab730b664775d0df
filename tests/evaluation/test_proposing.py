"""Questions to start from: of the folder's own words, the same each time, and truly there."""

from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partitioned_rag.box import OMBox
from partitioned_rag.errors import InputError
from partitioned_rag.evaluation.evaluating import propose
from partitioned_rag.evaluation.proposing import proposed
from partitioned_rag.evaluation.scoring import Question, plain
from partitioned_rag.search import check_question
from partitioned_rag.values import Hit
from tests.evaluation.evidence import a_hit
from tests.strategies import FILE_NAMES, texts
from tests.worlds import build

CHAT = """\
[2026-03-01 09:00:00] them: where did I put the spare key?
[2026-03-01 09:01:00] me: It hangs behind the barrel. Do not tell the cat
[2026-03-01 09:02:00] me: did you ever find the lost umbrella?
[2026-03-01 09:03:00] them: no, it sailed away in a storm
"""
NOTES = """\
# Boats

The red one leaks at the stern.

## Where are the oars kept?
Under the bench in the long shed.
They were painted by my aunt.

- the anchor weighs eleven kilos
"""


def asked(text: str, *, source: str = "public/a.md", at_most: int = 100) -> list[Question]:
    return proposed([a_hit(text, source=source)], contact=None, at_most=at_most)


def pairs(questions: Sequence[Question]) -> list[tuple[str, str]]:
    return [(each.text, each.phrases[0]) for each in questions]


def test_in_a_chat_the_contact_asks_and_the_owner_has_answered() -> None:
    (first, *rest) = pairs(asked(CHAT, source="friend/chat.log"))
    assert first == ("where did I put the spare key?", "It hangs behind the barrel.")
    assert all("…" in text for text, _ in rest)
    assert ("did you ever find the lost …?", "did you ever find the lost umbrella?") in rest


def test_headings_and_questions_are_asked_and_what_follows_answers_them() -> None:
    found = pairs(asked(NOTES))
    assert found[:2] == [
        ("Boats", "The red one leaks at the stern."),
        ("Where are the oars kept?", "Under the bench in the long shed."),
    ]
    assert ("the … weighs eleven kilos", "the anchor weighs eleven kilos") in found


def test_the_rarest_word_of_a_sentence_is_left_out() -> None:
    text = "The harbour is cold today. The harbour is cold tonight. The zeppelin is cold tonight."
    assert ("The … is cold tonight.", "The zeppelin is cold tonight.") in pairs(asked(text))


def test_a_phrase_that_stands_in_two_places_is_not_looked_for() -> None:
    twice = [
        a_hit("The tide comes in at noon."),
        a_hit("the TIDE comes in\nat noon. More.", start=90),
    ]
    assert proposed(twice, contact=None, at_most=10) == []


def test_a_script_without_spaces_has_sentences_too() -> None:
    text = "予備の鍵は樽の後ろに掛けてあります。日曜日は店を閉めて海へ行きます。"
    assert len(asked(text)) == 2


def test_a_contact_is_asked_about_its_own_folder_where_it_has_one() -> None:
    public = a_hit("The shop opens at ten in the morning.")
    own = a_hit("The spare key hangs behind the barrel.", source="friend/a.txt")
    (question,) = proposed([public, own], contact="friend", at_most=10)
    assert (question.contact, question.sources) == ("friend", ("friend/a.txt",))
    (question,) = proposed([public], contact="friend", at_most=10)
    assert question.sources == ("public/a.txt",)


def test_what_has_no_word_asks_nothing() -> None:
    at = "[2026-03-01 09:00:00]"
    text = f"{at} them: # \u202e\n{at} me: The red one leaks at the stern.\n"
    assert all("…" in question for question, _ in pairs(asked(text)))


def test_every_source_has_its_share() -> None:
    long = " ".join(f"Sentence {n} tells of the tide." for n in range(50))
    chunks = [
        a_hit(long),
        *(a_hit(f"Only {n} boats are here.", source=f"public/{n}") for n in "bc"),
    ]
    sources = [each.sources[0] for each in proposed(chunks, contact=None, at_most=6)]
    assert sorted(sources) == ["public/a.txt"] * 4 + ["public/b", "public/c"]


def test_a_long_source_is_asked_about_from_its_beginning_to_its_end() -> None:
    long = " ".join(f"Sentence {n:03} tells of the tide." for n in range(200))
    places = [int(phrase.split()[1]) for _, phrase in pairs(asked(long, at_most=4))]
    assert places == sorted(places)
    assert [place * 4 // 200 for place in places] == [0, 1, 2, 3]


@st.composite
def chunks(draw: st.DrawFn) -> list[Hit]:
    names = draw(st.lists(st.sampled_from(FILE_NAMES), max_size=4, unique=True))
    return [a_hit(draw(texts()), source=f"public/{name}") for name in names]


@given(chunks(), st.integers(1, 30), st.randoms())
def test_whatever_stands_there_a_proposal_can_be_found_and_comes_again(
    held: list[Hit], at_most: int, random: Random
) -> None:
    first = proposed(held, contact=None, at_most=at_most)
    assert len(first) <= at_most
    for question in first:
        (phrase,), (source,) = question.phrases, question.sources
        check_question(question.text)
        assert any(hit.source == source and plain(phrase) in plain(hit.text) for hit in held)
    shuffled = list(held)
    random.shuffle(shuffled)
    assert proposed(shuffled, contact=None, at_most=at_most) == first


def test_questions_are_proposed_for_one_contact_or_the_public(tmp_path: Path) -> None:
    root = build(
        {
            "public/a.txt": b"The shop opens at ten in the morning.",
            "friend/b.txt": b"The spare key hangs behind the barrel.",
            "mallory/c.txt": b"The lemon cake stands on the roof.",
        },
        tmp_path / "OMBox",
    )
    with OMBox(root, "hashing") as box:
        assert [each.sources for each in propose(box.view())] == [("public/a.txt",)]
        (own,) = propose(box.view("friend"))
        assert (own.contact, own.sources) == ("friend", ("friend/b.txt",))
        with pytest.raises(InputError, match="one contact"):
            propose(box.view("friend", "mallory"))
        with pytest.raises(ValueError, match="at_most"):
            propose(box.view(), at_most=0)
