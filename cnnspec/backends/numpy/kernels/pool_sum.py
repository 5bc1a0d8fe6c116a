"""Pools that add up: sum, mean, and the trained subsampling of 1998."""

from __future__ import annotations

import numpy as np

from cnnspec.backends.numpy.kernels.pool import AxisPool, Sweep, outputs_of, sweeps_of, windows_of
from cnnspec.backends.numpy.kernels.pool_passes import SumPass
from cnnspec.backends.numpy.kernels.step import KernelStep, SharedScratch, channel_sum
from cnnspec.backends.numpy.kernels.window import WindowGeometry
from cnnspec.backends.numpy.layout import Array, planes
from cnnspec.layers.pool import Adaptive, Pooling
from cnnspec.network.graph import Node


class SumPool(AxisPool):
    """The sum of each window; rows first, whose runs are long."""

    columns_first = False

    def make(self, room: SharedScratch, x: Array, y: Array, window: WindowGeometry) -> SumPass:
        return SumPass(x, y, window)


class AvgPoolStep(SumPool):
    """The mean of each window: the sum, divided by how many values count."""

    def build(self) -> None:
        super().build()
        shares = window_shares(self.node).astype(self.memory.dtype)
        self.uniform = bool((shares == shares.flat[0]).all())
        self.share: Array = shares.flat[0] if self.uniform else shares

    def forward(self) -> None:
        super().forward()
        np.multiply(self.y, self.share, out=self.y)

    def prepare(self, dy: Array, wanted: tuple[bool, ...]) -> tuple[Array | None, ...]:
        self.dy = dy
        return super().prepare(dy, wanted)

    def backward(self) -> None:
        np.multiply(self.dy, self.share, out=self.dy)
        super().backward()


def window_shares(node: Node) -> Array:
    """One over the values that count in each window, shaped to meet the output."""
    layer = node.layer
    assert isinstance(layer, Pooling)
    if isinstance(layer, Adaptive) and layer.to is not None:
        return _shares(list(map(_lengths, sweeps_of(node))))
    windows = windows_of(node)
    padded = getattr(layer, "count_padding", False)
    sides = [(axis.before, axis.after) if padded else (0, 0) for axis in layer.axes(node.input_shapes)]
    counts: list[Array] = []  # along each axis, how many taps lie on the map or its counted padding
    for window, (before, after) in zip(windows, sides, strict=True):
        starts = np.arange(window.output) * window.stride - window.before
        first = np.maximum(-((starts + before) // window.dilation), 0)
        last = np.minimum((window.size + after - 1 - starts) // window.dilation, window.kernel - 1)
        counts.append(np.maximum(last - first + 1, 0))
    return _shares(counts)


def _lengths(sweep: Sweep) -> Array:
    """How long each window along an axis is."""
    lengths = np.empty(outputs_of(sweep), int)
    for outputs, window in sweep:
        lengths[outputs] = window.kernel
    return lengths


def _shares(counts: list[Array]) -> Array:
    total = counts[-1][:, None]
    for outer in reversed(counts[:-1]):
        total = outer.reshape(-1, *(1 for _ in range(total.ndim))) * total
    return np.expand_dims(1.0 / total, axis=total.ndim - 2)


class ChannelScale(KernelStep):
    """Each channel times a trained factor."""

    @classmethod
    def needed(cls, node: Node, training: bool) -> bool:
        return any(weight.name == "weight" for weight in node.weights.values())

    def build(self) -> None:
        self.weight, self.gradient = self.context.weights["weight"], self.context.gradients.get("weight")
        self.y = self.memory.take(self.x.shape)

    def forward(self) -> None:
        np.multiply(planes(self.x), self.weight[:, None], out=planes(self.y))

    def prepare(self, dy: Array, wanted: tuple[bool, ...]) -> tuple[Array | None, ...]:
        self.dy = planes(dy)
        self.product = self.scratch(self.dy.shape)
        self.ones = np.ones(self.dy.shape[-1], dy.dtype)
        return (self.gradient_like(dy),)

    def backward(self) -> None:
        if self.gradient is not None:
            np.multiply(self.dy, planes(self.x), out=self.product)
            channel_sum(self.product, self.ones, self.gradient)
        np.multiply(self.dy, self.weight[:, None], out=self.dy)
