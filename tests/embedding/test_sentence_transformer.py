"""Models in folders: what makes one another model, prompts, and weights that cannot be used."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from partitioned_rag.embedding import minilm
from partitioned_rag.embedding.encoder import Encoder
from partitioned_rag.embedding.registry import open_embedder
from partitioned_rag.errors import EmbedderError

pytestmark = pytest.mark.slow


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A folder with a model of its own descriptions, its weights linked to."""
    folder = tmp_path / "model"
    shutil.copytree(minilm.packaged_folder(), folder, ignore=shutil.ignore_patterns("model.*"))
    weights = minilm.packaged_folder() / "model.safetensors"
    (folder / "model.safetensors").symlink_to(weights)
    return folder


def rewrite(file: Path, **changes: object) -> None:
    """Change some entries of a description."""
    before = json.loads(file.read_text()) if file.exists() else {}
    file.write_text(json.dumps({**before, **changes}))


def version(folder: Path) -> str:
    return open_embedder(str(folder)).version


def test_another_description_or_other_weights_are_another_version(model: Path) -> None:
    versions = [version(model)]
    rewrite(model / "1_Pooling" / "config.json", pooling_mode_cls_token=True)
    versions.append(version(model))
    rewrite(model / "tokenizer.json", note="changed")
    versions.append(version(model))
    (model / "2_Dense").mkdir()
    (model / "2_Dense" / "model.safetensors").write_bytes(b"weights")
    versions.append(version(model))
    (model / "2_Dense" / "model.safetensors").write_bytes(b"changed")
    os.utime(model / "2_Dense" / "model.safetensors", ns=(1, 1))
    versions.append(version(model))
    assert len(set(versions)) == len(versions)


def test_what_is_for_people_or_for_other_runtimes_changes_no_version(model: Path) -> None:
    before = version(model)
    (model / "README.md").write_text("Changed.")
    (model / "onnx").mkdir()
    (model / "onnx" / "config.json").write_text("{}")
    assert version(model) == before


def test_the_length_of_a_vector_is_that_of_the_last_module(model: Path) -> None:
    modules = json.loads((model / "modules.json").read_text())
    dense = {"idx": 3, "name": "3", "path": "3_Dense", "type": "sentence_transformers.models.Dense"}
    (model / "modules.json").write_text(json.dumps([*modules, dense]))
    (model / "3_Dense").mkdir()
    rewrite(model / "3_Dense" / "config.json", in_features=384, out_features=64)
    assert open_embedder(str(model)).dimensions == 64


def test_a_shorter_window_is_kept_to(model: Path) -> None:
    rewrite(model / "sentence_bert_config.json", max_seq_length=40)
    embedder = open_embedder(str(model))
    assert embedder.window_tokens == 38
    with pytest.raises(ValueError, match="38 tokens"):
        embedder.embed_chunks(["lemon " * 39])


def test_without_a_length_of_its_own_the_window_is_what_all_parts_can_take(model: Path) -> None:
    (model / "sentence_bert_config.json").unlink()
    rewrite(model / "tokenizer_config.json", model_max_length=100)
    assert open_embedder(str(model)).window_tokens == 98
    rewrite(model / "tokenizer_config.json", model_max_length=10**30)
    assert open_embedder(str(model)).window_tokens == 508


@pytest.mark.parametrize("include_prompt", [True, False])
def test_prompts_stand_before_chunks_and_questions_as_the_model_wants(
    model: Path, *, include_prompt: bool
) -> None:
    rewrite(
        model / "config_sentence_transformers.json",
        prompts={"query": "find the answer to: ", "document": "text: "},
    )
    rewrite(model / "1_Pooling" / "config.json", include_prompt=include_prompt)
    embedder = open_embedder(str(model))
    reference = Encoder(model)._model
    texts = ["The ferry leaves at nine.", "lemon cake"]
    chunks, question = embedder.embed_chunks(texts), embedder.embed_question("When?")
    assert np.abs(chunks - reference.encode_document(texts)).max() < 1e-5
    assert np.abs(question - reference.encode_query("When?")).max() < 1e-5
    assert np.abs(chunks - reference.encode(texts, prompt="")).max() > 1e-3
    assert embedder.window_tokens < 254 - 4
    filling = "lemon " * embedder.window_tokens
    assert embedder.embed_chunks([filling]).shape == (1, 384)


def test_weights_that_are_programs_are_not_loaded(model: Path) -> None:
    (model / "model.safetensors").rename(model / "pytorch_model.bin")
    with pytest.raises(EmbedderError, match="cannot be loaded"):
        open_embedder(str(model)).embed_question("lemon")


def test_half_of_the_weights_are_an_error_that_names_the_folder(model: Path) -> None:
    whole = (model / "model.safetensors").read_bytes()
    (model / "model.safetensors").unlink()
    (model / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(EmbedderError, match=str(model)):
        open_embedder(str(model)).embed_question("lemon")


def test_a_description_that_does_not_fit_the_weights_is_an_error(model: Path) -> None:
    rewrite(model / "config.json", hidden_size=96)
    with pytest.raises(EmbedderError, match=str(model)):
        open_embedder(str(model)).embed_question("lemon")


def test_a_tokenizer_that_is_not_the_models_own_is_an_error(model: Path) -> None:
    rewrite(model / "tokenizer.json", normalizer=None)
    rewrite(model / "sentence_bert_config.json", do_lower_case=False)
    rewrite(model / "tokenizer_config.json", do_lower_case=True)
    with pytest.raises(EmbedderError, match="not what its description says"):
        open_embedder(str(model)).embed_question("lemon")


def test_a_folder_without_a_tokenizer_file_is_an_error_that_names_it(model: Path) -> None:
    (model / "tokenizer.json").write_text("{")
    with pytest.raises(EmbedderError, match=r"tokenizer\.json"):
        open_embedder(str(model)).token_spans("lemon")
    (model / "tokenizer.json").unlink()
    with pytest.raises(EmbedderError, match=r"tokenizer\.json"):
        open_embedder(str(model)).token_spans("lemon")
