"""Batch norm, and dropout, which is drawn from the model's one generator."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np

from cnnspec.backends.numpy.kernels.step import KernelStep, channel_sum
from cnnspec.backends.numpy.kernels.tail import Tail, TailPart
from cnnspec.backends.numpy.layout import Array, Shape, planes
from cnnspec.layers.norm import BatchNorm
from cnnspec.network.graph import Node


class BatchNormStep(KernelStep):
    """Each channel to mean 0 and variance 1, then scale and shift.

    In training by the batch's statistics, which also enter the running ones
    (the variance there without bias, as PyTorch keeps it); otherwise by the
    running ones, folded into one factor and one term, as in training where the
    layer is frozen. What lies away from the mean is kept for the backward pass in
    place of the input.
    """

    overwrites = True
    reads_input = False
    role = "affine"

    @classmethod
    def tail_part(cls, node: Node, weights: Mapping[str, Array]) -> TailPart:
        assert isinstance(node.layer, BatchNorm)
        return TailPart(partial(by_running, weights, node.layer.epsilon), scales=True)

    def build(self) -> None:
        weights = self.context.weights
        self.scale, self.shift = weights.get("weight"), weights.get("bias")
        self.running_mean, self.running_var = weights["running_mean"], weights["running_var"]
        self.by_batch = self.context.training and not self.layer.frozen
        self.y = self.memory.take(self.x.shape) if self.by_batch else self.output_like(self.x)
        self.source, self.target = planes(self.x), planes(self.y)
        rows, channels, run = self.source.shape
        self.count = rows * run
        self.mean, self.var, self.factor = self.passing((3, channels))
        self.ones = np.ones(run, self.memory.dtype)
        if self.by_batch:
            self.away = self.passing(self.source.shape)
            return
        self.tail = self.running = Tail([self.tail_part(self.node, weights)], channels, self.memory)
        self.several = [
            self.running.on(self.target[part], source=self.source[part])
            for part in self.lanes_of(rows, self.x.nbytes)
        ]

    def forward(self) -> None:
        if self.by_batch:
            self._normalise_by_batch()
        else:
            self.together(self.several)

    def _normalise_by_batch(self) -> None:
        channel_sum(self.source, self.ones, self.mean)
        np.divide(self.mean, self.count, out=self.mean)
        np.subtract(self.source, self.mean[:, None], out=self.away)
        channel_dot(self.away, self.away, self.var)
        np.divide(self.var, self.count, out=self.var)
        self._center()
        unbiased = self.var * (self.count / max(1, self.count - 1))
        for running, batch in ((self.running_mean, self.mean), (self.running_var, unbiased)):
            running *= 1 - self.layer.momentum
            running += self.layer.momentum * batch
        np.add(self.var, self.layer.epsilon, out=self.factor)
        np.sqrt(self.factor, out=self.factor)
        np.divide(1, self.factor, out=self.factor)
        factor = self.factor if self.scale is None else self.factor * self.scale
        for away, target in zip(self.blocks(self.away), self.blocks(self.target), strict=True):
            np.multiply(away, factor[:, None], out=target)
            if self.shift is not None:
                np.add(target, self.shift[:, None], out=target)

    def blocks(self, array: Array) -> list[Array]:
        """Some rows at a time, which stay near the second-level cache."""
        high = max(1, BLOCK // array[0].size)
        return [array[row : row + high] for row in range(0, len(array), high)]

    def _center(self) -> None:
        """Where the mean is far above the deviation its last bit is too: what is left of it is taken off."""
        if not np.any(self.mean**2 > FAR**2 * self.var):
            return
        left = np.empty_like(self.mean)
        channel_sum(self.away, self.ones, left)
        np.divide(left, self.count, out=left)
        np.subtract(self.away, left[:, None], out=self.away)
        np.add(self.mean, left, out=self.mean)
        np.subtract(self.var, left**2, out=self.var)
        np.maximum(self.var, 0, out=self.var)

    def prepare(self, dy: Array, wanted: tuple[bool, ...]) -> tuple[Array | None, ...]:
        self.dy = planes(dy)
        if not self.by_batch:
            return (self.gradient_like(dy),)
        self.product = self.scratch(self.blocks(self.dy)[0].shape)
        self.sums = self.scratch((2, self.dy.shape[1]))
        gradients = self.context.gradients
        self.scale_gradient, self.shift_gradient = gradients.get("weight"), gradients.get("bias")
        return (self.gradient_like(dy),)

    def backward(self) -> None:
        """dx = factor·scale·(dy - mean(dy) - normal·mean(dy·normal)), where normal = factor·away.

        By the running ones factor·dy.
        """
        if not self.by_batch:
            np.multiply(self.dy, self.running.factor[:, None], out=self.dy)
            return
        by_shift, by_scale = self.sums
        channel_sum(self.dy, self.ones, by_shift)
        channel_dot(self.dy, self.away, by_scale)
        np.multiply(by_scale, self.factor, out=by_scale)
        if self.scale_gradient is not None and self.shift_gradient is not None:
            np.copyto(self.scale_gradient, by_scale)
            np.copyto(self.shift_gradient, by_shift)
        factor = self.factor if self.scale is None else self.factor * self.scale
        np.divide(self.sums, self.count, out=self.sums)
        np.multiply(by_scale, self.factor, out=by_scale)
        for dy, away in zip(self.blocks(self.dy), self.blocks(self.away), strict=True):
            product = self.product[: len(dy)]
            np.multiply(away, by_scale[:, None], out=product)
            np.subtract(dy, product, out=dy)
            np.subtract(dy, by_shift[:, None], out=dy)
            np.multiply(dy, factor[:, None], out=dy)


def by_running(weights: Mapping[str, Array], epsilon: float) -> tuple[Array, Array]:
    """Factor and term of each channel by the running mean and variance."""
    factor = np.sqrt(weights["running_var"] + epsilon)
    np.divide(weights.get("weight", 1), factor, out=factor)
    return factor, weights.get("bias", 0) - weights["running_mean"] * factor


def channel_dot(x: Array, y: Array, out: Array) -> None:
    """Sum of x·y over rows and runs: of each row of a channel one product of two vectors."""
    np.sum(np.matmul(x[..., None, :], y[..., None])[..., 0, 0], axis=0, out=out)


FAR = 4.0
"""Deviations that a mean may lie from 0 before a second look at it pays."""
BLOCK = 1 << 16
"""Values that stay near the second-level cache from the product to the sum."""


def drawn_shape(part: str, shape: Shape) -> Shape:
    """The shape of an inner array of one number for each value, for each channel of a sample, or a sample."""
    if part == "value":
        return shape
    channel = max(0, len(shape) - 3)
    kept = {len(shape) - 1, channel} if part == "channel" else {len(shape) - 1}
    return tuple(size if axis in kept else 1 for axis, size in enumerate(shape))


class DropoutStep(KernelStep):
    """Each part is kept with probability 1 - rate and scaled by its inverse: a step of training alone."""

    reads_input = False

    @classmethod
    def needed(cls, node: Node, training: bool) -> bool:
        return training

    def build(self) -> None:
        self.y = self.memory.take(self.x.shape)
        shape = drawn_shape(self.layer.part, self.x.shape)
        self.kept = self.passing(shape)
        self.drawn, self.mask = self.scratch(shape, np.float32), self.scratch(shape, bool)

    def forward(self) -> None:
        self.context.random.random(dtype=np.float32, out=self.drawn)
        np.greater_equal(self.drawn, self.layer.rate, out=self.mask)
        np.multiply(self.mask, 1 / (1 - self.layer.rate), out=self.kept, casting="same_kind")
        np.multiply(self.x, self.kept, out=self.y)

    def prepare(self, dy: Array, wanted: tuple[bool, ...]) -> tuple[Array | None, ...]:
        self.dy = dy
        return (self.gradient_like(dy),)

    def backward(self) -> None:
        np.multiply(self.dy, self.kept, out=self.dy)
