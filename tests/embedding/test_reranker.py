"""Cross-encoders in folders: what a score follows from, and folders that hold none."""

import math
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from sentence_transformers import CrossEncoder

from partitioned_rag.embedding import minilm
from partitioned_rag.embedding.reranker import CrossEncoderReranker
from partitioned_rag.errors import EmbedderError, InputError
from tests.cross_encoders import POSITIONS, make_cross_encoder

pytestmark = pytest.mark.slow

QUESTION = "When is the party?"
TEXTS = ("On Sunday.", "The key hangs behind the barrel, beside the door.", "lemon cake", "7")
MARKS = ("[CLS]", "[SEP]", "[SEP]")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_cross_encoder(tmp_path_factory.mktemp("models") / "made")


@pytest.fixture
def model(made: Path, tmp_path: Path) -> Path:
    """A copy that may be spoiled."""
    return Path(shutil.copytree(made, tmp_path / "model"))


def scored(folder: Path, *texts: str, question: str = QUESTION) -> list[float]:
    scores = CrossEncoderReranker(folder).scores(question, texts)
    assert scores is not None
    return list(scores)


def test_scores_are_those_of_the_library_s_own_cross_encoder(made: Path) -> None:
    library = CrossEncoder(str(made), device="cpu", local_files_only=True)
    theirs = library.predict([(QUESTION, text) for text in TEXTS], activation_fn=torch.nn.Sigmoid())
    ours = scored(made, *TEXTS)
    assert np.abs(np.array(ours) - theirs).max() < 1e-5
    assert max(ours) - min(ours) > 0.1, "a model that says the same of all texts proves nothing"


def test_a_score_follows_from_the_question_and_its_own_text_alone_to_the_bit(made: Path) -> None:
    reranker = CrossEncoderReranker(made)
    alone = [reranker.scores(QUESTION, [text]) for text in TEXTS]
    together = reranker.scores(QUESTION, TEXTS)
    assert [[score] for score in together or ()] == alone
    assert list(reranker.scores(QUESTION, TEXTS[::-1]) or ())[::-1] == together
    assert scored(made, *TEXTS, question="Where is the key?") != together


def test_a_score_follows_from_nothing_that_others_set_in_torch_and_leaves_it_so(
    tmp_path: Path,
) -> None:
    # Wide enough that threads would share the work, and with it the sums.
    reranker = CrossEncoderReranker(make_cross_encoder(tmp_path / "wide", width=256))
    texts = ["the tide is out " * times for times in range(1, 7)]
    before = torch.get_num_threads()
    try:
        scores = []
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            scores.append(reranker.scores(QUESTION, texts))
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    assert scores == scores[:1] * 3


def test_threads_may_share_it(made: Path) -> None:
    reranker = CrossEncoderReranker(made)
    # Now a text that must be cut, now one that need not be.
    texts = [sign * times for times in range(1, 100) for sign in ("the tide is out ", "a ")]
    alone = [reranker.scores(QUESTION, [text]) for text in texts]
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as pool:
            together = list(pool.map(lambda text: reranker.scores(QUESTION, [text]), texts))
    finally:
        sys.setswitchinterval(before)
    assert together == alone


def test_a_text_longer_than_the_window_counts_by_its_best_part(made: Path) -> None:
    question, letters = "w h y", "l e m o n c a k e " * 20
    room = POSITIONS - 2 - len(question.split()) - len(MARKS)
    fitting = letters[: 2 * room]  # each letter and the space behind it
    (alone,) = scored(made, fitting, question=question)
    more = ("", "9", "x y z", "the tide is out " * 9, "on sunday " * 30)
    scores = scored(made, *(fitting + each for each in more), question=question)
    assert scores[0] == alone
    assert min(scores) == alone, "what is added takes nothing away"
    assert max(scores) > alone, "and is read, to its end"
    filling = fitting * 5
    ends = scored(made, *(filling + 60 * f"{sign} " for sign in "abcdefghi"), question=question)
    assert max(ends) > scored(made, filling, question=question)[0]


def test_a_question_too_long_to_be_read_whole_is_not_judged_by(made: Path) -> None:
    reranker = CrossEncoderReranker(made)
    half = (POSITIONS - 2) // 2
    assert reranker.scores("a " * half, ["lemon"]) is not None
    assert reranker.scores("a " * (half + 1), ["lemon"]) is None


def test_a_score_is_a_share_however_sure_the_model_is(model: Path) -> None:
    weights = load_file(model / "model.safetensors")
    for bias in (-2000.0, 2000.0):
        weights["classifier.bias"] = torch.tensor([bias])
        save_file(weights, model / "model.safetensors", metadata={"format": "pt"})
        assert all(0 <= score <= 1 for score in scored(model, *TEXTS))


# ---------------------------------------------------------------- folders that hold none


@pytest.mark.parametrize("name", ["nothing/here", "no\0body", "~nobody-at-all/model"])
def test_a_folder_that_is_not_there_is_refused_at_once(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="no such folder"):
        CrossEncoderReranker(name if name.startswith("~") else tmp_path / name)


@pytest.mark.parametrize("description", [None, "{", "[]", "{}", '{"architectures": []}'])
def test_a_folder_without_a_cross_encoder_is_refused_at_once(
    model: Path, description: str | None
) -> None:
    (model / "config.json").unlink()
    if description is not None:
        (model / "config.json").write_text(description)
    with pytest.raises(InputError, match="holds no cross-encoder"):
        CrossEncoderReranker(model)


def test_a_model_that_embeds_is_not_taken_for_one_that_judges() -> None:
    with pytest.raises(InputError, match="holds no cross-encoder"):
        CrossEncoderReranker(minilm.packaged_folder())


def test_a_model_with_several_outputs_is_refused(tmp_path: Path) -> None:
    folder = make_cross_encoder(tmp_path / "three", outputs=3)
    with pytest.raises(EmbedderError, match="gives 3 scores to a text"):
        scored(folder, "lemon")


def test_a_head_that_the_library_would_make_up_is_refused(model: Path) -> None:
    weights = load_file(model / "model.safetensors")
    base = {name: each for name, each in weights.items() if not name.startswith("classifier")}
    save_file(base, model / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(EmbedderError, match="was not trained to judge"):
        scored(model, "lemon")


def test_weights_that_give_no_number_are_an_error(model: Path) -> None:
    weights = load_file(model / "model.safetensors")
    weights["classifier.bias"] = torch.tensor([math.nan])
    save_file(weights, model / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(EmbedderError, match="no number"):
        scored(model, "lemon")


def test_a_model_that_wants_an_instruction_before_each_pair_is_refused(
    made: Path, tmp_path: Path
) -> None:
    library = CrossEncoder(
        str(made),
        device="cpu",
        local_files_only=True,
        prompts={"query": "find the answer to: "},
        default_prompt_name="query",
    )
    library.save_pretrained(str(tmp_path), create_model_card=False)
    with pytest.raises(EmbedderError, match="wants more than"):
        scored(tmp_path, "lemon")


def test_weights_that_are_programs_are_not_loaded(model: Path) -> None:
    (model / "model.safetensors").rename(model / "pytorch_model.bin")
    with pytest.raises(EmbedderError, match="cannot be loaded"):
        scored(model, "lemon")


def test_half_of_the_weights_are_an_error_that_names_the_folder(model: Path) -> None:
    whole = (model / "model.safetensors").read_bytes()
    (model / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(EmbedderError, match=str(model)):
        scored(model, "lemon")
