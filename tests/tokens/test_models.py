"""A model is counted as exactly as its server allows, and the count says how exactly that is."""

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partitioned_rag.errors import InputError, OllamaError
from partitioned_rag.ollama_api import Ollama
from partitioned_rag.tokens.models import DEFAULT_WINDOW_TOKENS, Models
from partitioned_rag.values import CountKind, Message, Role
from tests.byte_model import BYTES, MODEL_INFO, byte_tokens
from tests.ollama_double import BOS, Card, OllamaDouble
from tests.strategies import examples

MODEL = "gemma4"
NUM_CTX = 100_000

contents = st.text(st.characters(codec="utf-8"), min_size=1, max_size=200).map(
    lambda text: text.strip() or "x"
)
shapes = st.lists(st.sampled_from([Role.USER, Role.ASSISTANT]), max_size=6)


@st.composite
def prompts(draw: st.DrawFn) -> list[Message]:
    """A system message, some turns and the last message, without white space at their ends."""
    roles = [Role.SYSTEM, *draw(shapes), Role.USER]
    return [Message(role=role, content=draw(contents)) for role in roles]


def served(**known: object) -> OllamaDouble:
    """A server of the model whose tokens are bytes."""
    card = Card(model_info=MODEL_INFO, digest="b" * 64)
    return OllamaDouble(models={"gemma4:latest": card}, tokens=byte_tokens, **known)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def double() -> Iterator[OllamaDouble]:
    with served() as running:
        yield running


@pytest.fixture(scope="module")
def old_double() -> Iterator[OllamaDouble]:
    with served(knows_debug_render=False) as running:
        yield running


def counted_by(double: OllamaDouble, messages: Sequence[Message]) -> int:
    """What the server counts when it is asked."""
    with Ollama(double.host) as ollama:
        list(ollama.chat(MODEL, messages, num_ctx=NUM_CTX // 4, num_predict=2))
    return double.chats[-1].prompt_tokens


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tokenizers")


@examples(30)
@given(prompts())
def test_an_exact_count_is_the_server_s_to_the_token(
    double: OllamaDouble, folder: Path, messages: list[Message]
) -> None:
    with Ollama(double.host) as ollama:
        meter = Models(folder, window_tokens=None).at_hand(ollama, MODEL).meter
        assert (meter.kind, meter.margin) == (CountKind.EXACT, 0.0)
        clean = [
            Message(role=each.role, content=meter.neutralise(each.content).strip() or "x")
            for each in messages
        ]
        assert meter.cost(clean) == counted_by(double, clean)
        assert meter.render(clean) == double.chats[-1].rendered


@examples(30)
@given(prompts())
def test_a_calibrated_count_is_never_less_than_the_server_s(
    old_double: OllamaDouble, folder: Path, messages: list[Message]
) -> None:
    with Ollama(old_double.host) as ollama:
        meter = Models(folder, window_tokens=None).at_hand(ollama, MODEL).meter
        assert meter.kind is CountKind.CALIBRATED
        assert meter.margin > 0
        assert meter.render(messages) is None
        assert meter.cost(messages) >= counted_by(old_double, messages)


def test_without_a_tokenizer_counts_are_calibrated_and_without_counts_they_are_estimated(
    tmp_path: Path,
) -> None:
    messages = [
        Message(role=Role.SYSTEM, content="be brief"),
        Message(role=Role.USER, content="hi"),
    ]
    with OllamaDouble(tokens=byte_tokens) as told_nothing, Ollama(told_nothing.host) as ollama:
        calibrated = Models(tmp_path, window_tokens=None).at_hand(ollama, MODEL).meter
        assert calibrated.kind is CountKind.CALIBRATED
        assert calibrated.cost(messages) >= counted_by(told_nothing, messages)
        assert not list(tmp_path.iterdir())  # what cannot be rebuilt is not kept
    with OllamaDouble(counts_prompts=False) as silent, Ollama(silent.host) as ollama:
        estimated = Models(tmp_path, window_tokens=None).at_hand(ollama, MODEL).meter
        assert estimated.kind is CountKind.ESTIMATED
        assert estimated.margin > 0


def test_a_server_that_left_out_what_it_had_in_its_cache_is_not_believed(tmp_path: Path) -> None:
    with OllamaDouble(has_cached=0.9) as double, Ollama(double.host) as ollama:
        meter = Models(tmp_path, window_tokens=None).at_hand(ollama, MODEL).meter
        assert meter.kind is CountKind.ESTIMATED


def test_a_model_is_looked_up_once_and_its_tokenizer_read_from_disk_the_second_time(
    tmp_path: Path,
) -> None:
    def asked_for(double: OllamaDouble) -> list[object]:
        return [each.body.get("verbose") for each in double.exchanges if "show" in each.path]

    (tmp_path / "new").mkdir()
    with served() as double, Ollama(double.host) as ollama:
        models = Models(tmp_path / "new", window_tokens=None)
        first = models.at_hand(ollama, MODEL)
        assert asked_for(double).count(True) == 1
        probes = len(double.exchanges)
        models.at_hand(ollama, MODEL)
        assert [each.path for each in double.exchanges[probes:]] == ["/api/tags"]
        Models(tmp_path / "new", window_tokens=None).at_hand(ollama, MODEL)
        assert asked_for(double).count(True) == 1
        assert first.meter.kind is CountKind.EXACT


def test_another_model_under_the_same_name_is_another_model(tmp_path: Path) -> None:
    with served() as double, Ollama(double.host) as ollama:
        models = Models(tmp_path, window_tokens=None)
        assert models.at_hand(ollama, MODEL).meter.kind is CountKind.EXACT
        double.models["gemma4:latest"] = Card(digest="c" * 64)
        assert models.at_hand(ollama, MODEL).meter.kind is CountKind.CALIBRATED


@pytest.mark.parametrize(
    ("wanted", "set_in_ollama", "trained_for", "window"),
    [
        (None, None, 32_768, DEFAULT_WINDOW_TOKENS),
        (None, None, 2_048, 2_048),
        (None, 9_000, 32_768, 9_000),
        (6_000, 9_000, 32_768, 6_000),
        (50_000, None, 32_768, 32_768),
        (256, None, 32_768, 256),
    ],
)
def test_the_window_is_what_the_owner_set_and_never_more_than_the_model_learnt(
    tmp_path: Path, wanted: int | None, set_in_ollama: int | None, trained_for: int, window: int
) -> None:
    card = Card(context_length=trained_for, num_ctx=set_in_ollama)
    with OllamaDouble(models={"gemma4:latest": card}) as double, Ollama(double.host) as ollama:
        at_hand = Models(tmp_path, window_tokens=wanted).at_hand(ollama, MODEL)
        assert (at_hand.window_tokens, at_hand.longest_window_tokens) == (window, trained_for)
        assert {
            options["num_ctx"]
            for each in double.exchanges
            if isinstance(options := each.body.get("options"), dict)
        } == {window}
        assert double.loads == 1, "the model was loaded anew for another window"


def test_a_window_in_which_nothing_fits_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="at least 256"):
        Models(tmp_path, window_tokens=100)


def test_what_no_tokenizer_can_be_made_of_is_said_once_and_names_no_text(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    info = dict(MODEL_INFO) | {"tokenizer.ggml.pre": "never heard of"}
    with (
        OllamaDouble(models={"gemma4:latest": Card(model_info=info)}) as double,
        Ollama(double.host) as ollama,
        caplog.at_level(logging.WARNING, "partitioned_rag"),
    ):
        models = Models(tmp_path, window_tokens=None)
        for _ in range(3):
            models.at_hand(ollama, MODEL)
    assert len(caplog.records) == 1
    assert "never heard of" in caplog.text


def test_a_begin_marker_that_the_template_writes_itself_is_counted_once(tmp_path: Path) -> None:
    messages = [Message(role=Role.USER, content="hi")]
    with (
        OllamaDouble(
            models={"gemma4:latest": BYTES}, tokens=byte_tokens, begins_template_with=BOS
        ) as double,
        Ollama(double.host) as ollama,
    ):
        meter = Models(tmp_path, window_tokens=None).at_hand(ollama, MODEL).meter
        assert meter.kind is CountKind.EXACT
        assert meter.cost(messages) == counted_by(double, messages)


def test_a_server_that_stops_in_between_is_an_error_and_no_guess(tmp_path: Path) -> None:
    models = Models(tmp_path, window_tokens=None)
    with served() as double, Ollama(double.host) as ollama:
        meter = models.at_hand(ollama, MODEL).meter
    long = [Message(role=Role.SYSTEM, content="a")] + [
        Message(role=role, content="b") for role in [Role.USER, Role.ASSISTANT] * 9 + [Role.USER]
    ]
    with pytest.raises((OllamaError, RuntimeError)):
        meter.cost(long)
