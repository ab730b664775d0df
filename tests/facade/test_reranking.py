"""A box with a cross-encoder: its order, and everything else as it was without one."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from sentence_transformers import CrossEncoder

from partitioned_rag.box import OMBox
from partitioned_rag.errors import InputError
from partitioned_rag.search import JUDGED
from partitioned_rag.values import Hit
from tests.cross_encoders import make_cross_encoder
from tests.worlds import build

pytestmark = pytest.mark.slow

FRIEND = "friend"
QUESTION = "where is the key?"
THINGS = "barrel boat book bridge cake clock door drum ferry frog garden harbour".split()
WORLD = {
    f"{home}/{place}{number}.txt": f"The key number {number} is {place} the {thing}.\n".encode()
    for home, place in (("public", "behind"), (FRIEND, "under"), ("mallory", "over"))
    for number, thing in enumerate(THINGS * 2)
}

NOTHING_TO_FIND = {"public/picture.png": b"\x89PNG\r\n\x1a\n\0\0"}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_cross_encoder(tmp_path_factory.mktemp("models") / "model")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return build(WORLD, tmp_path / "OMBox")


def found(
    root: Path, model: Path | None, *contacts: str, k: int, asked: str = QUESTION
) -> list[Hit]:
    with OMBox(root, "hashing", reranker=model) as box:
        return box.view(*contacts).search(asked, k=k)


def sources(hits: Sequence[Hit]) -> list[str]:
    return [hit.source for hit in hits]


def test_the_best_of_all_readable_partitions_stand_in_the_order_of_the_model(
    root: Path, model: Path
) -> None:
    hits = found(root, model, FRIEND, k=JUDGED)
    library = CrossEncoder(str(model), device="cpu", local_files_only=True)
    theirs = {hit.source: float(library.predict([(QUESTION, hit.text)])[0]) for hit in hits}
    assert sources(hits) == sorted(theirs, key=lambda source: -theirs[source])
    assert [hit.score for hit in hits] == pytest.approx(list(theirs.values()), abs=1e-5)
    assert {hit.partition for hit in hits} == {"public", FRIEND}


def test_what_the_model_has_not_read_follows_in_the_order_it_had(root: Path, model: Path) -> None:
    many = 2 * len(THINGS) * 2
    before = found(root, None, FRIEND, k=many)
    after = found(root, model, FRIEND, k=many)
    assert len(before) == many > JUDGED
    assert sources(after) != sources(before)
    assert set(sources(after[:JUDGED])) == set(sources(before[:JUDGED]))
    assert sources(after[JUDGED:]) == sources(before[JUDGED:])
    assert [hit.rank for hit in after] == list(range(1, many + 1))
    scores = [hit.score for hit in after]
    assert scores == sorted(scores, reverse=True)
    assert all(score > 0 for score in scores[:JUDGED])
    assert all(score < 0 for score in scores[JUDGED:])


def test_fewer_hits_are_the_first_of_more(root: Path, model: Path) -> None:
    ten = found(root, model, FRIEND, k=10)
    assert len(ten) == 10
    assert found(root, model, FRIEND, k=3) == ten[:3]


def test_the_public_is_shown_the_public_alone(root: Path, model: Path) -> None:
    assert {hit.partition for hit in found(root, model, k=20)} == {"public"}


def test_a_question_too_long_for_the_model_is_answered_as_without_one(
    root: Path, model: Path
) -> None:
    asked = f"{QUESTION} {'and the garden ' * 30}"
    assert found(root, model, FRIEND, k=10, asked=asked) == found(
        root, None, FRIEND, k=10, asked=asked
    )


def test_a_prompt_is_filled_in_the_order_of_the_model(root: Path, model: Path) -> None:
    with OMBox(root, "hashing", reranker=model, ollama_host="127.0.0.1:1") as box:
        view = box.view(FRIEND)
        best = view.search(QUESTION, k=50)[0]
        assert best.source in sources(view.prompt(QUESTION, budget=300).hits)
        scores = {hit.score for hit in view.search(QUESTION, k=50)}
        assert {hit.score for hit in view.prompt(QUESTION, budget=300).hits} <= scores


def test_an_index_is_the_same_with_and_without_a_reranker(root: Path, model: Path) -> None:
    with OMBox(root, "hashing") as box:
        box.index()
    with OMBox(root, "hashing", reranker=model) as box:
        report = box.index()
    assert [(each.added, each.changed, each.note) for each in report.partitions] == [(0, 0, "")] * 3


def test_a_box_without_such_a_model_is_not_opened(root: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        OMBox(root, "hashing", reranker=tmp_path / "nothing")


@pytest.mark.parametrize(("reranked", "contents"), [(False, WORLD), (True, NOTHING_TO_FIND)])
def test_no_model_is_loaded_unless_there_is_something_to_put_in_order(
    model: Path, tmp_path: Path, contents: dict[str, bytes], *, reranked: bool
) -> None:
    root = build(contents, tmp_path / "OMBox")
    program = """
import sys
from partitioned_rag import OMBox
root, model = sys.argv[1:]
with OMBox(root, "hashing", reranker=model or None) as box:
    box.view().search("where is the key?")
print(sorted({"torch", "transformers", "sentence_transformers"} & set(sys.modules)))
"""
    ran = subprocess.run(
        [sys.executable, "-c", program, root, model if reranked else ""],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert ran.stdout == "[]\n"
