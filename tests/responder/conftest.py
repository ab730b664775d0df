"""An OMBox with its exchange, and a double of Ollama, for every test of the responder."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ollama_double import OllamaDouble


@pytest.fixture
def double() -> Iterator[OllamaDouble]:
    with OllamaDouble() as server:
        yield server


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("public", "inbox", "outbox"):
        (tmp_path / "OMBox" / name).mkdir(parents=True)
    (tmp_path / "OMBox" / "public" / "tide.txt").write_text("The tide turns at noon.\n")
    return tmp_path / "OMBox"
