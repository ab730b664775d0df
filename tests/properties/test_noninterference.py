"""Nothing that an audience may not read has any effect on what it is shown."""

from collections.abc import Iterator
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partitioned_rag.embedding.reranker import CrossEncoderReranker
from tests.byte_model import BYTES, byte_tokens
from tests.cross_encoders import make_cross_encoder
from tests.ollama_double import OllamaDouble
from tests.properties.engines import RealEngine
from tests.properties.noninterference import check_noninterference
from tests.strategies import Pair, Story, examples, sentences, stories_equal_for, worlds_equal_for

FRIEND = "friend"


@pytest.mark.slow
@examples(60)
@given(worlds_equal_for(FRIEND), sentences())
def test_neighbours_change_nothing_in_an_index_made_at_once(pair: Pair, question: str) -> None:
    check_noninterference(RealEngine, *pair, contacts=[FRIEND], question=question)


@pytest.mark.slow
@examples(60)
@given(stories_equal_for(FRIEND), sentences())
def test_neighbours_change_nothing_through_any_script_of_edits(pair: Pair, question: str) -> None:
    check_noninterference(RealEngine, *pair, contacts=[FRIEND], question=question)


@pytest.mark.slow
@examples(40)
@given(stories_equal_for("public"), sentences())
def test_the_public_at_large_feels_nothing_of_any_contact(pair: Pair, question: str) -> None:
    check_noninterference(RealEngine, *pair, contacts=[], question=question)


@pytest.mark.slow
@examples(40)
@given(stories_equal_for("public"), sentences())
def test_an_audience_of_two_feels_nothing_of_what_only_one_may_read(
    pair: Pair, question: str
) -> None:
    check_noninterference(RealEngine, *pair, contacts=[FRIEND, "mallory"], question=question)


MINE = 'owner = "Juno"\n[contacts.friend]\nname = "Pip"\naliases = ["pip@example.org"]\n'
OTHERS = st.sampled_from(
    [
        "",
        '[contacts.mallory]\nname = "Mallory"\n',
        '[contacts.mallory]\naliases = ["oscar", "frien"]\nmax_per_hour = 1\n',
        '[contacts.15551234567]\nalso = ["Pip"]\naliases = ["mallory", "p@example.org"]\n',
    ]
)


@pytest.mark.slow
@examples(20)
@given(worlds_equal_for(FRIEND), OTHERS, OTHERS, sentences())
def test_what_the_owner_writes_of_neighbours_changes_nothing(
    pair: Pair, one: str, other: str, question: str
) -> None:
    first, second = (
        Story({**story.world, "contacts.toml": (MINE + others).encode()}, story.rounds)
        for story, others in zip(pair, (one, other), strict=True)
    )
    check_noninterference(RealEngine, first, second, contacts=[FRIEND], question=question)
    check_noninterference(RealEngine, first, second, contacts=[], question=question)


@pytest.mark.slow
@examples(10)
@given(worlds_equal_for("public"), sentences())
def test_a_broken_contacts_file_changes_nothing_for_the_public(pair: Pair, question: str) -> None:
    first, second = (
        Story({**story.world, "contacts.toml": text}, story.rounds)
        for story, text in zip(pair, (MINE.encode(), b"broken"), strict=True)
    )
    check_noninterference(RealEngine, first, second, contacts=[], question=question)


@pytest.fixture(scope="module")
def double() -> Iterator[OllamaDouble]:
    with OllamaDouble(models={"gemma4:latest": BYTES}, tokens=byte_tokens) as running:
        yield running


@pytest.mark.slow
@examples(30)
@given(stories_equal_for(FRIEND), sentences())
def test_neighbours_change_nothing_where_the_model_s_own_tokens_are_counted(
    double: OllamaDouble, pair: Pair, question: str
) -> None:
    engine = partial(RealEngine, ollama_host=double.host, budget_times=8)
    check_noninterference(engine, *pair, contacts=[FRIEND], question=question)


@pytest.fixture(scope="module")
def reranker(tmp_path_factory: pytest.TempPathFactory) -> CrossEncoderReranker:
    """One that all worlds share, as all audiences of a box do."""
    return CrossEncoderReranker(make_cross_encoder(tmp_path_factory.mktemp("models") / "model"))


@pytest.mark.slow
@examples(20)
@given(stories_equal_for(FRIEND), sentences())
def test_neighbours_change_nothing_in_the_order_of_a_cross_encoder(
    reranker: CrossEncoderReranker, pair: Pair, question: str
) -> None:
    engine = partial(RealEngine, reranker=reranker)
    check_noninterference(engine, *pair, contacts=[FRIEND], question=question)
