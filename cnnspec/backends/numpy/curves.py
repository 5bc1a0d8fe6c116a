"""Functions on every value, each with its slope: one row serves the definition and the fast kernel.

A function takes the layer and an array; it makes arrays as it goes, so the kernel gives it blocks that
stay in the first-level cache. Its operations are what the layer says that one value takes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np

from cnnspec.backends.numpy.layout import Array

Function: TypeAlias = Callable[[Any, Array], Array]


class Curve(NamedTuple):
    """A function on every value and its derivative there."""

    function: Function
    slope: Function


def either(where: Array, this: Array, that: Array) -> Array:
    """``np.where`` by the bits of the values: exact for NaN and zeros of both signs, and twice as fast."""
    if this.dtype == object:  # formulas, which show their working
        return np.where(where, this, that)
    bits = np.dtype(f"i{this.dtype.itemsize}")
    mask = np.negative(where.view(np.int8), dtype=bits)
    first, second = this.view(bits), that.view(bits)
    chosen = first ^ second
    chosen &= mask
    chosen ^= second
    return np.asanyarray(chosen.view(this.dtype))


def logistic(x: Array) -> Array:
    """1/(1 + exp(−x)) without overflow."""
    return np.asanyarray(0.5 * np.tanh(0.5 * x) + 0.5)


def inside(layer: Any, x: Array) -> Array:
    """Where x lies between the layer's ends; not at them, and not at NaN."""
    low, high = -np.inf if layer.min is None else layer.min, np.inf if layer.max is None else layer.max
    return np.asanyarray((x > low) & (x < high))


def softplus(layer: Any, x: Array) -> Array:
    """The greater of x and 0, and what rounds the corner: nothing overflows."""
    if layer.beta == 1:
        return np.asanyarray(np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))))
    return np.asanyarray(np.maximum(x, 0) + np.log1p(np.exp(-layer.beta * np.abs(x))) / layer.beta)


def mish_gate(x: Array) -> Array:
    return np.asanyarray(np.tanh(np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))))


def mish_slope(layer: Any, x: Array) -> Array:
    gate = mish_gate(x)
    return np.asanyarray(gate + x * logistic(x) * (1 - gate * gate))


def selu(layer: Any, x: Array) -> Array:
    return either(x > 0, layer.gamma * x, (layer.gamma * layer.alpha) * np.expm1(x))


def selu_slope(layer: Any, x: Array) -> Array:
    below = layer.gamma * layer.alpha * np.exp(-np.abs(x))  # only used where x ≤ 0
    return either(x > 0, np.full_like(x, layer.gamma), below)


MOST_PRODUCTS: Final = 8
"""Whole exponents up to which products are faster than a power."""


def power(x: Array, exponent: float) -> Array:
    """x to an exponent; a small whole one by products, except where x tells of its operations."""
    if exponent == 1:
        return x
    plain = type(x) is np.ndarray and x.dtype != object
    if not plain or exponent != int(exponent) or not 2 <= exponent <= MOST_PRODUCTS:
        return np.asanyarray(np.power(x, exponent))
    half = x if exponent < 4 else power(x, exponent // 2)
    whole = half * half
    return np.multiply(whole, x, out=whole) if exponent % 2 else whole


def power_slope(layer: Any, x: Array) -> Array:
    """Nothing where the exponent is 0: there all values become 1, also 0 and infinities."""
    if layer.exponent == 0:
        return np.zeros_like(x)
    return np.asanyarray(layer.exponent * power(x, layer.exponent - 1))


CURVES: Final[dict[str, Curve]] = {
    "softplus": Curve(softplus, lambda layer, x: logistic(layer.beta * x)),
    "selu": Curve(selu, selu_slope),
    "mish": Curve(lambda layer, x: x * mish_gate(x), mish_slope),
    "hardtanh": Curve(lambda layer, x: np.clip(x, layer.min, layer.max), inside),
    "abs": Curve(lambda layer, x: np.abs(x), lambda layer, x: (x > 0).astype(x.dtype) - (x < 0)),
    "exp": Curve(lambda layer, x: np.exp(x), lambda layer, x: np.exp(x)),
    "log": Curve(lambda layer, x: np.log(x), lambda layer, x: 1 / x),
    "square": Curve(lambda layer, x: x * x, lambda layer, x: 2 * x),
    "sqrt": Curve(lambda layer, x: np.sqrt(x), lambda layer, x: 0.5 / np.sqrt(x)),
    "power": Curve(lambda layer, x: power(x, layer.exponent), power_slope),
}  # fmt: skip
