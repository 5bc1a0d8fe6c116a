"""Activations whose backward pass reads the input: each is a curve and its slope."""

from __future__ import annotations

from math import pi, sqrt

import numpy as np

from cnnspec.backends.numpy.activation import ClippedRelu, ReluStep, logistic
from cnnspec.backends.numpy.activation_block import Block, Curve
from cnnspec.backends.numpy.choice import Choice
from cnnspec.backends.numpy.layout import Array, planes
from cnnspec.backends.numpy.special import normal_half
from cnnspec.layers import activation as layers
from cnnspec.network.graph import Node

CUBIC = 0.044715


class Kinked(Curve):
    """x where it is positive, a slope times x elsewhere, and at NaN."""

    rooms = 2

    def share(self, channels: slice) -> Array | float:
        """The slope of the negative side, shaped to meet these channels of the planes."""
        assert isinstance(self.node.layer, layers.LeakyRelu)
        return self.node.layer.slope

    def bend(self, block: Block, x: Array, y: Array, *rooms: Array) -> None:
        """The slope times x: so zeros keep their signs, and infinities stay."""
        self.slope(block, x, *rooms)
        np.multiply(x, rooms[0], out=y)

    def slope(self, block: Block, x: Array, slope: Array, *rooms: Array) -> None:
        (room,) = rooms
        np.greater(x, 0, out=block.where)
        np.copyto(room, block.where)
        np.logical_not(block.where, out=block.where)
        np.copyto(slope, block.where)
        np.multiply(slope, self.share(block.channels), out=slope)
        np.add(slope, room, out=slope)


class PreluStep(Kinked):
    """A trained slope for each channel, or one for all."""

    def share(self, channels: slice) -> Array:
        weight = self.context.weights["weight"]
        return weight if weight.size == 1 else weight[channels, None]

    def prepare(self, dy: Array, wanted: tuple[bool, ...]) -> tuple[Array | None, ...]:
        self.sums = self.scratch((planes(self.x).shape[1],))
        return super().prepare(dy, wanted)

    def backward(self) -> None:
        gradient = self.context.gradients.get("weight")
        if gradient is not None:
            self.sums.fill(0)
            for block in self.back:
                self._differentiate(block)
            np.copyto(gradient, self.sums if gradient.size == self.sums.size else self.sums.sum())
        super().backward()

    def _differentiate(self, block: Block) -> None:
        room, sums = block.rooms[0], self.sums[block.channels]
        np.minimum(block.x, 0, out=room)
        np.multiply(room, block.y, out=room)
        np.add(sums, np.add.reduce(room, axis=(0, 2)), out=sums)


class EluStep(Curve):
    """x where it is positive, alpha·(exp(x) - 1) elsewhere."""

    @property
    def alpha(self) -> float:
        assert isinstance(self.node.layer, layers.Elu)
        return self.node.layer.alpha

    def bend(self, block: Block, x: Array, y: Array, *rooms: Array) -> None:
        """Both sides, added: with x second each keeps the sign of its zero."""
        (room,) = rooms
        np.minimum(0, x, out=room)
        np.expm1(room, out=room)
        np.multiply(room, self.alpha, out=room)
        np.maximum(0, x, out=y)
        np.add(y, room, out=y)

    def slope(self, block: Block, x: Array, slope: Array, *rooms: Array) -> None:
        (room,) = rooms
        np.less_equal(x, 0, out=block.where)
        np.copyto(room, block.where)
        np.minimum(x, 0, out=slope)
        np.exp(slope, out=slope)
        np.multiply(slope, room, out=slope)
        np.multiply(slope, self.alpha, out=slope)
        np.logical_not(block.where, out=block.where)
        np.copyto(room, block.where)
        np.add(slope, room, out=slope)


class GeluStep(Curve):
    """x·Φ(x), with Φ the normal distribution."""

    rooms = slope_rooms = 4

    def bend(self, block: Block, x: Array, y: Array, *rooms: Array) -> None:
        """x/2 + |x|·(Φ(|x|) - 1/2), with the sign of x where it is zero."""
        half, room, *_ = rooms
        normal_half(x, *rooms)
        np.abs(x, out=room)
        np.multiply(half, room, out=half)
        np.multiply(x, 0.5, out=room)
        np.add(half, room, out=half)
        np.copysign(half, x, out=y)

    def slope(self, block: Block, x: Array, slope: Array, *rooms: Array) -> None:
        """1/2 ± (Φ(|x|) - 1/2 + |x|·φ(x)), with the sign of x and φ the density."""
        room, density, _ = rooms
        normal_half(x, slope, *rooms)
        np.multiply(x, x, out=density)
        np.multiply(density, -0.5, out=density)
        np.exp(density, out=density)
        np.multiply(density, 1 / sqrt(2 * pi), out=density)
        np.abs(x, out=room)
        np.multiply(room, density, out=room)
        np.add(slope, room, out=slope)
        np.copysign(slope, x, out=slope)
        np.add(slope, 0.5, out=slope)


class TanhGelu(Curve):
    """x·(1 + tanh(√(2/π)·(x + 0.044715·x³)))/2."""

    slope_rooms = 3

    def bend(self, block: Block, x: Array, y: Array, *rooms: Array) -> None:
        (room,) = rooms
        _bent(x, room)
        np.add(room, 1, out=room)
        np.multiply(room, 0.5, out=room)
        np.multiply(room, x, out=y)

    def slope(self, block: Block, x: Array, slope: Array, *rooms: Array) -> None:
        """(1 + t)/2·(1 + (1 - t)·x·√(2/π)·(1 + 3·0.044715·x²)) with t the tangent."""
        bent, rest = rooms
        np.multiply(x, x, out=slope)
        np.multiply(slope, 3 * CUBIC, out=slope)
        np.add(slope, 1, out=slope)
        np.multiply(slope, x, out=slope)
        np.multiply(slope, sqrt(2 / pi), out=slope)
        _bent(x, bent)
        np.subtract(1, bent, out=rest)
        np.multiply(slope, rest, out=slope)
        np.add(slope, 1, out=slope)
        np.add(bent, 1, out=bent)
        np.multiply(slope, bent, out=slope)
        np.multiply(slope, 0.5, out=slope)


def _bent(x: Array, out: Array) -> None:
    """tanh(√(2/π)·x·(1 + 0.044715·x²))."""
    np.multiply(x, x, out=out)
    np.multiply(out, CUBIC, out=out)
    np.add(out, 1, out=out)
    np.multiply(out, x, out=out)
    np.multiply(out, sqrt(2 / pi), out=out)
    np.tanh(out, out=out)


class SiluStep(Curve):
    """x·sigmoid(x)."""

    def bend(self, block: Block, x: Array, y: Array, *rooms: Array) -> None:
        (room,) = rooms
        logistic(x, room)
        np.multiply(x, room, out=y)

    def slope(self, block: Block, x: Array, slope: Array, *rooms: Array) -> None:
        """s·(1 + x·(1 - s))."""
        (share,) = rooms
        logistic(x, share)
        np.subtract(1, share, out=slope)
        np.multiply(slope, x, out=slope)
        np.add(slope, 1, out=slope)
        np.multiply(slope, share, out=slope)


class HardsigmoidStep(Curve):
    """min(max(x + 3, 0), 6)/6."""

    def bend(self, block: Block, x: Array, y: Array, *rooms: Array) -> None:
        _ramp(x, y)

    def slope(self, block: Block, x: Array, slope: Array, *rooms: Array) -> None:
        """1/6 where -3 < x < 3, else 0."""
        np.abs(x, out=slope)
        np.less(slope, 3, out=block.where)
        np.copyto(slope, block.where)
        np.divide(slope, 6, out=slope)


class HardswishStep(HardsigmoidStep):
    """x·min(max(x + 3, 0), 6)/6."""

    def bend(self, block: Block, x: Array, y: Array, *rooms: Array) -> None:
        (room,) = rooms
        _ramp(x, room)
        np.multiply(room, x, out=y)

    def slope(self, block: Block, x: Array, slope: Array, *rooms: Array) -> None:
        """The ramp itself, and x/6 where it moves; x is clipped so that no infinity meets a zero."""
        (room,) = rooms
        super().slope(block, x, slope, room)
        np.clip(x, -3, 3, out=room)
        np.multiply(slope, room, out=slope)
        _ramp(x, room)
        np.add(slope, room, out=slope)


def _ramp(x: Array, out: Array) -> None:
    np.add(x, 3, out=out)
    np.clip(out, 0, 6, out=out)
    np.divide(out, 6, out=out)


def relu(node: Node, batch: int, training: bool) -> tuple[Choice, ...]:
    """ReLU, with or without a ceiling."""
    assert isinstance(node.layer, layers.Relu)
    return (Choice(ReluStep if node.layer.max is None else ClippedRelu),)


def gelu(node: Node, batch: int, training: bool) -> tuple[Choice, ...]:
    """GELU, exact or by its usual stand-in."""
    assert isinstance(node.layer, layers.Gelu)
    return (Choice(GeluStep if node.layer.approximate == "none" else TanhGelu),)
