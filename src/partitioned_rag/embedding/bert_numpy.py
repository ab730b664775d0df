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


# OpenBLAS, which numpy comes with, wakes a thread on every core for a product of more than 2**18
# multiplications, and they wait for each other by spinning. Where others want the cores too, that
# costs a short text thirty times what its products cost. So they are made of small ones.
_SMALL_PRODUCT = 1 << 18
_ROWS = 24


def numpy_layers(bert: Bert) -> "Layers":
    """Make the layers of some weights; threads may call them at once."""

    def layers(states: "Floats") -> "Floats":
        for layer in bert.layers:
            states = after_wide_step(after_attention(states, layer, bert), layer, bert)
        return states

    return layers


def after_attention(states: "Floats", layer: Layer, bert: Bert) -> "Floats":
    """Do the first half of a layer."""
    attended = _linear(_attention(states, layer, heads=bert.heads), layer.attended)
    return normalised(attended + states, layer.attended_norm, epsilon=bert.epsilon)


def after_wide_step(states: "Floats", layer: Layer, bert: Bert) -> "Floats":
    """Do the second half of a layer."""
    narrowed = _linear(_gelu(_linear(states, layer.widen)), layer.narrow)
    return normalised(narrowed + states, layer.narrow_norm, epsilon=bert.epsilon)


def _linear(states: "Floats", linear: Linear) -> "Floats":
    return np.concatenate([_few_rows(rows, linear) for rows in _pieces(states)])


def _few_rows(rows: "Floats", linear: Linear) -> "Floats":
    tokens, given = rows.shape
    made = len(linear.weight)
    together = max(1, _SMALL_PRODUCT // (tokens * given))
    while made % together:
        together -= 1
    # One small product for each block of what is made, then their columns side by side.
    blocks = rows @ linear.weight.reshape(-1, together, given).transpose(0, 2, 1)
    return np.asarray(blocks.transpose(1, 0, 2).reshape(tokens, made) + linear.bias)


def _attention(states: "Floats", layer: Layer, *, heads: int) -> "Floats":
    query, key, value = (
        _linear(states, linear) for linear in (layer.query, layer.key, layer.value)
    )
    key_by_head = _by_head(key, heads).transpose(0, 2, 1)
    value_by_head = _by_head(value, heads)
    root = np.float32(math.sqrt(key_by_head.shape[1]))
    mixed = []
    for rows in _pieces(query):
        scores = _by_head(rows, heads) @ key_by_head / root
        # The largest taken off, so that no power is too large for a number.
        shares = np.exp(scores - scores.max(axis=2, keepdims=True))
        shares /= shares.sum(axis=2, keepdims=True)
        mixed.append((shares @ value_by_head).transpose(1, 0, 2).reshape(rows.shape))
    return np.concatenate(mixed)


def _by_head(rows: "Floats", heads: int) -> "Floats":
    """Bring shape (tokens, width) to shape (heads, tokens, width of a head)."""
    return rows.reshape(len(rows), heads, -1).transpose(1, 0, 2)


def _pieces(rows: "Floats") -> "list[Floats]":
    return [rows[start : start + _ROWS] for start in range(0, len(rows), _ROWS)]


def _gelu(states: "Floats") -> "Floats":
    scaled = states * np.float32(math.sqrt(0.5))
    size = np.abs(scaled)
    t = 1 / (1 + np.float32(_ERF_P) * size)
    series = np.zeros_like(t)
    for factor in _ERF_A:
        series = (series + np.float32(factor)) * t
    erf = np.copysign(1 - series * np.exp(-size * size), scaled)
    return np.asarray(states * np.float32(0.5) * (1 + erf))
