"""Layers that change values in place: activations, dense, normalisations, dropout, merges."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from math import erf, pi, prod, sqrt
from typing import Any, Final, TypeAlias

import numpy as np

from cnnspec.backends.numpy.curves import CURVES
from cnnspec.backends.numpy.layout import Array
from cnnspec.backends.numpy.reference.definition import Back, Definition, LayerCall

Slope: TypeAlias = Callable[[int, list[Array], Array], Array]
"""Of a merge by its n-th input: n, all inputs, the output."""

_erf_of_numbers = np.vectorize(erf, otypes=[float])


def exact_erf(x: Array) -> Array:
    """The error function, of numbers or of formulas."""
    of_formulas = np.frompyfunc(lambda one: one.erf(), 1, 1)
    return np.asanyarray(of_formulas(x) if x.dtype == object else _erf_of_numbers(x))


def each(function: Callable[[Any, Array], Array], slope: Callable[[Any, Array], Array]) -> Definition:
    """A function on every value, with its derivative."""

    def define(call: LayerCall) -> tuple[Array, Back]:
        x, layer = call.x, call.layer
        return function(layer, x), lambda dy: ([dy * slope(layer, x)], {})

    return define


def sigmoid(x: Array) -> Array:
    return np.asanyarray(1 / (1 + np.exp(-x)))


def clipped(layer: Any, x: Array) -> Array:
    """-0.0 is no less than 0 and stays, as NaN does."""
    positive = np.where(x < 0, 0, x)
    return positive if layer.max is None else np.where(positive > layer.max, layer.max, positive)


def gelu_curve(layer: Any, x: Array) -> Array:
    """2·Φ(x) − 1 with Φ the normal distribution, or what the tanh form puts in its place."""
    if layer.approximate == "tanh":
        return np.asanyarray(np.tanh(sqrt(2 / pi) * (x + 0.044715 * x * x * x)))
    return np.asanyarray(exact_erf(sqrt(0.5) * x))


def gelu_slope(layer: Any, x: Array) -> Array:
    curve = gelu_curve(layer, x)
    if layer.approximate == "tanh":
        density = (1 - curve**2) * sqrt(2 / pi) * (1 + 3 * 0.044715 * x**2) / 2
    else:
        density = np.exp(-(x**2) / 2) / sqrt(2 * pi)
    return np.asanyarray((1 + curve) / 2 + x * density)


def hard_share(x: Array) -> Array:
    return np.asanyarray(np.clip(x + 3, 0, 6) / 6)


def prelu(call: LayerCall) -> tuple[Array, Back]:
    x = call.x
    slope = call.weights["weight"].reshape(-1, *(1 for _ in x.shape[2:]))

    def back(dy: Array) -> tuple[list[Array], dict[str, Array]]:
        parts = np.where(x > 0, 0, dy * x).sum(axis=(0, *range(2, x.ndim)))
        shared = call.weights["weight"].size == 1
        return [dy * np.where(x > 0, 1, slope)], {"weight": parts.sum(keepdims=True) if shared else parts}

    return np.where(x > 0, x, slope * x), back


def softmax(call: LayerCall) -> tuple[Array, Back]:
    powers = np.exp(call.x - call.x.max(axis=1, keepdims=True))
    y = powers / powers.sum(axis=1, keepdims=True)
    return y, lambda dy: ([y * (dy - (dy * y).sum(axis=1, keepdims=True))], {})


def dense(call: LayerCall) -> tuple[Array, Back]:
    """W·x + b."""
    x, weight = call.x, call.weights["weight"]
    y = x @ weight.T
    if call.layer.bias:
        y += call.weights["bias"]
    return y, lambda dy: ([dy @ weight], {"weight": dy.T @ x, "bias": dy.sum(axis=0)})


def dropout(call: LayerCall) -> tuple[Array, Back]:
    """Drawn in the engine's order of axes, one number for each value, channel of a sample, or sample."""
    if not call.training:
        return call.x, lambda dy: ([dy], {})
    order = (*range(2, call.x.ndim - 1), 1, call.x.ndim - 1, 0) if call.x.ndim > 2 else (1, 0)
    alone = {"value": order, "channel": (0, 1), "sample": (0,)}[call.layer.part]
    shape = tuple(call.x.shape[axis] if axis in alone else 1 for axis in order)
    drawn = call.random.random(shape, np.float32)
    kept = (drawn >= np.float32(call.layer.rate)).transpose(np.argsort(order)) / (1 - call.layer.rate)
    return call.x * kept, lambda dy: ([dy * kept], {})


def batchnorm(call: LayerCall) -> tuple[Array, Back]:
    """By the batch in training, which enters the running statistics; else by those, as factor and term.

    A frozen one goes by those in training too, and leaves them.
    """
    x, layer, weights = call.x, call.layer, call.weights
    channels = (1, x.shape[1], 1)
    view = (len(x), x.shape[1], -1)
    running_mean, running_var = weights["running_mean"], weights["running_var"]
    if not call.training or layer.frozen:
        factor = weights.get("weight", 1) / np.sqrt(running_var + layer.epsilon)
        term = weights.get("bias", 0) - running_mean * factor
        y = x.reshape(view) * factor.reshape(channels) + term.reshape(channels)
        wide = factor.reshape(-1, *(1 for _ in x.shape[2:]))
        return y.reshape(x.shape), lambda dy: ([dy * wide], {})
    y, back, mean, var = normalised(call, view, (0, 2), channels)
    count = x.size // x.shape[1]
    for running, value in ((running_mean, mean), (running_var, var * count / max(1, count - 1))):
        running[...] = (1 - layer.momentum) * running + layer.momentum * value.reshape(-1)
    return y, back


def normalised(
    call: LayerCall, view: tuple[int, ...], axes: tuple[int, ...], affine: tuple[int, ...]
) -> tuple[Array, Back, Array, Array]:
    """Each part to (x - mean)/√(var + epsilon), scaled and shifted; also mean and variance.
    Where the layer is not centred the mean stays, and the variance is that around 0.

    The input is seen as ``view``, of which a part spans the ``axes``; ``affine`` is the shape of
    scale and shift in it.
    """
    x, weights = call.x.reshape(view), call.weights
    count = prod(x.shape[axis] for axis in axes)
    centred = call.layer.centred
    mean = x.sum(axis=axes, keepdims=True) / count if centred else np.zeros(1, x.dtype)
    away = x - mean if centred else x
    var = (away * away).sum(axis=axes, keepdims=True) / count
    deviation = np.sqrt(var + call.layer.epsilon)
    y = normal = away / deviation
    scale = weights["weight"].reshape(affine) if "weight" in weights else np.ones(1, x.dtype)
    if "weight" in weights:
        y = normal * scale
    if "bias" in weights:
        y = y + weights["bias"].reshape(affine)

    def back(dy: Array) -> tuple[list[Array], dict[str, Array]]:
        d = dy.reshape(normal.shape)
        g = d * scale
        dx = (g - normal * (g * normal).mean(axis=axes, keepdims=True)) / deviation
        if centred:
            dx = dx - g.mean(axis=axes, keepdims=True) / deviation
        outside = tuple(axis for axis, size in enumerate(affine) if size == 1)
        sums = {"weight": (d * normal).sum(axis=outside), "bias": d.sum(axis=outside)}
        named = {name: sum.reshape(weights[name].shape) for name, sum in sums.items() if name in weights}
        return [dx.reshape(dy.shape)], named

    return y.reshape(call.x.shape), back, mean, var


def sample_norm(call: LayerCall) -> tuple[Array, Back]:
    """By the statistics of each sample: of groups of channels, or of the channels at each place."""
    x, layer = call.x, call.layer
    groups = layer.channel_groups(x.shape[1])
    view = (len(x), groups, x.shape[1] // groups, prod(x.shape[2:]))
    over = getattr(layer, "over", None)
    affine = (1, *view[1:3], view[3] if over == "all" else 1)
    return normalised(call, view, (2,) if over == "channels" else (2, 3), affine)[:2]


def lrn(call: LayerCall) -> tuple[Array, Back]:
    x, layer = call.x, call.layer
    before, after = layer.size // 2, (layer.size - 1) // 2
    share = layer.alpha / layer.size
    divisor = share * neighbours(x * x, before, after) + layer.k
    y = x / np.power(divisor, layer.beta)

    def back(dy: Array) -> tuple[list[Array], dict[str, Array]]:
        seen = neighbours(dy * y / divisor, after, before)
        return [dy * divisor**-layer.beta - 2 * share * layer.beta * x * seen], {}

    return y, back


def neighbours(values: Array, before: int, after: int) -> Array:
    """For each channel the sum over it and its neighbours, of which those beyond the edge are zero."""
    channels = values.shape[1]
    wide = np.pad(values, ((0, 0), (before, after), *((0, 0) for _ in values.shape[2:])))
    return np.asanyarray(np.stack([wide[:, n : n + channels] for n in range(before + after + 1)]).sum(axis=0))


def meeting(call: LayerCall) -> list[Array]:
    """The inputs with as many axes as the output."""
    rank = max(x.ndim for x in call.inputs)
    return [x.reshape(*x.shape, *(1 for _ in range(rank - x.ndim))) for x in call.inputs]


def _folded(gradient: Array, seen: Array, x: Array) -> Array:
    """A gradient summed over the axes along which an input was repeated."""
    axes = tuple(n for n, (a, b) in enumerate(zip(gradient.shape, seen.shape, strict=True)) if a != b)
    return np.asarray(gradient.sum(axis=axes, keepdims=True)).reshape(x.shape)


def merged(fold: Callable[[Array, Array], Array], slope: Slope) -> Definition:
    """Inputs folded into one, the first with the second and so on; ``slope`` is by which input."""

    def define(call: LayerCall) -> tuple[Array, Back]:
        terms = meeting(call)
        y = reduce(fold, terms)

        def back(dy: Array) -> tuple[list[Array], dict[str, Array]]:
            parts = enumerate(zip(terms, call.inputs, strict=True))
            return [_folded(dy * slope(n, terms, y), term, x) for n, (term, x) in parts], {}

        return y, back

    return define


def product_of_others(n: int, terms: list[Array], y: Array) -> Array:
    return np.asanyarray(
        np.prod([np.broadcast_to(f, y.shape) for m, f in enumerate(terms) if m != n], axis=0)
    )


def quotient_slope(n: int, terms: list[Array], y: Array) -> Array:
    return np.asanyarray(-(y / terms[n]) if n else 1 / product_of_others(0, terms, y))


def chosen(worse: Callable[[Array, Array], Array]) -> Slope:
    """Of the inputs that are as good as the best, each an equal share."""

    def slope(n: int, terms: list[Array], y: Array) -> Array:
        best = [~worse(np.broadcast_to(term, y.shape), y) for term in terms]
        return np.asanyarray(best[n] / np.sum(best, axis=0))

    return slope


def scale(call: LayerCall) -> tuple[Array, Back]:
    x, layer, weights = call.x, call.layer, call.weights
    wide, others = (-1, *(1 for _ in x.shape[2:])), (0, *range(2, x.ndim))
    factor = weights["weight"].reshape(wide) if "weight" in weights else layer.by
    y = x if layer.by == 1 else x * factor
    if layer.bias or layer.shift:
        y = y + (weights["bias"].reshape(wide) if layer.bias else layer.shift)

    def back(dy: Array) -> tuple[list[Array], dict[str, Array]]:
        sums = {"weight": (dy * x).sum(axis=others), "bias": dy.sum(axis=others)}
        return [dy * factor], {name: sums[name] for name in weights}

    return y, back


def channel_mean(call: LayerCall) -> tuple[Array, Back]:
    channels = call.x.shape[1]
    y = call.x.sum(axis=1, keepdims=True) / channels
    return y, lambda dy: ([np.repeat(dy / channels, channels, axis=1)], {})


def channel_max(call: LayerCall) -> tuple[Array, Back]:
    """Several greatest: the first has the gradient."""
    x = call.x

    def back(dy: Array) -> tuple[list[Array], dict[str, Array]]:
        dx = np.zeros_like(x)
        np.put_along_axis(dx, x.argmax(axis=1, keepdims=True), dy, axis=1)
        return [dx], {}

    return x.max(axis=1, keepdims=True), back


def l2norm(call: LayerCall) -> tuple[Array, Back]:
    x, least = call.x, call.layer.epsilon
    length = np.sqrt((x * x).sum(axis=1, keepdims=True))
    divisor = np.maximum(length, least)
    y = x / divisor

    def back(dy: Array) -> tuple[list[Array], dict[str, Array]]:
        along = np.where(length < least, 0, (dy * y).sum(axis=1, keepdims=True))
        return [(dy - y * along) / divisor], {}

    return y, back


def concat(call: LayerCall) -> tuple[Array, Back]:
    ends = np.cumsum([x.shape[1] for x in call.inputs])[:-1]
    return np.concatenate(call.inputs, axis=1), lambda dy: (np.split(dy, ends, axis=1), {})


VALUES: Final[dict[str, Definition]] = {
    "relu": each(  # at NaN the slope is 1 without a ceiling and 0 with one: as PyTorch's vectors have it
        clipped, lambda layer, x: ~(x <= 0) if layer.max is None else (x > 0) & (x < layer.max)
    ),
    "leakyrelu": each(
        lambda layer, x: np.where(x > 0, x, layer.slope * x), lambda layer, x: np.where(x > 0, 1, layer.slope)
    ),
    "prelu": prelu,
    "elu": each(
        lambda layer, x: np.where(x > 0, x, layer.alpha * np.expm1(x)),
        lambda layer, x: np.where(x > 0, 1, layer.alpha * np.exp(np.where(x > 0, -x, x))),
    ),
    "gelu": each(lambda layer, x: 0.5 * x * (1 + gelu_curve(layer, x)), gelu_slope),
    "silu": each(
        lambda layer, x: x / (1 + np.exp(-x)), lambda layer, x: sigmoid(x) * (1 + x * (1 - sigmoid(x)))
    ),
    "sigmoid": each(lambda layer, x: sigmoid(x), lambda layer, x: sigmoid(x) * (1 - sigmoid(x))),
    "tanh": each(lambda layer, x: np.tanh(x), lambda layer, x: 1 - np.tanh(x) ** 2),
    "hardsigmoid": each(lambda layer, x: hard_share(x), lambda layer, x: (np.abs(x) < 3) / 6),
    "hardswish": each(
        lambda layer, x: x * hard_share(x),
        lambda layer, x: hard_share(x) + np.where(np.abs(x) < 3, x, 0) / 6,
    ),
    "softmax": softmax, "dense": dense, "dropout": dropout, "droppath": dropout,
    "batchnorm": batchnorm, "layernorm": sample_norm, "groupnorm": sample_norm,
    "instancenorm": sample_norm, "rmsnorm": sample_norm, "lrn": lrn,
    "add": merged(np.add, lambda n, terms, y: np.ones_like(y)),
    "subtract": merged(np.subtract, lambda n, terms, y: np.full_like(y, -1 if n else 1)),
    "multiply": merged(np.multiply, product_of_others), "divide": merged(np.divide, quotient_slope),
    "maximum": merged(np.maximum, chosen(np.less)), "minimum": merged(np.minimum, chosen(np.greater)),
    "concat": concat, "scale": scale, "mean": channel_mean, "max": channel_max, "l2norm": l2norm,
    **{word: each(*curve) for word, curve in CURVES.items()},
}  # fmt: skip
