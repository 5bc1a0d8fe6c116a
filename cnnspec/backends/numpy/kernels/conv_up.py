"""Transposed convolution."""

from __future__ import annotations

from functools import partial
from math import prod

import numpy as np

from cnnspec.backends.numpy.kernels.conv_patch import grouped, joined
from cnnspec.backends.numpy.kernels.products import ProductSum, ready
from cnnspec.backends.numpy.kernels.step import KernelStep
from cnnspec.backends.numpy.kernels.window import WindowGeometry
from cnnspec.backends.numpy.layout import Array, inner_shape


class UpConvStep(KernelStep):
    """Transposed convolution: the backward pass of a convolution, forward, and the other way round.

    The window slides over the output: its sweeps read the output at the input's positions.
    """

    def build(self) -> None:
        layer, batch, groups = self.layer, self.context.batch, self.layer.groups
        self.windows = tuple(
            WindowGeometry(int(axis.output), axis.size, axis.kernel, axis.stride, axis.before, axis.dilation)
            for axis in layer.axes(self.node.input_shapes)
        )
        self.weight = self.context.weights["weight"]
        self.weight_gradient = self.context.gradients.get("weight")
        channels, filters = self.weight.shape[0] // groups, self.weight.shape[1]
        outer = tuple(window.output for window in self.windows[:-1])
        kernel = tuple(window.kernel for window in self.windows)
        self.y = self.memory.take(inner_shape(self.node.output, batch))
        self.multiplies = int(layer.multiplies(self.node.input_shapes)) * batch
        self.by_tap = self.weight.reshape(groups, channels, filters, *kernel)
        self.packed = self.memory.own((groups, *kernel, filters, channels))
        self.shape = (*outer, groups, *kernel, filters, self.windows[-1].output, batch)
        self.rows = (prod(outer), groups, prod(kernel) * filters, self.windows[-1].output * batch)
        self.pixels = self.x.reshape(*self.rows[:2], channels, self.rows[3])
        self.spread = self.scratch(self.shape)

    def refresh(self) -> None:
        np.copyto(self.packed, np.moveaxis(self.by_tap, (1, 2), (-1, -2)))

    @property
    def flat_weights(self) -> Array:
        return self.packed.reshape(self.packed.shape[0], -1, self.packed.shape[-1])

    def forward(self) -> None:
        spread = self.spread.reshape(self.rows)
        rows = [(self.pixels[part], spread[part]) for part in self.lanes_of(len(spread), spread.nbytes)]
        self.together([partial(np.matmul, self.flat_weights, some, out=result) for some, result in rows])
        self.y.fill(0)
        for patch, pixels in joined(self.spread, grouped(self.y, self.rows[1]), self.windows):
            np.add(pixels, patch, out=pixels)

    def prepare(self, dy: Array, wanted: tuple[bool, ...]) -> tuple[Array | None, ...]:
        self.dy, self.dx = dy, self.memory.take(self.x.shape) if wanted[0] else None
        self.patches = self.scratch(self.shape)
        self.padded = not all(window.inside for window in self.windows)
        if self.weight_gradient is not None:
            total = self.scratch((self.rows[1], self.pixels.shape[2], self.rows[2]))
            patches = self.patches.reshape(self.rows).swapaxes(2, 3)
            self.weight_product = ProductSum(self, ready(self.pixels), patches, total)
            order = total.reshape(*total.shape[:2], *self.packed.shape[1:-1])
            self.weight_order = np.moveaxis(order, -1, 2)
        return (self.dx,)

    def backward(self) -> None:
        if self.padded:
            self.patches.fill(0)
        for patch, pixels in joined(self.patches, grouped(self.dy, self.rows[1]), self.windows):
            np.copyto(patch, pixels)
        if self.weight_gradient is not None:
            self.weight_product()
            np.copyto(self.weight_gradient.reshape(self.by_tap.shape), self.weight_order)
        if self.dx is not None:
            patches = self.patches.reshape(self.rows)
            np.matmul(self.flat_weights.swapaxes(1, 2), patches, out=self.dx.reshape(self.pixels.shape))
