"""A fixed factor and term; the mean and the greatest of the channels at each place."""

from __future__ import annotations

import numpy as np

from cnnspec.backends.numpy.kernels.step import KernelStep
from cnnspec.backends.numpy.layout import Array, inner_shape, planes
from cnnspec.network.graph import Node


class FixedAffine(KernelStep):
    """Every value times one number, plus another."""

    overwrites = True
    reads_input = False

    @classmethod
    def needed(cls, node: Node, training: bool) -> bool:
        layer = node.layer
        return getattr(layer, "by", None) is not None or bool(
            getattr(layer, "shift", 0) and not layer.has_bias
        )

    def build(self) -> None:
        self.y = self.output_like(self.x)
        self.factor = 1.0 if self.layer.by is None else self.layer.by

    def forward(self) -> None:
        np.multiply(self.x, self.factor, out=self.y)
        if self.layer.shift:
            np.add(self.y, self.layer.shift, out=self.y)

    def prepare(self, dy: Array, wanted: tuple[bool, ...]) -> tuple[Array | None, ...]:
        self.dy = dy
        return (self.gradient_like(dy),)

    def backward(self) -> None:
        np.multiply(self.dy, self.factor, out=self.dy)


class ChannelMean(KernelStep):
    """The mean of the channels at each place."""

    reads_input = False

    def build(self) -> None:
        self.y = self.memory.take(inner_shape(self.node.output, self.context.batch))
        self.source, self.target = planes(self.x), planes(self.y)
        self.count = self.source.shape[1]

    def forward(self) -> None:
        np.add.reduce(self.source, axis=1, keepdims=True, out=self.target)
        np.divide(self.target, self.count, out=self.target)

    def prepare(self, dy: Array, wanted: tuple[bool, ...]) -> tuple[Array | None, ...]:
        self.dy, dx = planes(dy), self.memory.take(self.x.shape)
        self.dx = planes(dx)
        return (dx,)

    def backward(self) -> None:
        np.divide(self.dy, self.count, out=self.dy)
        np.copyto(self.dx, self.dy)


class ChannelMax(KernelStep):
    """The greatest of the channels at each place; backwards the first of several has the gradient."""

    reads_output = True

    def build(self) -> None:
        self.y = self.memory.take(inner_shape(self.node.output, self.context.batch))
        self.source, self.target = planes(self.x), planes(self.y)

    def forward(self) -> None:
        np.maximum.reduce(self.source, axis=1, keepdims=True, out=self.target)

    def prepare(self, dy: Array, wanted: tuple[bool, ...]) -> tuple[Array | None, ...]:
        self.dy, dx = planes(dy)[:, 0], self.memory.take(self.x.shape)
        self.dx, shape = planes(dx), self.dy.shape
        self.open, self.found, self.other = (self.scratch(shape, bool) for _ in range(3))
        return (dx,)

    def backward(self) -> None:
        """A place is open until its greatest is found; NaN is greater than all."""
        self.open.fill(True)
        y = self.target[:, 0]
        for channel in range(self.source.shape[1]):
            x = self.source[:, channel]
            np.equal(x, y, out=self.found)
            np.not_equal(x, x, out=self.other)
            np.logical_or(self.found, self.other, out=self.found)
            np.logical_and(self.found, self.open, out=self.found)
            np.logical_xor(self.open, self.found, out=self.open)
            np.multiply(self.dy, self.found, out=self.dx[:, channel])
