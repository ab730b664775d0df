"""What a sentence-transformers folder says of its model, read without loading the model.

Floor: edge.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from partitioned_rag.errors import EmbedderError

_DESCRIPTIONS = frozenset({".json", ".txt", ".model"})
_WEIGHTS = frozenset({".safetensors", ".bin"})
# The same weights for other runtimes, and pictures and words for people.
_ELSEWHERE = frozenset({"onnx", "openvino", ".git", "imgs"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFacts:
    """What must be known of a model before it is loaded.

    Attributes:
        version: As in `Embedder.version`.
        dimensions: Length of a vector.
        max_tokens: Longest input, with markers and prompt.
        chunk_prompt: What the model wants before each text; `question_prompt` before a question.
    """

    version: str
    dimensions: int
    max_tokens: int
    chunk_prompt: str = ""
    question_prompt: str = ""


def facts_of(folder: Path) -> ModelFacts:
    """Read the description in a sentence-transformers folder.

    The version follows from the text of all descriptions and from the size and time of the
    weights: hashing a gigabyte would make "nothing changed" slow. A copy with another time counts
    as another model, so it costs a rebuild; that is dear but never wrong.

    Raises:
        EmbedderError: It is no such folder, or a description is missing or damaged.
    """
    try:
        return ModelFacts(
            version=f"torch-fp32 {_fingerprint(folder)}",
            dimensions=_dimensions(folder),
            max_tokens=_max_tokens(folder),
            chunk_prompt=_prompt(folder, ("document", "passage", "corpus")),
            question_prompt=_prompt(folder, ("query",)),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EmbedderError(
            "the folder holds no sentence-transformers model that can be used",
            where=str(folder),
            fix="name a folder with modules.json, config.json and tokenizer.json",
        ) from error


def is_model_folder(folder: Path) -> bool:
    """Whether a folder has what every sentence-transformers folder has."""
    return (folder / "modules.json").is_file()


def transformer_folder(folder: Path) -> Path:
    """Where the transformer and its tokenizer lie: the folder itself, or one within it.

    Raises:
        OSError: The description of the modules cannot be read.
        ValueError: It is damaged; also `KeyError` and `TypeError`.
    """
    modules = json.loads((folder / "modules.json").read_bytes())
    return folder / str(modules[0]["path"])


def _fingerprint(folder: Path) -> str:
    digest = sha256()
    for file in sorted(folder.rglob("*")):
        inside = file.relative_to(folder)
        if _ELSEWHERE.intersection(inside.parts[:-1]) or not file.is_file():
            continue
        if file.suffix in _DESCRIPTIONS:
            content = file.read_bytes()
        elif file.suffix in _WEIGHTS:
            stat = file.stat()
            content = b"%d %d" % (stat.st_size, stat.st_mtime_ns)
        else:
            continue
        name = str(inside).encode("utf-8", "surrogateescape")
        digest.update(b"%d:%d:%b%b" % (len(name), len(content), name, content))
    return digest.hexdigest()[:16]


def _dimensions(folder: Path) -> int:
    """Follow the modules: the last one that changes the length of a vector tells it."""
    dimensions = 0
    modules = json.loads((folder / "modules.json").read_bytes())
    for module in modules:
        config = _read(folder / module["path"] / "config.json")
        kind = str(module["type"]).rpartition(".")[2]
        if kind == "Pooling":
            dimensions = _first(config, "embedding_dimension", "word_embedding_dimension")
        elif kind == "Dense":
            dimensions = _first(config, "out_features")
        elif kind == "Transformer":
            dimensions = _first(config, "hidden_size", "d_model", "dim")
    if dimensions < 1:
        raise ValueError("no module tells the length of a vector")
    return dimensions


def _max_tokens(folder: Path) -> int:
    folder = transformer_folder(folder)
    own = _read(folder / "sentence_bert_config.json").get("max_seq_length")
    if isinstance(own, int):
        return own
    tokenizer = _read(folder / "tokenizer_config.json").get("model_max_length")
    # Some models number positions from 2 on, behind the one of the padding.
    positions = _first(_read(folder / "config.json"), "max_position_embeddings") - 2
    return min(tokenizer, positions) if isinstance(tokenizer, int) else positions


def _prompt(folder: Path, names: tuple[str, ...]) -> str:
    prompts = _read(folder / "config_sentence_transformers.json").get("prompts")
    if not isinstance(prompts, dict):
        return ""
    found = [prompts[name] for name in names if prompts.get(name)]
    return str(found[0]) if found else ""


def _read(file: Path) -> Mapping[str, object]:
    found: object = json.loads(file.read_bytes()) if file.is_file() else {}
    if not isinstance(found, dict):
        raise TypeError(f"{file.name} is no object")
    return found


def _first(config: Mapping[str, object], *names: str) -> int:
    """The first of some numbers that is there."""
    for name in names:
        found = config.get(name)
        if isinstance(found, int):
            return found
    raise KeyError(names[0])
