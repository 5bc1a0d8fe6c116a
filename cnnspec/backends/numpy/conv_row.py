"""Convolution row by row: the width unfolded, rows of patches read in an overlapping view."""

from __future__ import annotations

import numpy as np

from cnnspec.backends.numpy.conv import ConvStep
from cnnspec.backends.numpy.layout import Array
from cnnspec.backends.numpy.products import BlockedProduct, ProductSum, overlapping
from cnnspec.backends.numpy.step import Step
from cnnspec.backends.numpy.window import Span, at_inputs, at_outputs, taps

WIDE = 16
"""From so many filters on, the weight gradient gains by a transposed copy of the output's gradient."""


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


def _two_axes(spans: tuple[Span, ...]) -> tuple[Span, Span]:
    """One axis gets a row axis of size 1."""
    return (Span(1, 1, 1, 1, 0), spans[0]) if len(spans) == 1 else (spans[0], spans[1])


def _with_rows(image: Array) -> Array:
    return image[None] if image.ndim == 3 else image
