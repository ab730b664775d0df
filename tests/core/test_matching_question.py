"""A question is read from the side of who asks."""

import pytest

from partitioned_rag.matching.question import read
from partitioned_rag.values import Names

PAIR = Names(owner="Juno", asker="Pip", also=("Pippin",))


@pytest.mark.parametrize(
    ("question", "speaker"),
    [
        ("When did Pip go to the lake?", "them"),
        ("when did pippin go?", "them"),
        ("when did PIPPIN go?", ""),
        ("What did Juno paint?", "me"),
        ("Did Juno meet Pip?", ""),
        ("when is your exam?", "me"),
        ("what did I say about the lake", "them"),
        ("did I tell you about the lake", ""),
        ("does Juno know my address", "me"),
        ("a pipe is no name", ""),
    ],
)
def test_whose_turn_is_asked_for(question: str, speaker: str) -> None:
    assert read(question, PAIR).speaker == speaker


def test_names_become_what_the_chat_calls_them() -> None:
    asked = read("Did Pippin's sister write to Juno?", PAIR)
    assert asked.embedded == "Did them's sister write to me?"
    assert asked.words == ("sister", "write")


def test_without_names_a_question_stays_as_it_is() -> None:
    asked = read("Did Pip write to Juno?", Names())
    assert (asked.embedded, asked.speaker) == ("Did Pip write to Juno?", "")
    assert asked.words == ("pip", "write", "juno")


def test_dates_are_looked_for_in_words() -> None:
    words = read("what was on 2026-03-01?", Names()).words
    assert words == ("2026", "03", "01", "1", "march")
    assert read("what happened in May?", Names()).words == ("happened", "may")


def test_a_word_that_is_also_a_name_stays_a_word() -> None:
    bill = read("when is the electricity bill due?", Names(asker="Bill"))
    # Without a capital letter nobody can tell, and a question is then read as of the name.
    assert bill.speaker == "them"
    told_apart = read("When is the electricity bill due?", Names(asker="Bill"))
    assert (told_apart.speaker, told_apart.words) == ("", ("electricity", "bill", "due"))
    assert read("Did the mason come?", Names(asker="Rob Mason")).words == ("mason", "come")


def test_a_name_may_hold_anything() -> None:
    names = Names(owner="(.*", asker="a+b", also=("",))
    assert read("a+b and (.* met", names).embedded == "them and me met"
