"""Transposed convolution."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from math import prod

import numpy as np

from cnnspec.backends.numpy.kernels.conv_patch import grouped, joined
from cnnspec.backends.numpy.kernels.products import ProductSum, ready, slab_of
from cnnspec.backends.numpy.kernels.step import KernelStep, SharedScratch
from cnnspec.backends.numpy.kernels.window import WindowGeometry
from cnnspec.backends.numpy.layout import Array, inner_shape

LEAST_ROOM = 1 << 21
"""Bytes of what some filters spread; of more, as much as input and output take together."""


@dataclass
class FilterPart:
    """Some filters of each group: their weights, what they spread, and where it is added to the output."""

    filters: slice
    packed: Array
    """(group, *taps, filter, channel)."""
    spread: Array
    """(row, group, tap · filter, column · sample)."""
    added: list[tuple[Array, Array]]

    @property
    def weights(self) -> Array:
        return self.packed.reshape(self.packed.shape[0], -1, self.packed.shape[-1])


@dataclass
class FilterGradient:
    """The same backwards: the patches that are read, and the product of them with the input."""

    patches: Array
    filled: list[tuple[Array, Array]]
    product: ProductSum | None
    order: Array | None
    """The gradient of these weights, in the order of the layer's."""


class UpConvStep(KernelStep):
    """Transposed convolution: the backward pass of a convolution, forward, and the other way round.

    The window slides over the output: its sweeps read the output at the input's positions. Some filters
    at a time spread what the input is multiplied to.
    """

    def build(self) -> None:
        layer, batch, groups = self.layer, self.context.batch, self.layer.groups
        self.windows = tuple(
            WindowGeometry(int(axis.output), axis.size, axis.kernel, axis.stride, axis.before, axis.dilation)
            for axis in layer.axes(self.node.input_shapes)
        )
        self.weight = self.context.weights["weight"]
        self.weight_gradient = self.context.gradients.get("weight")
        channels, self.filters = self.weight.shape[0] // groups, self.weight.shape[1]
        self.y = self.memory.take(inner_shape(self.node.output, batch))
        self.multiplies = int(layer.multiplies(self.node.input_shapes)) * batch
        self.kernel = tuple(window.kernel for window in self.windows)
        self.by_tap = self.weight.reshape(groups, channels, self.filters, *self.kernel)
        outer, width = prod(window.output for window in self.windows[:-1]), self.windows[-1].output * batch
        self.pixels = self.x.reshape(outer, groups, channels, width)
        each = self.x.size // channels * prod(self.kernel) * self.memory.dtype.itemsize
        deep = max(1, min(self.filters, max(LEAST_ROOM, self.x.nbytes + self.y.nbytes) // max(1, each)))
        self.cut = [slice(n, min(n + deep, self.filters)) for n in range(0, self.filters, deep)]
        room = SharedScratch(self)
        self.parts = [self._part(filters, room.again()) for filters in self.cut]

    def _part(self, filters: slice, room: SharedScratch) -> FilterPart:
        spread, added = self._patches(filters, room, self.y)
        groups, channels = self.by_tap.shape[:2]
        packed = self.memory.own((groups, *self.kernel, filters.stop - filters.start, channels))
        return FilterPart(filters, packed, spread, added)

    def _patches(
        self, filters: slice, room: SharedScratch, image: Array
    ) -> tuple[Array, list[tuple[Array, Array]]]:  # fmt: skip
        """Room for the patches of some filters, and of each tap its part beside the image's."""
        outer, groups, _, width = self.pixels.shape
        count, shape = filters.stop - filters.start, tuple(window.output for window in self.windows)
        patches = room.scratch((outer * groups * prod(self.kernel) * count * width,))
        by_tap = patches.reshape(*shape[:-1], groups, *self.kernel, count, shape[-1], self.context.batch)
        some = grouped(image, groups)[..., filters, :, :]
        return patches.reshape(outer, groups, -1, width), joined(by_tap, some, self.windows)

    def refresh(self) -> None:
        for part in self.parts:
            np.copyto(part.packed, np.moveaxis(self.by_tap[:, :, part.filters], (1, 2), (-1, -2)))

    def forward(self) -> None:
        self.y.fill(0)
        for part in self.parts:
            rows = self.lanes_of(len(part.spread), part.spread.nbytes)
            some = [(self.pixels[row], part.spread[row]) for row in rows]
            self.together([partial(np.matmul, part.weights, one, out=result) for one, result in some])
            for patch, pixels in part.added:
                np.add(pixels, patch, out=pixels)

    def prepare(self, dy: Array, wanted: tuple[bool, ...]) -> tuple[Array | None, ...]:
        self.dx = self.memory.take(self.x.shape) if wanted[0] else None
        self.padded = not all(window.inside for window in self.windows)
        room, self.most = SharedScratch(self), len(self.pixels)
        self.more = self.scratch(self.pixels.shape) if self.dx is not None and len(self.cut) > 1 else None
        self.back = [self._gradient(filters, room.again(), dy) for filters in self.cut]
        return (self.dx,)

    def _gradient(self, filters: slice, room: SharedScratch, dy: Array) -> FilterGradient:
        patches, filled = self._patches(filters, room, dy)
        if self.weight_gradient is None:
            return FilterGradient(patches, filled, None, None)
        groups, channels = self.by_tap.shape[:2]
        total, turned = room.scratch((groups, channels, patches.shape[2])), patches.swapaxes(2, 3)
        self.most = slab_of(turned, total, False, self.most)[0]  # in no part more than in the first
        product = ProductSum(room, ready(self.pixels), turned, total, most=self.most)
        order = total.reshape(groups, channels, *self.kernel, filters.stop - filters.start)
        return FilterGradient(patches, filled, product, np.moveaxis(order, -1, 2))

    def backward(self) -> None:
        for n, (part, back) in enumerate(zip(self.parts, self.back, strict=True)):
            if self.padded:
                back.patches.fill(0)
            for patch, pixels in back.filled:
                np.copyto(patch, pixels)
            if self.weight_gradient is not None and back.product and back.order is not None:
                back.product()
                gradient = self.weight_gradient.reshape(self.by_tap.shape)
                np.copyto(gradient[:, :, part.filters], back.order)
            if self.dx is not None:
                self._input_gradient(part, back.patches, self.dx.reshape(self.pixels.shape), first=n == 0)

    def _input_gradient(self, part: FilterPart, patches: Array, dx: Array, first: bool) -> None:
        into = dx if first or self.more is None else self.more
        np.matmul(part.weights.swapaxes(1, 2), patches, out=into)
        if into is not dx:
            np.add(dx, into, out=dx)
