"""A box on disk and the real `prag` on it."""

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.cli.running import FILES, NO_OLLAMA, Prag, write


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An OMBox with two contacts, at the place where `prag` looks for one."""
    return write(tmp_path / "OMBox", FILES)


@pytest.fixture
def env(tmp_path: Path) -> Mapping[str, str]:
    """A home that is the test's own, and no Ollama."""
    return {
        "HOME": str(tmp_path),
        "PATH": os.environ.get("PATH", ""),
        "PRAG_EMBEDDER": "hashing",
        "OLLAMA_HOST": NO_OLLAMA,
        "LANG": "C.UTF-8",
    }


@pytest.fixture
def prag(env: Mapping[str, str]) -> Prag:
    """Run `prag`; its box is the one that `folder` made, since HOME leads there."""
    return Prag(env=env)
