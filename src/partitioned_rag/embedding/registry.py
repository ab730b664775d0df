"""Which embedders there are, by name.

Floor: edge; its functions are the doors of the rooms behind, each of which has heavy libraries.
"""

from pathlib import Path
from typing import Protocol

from partitioned_rag.embedding import minilm
from partitioned_rag.embedding.embedder import Embedder
from partitioned_rag.embedding.model_folder import facts_of, is_model_folder, transformer_folder
from partitioned_rag.embedding.sentence_transformer import SentenceTransformerEmbedder
from partitioned_rag.errors import InputError

DEFAULT_EMBEDDER = minilm.NAME
_OLLAMA = "ollama:"
_HUB = "hub:"


def open_embedder(
    name: str, *, ollama_host: str | None = None, asks_once: bool = False
) -> Embedder:
    """Make the embedder of a name. Weights load when the first text is embedded.

    Args:
        name: One of

            - `all-MiniLM-L6-v2`, the default, whose weights were installed with this package;
            - `int8:all-MiniLM-L6-v2`, the same weights in 8-bit integers;
            - `openvino:all-MiniLM-L6-v2`, the same weights in bfloat16, if the extra `openvino` is
              installed and the processor has AMX;
            - `hashing`, which needs no model, for tests;
            - `ollama:MODEL`, an embedding model of an Ollama server;
            - the path of a sentence-transformers folder;
            - the name of a sentence-transformers model on the hub, if it was downloaded before;
            - `hub:NAME`, the same, but downloaded now if it was not: the only one that may use
              the network, the Ollama server's aside.
        ollama_host: As in `OLLAMA_HOST`; by default this machine.
        asks_once: Whether the process ends with its first question. The weights that were installed
            with this package answer it without ONNX Runtime then, which takes half a second to
            load and halves the time of each question after that. Vectors agree to six digits.

    Raises:
        InputError: There is no embedder of that name.
        EmbedderError: The folder holds no usable model, or a download failed.
    """
    if (make := dict(_BY_NAME).get(name)) is not None:
        return make(asks_once=asks_once)
    if name.startswith(_OLLAMA) and name != _OLLAMA:
        return _ollama(name.removeprefix(_OLLAMA), ollama_host)
    if name.startswith(_HUB) and name != _HUB:
        return _in_folder(name, _downloaded(name.removeprefix(_HUB)))
    folder = _folder(name)
    if folder is not None and is_model_folder(folder):
        # The same folder has one name, from wherever it is looked at: a name is part of an index.
        return _in_folder(str(folder), folder)
    if folder is None and (known := _known_to_the_hub(name)) is not None:
        return _in_folder(name, known)
    raise InputError(
        f"there is no embedder {name!a}",
        fix=f"choose {', '.join(known for known, _ in _BY_NAME)}, {_OLLAMA}MODEL, {_HUB}NAME, "
        "or the path of a sentence-transformers folder",
    )


def _hashing(*, asks_once: bool) -> Embedder:
    del asks_once  # it has one way to embed
    from partitioned_rag.embedding.hashing import HashingEmbedder  # noqa: PLC0415

    return HashingEmbedder()


def _ollama(model: str, host: str | None) -> Embedder:
    from partitioned_rag.embedding.ollama import OllamaEmbedder  # noqa: PLC0415

    return OllamaEmbedder(model, host=host)


def _folder(name: str) -> Path | None:
    """Read a name as a path, if it looks like one or if there is something."""
    try:
        path = Path(name).expanduser()
        is_path = name.startswith((".", "/", "~")) or path.is_dir()
    # A name with a NUL, or a home that nobody has.
    except (ValueError, RuntimeError, OSError):
        return None
    return path.resolve() if is_path else None


def _known_to_the_hub(name: str) -> Path | None:
    from partitioned_rag.embedding.hub import downloaded_folder  # noqa: PLC0415

    return downloaded_folder(name)


def _downloaded(name: str) -> Path:
    from partitioned_rag.embedding.hub import download, downloaded_folder  # noqa: PLC0415

    return downloaded_folder(name) or download(name)


def _in_folder(name: str, folder: Path) -> Embedder:
    return SentenceTransformerEmbedder(
        name,
        facts_of(folder),
        tokenizer_file=lambda: transformer_folder(folder) / "tokenizer.json",
        verified_folder=lambda: folder,
    )


class _Make(Protocol):
    def __call__(self, *, asks_once: bool) -> Embedder: ...


_BY_NAME: tuple[tuple[str, _Make], ...] = (
    (DEFAULT_EMBEDDER, minilm.minilm),
    (minilm.NAME_IN_INT8, minilm.minilm_in_int8),
    (minilm.NAME_IN_BF16, minilm.minilm_in_bf16),
    ("hashing", _hashing),
)
