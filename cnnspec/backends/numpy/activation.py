"""Activations: one function on every value, in place where nobody needs the input."""

from __future__ import annotations

from abc import abstractmethod
from math import pi, sqrt

import numpy as np

from cnnspec.backends.numpy.layout import Array, planes
from cnnspec.backends.numpy.special import erf
from cnnspec.backends.numpy.step import Step
from cnnspec.layers import activation as layers
from cnnspec.network.graph import Node


class Relu(Step):
    """max(x, 0). Largest values stay largest, so it may follow a max pool."""

    monotone = True
    overwrites = True
    reads_input = False
    reads_output = True

    def build(self) -> None:
        self.y = self.output_like(self.x)
        self.source, self.target = planes(self.x), planes(self.y)
        self.zeros = self.memory.zero_row(self.source.shape[-1])

    def forward(self, training: bool) -> None:
        np.maximum(self.source, self.zeros, out=self.target)

    def prepare(self, dy: Array, wanted: tuple[bool, ...]) -> tuple[Array | None, ...]:
        self.mask = PositiveMask(self, self.y)
        self.dy = dy.view(self.mask.integer)
        return (self.gradient_like(dy),)

    def backward(self) -> None:
        np.bitwise_and(self.dy, self.mask(), out=self.dy)


class PositiveMask:
    """All bits set where a value is not <= 0, for values that are never negative.

    A few integer operations on the float's bits: without its sign, a float is
    zero exactly where its integer is. NaN passes, as in PyTorch.
    """

    def __init__(self, step: Step, values: Array) -> None:
        self.integer = np.dtype(f"i{values.itemsize}")
        self.sign = 8 * values.itemsize - 1
        self.all_but_sign = self.integer.type(np.iinfo(self.integer).max)
        self.values = values.view(self.integer)
        self.mask = step.scratch(values.shape, self.integer)

    def __call__(self) -> Array:
        np.bitwise_and(self.values, self.all_but_sign, out=self.mask)
        np.negative(self.mask, out=self.mask)
        return np.right_shift(self.mask, self.sign, out=self.mask)


class Sigmoid(Step):
    """1/(1 + exp(-x)), without overflow: (1 + tanh(x/2))/2."""

    overwrites = True
    reads_input = False
    reads_output = True

    def build(self) -> None:
        self.y = self.output_like(self.x)

    def forward(self, training: bool) -> None:
        logistic(self.x, self.y)

    def prepare(self, dy: Array, wanted: tuple[bool, ...]) -> tuple[Array | None, ...]:
        self.dy, self.slope = dy, self.scratch(dy.shape)
        return (self.gradient_like(dy),)

    def backward(self) -> None:
        np.subtract(1, self.y, out=self.slope)
        np.multiply(self.slope, self.y, out=self.slope)
        np.multiply(self.dy, self.slope, out=self.dy)


class Tanh(Step):
    """The hyperbolic tangent."""

    overwrites = True
    reads_input = False
    reads_output = True

    def build(self) -> None:
        self.y = self.output_like(self.x)

    def forward(self, training: bool) -> None:
        np.tanh(self.x, out=self.y)

    def prepare(self, dy: Array, wanted: tuple[bool, ...]) -> tuple[Array | None, ...]:
        self.dy, self.slope = dy, self.scratch(dy.shape)
        return (self.gradient_like(dy),)

    def backward(self) -> None:
        np.multiply(self.y, self.y, out=self.slope)
        np.subtract(1, self.slope, out=self.slope)
        np.multiply(self.dy, self.slope, out=self.dy)


class Softmax(Step):
    """exp(x_c)/Σ exp(x_j) across the channels at each place; the greatest is taken off first."""

    overwrites = True
    reads_input = False
    reads_output = True

    def build(self) -> None:
        self.y = self.output_like(self.x)
        self.source, self.target = planes(self.x), planes(self.y)
        rows, _, run = self.source.shape
        self.one = self.scratch((rows, 1, run))

    def forward(self, training: bool) -> None:
        softmax(self.source, self.target, self.one)

    def prepare(self, dy: Array, wanted: tuple[bool, ...]) -> tuple[Array | None, ...]:
        self.dy = planes(dy)
        self.product = self.scratch(self.dy.shape)
        self.inner = self.scratch(self.one.shape)
        return (self.gradient_like(dy),)

    def backward(self) -> None:
        np.multiply(self.dy, self.target, out=self.product)
        np.add.reduce(self.product, axis=1, keepdims=True, out=self.inner)
        np.subtract(self.dy, self.inner, out=self.dy)
        np.multiply(self.dy, self.target, out=self.dy)


def softmax(source: Array, target: Array, one: Array) -> None:
    """Softmax of planes (rows, channel, run) over the channels; ``one`` is room for one channel."""
    np.maximum.reduce(source, axis=1, keepdims=True, out=one)
    np.subtract(source, one, out=target)
    np.exp(target, out=target)
    np.add.reduce(target, axis=1, keepdims=True, out=one)
    np.divide(target, one, out=target)


class Curve(Step):
    """An activation that keeps its input; ``slope`` is its derivative."""

    def build(self) -> None:
        self.y = self.memory.take(self.x.shape)
        self.room = self.scratch(self.x.shape)
        self.mask = self.scratch(self.x.shape, bool)

    def prepare(self, dy: Array, wanted: tuple[bool, ...]) -> tuple[Array | None, ...]:
        self.dy = dy
        self.slope, self.other = self.scratch(dy.shape), self.scratch(dy.shape)
        self.where = self.scratch(dy.shape, bool)
        return (self.gradient_like(dy),)

    @abstractmethod
    def differentiate(self) -> None:
        """Fill ``slope`` with the derivative at the input; ``other`` and ``where`` are room."""

    def backward(self) -> None:
        self.differentiate()
        np.multiply(self.dy, self.slope, out=self.dy)


class ClippedRelu(Curve):
    """min(max(x, 0), max); flat, without gradient, at both ends."""

    @property
    def ceiling(self) -> float:
        assert isinstance(self.node.layer, layers.Relu)
        assert self.node.layer.max is not None
        return self.node.layer.max

    def forward(self, training: bool) -> None:
        np.maximum(self.x, 0, out=self.y)
        np.minimum(self.y, self.ceiling, out=self.y)

    def differentiate(self) -> None:
        np.greater_equal(self.x, self.ceiling, out=self.slope, casting="unsafe")
        np.less_equal(self.x, 0, out=self.where)
        np.logical_or(self.where, self.slope, out=self.where)
        np.logical_not(self.where, out=self.slope, casting="unsafe")


class Kinked(Curve):
    """x where it is positive, a slope times x elsewhere."""

    def share(self) -> Array | float:
        """The slope of the negative side, shaped to meet the planes of the input."""
        assert isinstance(self.node.layer, layers.LeakyRelu)
        return self.node.layer.slope

    def forward(self, training: bool) -> None:
        np.minimum(self.x, 0, out=self.room)
        np.multiply(planes(self.room), self.share(), out=planes(self.room))
        np.maximum(self.x, 0, out=self.y)
        np.add(self.y, self.room, out=self.y)

    def differentiate(self) -> None:
        np.less_equal(self.x, 0, out=self.where)
        np.multiply(planes(self.where), self.share(), out=planes(self.slope), casting="same_kind")
        np.logical_not(self.where, out=self.where)
        np.add(self.slope, self.where, out=self.slope)


class Prelu(Kinked):
    """A trained slope for each channel, or one for all."""

    def share(self) -> Array:
        return self.site.weights["weight"][:, None]

    def backward(self) -> None:
        gradient = self.site.gradients.get("weight")
        if gradient is not None:
            np.minimum(self.x, 0, out=self.other)
            np.multiply(self.other, self.dy, out=self.other)
            sums = np.add.reduce(planes(self.other), axis=(0, 2))
            np.copyto(gradient, sums if gradient.size == sums.size else sums.sum())
        super().backward()


class Elu(Curve):
    """x where it is positive, alpha·(exp(x) - 1) elsewhere."""

    @property
    def alpha(self) -> float:
        assert isinstance(self.node.layer, layers.Elu)
        return self.node.layer.alpha

    def forward(self, training: bool) -> None:
        np.minimum(self.x, 0, out=self.room)
        np.expm1(self.room, out=self.room)
        np.multiply(self.room, self.alpha, out=self.room)
        np.maximum(self.x, 0, out=self.y)
        np.add(self.y, self.room, out=self.y)

    def differentiate(self) -> None:
        np.minimum(self.x, 0, out=self.slope)
        np.exp(self.slope, out=self.slope)
        np.less_equal(self.x, 0, out=self.where)
        np.multiply(self.slope, self.where, out=self.slope)
        np.multiply(self.slope, self.alpha, out=self.slope)
        np.logical_not(self.where, out=self.where)
        np.add(self.slope, self.where, out=self.slope)


class Gelu(Curve):
    """x·Φ(x), with Φ the normal distribution."""

    def forward(self, training: bool) -> None:
        np.multiply(self.x, normal_share(self.x), out=self.y)

    def differentiate(self) -> None:
        density = np.exp(-0.5 * self.x * self.x) * (1 / sqrt(2 * pi))
        np.copyto(self.slope, normal_share(self.x) + self.x * density)


class TanhGelu(Curve):
    """x·(1 + tanh(√(2/π)·(x + 0.044715·x³)))/2."""

    def forward(self, training: bool) -> None:
        np.multiply(0.5 * self.x, 1 + self._bent(), out=self.y)

    def _bent(self) -> Array:
        return np.asarray(np.tanh(sqrt(2 / pi) * (self.x + 0.044715 * self.x**3)))

    def differentiate(self) -> None:
        bent = self._bent()
        inner = sqrt(2 / pi) * (1 + 3 * 0.044715 * self.x * self.x)
        np.copyto(self.slope, 0.5 * (1 + bent) + 0.5 * self.x * (1 - bent * bent) * inner)


def normal_share(x: Array) -> Array:
    """Φ(x): the share of a normal distribution that lies below."""
    return np.asarray(0.5 * (1 + erf(x * (1 / sqrt(2)))))


class Silu(Curve):
    """x·sigmoid(x)."""

    def forward(self, training: bool) -> None:
        logistic(self.x, self.room)
        np.multiply(self.x, self.room, out=self.y)

    def differentiate(self) -> None:
        """s·(1 + x·(1 - s))."""
        logistic(self.x, self.other)
        np.subtract(1, self.other, out=self.slope)
        np.multiply(self.slope, self.x, out=self.slope)
        np.add(self.slope, 1, out=self.slope)
        np.multiply(self.slope, self.other, out=self.slope)


def logistic(x: Array, out: Array) -> None:
    """1/(1 + exp(-x)) without overflow, as (1 + tanh(x/2))/2."""
    np.multiply(x, 0.5, out=out)
    np.tanh(out, out=out)
    np.multiply(out, 0.5, out=out)
    np.add(out, 0.5, out=out)


class Hardsigmoid(Curve):
    """min(max(x + 3, 0), 6)/6."""

    def forward(self, training: bool) -> None:
        self._share(self.y)

    def _share(self, out: Array) -> None:
        np.add(self.x, 3, out=out)
        np.clip(out, 0, 6, out=out)
        np.divide(out, 6, out=out)

    def differentiate(self) -> None:
        self._inside(self.slope)
        np.divide(self.slope, 6, out=self.slope)

    def _inside(self, out: Array) -> None:
        """1 where -3 < x < 3, else 0."""
        np.abs(self.x, out=out)
        np.less(out, 3, out=self.where)
        np.copyto(out, self.where)


class Hardswish(Hardsigmoid):
    """x·min(max(x + 3, 0), 6)/6."""

    def forward(self, training: bool) -> None:
        super().forward(training)
        np.multiply(self.y, self.x, out=self.y)

    def differentiate(self) -> None:
        """The share itself, and x/6 where it moves."""
        super().differentiate()
        np.multiply(self.slope, self.x, out=self.slope)
        self._share(self.other)
        np.add(self.slope, self.other, out=self.slope)


def relu(node: Node, batch: int, training: bool) -> tuple[type[Step], ...]:
    """ReLU, with or without a ceiling."""
    assert isinstance(node.layer, layers.Relu)
    return (Relu if node.layer.max is None else ClippedRelu,)


def gelu(node: Node, batch: int, training: bool) -> tuple[type[Step], ...]:
    """GELU, exact or by its usual stand-in."""
    assert isinstance(node.layer, layers.Gelu)
    return (Gelu if node.layer.approximate == "none" else TanhGelu,)
