"""Activations whose backward pass reads the output: in place where nobody needs the input."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from math import inf

import numpy as np

from cnnspec.backends.numpy.kernels.step import KernelStep
from cnnspec.backends.numpy.kernels.tail import TailPart
from cnnspec.backends.numpy.layout import Array, planes
from cnnspec.layers.activation import Relu
from cnnspec.network.graph import Node

BLOCK = 1 << 14
"""Values whose slope is computed at a time: it stays in the cache."""


class OutputActivation(KernelStep):
    """A function of each value whose derivative follows from its output.

    ``blocks`` are some rows each of the output and of its gradient, and room for the slope.
    """

    overwrites = True
    reads_input = False
    reads_output = True

    def build(self) -> None:
        self.y = self.output_like(self.x)
        self.several = self.pieces(self.x, self.y)

    def prepare(self, dy: Array, wanted: tuple[bool, ...]) -> tuple[Array | None, ...]:
        high = max(1, BLOCK // max(1, dy[:1].size))
        slope = self.scratch((min(high, len(dy)), *dy.shape[1:]))
        starts = range(0, len(dy), high)
        several = [(self.y[row : row + high], dy[row : row + high]) for row in starts]
        self.blocks = [(y, part, slope[: len(part)]) for y, part in several]
        return (self.gradient_like(dy),)


class ReluStep(OutputActivation):
    """max(x, 0). Largest values stay largest, so it may follow a max pool. A clip keeps -0.0.

    It needs no row of zeros, and its one run is as long as the map. Backwards a mask of all bits is set
    where the output is not 0, by integer operations: without its sign, a float is zero exactly where its
    integer is. NaN passes, as in PyTorch.
    """

    monotone = True
    role = "clip"

    most = inf

    @classmethod
    def tail_part(cls, node: Node, weights: Mapping[str, Array]) -> TailPart:
        assert isinstance(node.layer, Relu)
        return TailPart(most=inf if node.layer.max is None else node.layer.max)

    def forward(self) -> None:
        self.together([partial(np.clip, x, 0, self.most, out=y) for x, y in self.several])

    def prepare(self, dy: Array, wanted: tuple[bool, ...]) -> tuple[Array | None, ...]:
        found, integer = super().prepare(dy, wanted), np.dtype(f"i{dy.itemsize}")
        self.bits = [
            (y, y.view(integer), part.view(integer), mask.view(integer)) for y, part, mask in self.blocks
        ]
        self.sign, self.all_but_sign = 8 * dy.itemsize - 1, integer.type(np.iinfo(integer).max)
        return found

    def backward(self) -> None:
        for y, bits, dy, mask in self.bits:
            self.spread(y, bits, mask)
            np.bitwise_and(dy, mask, out=dy)

    def spread(self, y: Array, bits: Array, mask: Array) -> None:
        """All bits of the mask where the gradient passes: of some values, and the same as integers."""
        np.bitwise_and(bits, self.all_but_sign, out=mask)
        np.negative(mask, out=mask)
        np.right_shift(mask, self.sign, out=mask)


class ClippedRelu(ReluStep):
    """min(max(x, 0), max); flat, without gradient, at both ends and at NaN."""

    def build(self) -> None:
        super().build()
        self.most = self.layer.max

    def prepare(self, dy: Array, wanted: tuple[bool, ...]) -> tuple[Array | None, ...]:
        found = super().prepare(dy, wanted)
        shape = self.blocks[0][0].shape if self.blocks else dy.shape
        self.steep, self.low = self.scratch(shape, bool), self.scratch(shape, bool)
        return found

    def spread(self, y: Array, bits: Array, mask: Array) -> None:
        steep, low = self.steep[: len(y)], self.low[: len(y)]
        np.greater(y, 0, out=steep)
        np.less(y, self.layer.max, out=low)
        np.logical_and(steep, low, out=steep)
        np.negative(steep.view(np.int8), out=mask, dtype=mask.dtype)


class SigmoidStep(OutputActivation):
    """1/(1 + exp(-x)), without overflow: (1 + tanh(x/2))/2."""

    def forward(self) -> None:
        logistic(self.x, self.y)

    def backward(self) -> None:
        for y, dy, slope in self.blocks:
            np.subtract(1, y, out=slope)
            np.multiply(slope, y, out=slope)
            np.multiply(dy, slope, out=dy)


def logistic(x: Array, out: Array) -> None:
    """1/(1 + exp(-x)) without overflow, as (1 + tanh(x/2))/2."""
    np.multiply(x, 0.5, out=out)
    np.tanh(out, out=out)
    np.multiply(out, 0.5, out=out)
    np.add(out, 0.5, out=out)


class TanhStep(OutputActivation):
    """The hyperbolic tangent."""

    def forward(self) -> None:
        np.tanh(self.x, out=self.y)

    def backward(self) -> None:
        for y, dy, slope in self.blocks:
            np.multiply(y, y, out=slope)
            np.subtract(1, slope, out=slope)
            np.multiply(dy, slope, out=dy)


class SoftmaxStep(OutputActivation):
    """exp(x_c)/Σ exp(x_j) across the channels at each place; the greatest is taken off first."""

    def build(self) -> None:
        super().build()
        self.source, self.target = planes(self.x), planes(self.y)
        rows, _, run = self.source.shape
        self.one = self.scratch((rows, 1, run))

    def forward(self) -> None:
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
