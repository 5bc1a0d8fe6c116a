"""Convolution with every tap copied (im2col): any number of axes, any dilation, any groups."""

from __future__ import annotations

from functools import partial
from math import prod

import numpy as np

from cnnspec.backends.numpy.kernels.conv import ConvStep
from cnnspec.backends.numpy.kernels.products import BlockedProduct, ProductSum, ready
from cnnspec.backends.numpy.kernels.window import WindowGeometry, at_inputs, at_outputs, taps
from cnnspec.backends.numpy.layout import Array, planes
from cnnspec.backends.numpy.team import Task


class PatchConv(ConvStep):
    """Any number of axes, any dilation, any groups: every tap is copied into the patches (im2col).

    Patches (*outer rows, group, *taps, channel, column, sample); weights (group, filter, taps·channel).
    """

    def arrange(self) -> None:
        groups, channels, batch = self.layer.groups, self.node.input_shapes[0][-1], self.context.batch
        self.outer = tuple(window.output for window in self.windows[:-1])
        self.padded = not all(window.inside for window in self.windows)
        self.kernel_shape = tuple(window.kernel for window in self.windows)
        self.image = grouped(self.x, groups)
        each, filters = channels // groups, self.layer.filters // groups
        width = self.windows[-1].output
        self.patch_shape = *self.outer, groups, *self.kernel_shape, each, width, batch
        self.patches = self.scratch(self.patch_shape)
        length = prod(self.kernel_shape) * each
        self.matrix = self.patches.reshape(prod(self.outer), groups, length, width * batch)
        self.packed = self.memory.own((groups, filters, *self.kernel_shape, each))
        self.kernel = self.weight.reshape(groups, filters, each, *self.kernel_shape)
        self.product = self.y.reshape(prod(self.outer), groups, filters, width * batch)
        cut, y = self.lanes_of(len(self.product), self.matrix.nbytes), planes(self.y)
        self.products = [
            (BlockedProduct(self.matrix[rows], self.product[rows]), self.ending(y[rows])) for rows in cut
        ]

    def pack(self) -> None:
        np.copyto(self.packed, np.moveaxis(self.kernel, 2, -1))

    @property
    def flat_weights(self) -> Array:
        return self.packed.reshape(*self.packed.shape[:2], -1)

    def forward(self) -> None:
        self._fill(self.patches)
        self.together([partial(self._multiply, *each) for each in self.products])

    def _multiply(self, product: BlockedProduct, end: Task) -> None:
        product(self.flat_weights)
        end()

    def _fill(self, patches: Array) -> None:
        if self.padded:
            patches.fill(0)
        for patch, pixels in joined(patches, self.image, self.windows):
            np.copyto(patch, pixels)

    def prepare(self, dy: Array, wanted: tuple[bool, ...]) -> tuple[Array | None, ...]:
        self.dy, self.dx = dy.reshape(self.product.shape), None
        if self.weight_gradient is not None:
            total = self.scratch((self.layer.groups, self.matrix.shape[2], self.product.shape[2]))
            self.again = self.scratch(self.patch_shape)
            matrix = self.again.reshape(self.matrix.shape)
            self.weight_product = ProductSum(self, ready(matrix), self.dy.swapaxes(2, 3), total)
            order = total.reshape(self.packed.shape[0], *self.packed.shape[2:], self.packed.shape[1])
            self.weight_order = np.moveaxis(np.moveaxis(order, -1, 1), -1, 2)
        self.end_scratch()
        if wanted[0]:
            self.dx = self.memory.take(self.x.shape)
            self.spread = self.scratch(self.patch_shape)
            self.turn_back = BlockedProduct(self.dy, self.spread.reshape(self.matrix.shape))
        return (self.dx,)

    def differentiate(self) -> None:
        if self.weight_gradient is not None:
            self._fill(self.again)
            self.weight_product()
            np.copyto(self.weight_gradient.reshape(self.kernel.shape), self.weight_order)
        if self.dx is not None:
            self.turn_back(self.flat_weights.swapaxes(1, 2))
            self.dx.fill(0)
            for patch, pixels in joined(self.spread, grouped(self.dx, self.layer.groups), self.windows):
                np.add(pixels, patch, out=pixels)


def grouped(image: Array, groups: int) -> Array:
    """(*outer, group, channel, column, sample)."""
    *outer, channels, columns, batch = image.shape
    return image.reshape(*outer, groups, channels // groups, columns, batch)


def joined(patches: Array, image: Array, windows: tuple[WindowGeometry, ...]) -> list[tuple[Array, Array]]:
    """For each tap the part of the patches that it fills, and the pixels it reads.

    Patches are (*outer, group, *taps, channel, column, sample), images (*outer, group, channel, …).
    """
    by_tap = np.moveaxis(patches, range(len(windows), 2 * len(windows)), range(len(windows)))
    return [
        (at_outputs(by_tap[tap], windows, tap, 2), at_inputs(image, windows, tap, 2)) for tap in taps(windows)
    ]
