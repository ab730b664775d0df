"""A box is evaluated as each asker, with the product's own search, and explained no further."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from partitioned_rag.box import OMBox
from partitioned_rag.errors import ContactError, InputError
from partitioned_rag.evaluation.evaluating import evaluate
from partitioned_rag.evaluation.scoring import Missing, Question
from partitioned_rag.evaluation.settings import SETTINGS, Setting
from partitioned_rag.values import Hit
from partitioned_rag.view import PROMPT_HITS, View
from tests.facade.counting import CountingEmbedder
from tests.worlds import build

WORLD = {
    "public/hours.txt": b"On Sunday the shop is open from ten to four.",
    "public/locked.pdf": b"\x00",
    "friend/key.txt": b"The spare key hangs behind the barrel.",
    "mallory/cake.txt": b"The lemon cake stands on the roof.",
}
KEY = Question(text="spare key", contact="friend", phrases=("behind the barrel",))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return build(WORLD, tmp_path / "OMBox")


@pytest.fixture
def box(folder: Path) -> Iterator[OMBox]:
    with OMBox(folder, "hashing") as opened:
        yield opened


def missed(box: OMBox, question: Question) -> Missing | None:
    (evaluation,) = evaluate(box, [question])
    (result,) = evaluation.results
    (piece,) = result.evidence
    assert bool(evaluation.missed) == (piece.missed is not None)
    return piece.missed


def test_each_question_is_searched_as_the_one_who_asks_it(box: OMBox) -> None:
    assert missed(box, KEY) is None
    for contact in (None, "mallory", "15550100001"):
        question = Question(text=KEY.text, contact=contact, phrases=KEY.phrases)
        assert missed(box, question) is Missing.PHRASE_NOT_THERE


def test_another_s_source_is_not_there_just_as_one_that_nobody_has(box: OMBox) -> None:
    for source in ("mallory/cake.txt", "mallory/none.txt", "nobody/none.txt", "friend/none.txt"):
        question = Question(text="cake", contact="friend", sources=(source,))
        assert missed(box, question) is Missing.SOURCE_NOT_THERE


def test_a_source_that_is_skipped_is_said_to_be(box: OMBox) -> None:
    (evaluation,) = evaluate(box, [Question(text="x", sources=("public/locked.pdf",))])
    (piece,) = evaluation.results[0].evidence
    assert (piece.missed, piece.detail) == (Missing.SOURCE_SKIPPED, "corrupt")


def test_what_was_edited_is_found_as_it_is_now(box: OMBox, folder: Path) -> None:
    box.index()
    (folder / "friend" / "key.txt").write_text("The spare key lies under the mat.")
    assert missed(box, KEY) is Missing.PHRASE_NOT_THERE
    assert missed(box, Question(text="key", contact="friend", phrases=("under the mat",))) is None


def test_results_come_in_the_order_of_the_questions_whoever_asks(box: OMBox) -> None:
    questions = [
        KEY,
        Question(text="sunday", phrases=("ten to four",)),
        Question(text="cake", contact="mallory", phrases=("lemon",)),
        Question(text="key", contact="friend", phrases=("ten to four",)),
    ]
    told: list[int] = []
    (evaluation,) = evaluate(box, questions, progress=told.append)
    assert [each.question for each in evaluation.results] == questions
    assert told == [1, 2, 3, 4]
    alone = [evaluate(box, [each])[0].results[0] for each in questions]
    assert list(evaluation.results) == alone


def test_settings_are_compared_on_the_same_questions(box: OMBox) -> None:
    def nothing(view: View, question: str) -> list[Hit]:
        return []

    worst = Setting(name="nothing", search=nothing)
    best, none = evaluate(box, [KEY], settings=(SETTINGS[0], worst))
    assert (best.setting, none.setting) == (SETTINGS[0].name, "nothing")
    assert (best.reciprocal_rank, none.reciprocal_rank) == (1.0, 0.0)
    assert none.results[0].evidence[0].missed is Missing.NOT_FOUND


def test_the_first_setting_searches_as_a_prompt_does(folder: Path) -> None:
    for n in range(2 * PROMPT_HITS):
        (folder / "friend" / f"{n}.txt").write_text(f"The spare key number {n}.")
    with OMBox(folder, "hashing") as box:
        view = box.view("friend")
        assert SETTINGS[0].search(view, "key") == view.search("key", k=PROMPT_HITS)
        assert len(SETTINGS[0].search(view, "key")) > len(SETTINGS[1].search(view, "key"))


def test_every_setting_has_a_name_of_its_own_and_stands_in_the_docs() -> None:
    page = (Path(__file__).parents[2] / "docs" / "evaluation.md").read_text(encoding="utf-8")
    assert [each.name for each in SETTINGS if f"| `{each.name}` |" not in page] == []
    assert len({each.name for each in SETTINGS}) == len(SETTINGS)


def test_a_name_that_cannot_be_a_contact_s_fails_before_anything_is_searched(
    folder: Path,
) -> None:
    (folder / "zo\u00eb").mkdir()
    (folder / "zoe\u0308").mkdir()
    embedder = CountingEmbedder()
    refused = Question(text="x", contact="zo\u00eb", phrases=("y",))
    with OMBox(folder, embedder) as box, pytest.raises(ContactError):
        evaluate(box, [KEY, refused])
    assert embedder.questions == []


def test_no_question_is_an_error(box: OMBox) -> None:
    with pytest.raises(InputError, match="no question"):
        evaluate(box, [])


def test_a_box_with_nothing_in_it_misses_everything(tmp_path: Path) -> None:
    (tmp_path / "empty" / "public").mkdir(parents=True)
    with OMBox(tmp_path / "empty", "hashing") as box:
        assert missed(box, Question(text="x", phrases=("y",))) is Missing.PHRASE_NOT_THERE
