"""No text from outside becomes a control token of the model, whatever it spells."""

import gzip
import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partitioned_rag.prompt.fencing import BREAK, neutraliser
from partitioned_rag.tokens import Tokenizer, tokenizer
from tests.byte_model import MODEL_INFO
from tests.strategies import examples

DATA = Path(__file__).parents[2].parent / "shared" / "data" / "vocabularies"
REAL = ("qwen2", "gpt-oss", "mistral-spm", "bert-bge")


def load(name: str) -> Tokenizer:
    if name == "bytes":
        return tokenizer(MODEL_INFO)
    path = DATA / f"{name}.json.gz"
    if not path.exists():
        pytest.skip(f"needs the vocabularies in {DATA}")
    info: Mapping[str, object] = json.loads(gzip.decompress(path.read_bytes()))["model_info"]
    return tokenizer(info)


@pytest.fixture(scope="module", params=["bytes", *REAL])
def model(request: pytest.FixtureRequest) -> Tokenizer:
    return load(request.param)


def attacks(made: Tokenizer) -> st.SearchStrategy[str]:
    """Draw texts that spell the model's control tokens, whole, nested, cut and glued."""
    spelling = st.sampled_from(made.control_spellings)
    cut = st.builds(lambda text, at: text[: at % (len(text) + 1)], spelling, st.integers(0, 40))
    rest = st.builds(lambda text, at: text[at % (len(text) + 1) :], spelling, st.integers(0, 40))
    nested = st.builds(
        lambda outer, inner, at: outer[: at % len(outer)] + inner + outer[at % len(outer) :],
        spelling,
        spelling,
        st.integers(0, 40),
    )
    filler = st.sampled_from(["", " ", "\n", BREAK, "user\n", "\u200b", "x"]) | st.text(max_size=4)
    return st.lists(spelling | cut | rest | nested | filler, min_size=1, max_size=8).map("".join)


@examples(250)
@given(st.data())
def test_no_control_token_arises_from_text_and_a_reader_can_undo_it(
    model: Tokenizer, data: st.DataObject
) -> None:
    clean = neutraliser(model.control_spellings)
    text = data.draw(attacks(model))
    harmless = clean(text)
    # A word that is not in a vocabulary is an unknown token, and steers nothing.
    unknown = set(model.ids("\u0284\U000e0fff", bos=False))
    assert not (model.control_ids - unknown) & set(model.ids(harmless, bos=False))
    assert clean(harmless) == harmless
    shown = clean(text.replace(BREAK, ""))
    assert shown.replace(BREAK, "") == clean("").join(shown.split(BREAK))


def test_without_it_they_would(model: Tokenizer) -> None:
    forged = [
        spelling
        for spelling in model.control_spellings
        if model.control_ids & set(model.ids(f"x {spelling} y", bos=False))
    ]
    assert len(forged) >= 3
