"""A BERT encoder: its weights, mapped from their file, and all that is not one of its layers.

Floor: edge; a home of numpy. Devlin et al., "BERT", NAACL 2019. The layers are nearly all of the
work, so they are a function that several runtimes can be; what stands around them is said once,
here. A text goes through by itself: it has no batch mates that could move a bit of its vector.
"""

import json
import mmap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float32]
    # One text's states, shape (tokens, width), to as many.
    Layers = Callable[[Floats], Floats]

_LENGTH_BYTES = 8


@dataclass(frozen=True, slots=True)
class Linear:
    """A matrix of shape (out, in) and what is added."""

    weight: "Floats"
    bias: "Floats"


@dataclass(frozen=True, slots=True)
class Norm:
    """What a layer normalisation multiplies by and adds."""

    scale: "Floats"
    shift: "Floats"


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One layer: attention, then a wide step, each added to what came in and normalised."""

    query: Linear
    key: Linear
    value: Linear
    attended: Linear
    attended_norm: Norm
    widen: Linear
    narrow: Linear
    narrow_norm: Norm


@dataclass(frozen=True, slots=True, kw_only=True)
class Bert:
    """The weights of an encoder and the two numbers that they do not tell.

    Attributes:
        words: One row for each token of the vocabulary.
        positions: One row for each place in a text, that of the first segment added.
        heads: How many heads share the width.
        epsilon: Added to each variance.
    """

    words: "Floats"
    positions: "Floats"
    norm: Norm
    layers: tuple[Layer, ...]
    heads: int
    epsilon: float

    @property
    def width(self) -> int:
        """Length of the states, and of a vector."""
        return int(self.words.shape[1])


def read_bert(file: Path, *, heads: int, epsilon: float) -> Bert:
    """Map the weights of a `model.safetensors`; only the pages that are used are read.

    Raises:
        OSError: It cannot be read.
        ValueError: It is no such file; also `KeyError` and `TypeError`.
    """
    arrays = _mapped(file)

    def linear(name: str) -> Linear:
        return Linear(arrays[f"{name}.weight"], arrays[f"{name}.bias"])

    def norm(name: str) -> Norm:
        return Norm(arrays[f"{name}.LayerNorm.weight"], arrays[f"{name}.LayerNorm.bias"])

    def layer(name: str) -> Layer:
        return Layer(
            query=linear(f"{name}.attention.self.query"),
            key=linear(f"{name}.attention.self.key"),
            value=linear(f"{name}.attention.self.value"),
            attended=linear(f"{name}.attention.output.dense"),
            attended_norm=norm(f"{name}.attention.output"),
            widen=linear(f"{name}.intermediate.dense"),
            narrow=linear(f"{name}.output.dense"),
            narrow_norm=norm(f"{name}.output"),
        )

    depth = sum(name.endswith(".intermediate.dense.bias") for name in arrays)
    segments = arrays["embeddings.token_type_embeddings.weight"]
    return Bert(
        words=arrays["embeddings.word_embeddings.weight"],
        positions=arrays["embeddings.position_embeddings.weight"] + segments[0],
        norm=norm("embeddings"),
        layers=tuple(layer(f"encoder.layer.{number}") for number in range(depth)),
        heads=heads,
        epsilon=epsilon,
    )


def vector_of(ids: Sequence[int], *, bert: Bert, layers: "Layers") -> "Floats":
    """Embed one text by the mean of its tokens' states.

    Args:
        ids: Its tokens, markers included.
        bert: The weights.
        layers: A runtime of the same weights.

    Returns:
        Shape (width,), of length 1.
    """
    mean = layers(first_states(ids, bert)).mean(axis=0)
    return np.asarray(mean / np.linalg.norm(mean), dtype=np.float32)


def first_states(ids: Sequence[int], bert: Bert) -> "Floats":
    """Give what the first layer is given for some tokens."""
    states = bert.words[np.asarray(ids)] + bert.positions[: len(ids)]
    return normalised(states, bert.norm, epsilon=bert.epsilon)


def normalised(states: "Floats", norm: Norm, *, epsilon: float) -> "Floats":
    """Give each row the mean 0 and the variance 1, then scale and shift its columns."""
    centred = states - states.mean(axis=1, keepdims=True)
    variance = np.square(centred).mean(axis=1, keepdims=True)
    return np.asarray(centred / np.sqrt(variance + np.float32(epsilon)) * norm.scale + norm.shift)


def _mapped(file: Path) -> dict[str, "Floats"]:
    """Map the float32 arrays of a safetensors file: a length, a description, then the numbers."""
    with file.open("rb") as opened:
        content = mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)
    start = _LENGTH_BYTES + int.from_bytes(content[:_LENGTH_BYTES], "little")
    described: object = json.loads(content[_LENGTH_BYTES:start])
    if not isinstance(described, dict):
        raise TypeError("the description of the weights is no object")
    return {
        name: _array(content, start, told)
        for name, told in described.items()
        if told.get("dtype") == "F32"
    }


def _array(content: mmap.mmap, start: int, told: Mapping[str, Sequence[int]]) -> "Floats":
    begin, end = told["data_offsets"]
    # Little endian, whatever this machine is.
    flat = np.frombuffer(content, "<f4", count=(end - begin) // 4, offset=start + begin)
    return flat.reshape(tuple(told["shape"]))
