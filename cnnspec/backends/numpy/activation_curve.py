"""Activations whose backward pass reads the input: each is a curve and its slope."""

from __future__ import annotations

from abc import abstractmethod
from math import pi, sqrt

import numpy as np

from cnnspec.backends.numpy.activation import ClippedRelu, Relu, logistic
from cnnspec.backends.numpy.layout import Array, planes
from cnnspec.backends.numpy.special import erf
from cnnspec.backends.numpy.step import Step
from cnnspec.layers import activation as layers
from cnnspec.network.graph import Node

CUBIC = 0.044715


class Curve(Step):
    """An activation that keeps its input in training; ``slope`` is its derivative."""

    overwrites = True

    def build(self) -> None:
        self.y = self.output_like(self.x)
        self.room = self.scratch(self.x.shape)

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

    def _bent(self, out: Array) -> None:
        """tanh(√(2/π)·x·(1 + 0.044715·x²))."""
        np.multiply(self.x, self.x, out=out)
        np.multiply(out, CUBIC, out=out)
        np.add(out, 1, out=out)
        np.multiply(out, self.x, out=out)
        np.multiply(out, sqrt(2 / pi), out=out)
        np.tanh(out, out=out)

    def forward(self, training: bool) -> None:
        self._bent(self.room)
        np.add(self.room, 1, out=self.room)
        np.multiply(self.room, 0.5, out=self.room)
        np.multiply(self.room, self.x, out=self.y)

    def differentiate(self) -> None:
        """(1 + t)/2·(1 + (1 - t)·x·√(2/π)·(1 + 3·0.044715·x²)) with t the tangent."""
        np.multiply(self.x, self.x, out=self.slope)
        np.multiply(self.slope, 3 * CUBIC, out=self.slope)
        np.add(self.slope, 1, out=self.slope)
        np.multiply(self.slope, self.x, out=self.slope)
        np.multiply(self.slope, sqrt(2 / pi), out=self.slope)
        self._bent(self.other)
        np.subtract(1, self.other, out=self.third)
        np.multiply(self.slope, self.third, out=self.slope)
        np.add(self.slope, 1, out=self.slope)
        np.add(self.other, 1, out=self.other)
        np.multiply(self.slope, self.other, out=self.slope)
        np.multiply(self.slope, 0.5, out=self.slope)

    def prepare(self, dy: Array, wanted: tuple[bool, ...]) -> tuple[Array | None, ...]:
        self.third = self.scratch(dy.shape)
        return super().prepare(dy, wanted)


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
        self._share(self.room)
        np.multiply(self.room, self.x, out=self.y)

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
