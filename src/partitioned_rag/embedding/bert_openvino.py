"""The layers of a BERT encoder through OpenVINO in bfloat16, which some processors multiply in.

Floor: edge; the home of openvino and a home of numpy. Built in memory from the weights themselves,
as for ONNX Runtime. Products are of numbers with 8 significant bits; sums are of float32.
"""

import sys
from importlib import import_module
from queue import SimpleQueue
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from partitioned_rag.embedding.bert import Bert, Layer, Linear, Norm
from partitioned_rag.errors import EmbedderError

if TYPE_CHECKING:
    from partitioned_rag.embedding.bert import Floats, Layers

    # A node of its graphs; the library is optional, so its types are not known here.
    Node = Any

# Another one may tell its maker of us in another way, or give other bits, which are told from these
# by the version of the embedder.
RELEASE = "2026.4"
_TELEMETRY = "openvino_telemetry"
# Texts are filled up to a multiple of so many tokens. What the library prepares is for one length,
# and so serves many texts; it takes this many rows in one go anyway. Another number gives other
# bits, as another release does.
_ROWS = 16
# Added to a score, it leaves no weight for what a text is filled up with: not the least bit.
_NO_WEIGHT = -1e9


def openvino_layers(bert: Bert, *, threads: int) -> "Layers":
    """Load the layers of some weights; threads may call them at once.

    Each call is one thread's work, as `onnx_layers` says.

    Args:
        bert: The weights.
        threads: So many calls are worked on at once; others wait.

    Raises:
        Exception: OpenVINO cannot do it on this machine; its errors have no base of their own.
    """
    openvino = _without_telemetry()
    if not openvino.__version__.startswith(f"{RELEASE}."):
        raise ValueError(f"it is not the {RELEASE} that was tried, but {openvino.__version__}")
    settings = {
        "INFERENCE_PRECISION_HINT": "bf16",
        # As many streams as threads: one thread each.
        "NUM_STREAMS": threads,
        "INFERENCE_NUM_THREADS": threads,
        # Bound to a core, it would wait for whoever else is bound to it.
        "ENABLE_CPU_PINNING": False,
        # What is prepared for a length of text: to keep all of it saves no time.
        "CPU_RUNTIME_CACHE_CAPACITY": 10,
    }
    compiled = openvino.Core().compile_model(_model(bert, openvino), "CPU", settings)
    # Made once: to make one, the library waits until another is worked on no more.
    requests: SimpleQueue[Any] = SimpleQueue()
    for _ in range(threads):
        requests.put(compiled.create_infer_request())

    def layers(states: "Floats") -> "Floats":
        tokens = len(states)
        filled = np.zeros((1, -(-tokens // _ROWS) * _ROWS, bert.width), dtype=np.float32)
        filled[0, :tokens] = states
        mask = np.zeros((1, 1, 1, filled.shape[1]), dtype=np.float32)
        mask[..., tokens:] = _NO_WEIGHT
        request = requests.get()
        try:
            made = np.array(request.infer({0: filled, 1: mask})[0][0][:tokens])
        finally:
            requests.put(request)
        # Such a vector must not get into an index, whatever brings the library to it.
        if not np.isfinite(made).all():
            raise EmbedderError(
                "OpenVINO gave no numbers",
                fix="choose the embedder all-MiniLM-L6-v2, which does without it",
            )
        return made

    return layers


def _without_telemetry() -> ModuleType:
    """Import the library; its import alone tells its maker of us, if the telemetry can be found."""
    modules: dict[str, Any] = sys.modules
    missing = object()
    before = modules.get(_TELEMETRY, missing)
    # What is None there cannot be imported, and the library goes without.
    modules[_TELEMETRY] = None
    try:
        return import_module("openvino")
    finally:
        if before is missing:
            modules.pop(_TELEMETRY, None)
        else:
            modules[_TELEMETRY] = before


def _model(bert: Bert, openvino: ModuleType) -> Any:
    ops = openvino.opset13
    given = ops.parameter(openvino.PartialShape([1, -1, bert.width]), np.float32)
    mask = ops.parameter(openvino.PartialShape([1, 1, 1, -1]), np.float32)
    states = given
    for layer in bert.layers:
        attended = _linear(
            ops, _attention(ops, states, mask, layer, heads=bert.heads), layer.attended
        )
        states = _normalised(ops, attended + states, layer.attended_norm, bert.epsilon)
        curved = ops.gelu(_linear(ops, states, layer.widen), "erf")
        narrowed = _linear(ops, curved, layer.narrow)
        states = _normalised(ops, narrowed + states, layer.narrow_norm, bert.epsilon)
    return openvino.Model([states], [given, mask])


def _attention(
    ops: ModuleType, states: "Node", mask: "Node", layer: Layer, *, heads: int
) -> "Node":
    def by_head(linear: Linear) -> "Node":
        """Bring shape (1, tokens, width) to shape (1, heads, tokens, width of a head)."""
        return ops.transpose(_reshaped(ops, _linear(ops, states, linear), [heads, -1]), swapped)

    swapped = [0, 2, 1, 3]
    query, key, value = (by_head(linear) for linear in (layer.query, layer.key, layer.value))
    mixed = ops.scaled_dot_product_attention(query, key, value, mask)
    return _reshaped(ops, ops.transpose(mixed, swapped), [-1])


def _reshaped(ops: ModuleType, states: "Node", each: list[int]) -> "Node":
    """Bring what there is for each token to another shape."""
    return ops.reshape(states, [0, 0, *each], special_zero=True)


def _linear(ops: ModuleType, states: "Node", linear: Linear) -> "Node":
    weight, bias = ops.constant(linear.weight), ops.constant(linear.bias)
    return ops.matmul(states, weight, transpose_a=False, transpose_b=True) + bias


def _normalised(ops: ModuleType, states: "Node", norm: Norm, epsilon: float) -> "Node":
    even = ops.mvn(states, [-1], normalize_variance=True, eps=epsilon, eps_mode="inside_sqrt")
    return even * ops.constant(norm.scale) + ops.constant(norm.shift)
