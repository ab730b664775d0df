"""The layers of a BERT encoder through ONNX Runtime, built in memory from the weights themselves.

Floor: edge; the home of onnxruntime and a home of numpy. There is no
converted file that could be stale, half written or another one: what was verified is what is
computed with.
"""

import os
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from partitioned_rag.embedding.bert import Bert, Layer, Linear, Norm
from partitioned_rag.embedding.onnx_graph import FUSED, Graph, Model

if TYPE_CHECKING:
    from partitioned_rag.embedding.bert import Floats, Layers

# Set to 1, it keeps the library from writing an id for this machine and from calling home.
_OPT_OUT = "ORT_DISABLE_TELEMETRY"
GIVEN = "given"
_ERRORS_ONLY = 3


def onnx_layers(bert: Bert) -> "Layers":
    """Load the layers of some weights; threads may call them at once.

    Each call is one thread's work: so the order of its sums, and with it each bit of the outcome,
    follows from the text alone.

    Raises:
        Exception: ONNX Runtime cannot do it on this machine; its errors have no base of their own.
    """
    return load(_model(bert))


def load(model: Model) -> "Layers":
    """Load a model whose input is `GIVEN`, as `onnx_layers` says."""
    onnxruntime = _without_telemetry()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = _ERRORS_ONLY
    # Read while the session is made, and not needed after that: `AddExternalInitializers` says so.
    values = [onnxruntime.OrtValue.ortvalue_from_numpy(each) for each in model.arrays.values()]
    options.add_external_initializers(list(model.arrays), values)
    providers = ["CPUExecutionProvider"]
    session = onnxruntime.InferenceSession(model.program, options, providers=providers)

    def layers(states: "Floats") -> "Floats":
        return np.asarray(session.run(None, {GIVEN: states[np.newaxis]})[0][0])

    return layers


def _without_telemetry() -> ModuleType:
    """Import the library, which decides whether to tell its maker of us as soon as it is loaded."""
    before = os.environ.get(_OPT_OUT)
    os.environ[_OPT_OUT] = "1"
    try:
        library = import_module("onnxruntime")
    finally:
        if before is None:
            del os.environ[_OPT_OUT]
        else:
            os.environ[_OPT_OUT] = before
    # What Windows has instead.
    library.disable_telemetry_events()
    return library


def _model(bert: Bert) -> Model:
    graph = Graph()
    states = GIVEN
    for layer in bert.layers:
        attended = _product(graph, _attention(graph, states, layer, bert.heads), layer.attended)
        weights = (layer.attended_norm, layer.attended.bias)
        states = added_and_normalised(graph, attended, states, *weights, epsilon=bert.epsilon)
        widened = _product(graph, states, layer.widen)
        curved = graph.node("BiasGelu", widened, graph.weight(layer.widen.bias), domain=FUSED)
        narrowed = _product(graph, curved, layer.narrow)
        weights = (layer.narrow_norm, layer.narrow.bias)
        states = added_and_normalised(graph, narrowed, states, *weights, epsilon=bert.epsilon)
    return graph.model(GIVEN, states, shape=(1, "tokens", bert.width))


def _attention(graph: Graph, states: str, layer: Layer, heads: int) -> str:
    three = (layer.query, layer.key, layer.value)
    weight = graph.weight(np.concatenate([linear.weight for linear in three]).T)
    bias = graph.weight(np.concatenate([linear.bias for linear in three]))
    return graph.node("Attention", states, weight, bias, domain=FUSED, num_heads=heads)


def _product(graph: Graph, states: str, linear: Linear) -> str:
    """Multiply only: what is added is part of the step that follows."""
    # The standard step would want the matrix turned, which is a copy of it.
    weight = graph.weight(linear.weight)
    return graph.node("FusedMatMul", states, weight, domain=FUSED, transB=1)


def added_and_normalised(
    graph: Graph, made: str, states: str, norm: Norm, bias: "Floats", *, epsilon: float
) -> str:
    """Add, then normalise each row.

    `SkipLayerNormalization` is one step and goes number by number (1.32): these take a third of
    its time.
    """
    width = len(norm.scale)
    total = graph.node("Add", graph.node("Add", made, graph.weight(bias)), states)
    # What it normalises alone is an instance's channel: here each row is one.
    rows = graph.node("Reshape", total, graph.weight(np.array([-1, 1, width], dtype=np.int64)))
    as_they_are = (graph.weight(np.full(1, each, dtype=np.float32)) for each in (1, 0))
    even = graph.node("InstanceNormalization", rows, *as_they_are, epsilon=epsilon)
    even = graph.node("Reshape", even, graph.weight(np.array([1, -1, width], dtype=np.int64)))
    scaled = graph.node("Mul", even, graph.weight(norm.scale))
    return graph.node("Add", scaled, graph.weight(norm.shift))
