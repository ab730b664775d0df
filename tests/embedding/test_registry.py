"""Names of embedders: what each opens, and what is said of one that nobody knows."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from partitioned_rag.embedding import minilm
from partitioned_rag.embedding.registry import DEFAULT_EMBEDDER, open_embedder
from partitioned_rag.errors import EmbedderError, InputError

PROGRAM = """
import sys
from partitioned_rag.embedding.registry import open_embedder
from partitioned_rag.errors import PragError
try:
    embedder = open_embedder(sys.argv[1])
    print(embedder.name, embedder.dimensions)
except PragError as error:
    print(type(error).__name__, error)
"""


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A folder with a model, its weights linked to."""
    folder = tmp_path / "models" / "small"
    shutil.copytree(minilm.packaged_folder(), folder, copy_function=os.symlink)
    return folder


def opened_with_a_hub_at(home: Path, name: str) -> str:
    """Open an embedder in a process whose hub is a port where nobody listens."""
    found = subprocess.run(
        [sys.executable, "-c", PROGRAM, name],
        env={"PATH": os.environ["PATH"], "HOME": str(home), "HF_ENDPOINT": "http://127.0.0.1:9"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert found.stderr == ""
    return found.stdout


def test_the_default_is_minilm() -> None:
    assert DEFAULT_EMBEDDER == open_embedder(DEFAULT_EMBEDDER).name == "all-MiniLM-L6-v2"


@pytest.mark.parametrize(
    "name",
    ["nobody", "", "ollama:", "hub:", "Hashing", "./nothing", "~nobody/x", "a\0b", "a" * 5_000],
)
def test_an_unknown_name_is_the_callers_to_change(name: str) -> None:
    with pytest.raises(InputError) as caught:
        open_embedder(name)
    assert (
        "choose all-MiniLM-L6-v2, int8:all-MiniLM-L6-v2, openvino:all-MiniLM-L6-v2, hashing, "
        "ollama:MODEL, hub:NAME, or" in str(caught.value)
    )


def test_the_error_cannot_drive_a_terminal() -> None:
    with pytest.raises(InputError) as caught:
        open_embedder("\x1b[2J\udce9")
    assert str(caught.value).isprintable()
    assert str(caught.value).isascii()


def test_a_folder_has_one_name_from_wherever_it_is_looked_at(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    direct = open_embedder(str(model))
    monkeypatch.chdir(model.parent)
    near = open_embedder("small")
    assert near.name == direct.name == str(model)
    assert near.version == direct.version
    assert near.dimensions == 384


def test_a_folder_in_the_way_does_not_take_the_name_of_an_embedder(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model.rename(model.parent / "hashing")
    monkeypatch.chdir(model.parent)
    assert open_embedder("hashing").dimensions == 256
    assert open_embedder("./hashing").dimensions == 384


def test_a_folder_without_a_model_is_the_callers_to_change(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no embedder"):
        open_embedder(str(tmp_path))


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("modules.json", "[]"),
        ("modules.json", "{"),
        ("modules.json", '[{"path": "", "type": "unheard.Of"}]'),
        ("1_Pooling/config.json", "{}"),
        ("config.json", '"no object"'),
        ("sentence_bert_config.json", "\udcff"),
    ],
)
def test_a_folder_with_a_broken_description_is_refused(
    model: Path, file: str, content: str
) -> None:
    (model / file).unlink()
    (model / file).write_bytes(content.encode("utf-8", "surrogateescape"))
    if file == "config.json":
        (model / "sentence_bert_config.json").unlink()
    with pytest.raises(EmbedderError, match="no sentence-transformers model that can be used"):
        open_embedder(str(model))


def test_a_model_that_was_downloaded_before_is_found_without_the_hub(tmp_path: Path) -> None:
    cached = tmp_path / ".cache" / "huggingface" / "hub" / "models--example--small"
    commit = "0123456789abcdef0123456789abcdef01234567"
    (cached / "refs").mkdir(parents=True)
    (cached / "refs" / "main").write_text(commit)
    shutil.copytree(
        minilm.packaged_folder(), cached / "snapshots" / commit, copy_function=os.symlink
    )
    assert opened_with_a_hub_at(tmp_path, "example/small") == "example/small 384\n"
    assert opened_with_a_hub_at(tmp_path, "hub:example/small") == "hub:example/small 384\n"


def test_the_hub_is_asked_only_when_the_name_says_so(tmp_path: Path) -> None:
    assert opened_with_a_hub_at(tmp_path, "example/small").startswith("InputError")
    refused = opened_with_a_hub_at(tmp_path, "hub:example/small")
    assert refused.startswith("EmbedderError the model 'example/small' cannot be downloaded")
