"""The promises once more, on the model that people use."""

import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given

from partitioned_rag.box import OMBox
from partitioned_rag.embedding.embedder import Embedder
from partitioned_rag.embedding.registry import DEFAULT_EMBEDDER, open_embedder
from tests.ollama_double import OllamaDouble
from tests.properties.engines import RealEngine
from tests.properties.noninterference import check_noninterference
from tests.properties.nothing_cut import check_nothing_cut
from tests.properties.summarising import digest_of
from tests.properties.vectors import check_vectors
from tests.strategies import (
    Pair,
    examples,
    sentences,
    stories_equal_for,
    worlds,
    worlds_equal_for,
)
from tests.worlds import World

pytestmark = pytest.mark.slow
FRIEND = "friend"
PLAN = "The surprise for Ada is a week of sailing among the islands."


@pytest.fixture(scope="module")
def minilm() -> Embedder:
    """One model for all of these tests: loading it takes longer than most of them."""
    return open_embedder(DEFAULT_EMBEDDER)


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        box = Path(name) / "OMBox"
        for path, text in {
            "public/about.md": "I mend bicycles and keep a cat called Valve.\n",
            f"{FRIEND}/plans.txt": f"{PLAN}\n",
            f"{FRIEND}/dull.txt": "The tax office wants the form by the end of March.\n",
        }.items():
            (box / path).parent.mkdir(parents=True, exist_ok=True)
            (box / path).write_text(text, encoding="utf-8")
        yield box


def test_neighbours_change_not_a_byte(minilm: Embedder) -> None:
    @examples(25)
    @given(stories_equal_for(FRIEND), sentences())
    def check(pair: Pair, question: str) -> None:
        engine = partial(RealEngine, embedder=minilm)
        check_noninterference(engine, *pair, contacts=[FRIEND], question=question)

    check()


def test_vectors_are_the_same_to_the_bit_whatever_else_the_box_holds(minilm: Embedder) -> None:
    @examples(8)
    @given(worlds_equal_for(FRIEND))
    def check(pair: Pair) -> None:
        check_vectors(minilm, *pair, contact=FRIEND)

    check()


def test_whatever_was_found_is_in_the_prompt_or_on_its_receipt(minilm: Embedder) -> None:
    @examples(5)
    @given(worlds(), sentences())
    def check(world: World, question: str) -> None:
        engine = partial(RealEngine, embedder=minilm)
        check_nothing_cut(engine, world, contacts=[FRIEND], question=question, budget=400)

    check()


def test_meaning_finds_what_shares_no_word(minilm: Embedder, folder: Path) -> None:
    with OMBox(folder, minilm) as box:
        best = box.view(FRIEND).search("where will we go on the boat for her birthday?", k=1)
    assert [hit.text for hit in best] == [PLAN]


def test_what_is_deleted_or_moved_is_gone_from_the_very_next_answer(
    minilm: Embedder, folder: Path
) -> None:
    with OMBox(folder, minilm) as box:
        view = box.view(FRIEND)
        question = "sailing trip"
        assert PLAN in [hit.text for hit in view.search(question)]
        (folder / "mallory").mkdir()
        (folder / FRIEND / "plans.txt").rename(folder / "mallory" / "plans.txt")
        assert PLAN not in [hit.text for hit in view.search(question)]
        assert PLAN in [hit.text for hit in box.view("mallory").search(question)]
        (folder / "mallory" / "plans.txt").unlink()
        assert PLAN not in [hit.text for hit in box.view("mallory").search(question)]


def test_an_index_grown_by_steps_finds_as_a_fresh_one(minilm: Embedder, folder: Path) -> None:
    question = "forms for the tax office"
    with OMBox(folder, minilm) as box, tempfile.TemporaryDirectory() as anew:
        for number in range(6):
            with (folder / FRIEND / "dull.txt").open("a", encoding="utf-8") as file:
                file.write(f"\nReminder {number}: still the same form, still by March.\n")
            grown = box.view(FRIEND).search(question)
        with OMBox(folder, minilm, index=anew) as fresh:
            made_at_once = fresh.view(FRIEND).search(question)
    # Batch mates may move the last bits of a float, so near ties may stand in another order.
    assert {(hit.source, hit.start, hit.end, hit.text) for hit in grown} == {
        (hit.source, hit.start, hit.end, hit.text) for hit in made_at_once
    }
    for one, other in zip(grown, made_at_once, strict=True):
        assert one.score == pytest.approx(other.score, abs=1e-5)


def test_a_summary_goes_with_an_edit_that_nobody_indexed(folder: Path, minilm: Embedder) -> None:
    tides = "".join(f"Tide {n} comes in over the sand of the bay.\n\n" for n in range(60))
    long = folder / FRIEND / "long.txt"
    long.write_text(tides, encoding="utf-8")
    with (
        OllamaDouble(answer=digest_of) as double,
        OMBox(folder, minilm, ollama_host=double.host, window=768) as box,
    ):
        box.summarize(FRIEND)
        view = box.view(FRIEND)
        told = {
            each for each in view.prompt("sailing").summaries if each.source.endswith("long.txt")
        }
        assert told
        long.write_text(tides.replace("sand", "silt"), encoding="utf-8")
        assert not told & set(view.prompt("sailing").summaries)
