"""Convolution as one batched matrix product over patch matrices: what its kernels share.

A patch matrix (taps·channels, column·sample) holds what one row of the output
reads, so its product with the weights is that row, already in layout. Two ways
to have it: unfold the width only and see the rows as an overlapping view
(``conv_row``), or copy every tap (``conv_patch``, ``conv_slab``).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from functools import partial

import numpy as np

from cnnspec.backends.numpy.kernels.step import KernelStep, channel_sum
from cnnspec.backends.numpy.kernels.tail import TailPart
from cnnspec.backends.numpy.kernels.window import WindowGeometry
from cnnspec.backends.numpy.layout import Array, inner_shape, planes
from cnnspec.layers.conv import Conv
from cnnspec.layers.depthwise import Depthwise
from cnnspec.network.graph import Node


def as_conv(node: Node) -> Conv:
    """The layer as a plain convolution: a depthwise one has one group a channel."""
    layer = node.layer
    if isinstance(layer, Depthwise):
        return layer.as_conv(node.input_shapes)
    assert isinstance(layer, Conv)
    return layer


class ConvStep(KernelStep):
    """What all convolutions share: the sweeps of the window, the weights, the shape of the output.

    Patches are made anew for the weight gradient: to keep them takes as many maps as there are taps.
    """

    finishes = frozenset({"affine", "clip"})

    def build(self) -> None:
        self.layer = as_conv(self.node)
        self.windows = tuple(map(WindowGeometry.of, self.layer.axes(self.node.input_shapes)))
        self.weight = self.context.weights["weight"]
        self.weight_gradient = self.context.gradients.get("weight")
        self.table = self.layer.table()
        if self.table is not None:
            self._spread_out(self.table)
        self.y = self.memory.take(inner_shape(self.node.output, self.context.batch))
        self.multiplies = int(self.layer.multiplies(self.node.input_shapes)) * self.context.batch
        self.arrange()

    def _spread_out(self, table: tuple[tuple[int, ...], ...]) -> None:
        """A table of connections is a full kernel with zeros where nothing is connected."""
        filters = [n for n, row in enumerate(table) for _ in row]
        self.connected = (filters, [channel for row in table for channel in row])
        shape = (len(table), self.node.input_shapes[0][-1], *self.weight.shape[1:])
        self.weight = self.memory.own(shape)
        if self.weight_gradient is not None:
            self.weight_gradient = self.memory.own(shape)

    def refresh(self) -> None:
        if self.table is not None:
            self.weight[self.connected] = self.context.weights["weight"]
        self.pack()

    def backward(self) -> None:
        self.differentiate()
        if self.table is not None and self.weight_gradient is not None:
            np.copyto(self.context.gradients["weight"], self.weight_gradient[self.connected])

    @abstractmethod
    def arrange(self) -> None:
        """Take the patches and the packed weights."""

    def pack(self) -> None:
        """Copy the weights into the order of the patches."""

    @abstractmethod
    def differentiate(self) -> None:
        """The gradients of the weights and of the input."""


def two_axes(windows: tuple[WindowGeometry, ...]) -> tuple[WindowGeometry, ...]:
    """One axis gets a row axis of size 1, as ``with_rows`` gives its arrays."""
    return (WindowGeometry(1, 1, 1, 1, 0), *windows) if len(windows) == 1 else windows


def with_rows(image: Array) -> Array:
    return image[None] if image.ndim == 3 else image


class Bias(KernelStep):
    """One number added to each channel; the largest stays the largest, so it may follow a max pool."""

    monotone = True
    overwrites = True
    reads_input = False
    role = "affine"

    @classmethod
    def tail_part(cls, node: Node, weights: Mapping[str, Array]) -> TailPart:
        return TailPart(lambda: (None, weights["bias"]))

    @classmethod
    def needed(cls, node: Node, training: bool) -> bool:
        return any(weight.name == "bias" for weight in node.weights.values())

    def build(self) -> None:
        self.bias, self.gradient = self.context.weights["bias"], self.context.gradients.get("bias")
        self.y = self.output_like(self.x)
        source, target = planes(self.x), planes(self.y)
        self.several = [(source[rows], target[rows]) for rows in self.lanes_of(len(source), source.nbytes)]

    def forward(self) -> None:
        self.together([partial(np.add, x, self.bias[:, None], out=y) for x, y in self.several])

    def prepare(self, dy: Array, wanted: tuple[bool, ...]) -> tuple[Array | None, ...]:
        self.dy = planes(dy)
        self.ones = np.ones(self.dy.shape[-1], dy.dtype)
        return (self.gradient_like(dy) if wanted[0] else None,)

    def backward(self) -> None:
        if self.gradient is not None:
            channel_sum(self.dy, self.ones, self.gradient)
