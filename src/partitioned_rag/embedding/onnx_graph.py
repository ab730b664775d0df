"""Writes an ONNX model: its nodes and weights in protobuf's wire format.

Floor: edge; a home of numpy. The `onnx` package would bring a compiler of protobuf schemas for
what are a few nested records. Numbers of fields are those of `onnx.proto`, whose format version 8
is.
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Weights = npt.NDArray[np.float32 | np.int8 | np.uint8 | np.int64]

_FORMAT_VERSION = 8
_OPERATORS_VERSION = 17
# Operators of ONNX Runtime itself, which do in one what takes several of the standard ones.
FUSED = "com.microsoft"
_VARINT, _BYTES, _FLOAT32 = 0, 2, 5
_MORE = 0x80
_FLOAT32_TYPE = 1
_TYPES: Final = MappingProxyType({"<f4": _FLOAT32_TYPE, "|u1": 2, "|i1": 3, "<i8": 7})
_ATTRIBUTE_FLOAT, _ATTRIBUTE_INT, _ATTRIBUTE_INTS = 1, 2, 7
# An array of more bytes stays where it is and is named by the model. Smaller ones stand in it,
# since a shape among them has to be known when it is read.
_LARGE_BYTES = 1 << 12
_EXTERNAL = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A graph that is complete.

    Attributes:
        program: The model in ONNX's format, but for its large arrays.
        arrays: These by name, so that what is mapped from a file is not written out first.
    """

    program: bytes
    arrays: "Mapping[str, Weights]"


class Graph:
    """A graph under construction, in the order in which it is computed."""

    def __init__(self) -> None:
        self._nodes: list[bytes] = []
        self._weights: list[bytes] = []
        self._arrays: dict[str, Weights] = {}

    def weight(self, values: "Weights") -> str:
        """Add an array that is part of the model; gives its name."""
        name = f"w{len(self._weights)}"
        # Little endian in the model; elsewhere as this machine has it.
        dtype = values.dtype.newbyteorder("<")
        dims = b"".join(_number(1, size) for size in values.shape)
        told = dims + _number(2, _TYPES[dtype.str]) + _nested(8, name.encode())
        if values.nbytes > _LARGE_BYTES:
            self._arrays[name] = np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("="))
            # The format wants a file, whose place the array takes when the model is loaded.
            told += _nested(13, _nested(1, b"location") + _nested(2, name.encode()))
            told += _number(14, _EXTERNAL)
        else:
            told += _nested(9, np.ascontiguousarray(values, dtype=dtype).tobytes())
        self._weights.append(_nested(5, told))
        return name

    def node(
        self,
        operator: str,
        *inputs: str,
        domain: str = "",
        **attributes: float | int | tuple[int, ...],
    ) -> str:
        """Add a step; gives the name of its outcome."""
        name = f"n{len(self._nodes)}"
        parts = [_nested(1, each.encode()) for each in inputs]
        parts += [_nested(2, name.encode()), _nested(4, operator.encode())]
        parts += [_nested(5, _attribute(key, value)) for key, value in attributes.items()]
        parts.append(_nested(7, domain.encode()))
        self._nodes.append(b"".join(parts))
        return name

    def model(self, given: str, outcome: str, *, shape: Sequence[int | str]) -> Model:
        """Close the graph.

        Args:
            given: Name of the input.
            outcome: Name of the output, which has the same shape.
            shape: Sizes, or names of what is known later.
        """
        graph = (
            *(_nested(1, node) for node in self._nodes),
            _nested(2, b"graph"),
            *self._weights,
            _nested(11, _named_shape(given, shape)),
            _nested(12, _named_shape(outcome, shape)),
        )
        standard = _nested(1, b"") + _number(2, _OPERATORS_VERSION)
        fused = _nested(1, FUSED.encode()) + _number(2, 1)
        operators = _nested(8, standard) + _nested(8, fused)
        head = _number(1, _FORMAT_VERSION) + operators + _head(7, sum(map(len, graph)))
        return Model(program=b"".join((head, *graph)), arrays=self._arrays)


def _named_shape(name: str, shape: Sequence[int | str]) -> bytes:
    sizes = (
        _number(1, size) if isinstance(size, int) else _nested(2, size.encode()) for size in shape
    )
    dims = b"".join(_nested(1, size) for size in sizes)
    tensor = _number(1, _FLOAT32_TYPE) + _nested(2, dims)
    return _nested(1, name.encode()) + _nested(2, _nested(1, tensor))


def _attribute(name: str, value: float | tuple[int, ...]) -> bytes:
    if isinstance(value, tuple):
        said = b"".join(_number(8, each) for each in value) + _number(20, _ATTRIBUTE_INTS)
    elif isinstance(value, int):
        said = _number(3, value) + _number(20, _ATTRIBUTE_INT)
    else:
        said = _varint(2 << 3 | _FLOAT32) + struct.pack("<f", value)
        said += _number(20, _ATTRIBUTE_FLOAT)
    return _nested(1, name.encode()) + said


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3 | _VARINT) + _varint(value)


def _nested(field: int, content: bytes) -> bytes:
    return _head(field, len(content)) + content


def _head(field: int, content_bytes: int) -> bytes:
    return _varint(field << 3 | _BYTES) + _varint(content_bytes)


def _varint(value: int) -> bytes:
    """Seven bits a byte, the lowest first; the eighth says that more follow."""
    found = bytearray()
    while value >= _MORE:
        found.append(value % _MORE | _MORE)
        value //= _MORE
    found.append(value)
    return bytes(found)
