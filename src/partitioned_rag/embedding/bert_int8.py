"""The layers of a BERT encoder through ONNX Runtime, with products of 8-bit integers.

Floor: edge; a home of numpy. Built in memory from the weights themselves, as in float32. Each row
of states is rounded by a step of its own, never by one of a batch: so a text's vector follows from
that text. What lies between the products is float32.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from partitioned_rag.embedding.bert import Bert, Layer, Linear, first_states
from partitioned_rag.embedding.bert_numpy import after_attention, after_wide_step
from partitioned_rag.embedding.bert_onnx import GIVEN, added_and_normalised, load
from partitioned_rag.embedding.onnx_graph import FUSED, Graph, Model

if TYPE_CHECKING:
    import numpy.typing as npt

    from partitioned_rag.embedding.bert import Floats, Layers

    Signed = npt.NDArray[np.int8]
    # Whole numbers of shape (rows, width), from -128 to 127, and a matrix: their exact product.
    Multiply = Callable[[Floats, Signed], Floats]

_LARGEST = 127
_PROBE_TOKENS = 256
# Between 0.5 and 0.8 it makes no difference; it is SmoothQuant's alpha.
_TO_WEIGHTS = 0.65
_CHECKED_WIDTH = 384


@dataclass(frozen=True, slots=True, kw_only=True)
class Rounding:
    """How the numbers of a row become integers from 0 to 255.

    Attributes:
        zero: The one that stands for 0.
        steps: So many from there to the row's largest number.
        signed: Largest in magnitude, and not only above 0.
        floor: The least that is taken for the largest number.
    """

    zero: int
    steps: int
    signed: bool
    floor: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Integers:
    """Rows that were rounded.

    Attributes:
        values: Their name in the graph.
        step: What one integer is of a row's largest number.
        zero: The integer that stands for 0.
        largest: Name of each row's largest number.
    """

    values: str
    step: str
    zero: str
    largest: str


_BOTH_SIDES = Rounding(zero=128, steps=_LARGEST, signed=True)
# GELU gives nothing below -0.17. If that takes 16 integers at most, there are twice as many for
# what lies above 0.
_AFTER_GELU = Rounding(zero=16, steps=239, signed=False, floor=0.17 * 239 / 16)


def int8_layers(bert: Bert) -> "Layers":
    """Load the layers of some weights; threads may call them at once.

    Each call is one thread's work, as `onnx_layers` says.

    Raises:
        ValueError: The library does not multiply integers exactly on this processor.
        Exception: ONNX Runtime cannot do it on this machine; its errors have no base of their own.
    """
    check_products(_multiplied_alone)
    return load(_model(bert))


def check_products(multiply: "Multiply") -> None:
    """Try integers out of which a 16-bit sum of two products would run.

    On x86 processors without VNNI the library (1.32) has such sums, cut off without a word.

    Args:
        multiply: What is tried.

    Raises:
        ValueError: A product is not exact.
    """
    places = np.arange(_CHECKED_WIDTH)
    # By pairs: the largest, the smallest, and both in turn.
    ends = np.where(places // 2 % 2, _LARGEST, -_LARGEST - 1)
    states = np.stack([np.full_like(places, _LARGEST), ends[::-1], ends, places % 97])
    signs = np.where(places // 2 % 2, 1, -1)
    weight = _LARGEST * np.stack([signs, np.ones_like(signs), -signs, -np.ones_like(signs)])
    weight = weight[places % len(weight)]
    exact = states @ weight.T
    # A row alone goes another way through the library.
    for rows in (1, len(states)):
        found = multiply(states[:rows].astype(np.float32), weight.astype(np.int8))
        if not np.array_equal(found, exact[:rows]):
            raise ValueError("its products of integers are not exact")


def _multiplied_alone(states: "Floats", weight: "Signed") -> "Floats":
    graph = Graph()
    one = graph.weight(np.ones((), dtype=np.float32))
    zero = graph.weight(np.array(_BOTH_SIDES.zero, dtype=np.uint8))
    rounded = graph.node("QuantizeLinear", GIVEN, one, zero)
    integers = Integers(values=rounded, step=one, zero=zero, largest=one)
    product = _multiplied(graph, integers, weight, np.ones(len(weight), dtype=np.float32))
    return load(graph.model(GIVEN, product, shape=(1, "rows", len(weight))))(states)


def _model(bert: Bert) -> Model:
    graph = Graph()
    states = GIVEN
    for layer, (before_attention, before_widening) in zip(bert.layers, _sizes(bert), strict=True):
        attention = _attention(graph, states, layer, before_attention, heads=bert.heads)
        attended = _product(graph, _rounded(graph, attention, _BOTH_SIDES), layer.attended.weight)
        weights = (layer.attended_norm, layer.attended.bias)
        states = added_and_normalised(graph, attended, states, *weights, epsilon=bert.epsilon)
        (widened,) = _evened_products(graph, states, (layer.widen,), before_widening)
        curved = graph.node("BiasGelu", widened, graph.weight(layer.widen.bias), domain=FUSED)
        narrowed = _product(graph, _rounded(graph, curved, _AFTER_GELU), layer.narrow.weight)
        weights = (layer.narrow_norm, layer.narrow.bias)
        states = added_and_normalised(graph, narrowed, states, *weights, epsilon=bert.epsilon)
    return graph.model(GIVEN, states, shape=(1, "tokens", bert.width))


def _attention(graph: Graph, states: str, layer: Layer, sizes: "Floats", *, heads: int) -> str:
    three = (layer.query, layer.key, layer.value)
    products = _evened_products(graph, states, three, sizes)
    bias = graph.weight(np.concatenate([linear.bias for linear in three]))
    return graph.node("MultiHeadAttention", *products, bias, domain=FUSED, num_heads=heads)


def _evened_products(
    graph: Graph, states: str, linears: tuple[Linear, ...], sizes: "Floats"
) -> list[str]:
    """Multiply states some columns of which are many times larger than most.

    A row's step follows from its largest number, so these columns would leave few integers to the
    others. They are divided by what the matrix is multiplied by in their place: "SmoothQuant",
    Xiao et al., ICML 2023. It takes the distance to float32 down to two fifths.
    """
    divisor = _divisor(sizes, [linear.weight for linear in linears])
    evened = graph.node("Mul", states, graph.weight(np.reciprocal(divisor)))
    rounded = _rounded(graph, evened, _BOTH_SIDES)
    return [_product(graph, rounded, linear.weight * divisor) for linear in linears]


def _divisor(sizes: "Floats", weights: "list[Floats]") -> "Floats":
    of_weights = np.abs(np.concatenate(weights)).max(axis=0)
    wanted = np.log2(sizes) * _TO_WEIGHTS - np.log2(of_weights) * (1 - _TO_WEIGHTS)
    # In half powers of two, so that last bits of what was measured do not move it.
    return np.asarray(np.exp2(np.rint(2 * (wanted - np.median(wanted))) / 2), dtype=np.float32)


def _sizes(bert: Bert) -> "Iterator[tuple[Floats, Floats]]":
    """Give the largest magnitude in each column where a layer's two halves begin.

    On tokens that are always the same: nothing that is embedded may be learnt from.
    """
    ids = [7 * n * n % len(bert.words) for n in range(_PROBE_TOKENS)]
    states = first_states(ids, bert)
    for layer in bert.layers:
        halfway = after_attention(states, layer, bert)
        yield np.abs(states).max(axis=0), np.abs(halfway).max(axis=0)
        states = after_wide_step(halfway, layer, bert)


def _rounded(graph: Graph, states: str, rounding: Rounding) -> Integers:
    signless = graph.node("Abs", states) if rounding.signed else states
    largest = graph.node("ReduceMax", signless, axes=(2,), keepdims=1)
    if rounding.floor:
        floor = graph.weight(np.array(rounding.floor, dtype=np.float32))
        largest = graph.node("Max", largest, floor)
    step = graph.weight(np.array(1 / rounding.steps, dtype=np.float32))
    zero = graph.weight(np.array(rounding.zero, dtype=np.uint8))
    values = graph.node("QuantizeLinear", graph.node("Div", states, largest), step, zero)
    return Integers(values=values, step=step, zero=zero, largest=largest)


def _product(graph: Graph, states: Integers, weight: "Floats") -> str:
    """Round a matrix, each of its rows by a step of its own, and multiply."""
    steps = np.asarray(np.abs(weight).max(axis=1) / _LARGEST, dtype=np.float32)
    rounded = np.rint(weight / steps[:, np.newaxis]).astype(np.int8)
    made = _multiplied(graph, states, rounded, steps)
    return graph.node("Mul", made, states.largest)


def _multiplied(graph: Graph, states: Integers, weight: "Signed", steps: "Floats") -> str:
    zeros = graph.weight(np.zeros(len(weight), dtype=np.int8))
    inputs = (graph.weight(weight.T), states.step, graph.weight(steps), states.zero, zeros)
    return graph.node("MatMulIntegerToFloat", states.values, *inputs, domain=FUSED)
