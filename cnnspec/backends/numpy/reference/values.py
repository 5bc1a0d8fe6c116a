"""Layers that change values in place: activations, dense, normalisations, dropout, merges."""

from __future__ import annotations

from collections.abc import Callable
from math import erf, pi, sqrt
from typing import Any, Final

import numpy as np

from cnnspec.backends.numpy.layout import Array
from cnnspec.backends.numpy.reference.definition import Back, Call, Definition
from cnnspec.layers.activation import (
    Elu,
    Gelu,
    Hardsigmoid,
    Hardswish,
    LeakyRelu,
    Prelu,
    Relu,
    Sigmoid,
    Silu,
    Softmax,
    Tanh,
)
from cnnspec.layers.base import Layer
from cnnspec.layers.dense import Dense
from cnnspec.layers.merge import Add, Concat, Multiply
from cnnspec.layers.norm import BatchNorm, Dropout, GroupNorm, LayerNorm, Lrn

exact_erf = np.vectorize(erf, otypes=[float])


def each(function: Callable[[Any, Array], Array], slope: Callable[[Any, Array], Array]) -> Definition:
    """A function on every value, with its derivative."""

    def define(call: Call) -> tuple[Array, Back]:
        x, layer = call.x, call.layer
        return function(layer, x), lambda dy: ([dy * slope(layer, x)], {})

    return define


def sigmoid(x: Array) -> Array:
    return np.asarray(np.exp(-np.logaddexp(0, -x)))


def clipped(layer: Any, x: Array) -> Array:
    """-0.0 is no less than 0 and stays, as NaN does."""
    positive = np.where(x < 0, 0, x)
    return positive if layer.max is None else np.where(positive > layer.max, layer.max, positive)


def clipped_slope(layer: Any, x: Array) -> Array:
    """At NaN 1 without a ceiling and 0 with one: as PyTorch's vectors have it."""
    return np.asarray(~(x <= 0) if layer.max is None else (x > 0) & (x < layer.max))


def normal_share(layer: Any, x: Array) -> Array:
    """Φ(x), or what the tanh form puts in its place."""
    if layer.approximate == "tanh":
        return np.asarray((1 + np.tanh(sqrt(2 / pi) * (x + 0.044715 * x**3))) / 2)
    return np.asarray((1 + exact_erf(x / sqrt(2))) / 2)


def gelu_slope(layer: Any, x: Array) -> Array:
    if layer.approximate == "tanh":
        bend = np.tanh(sqrt(2 / pi) * (x + 0.044715 * x**3))
        density = (1 - bend**2) * sqrt(2 / pi) * (1 + 3 * 0.044715 * x**2) / 2
    else:
        density = np.exp(-(x**2) / 2) / sqrt(2 * pi)
    return np.asarray(normal_share(layer, x) + x * density)


def hard_share(x: Array) -> Array:
    return np.asarray(np.clip(x + 3, 0, 6) / 6)


def prelu(call: Call) -> tuple[Array, Back]:
    x = call.x
    slope = call.weights["weight"].reshape(-1, *(1 for _ in x.shape[2:]))

    def back(dy: Array) -> tuple[list[Array], dict[str, Array]]:
        parts = np.where(x > 0, 0, dy * x).sum(axis=(0, *range(2, x.ndim)))
        shared = call.weights["weight"].size == 1
        return [dy * np.where(x > 0, 1, slope)], {"weight": parts.sum(keepdims=True) if shared else parts}

    return np.where(x > 0, x, slope * x), back


def softmax(call: Call) -> tuple[Array, Back]:
    powers = np.exp(call.x - call.x.max(axis=1, keepdims=True))
    y = powers / powers.sum(axis=1, keepdims=True)
    return y, lambda dy: ([y * (dy - (dy * y).sum(axis=1, keepdims=True))], {})


def dense(call: Call) -> tuple[Array, Back]:
    """W·x + b."""
    x, weight = call.x, call.weights["weight"]
    y = x @ weight.T + (call.weights["bias"] if call.layer.bias else 0)
    return y, lambda dy: ([dy @ weight], {"weight": dy.T @ x, "bias": dy.sum(axis=0)})


def dropout(call: Call) -> tuple[Array, Back]:
    if not call.training:
        return call.x, lambda dy: ([dy], {})
    order = (*range(2, call.x.ndim - 1), 1, call.x.ndim - 1, 0) if call.x.ndim > 2 else (1, 0)
    drawn = call.random.random(tuple(call.x.shape[axis] for axis in order), np.float32)
    kept = (drawn >= np.float32(call.layer.rate)).transpose(np.argsort(order)) / (1 - call.layer.rate)
    return call.x * kept, lambda dy: ([dy * kept], {})


def batchnorm(call: Call) -> tuple[Array, Back]:
    """By the batch in training (which enters the running statistics), else by the running ones."""
    x, layer, weights = call.x, call.layer, call.weights
    axes = (0, *range(2, x.ndim))
    mean, var = weights["running_mean"], weights["running_var"]
    if call.training:
        count = x.size // x.shape[1]
        batch_mean, batch_var = x.mean(axis=axes), x.var(axis=axes)
        for running, value in ((mean, batch_mean), (var, batch_var * count / max(1, count - 1))):
            running[...] = (1 - layer.momentum) * running + layer.momentum * value
        mean, var = batch_mean, batch_var
    shape = (-1, *(1 for _ in x.shape[2:]))
    return _normalised(
        call, axes if call.training else (), mean.reshape(shape), var.reshape(shape), shape, axes
    )


def _normalised(
    call: Call, axes: tuple[int, ...], mean: Array, var: Array,
    shape: tuple[int, ...], outside: tuple[int, ...],
) -> tuple[Array, Back]:  # fmt: skip
    """(x - mean)/√(var + epsilon), scaled and shifted; ``axes`` are those the statistics come from."""
    x, weights = call.x, call.weights
    scale = weights["weight"].reshape(shape) if "weight" in weights else np.ones(1, x.dtype)
    shift = weights["bias"].reshape(shape) if "bias" in weights else np.zeros(1, x.dtype)
    factor = 1 / np.sqrt(var + call.layer.epsilon)
    normal = (x - mean) * factor

    def back(dy: Array) -> tuple[list[Array], dict[str, Array]]:
        g = dy * scale
        dx = factor * g
        if axes:
            dx = factor * (
                g - g.mean(axis=axes, keepdims=True) - normal * (g * normal).mean(axis=axes, keepdims=True)
            )
        named = {"weight": dy * normal, "bias": dy}
        return [dx], {
            name: value.sum(axis=outside).reshape(weights[name].shape)
            for name, value in named.items()
            if name in weights
        }

    return normal * scale + shift, back


def layernorm(call: Call) -> tuple[Array, Back]:
    x = call.x
    channels = call.layer.over == "channels"
    axes = (1,) if channels else tuple(range(1, x.ndim))
    shape = (-1, *(1 for _ in x.shape[2:])) if channels else x.shape[1:]
    outside = (0, *range(2, x.ndim)) if channels else (0,)
    mean, var = x.mean(axis=axes, keepdims=True), x.var(axis=axes, keepdims=True)
    return _normalised(call, axes, mean, var, shape, outside)


def groupnorm(call: Call) -> tuple[Array, Back]:
    """Statistics of each group, put in the place of each of its channels."""
    x, groups = call.x, call.layer.groups
    flat = x.reshape(len(x), groups, -1)
    per = (len(x), groups, x.shape[1] // groups, -1)
    weights = call.weights
    scale = weights["weight"].reshape(1, groups, -1, 1) if "weight" in weights else np.ones(1, x.dtype)
    shift = weights["bias"].reshape(1, groups, -1, 1) if "bias" in weights else np.zeros(1, x.dtype)
    factor = 1 / np.sqrt(flat.var(axis=2, keepdims=True) + call.layer.epsilon)
    normal = ((flat - flat.mean(axis=2, keepdims=True)) * factor).reshape(per)

    def back(dy: Array) -> tuple[list[Array], dict[str, Array]]:
        d = dy.reshape(normal.shape)
        g, n = (d * scale).reshape(flat.shape), normal.reshape(flat.shape)
        dx = factor * (g - g.mean(axis=2, keepdims=True) - n * (g * n).mean(axis=2, keepdims=True))
        terms = {"weight": d * normal, "bias": d} if "weight" in weights else {}
        sums = {name: value.sum(axis=(0, 3)).reshape(-1) for name, value in terms.items()}
        return [dx.reshape(x.shape)], sums

    return (normal * scale + shift).reshape(x.shape), back


def lrn(call: Call) -> tuple[Array, Back]:
    x, layer = call.x, call.layer
    channels = x.shape[1]
    near = [slice(max(0, c - layer.size // 2), c + (layer.size - 1) // 2 + 1) for c in range(channels)]
    share = layer.alpha / layer.size
    divisor = layer.k + share * np.stack([np.sum(x[:, part] ** 2, axis=1) for part in near], axis=1)
    y = x * divisor**-layer.beta

    def back(dy: Array) -> tuple[list[Array], dict[str, Array]]:
        terms, seen = dy * y / divisor, np.zeros_like(x)
        for c, part in enumerate(near):
            seen[:, part] += terms[:, c : c + 1]
        return [dy * divisor**-layer.beta - 2 * share * layer.beta * x * seen], {}

    return y, back


def meeting(call: Call) -> list[Array]:
    """The inputs with as many axes as the output."""
    rank = max(x.ndim for x in call.inputs)
    return [x.reshape(*x.shape, *(1 for _ in range(rank - x.ndim))) for x in call.inputs]


def _folded(gradient: Array, seen: Array, x: Array) -> Array:
    """A gradient summed over the axes along which an input was repeated."""
    axes = tuple(n for n, (a, b) in enumerate(zip(gradient.shape, seen.shape, strict=True)) if a != b)
    return np.asarray(gradient.sum(axis=axes, keepdims=True)).reshape(x.shape)


def add(call: Call) -> tuple[Array, Back]:
    terms = meeting(call)

    def back(dy: Array) -> tuple[list[Array], dict[str, Array]]:
        return [_folded(dy, term, x) for term, x in zip(terms, call.inputs, strict=True)], {}

    return np.asarray(sum(terms[1:], start=terms[0])), back


def multiply(call: Call) -> tuple[Array, Back]:
    factors = meeting(call)

    def others(n: int) -> Array:
        return np.asarray(
            np.prod([np.broadcast_to(f, y.shape) for m, f in enumerate(factors) if m != n], axis=0)
        )

    y = factors[0]
    for factor in factors[1:]:
        y = y * factor

    def back(dy: Array) -> tuple[list[Array], dict[str, Array]]:
        return [
            _folded(dy * others(n), factor, x)
            for n, (factor, x) in enumerate(zip(factors, call.inputs, strict=True))
        ], {}

    return y, back


def concat(call: Call) -> tuple[Array, Back]:
    ends = np.cumsum([x.shape[1] for x in call.inputs])[:-1]
    return np.concatenate(call.inputs, axis=1), lambda dy: (np.split(dy, ends, axis=1), {})


VALUES: Final[dict[type[Layer], Definition]] = {
    Relu: each(clipped, clipped_slope),
    LeakyRelu: each(
        lambda layer, x: np.where(x > 0, x, layer.slope * x), lambda layer, x: np.where(x > 0, 1, layer.slope)
    ),
    Prelu: prelu,
    Elu: each(
        lambda layer, x: np.where(x > 0, x, layer.alpha * np.expm1(np.minimum(0, x))),
        lambda layer, x: np.where(x > 0, 1, layer.alpha * np.exp(np.minimum(x, 0))),
    ),
    Gelu: each(lambda layer, x: x * normal_share(layer, x), gelu_slope),
    Silu: each(
        lambda layer, x: x * sigmoid(x), lambda layer, x: sigmoid(x) * (1 + x * (1 - sigmoid(x)))
    ),
    Sigmoid: each(lambda layer, x: sigmoid(x), lambda layer, x: sigmoid(x) * (1 - sigmoid(x))),
    Tanh: each(lambda layer, x: np.tanh(x), lambda layer, x: 1 - np.tanh(x) ** 2),
    Hardsigmoid: each(lambda layer, x: hard_share(x), lambda layer, x: (np.abs(x) < 3) / 6),
    Hardswish: each(
        lambda layer, x: x * hard_share(x),
        lambda layer, x: hard_share(x) + np.where(np.abs(x) < 3, x, 0) / 6,
    ),
    Softmax: softmax, Dense: dense, Dropout: dropout,
    BatchNorm: batchnorm, LayerNorm: layernorm, GroupNorm: groupnorm, Lrn: lrn,
    Add: add, Multiply: multiply, Concat: concat,
}  # fmt: skip
