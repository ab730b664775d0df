"""The layers of a BERT encoder through numpy: nothing to load, so it is what a question takes.

Floor: edge; a home of numpy.
"""

import math
from typing import TYPE_CHECKING

import numpy as np

from partitioned_rag.embedding.bert import Bert, Layer, Linear, normalised

if TYPE_CHECKING:
    from partitioned_rag.embedding.bert import Floats, Layers

# Abramowitz and Stegun, "Handbook of mathematical functions", 7.1.26: within 1.5e-7 of erf.
_ERF_P = 0.3275911
_ERF_A = (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592)


def numpy_layers(bert: Bert) -> "Layers":
    """Make the layers of some weights; threads may call them at once."""

    def layers(states: "Floats") -> "Floats":
        for layer in bert.layers:
            attended = _linear(_attention(states, layer, heads=bert.heads), layer.attended)
            states = normalised(attended + states, layer.attended_norm, epsilon=bert.epsilon)
            narrowed = _linear(_gelu(_linear(states, layer.widen)), layer.narrow)
            states = normalised(narrowed + states, layer.narrow_norm, epsilon=bert.epsilon)
        return states

    return layers


def _linear(states: "Floats", linear: Linear) -> "Floats":
    return np.asarray(states @ linear.weight.T + linear.bias)


def _attention(states: "Floats", layer: Layer, *, heads: int) -> "Floats":
    tokens, width = states.shape

    def by_head(linear: Linear) -> "Floats":
        return _linear(states, linear).reshape(tokens, heads, -1).transpose(1, 0, 2)

    query, key, value = (by_head(linear) for linear in (layer.query, layer.key, layer.value))
    scores = query @ key.transpose(0, 2, 1) / np.float32(math.sqrt(width // heads))
    # The largest taken off, so that no power is too large for a number.
    shares = np.exp(scores - scores.max(axis=2, keepdims=True))
    shares /= shares.sum(axis=2, keepdims=True)
    return np.asarray((shares @ value).transpose(1, 0, 2).reshape(tokens, width))


def _gelu(states: "Floats") -> "Floats":
    scaled = states * np.float32(math.sqrt(0.5))
    size = np.abs(scaled)
    t = 1 / (1 + np.float32(_ERF_P) * size)
    series = np.zeros_like(t)
    for factor in _ERF_A:
        series = (series + np.float32(factor)) * t
    erf = np.copysign(1 - series * np.exp(-size * size), scaled)
    return np.asarray(states * np.float32(0.5) * (1 + erf))
