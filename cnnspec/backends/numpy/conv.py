"""Convolution as one batched matrix product over patch matrices.

A patch matrix (taps·channels, column·sample) holds what one row of the output
reads, so its product with the weights is that row, already in layout. Two ways
to have it: unfold the width only and see the rows as an overlapping view
(``RowConv``), or copy every tap (``PatchConv``), which takes any number of
axes, dilation, and groups.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from math import prod

import numpy as np

from cnnspec.backends.numpy.layout import Array, channel_column, inner_shape, planes
from cnnspec.backends.numpy.products import BlockedProduct, ProductSum, overlapping
from cnnspec.backends.numpy.step import Step, channel_sum
from cnnspec.backends.numpy.window import Span, at_inputs, at_outputs, span_of, taps
from cnnspec.layers.conv import Conv, Depthwise
from cnnspec.layers.conv import UpConv as UpConvLayer
from cnnspec.network.graph import Node


def as_conv(node: Node) -> Conv:
    """The layer as a plain convolution: a depthwise one has one group a channel."""
    layer = node.layer
    if isinstance(layer, Depthwise):
        return layer.as_conv(node.input_shapes)
    assert isinstance(layer, Conv)
    return layer


WIDE = 16
"""From so many filters on, the weight gradient gains by a transposed copy of the output's gradient."""


class ConvStep(Step):
    """What all convolutions share: the spans of the window, the weights, the shape of the output."""

    reads_input = False

    def build(self) -> None:
        self.layer = as_conv(self.node)
        self.spans = tuple(map(span_of, self.layer.axes(self.node.input_shapes)))
        self.weight, self.weight_gradient = self.site.weights["weight"], self.site.gradients.get("weight")
        self.table = self.layer.table()
        if self.table is not None:
            self._spread_out(self.table)
        self.y = self.memory.take(inner_shape(self.node.output, self.site.batch))
        self.multiplies = int(self.layer.multiplies(self.node.input_shapes)) * self.site.batch
        self.arrange()
        self.refresh()

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
            self.weight[self.connected] = self.site.weights["weight"]
        self.pack()

    def backward(self) -> None:
        self.differentiate()
        if self.table is not None and self.weight_gradient is not None:
            np.copyto(self.site.gradients["weight"], self.weight_gradient[self.connected])

    @abstractmethod
    def arrange(self) -> None:
        """Take the patches and the packed weights."""

    @abstractmethod
    def pack(self) -> None:
        """Copy the weights into the order of the patches."""

    @abstractmethod
    def differentiate(self) -> None:
        """The gradients of the weights and of the input."""

    def keep(self, shape: tuple[int, ...]) -> Array:
        """Patches: kept for the weight gradient in training, for the moment otherwise."""
        return self.memory.own(shape)


class RowConv(ConvStep):
    """One or two axes, rows not dilated, one group: the width is unfolded, rows overlap in a view.

    Patches (row, channel, tap, column, sample); weights (filter, tap row · channel · tap column).
    """

    def arrange(self) -> None:
        self.rows, self.columns = _two_axes(self.spans)
        self.image = _with_rows(self.x)
        channels, batch = self.image.shape[1], self.site.batch
        filters, taps_across, width = self.layer.filters, self.columns.kernel, self.columns.output
        self.kernel = self.weight.reshape(filters, channels, self.rows.kernel, taps_across)
        self.packed = self.memory.own((filters, self.rows.kernel, channels, taps_across))
        self.through = self.columns.plain and self.rows.before == 0 and self.rows.padded <= self.rows.size
        if self.through:
            unfolded = self.image.reshape(self.rows.size, channels, width * batch)
            if self.site.training:
                self.memory.hold(self.x)
        else:
            self.patches = self.keep((self.rows.padded, channels, taps_across, width, batch))
            unfolded = self.patches.reshape(self.rows.padded, channels * taps_across, width * batch)
        self.matrix = overlapping(unfolded, self.rows.output, self.rows.stride, self.rows.kernel)
        self.product = self.y.reshape(self.rows.output, filters, width * batch)
        self.multiply = BlockedProduct(self.matrix, self.product)

    def pack(self) -> None:
        np.copyto(self.packed, self.kernel.transpose(0, 2, 1, 3))

    def forward(self, training: bool) -> None:
        if not self.through:
            self._unfold()
        self.multiply(self.packed.reshape(self.layer.filters, -1))

    def _unfold(self) -> None:
        """Copy the map once a tap column, shifted; padding rows and columns stay zero."""
        top = self.rows.before
        rows = min(self.rows.size, self.rows.padded - top)
        for tap in range(self.columns.kernel):
            np.copyto(
                self.patches[top : top + rows, :, tap, self.columns.outputs(tap)],
                self.image[:rows, :, self.columns.inputs(tap)],
            )

    def prepare(self, dy: Array, wanted: tuple[bool, ...]) -> tuple[Array | None, ...]:
        self.dy = dy.reshape(self.product.shape)
        self._prepare_weights()
        if not wanted[0]:
            self.dx = None
            return (None,)
        self.dx = self.memory.take(self.x.shape)
        one_by_one = self.rows.stride == self.columns.stride == 1
        kind = FoldGradient if one_by_one else ScatterGradient
        self.to_input = kind(self, self.dy, self.packed, _with_rows(self.dx), self.rows, self.columns)
        return (self.dx,)

    def _prepare_weights(self) -> None:
        if self.weight_gradient is None:
            return
        filters, _, length = self.layer.filters, self.product.shape, self.matrix.shape[1]
        total = self.scratch((length, filters))
        turned = self.dy.transpose(0, 2, 1)
        self.weight_product = ProductSum(self, self.matrix, turned, total, copy=filters >= WIDE)
        self.weight_order = total.reshape(*self.packed.shape[1:], filters).transpose(3, 1, 0, 2)

    def differentiate(self) -> None:
        if self.weight_gradient is not None:
            self.weight_product()
            np.copyto(self.weight_gradient.reshape(self.kernel.shape), self.weight_order)
        if self.dx is not None:
            self.to_input()


class FoldGradient:
    """Gradient to the input at stride 1: a row product with turned weights, then columns folded.

    Rows of dy with a border of zero rows are read in the same overlapping way
    as rows of x in the forward pass; the result (row, channel · tap column,
    column · sample) is added up along the columns, each tap shifted.
    """

    def __init__(self, step: Step, dy: Array, packed: Array, dx: Array, rows: Span, columns: Span) -> None:
        filters, height, channels, width = packed.shape
        run = dy.shape[-1]
        border = height - 1
        self.dy, self.packed, self.dx, self.columns = dy, packed, dx, columns
        self.bordered = step.memory.own((rows.output + 2 * border, filters, run)) if border else dy
        self.inside = self.bordered[border : border + rows.output]
        reached = overlapping(self.bordered[rows.before :], rows.size, 1, height)
        self.turned = step.memory.take((channels, width, height, filters))
        self.spread = step.scratch((rows.size, channels, width, columns.output, dx.shape[-1]))
        self.multiply = BlockedProduct(reached, self.spread.reshape(rows.size, channels * width, run))

    def __call__(self) -> None:
        if self.bordered is not self.dy:
            np.copyto(self.inside, self.dy)
        np.copyto(self.turned, self.packed[:, ::-1].transpose(2, 3, 1, 0))
        channels, width, height, filters = self.turned.shape
        self.multiply(self.turned.reshape(channels * width, height * filters))
        fold_columns(self.spread, self.dx, self.columns)


def fold_columns(spread: Array, dx: Array, columns: Span) -> None:
    """dx[row, channel, i] = Σ over taps of spread[row, channel, tap, o], where tap joins o with i."""
    reached = columns.inputs(0)
    np.copyto(dx[:, :, reached], spread[:, :, 0, columns.outputs(0)])
    dx[:, :, : reached.start].fill(0)
    dx[:, :, reached.stop :].fill(0)
    for tap in range(1, columns.kernel):
        part = dx[:, :, columns.inputs(tap)]
        np.add(part, spread[:, :, tap, columns.outputs(tap)], out=part)


class ScatterGradient:
    """Gradient to the input at any stride: the patch gradients, added where each tap reads."""

    def __init__(self, step: Step, dy: Array, packed: Array, dx: Array, rows: Span, columns: Span) -> None:
        filters, height, channels, width = packed.shape
        self.dy, self.packed, self.dx = dy, packed.reshape(filters, -1), dx
        self.spans = (rows, columns)
        self.patches = step.scratch((rows.output, height, channels, width, columns.output, dx.shape[-1]))
        self.multiply = BlockedProduct(dy, self.patches.reshape(rows.output, -1, dy.shape[-1]))

    def __call__(self) -> None:
        self.multiply(self.packed.T)
        self.dx.fill(0)
        for tap in taps(self.spans):
            part = at_inputs(self.dx, self.spans, tap)
            np.add(part, at_outputs(self.patches[:, tap[0], :, tap[1]], self.spans, tap), out=part)


class PatchConv(ConvStep):
    """Any number of axes, any dilation, any groups: every tap is copied into the patches (im2col).

    Patches (*outer rows, group, *taps, channel, column, sample); weights (group, filter, taps·channel).
    """

    def arrange(self) -> None:
        groups, channels, batch = self.layer.groups, self.node.input_shapes[0][-1], self.site.batch
        self.outer = tuple(span.output for span in self.spans[:-1])
        self.kernel_shape = tuple(span.kernel for span in self.spans)
        self.image = _grouped(self.x, groups)
        each, filters = channels // groups, self.layer.filters // groups
        width = self.spans[-1].output
        self.patches = self.keep((*self.outer, groups, *self.kernel_shape, each, width, batch))
        length = prod(self.kernel_shape) * each
        self.matrix = self.patches.reshape(prod(self.outer), groups, length, width * batch)
        self.packed = self.memory.own((groups, filters, *self.kernel_shape, each))
        self.kernel = self.weight.reshape(groups, filters, each, *self.kernel_shape)
        self.product = self.y.reshape(prod(self.outer), groups, filters, width * batch)
        self.multiply = BlockedProduct(self.matrix, self.product)

    def pack(self) -> None:
        np.copyto(self.packed, np.moveaxis(self.kernel, 2, -1))

    @property
    def flat_weights(self) -> Array:
        return self.packed.reshape(*self.packed.shape[:2], -1)

    def forward(self, training: bool) -> None:
        for patch, pixels in joined(self.patches, self.image, self.spans):
            np.copyto(patch, pixels)
        self.multiply(self.flat_weights)

    def prepare(self, dy: Array, wanted: tuple[bool, ...]) -> tuple[Array | None, ...]:
        self.dy, self.dx = dy.reshape(self.product.shape), None
        if self.weight_gradient is not None:
            total = self.scratch((self.layer.groups, self.matrix.shape[2], self.product.shape[2]))
            self.weight_product = ProductSum(self, self.matrix, self.dy.swapaxes(2, 3), total)
            order = total.reshape(self.packed.shape[0], *self.packed.shape[2:], self.packed.shape[1])
            self.weight_order = np.moveaxis(np.moveaxis(order, -1, 1), -1, 2)
        if wanted[0]:
            self.dx = self.memory.take(self.x.shape)
            self.spread = self.scratch(self.patches.shape)
            self.turn_back = BlockedProduct(self.dy, self.spread.reshape(self.matrix.shape))
        return (self.dx,)

    def differentiate(self) -> None:
        if self.weight_gradient is not None:
            self.weight_product()
            np.copyto(self.weight_gradient.reshape(self.kernel.shape), self.weight_order)
        if self.dx is not None:
            self._scatter(self.dx)

    def _scatter(self, dx: Array) -> None:
        self.turn_back(self.flat_weights.swapaxes(1, 2))
        dx.fill(0)
        for patch, pixels in joined(self.spread, _grouped(dx, self.layer.groups), self.spans):
            np.add(pixels, patch, out=pixels)


class UpConv(Step):
    """Transposed convolution: the backward pass of a convolution, forward, and the other way round.

    The window slides over the output: its spans read the output at the input's positions.
    """

    def build(self) -> None:
        assert isinstance(self.node.layer, UpConvLayer)
        layer, batch, groups = self.node.layer, self.site.batch, self.node.layer.groups
        self.spans = tuple(
            Span(int(axis.output), axis.size, axis.kernel, axis.stride, axis.before, axis.dilation)
            for axis in layer.axes(self.node.input_shapes)
        )
        self.weight, self.weight_gradient = self.site.weights["weight"], self.site.gradients.get("weight")
        channels, filters = self.weight.shape[0] // groups, self.weight.shape[1]
        self.outer = tuple(span.output for span in self.spans[:-1])
        kernel = tuple(span.kernel for span in self.spans)
        self.y = self.memory.take(inner_shape(self.node.output, batch))
        self.multiplies = int(layer.multiplies(self.node.input_shapes)) * batch
        self.by_tap = self.weight.reshape(groups, channels, filters, *kernel)
        self.packed = self.memory.own((groups, *kernel, filters, channels))
        self.shape = (*self.outer, groups, *kernel, filters, self.spans[-1].output, batch)
        self.rows = (prod(self.outer), groups, prod(kernel) * filters, self.spans[-1].output * batch)
        self.pixels = self.x.reshape(*self.rows[:2], channels, self.rows[3])
        self.spread = self.scratch(self.shape)

    def refresh(self) -> None:
        np.copyto(self.packed, np.moveaxis(self.by_tap, (1, 2), (-1, -2)))

    @property
    def flat_weights(self) -> Array:
        return self.packed.reshape(self.packed.shape[0], -1, self.packed.shape[-1])

    def forward(self, training: bool) -> None:
        np.matmul(self.flat_weights, self.pixels, out=self.spread.reshape(self.rows))
        self.y.fill(0)
        for patch, pixels in joined(self.spread, _grouped(self.y, self.rows[1]), self.spans):
            np.add(pixels, patch, out=pixels)

    def prepare(self, dy: Array, wanted: tuple[bool, ...]) -> tuple[Array | None, ...]:
        self.dy, self.dx = dy, self.memory.take(self.x.shape) if wanted[0] else None
        self.patches = self.memory.own(self.shape)
        if self.weight_gradient is not None:
            total = self.scratch((self.rows[1], self.pixels.shape[2], self.rows[2]))
            patches = self.patches.reshape(self.rows).swapaxes(2, 3)
            self.weight_product = ProductSum(self, self.pixels, patches, total)
            order = total.reshape(*total.shape[:2], *self.packed.shape[1:-1])
            self.weight_order = np.moveaxis(order, -1, 2)
        return (self.dx,)

    def backward(self) -> None:
        for patch, pixels in joined(self.patches, _grouped(self.dy, self.rows[1]), self.spans):
            np.copyto(patch, pixels)
        if self.weight_gradient is not None:
            self.weight_product()
            np.copyto(self.weight_gradient.reshape(self.by_tap.shape), self.weight_order)
        if self.dx is not None:
            patches = self.patches.reshape(self.rows)
            np.matmul(self.flat_weights.swapaxes(1, 2), patches, out=self.dx.reshape(self.pixels.shape))


class Bias(Step):
    """One number added to each channel; the largest stays the largest, so it may follow a max pool."""

    monotone = True
    overwrites = True
    reads_input = False

    @classmethod
    def needed(cls, node: Node, training: bool) -> bool:
        return any(weight.name == "bias" for weight in node.layer.weights(node.input_shapes))

    def build(self) -> None:
        self.bias, self.gradient = self.site.weights["bias"], self.site.gradients.get("bias")
        self.y = self.output_like(self.x)
        self.source, self.target = planes(self.x), planes(self.y)

    def forward(self, training: bool) -> None:
        np.add(self.source, channel_column(self.bias), out=self.target)

    def prepare(self, dy: Array, wanted: tuple[bool, ...]) -> tuple[Array | None, ...]:
        self.dy = planes(dy)
        self.ones = np.ones(self.dy.shape[-1], dy.dtype)
        return (self.gradient_like(dy) if wanted[0] else None,)

    def backward(self) -> None:
        if self.gradient is not None:
            channel_sum(self.dy, self.ones, self.gradient)


def _two_axes(spans: tuple[Span, ...]) -> tuple[Span, Span]:
    """One axis gets a row axis of size 1."""
    return (Span(1, 1, 1, 1, 0), spans[0]) if len(spans) == 1 else (spans[0], spans[1])


def _with_rows(image: Array) -> Array:
    return image[None] if image.ndim == 3 else image


def _grouped(image: Array, groups: int) -> Array:
    """(*outer, group, channel, column, sample)."""
    *outer, channels, columns, batch = image.shape
    return image.reshape(*outer, groups, channels // groups, columns, batch)


def joined(patches: Array, image: Array, spans: tuple[Span, ...]) -> list[tuple[Array, Array]]:
    """For each tap the part of the patches that it fills, and the pixels it reads.

    Patches are (*outer, group, *taps, channel, column, sample), images (*outer, group, channel, …).
    """
    by_tap = np.moveaxis(patches, range(len(spans), 2 * len(spans)), range(len(spans)))
    return [
        (_at(by_tap[tap], spans, tap, Span.outputs), _at(image, spans, tap, Span.inputs))
        for tap in taps(spans)
    ]


def _at(
    array: Array, spans: tuple[Span, ...], tap: tuple[int, ...], pick: Callable[[Span, int], slice]
) -> Array:
    """The part of (*outer, group, channel, column, sample) that a tap fills, or reads."""
    *outer, column = (pick(span, t) for span, t in zip(spans, tap, strict=True))
    return array[(*outer, slice(None), slice(None), column)]
