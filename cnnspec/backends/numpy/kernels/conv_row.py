"""Convolution row by row: the width unfolded, rows of patches read in an overlapping view."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import prod

import numpy as np

from cnnspec.backends.numpy.kernels.conv import ConvStep, two_axes, with_rows
from cnnspec.backends.numpy.kernels.products import (
    BlockedProduct,
    ProductSum,
    Rows,
    overlapping,
    ready,
    slab_of,
)
from cnnspec.backends.numpy.kernels.window import WindowGeometry, taps
from cnnspec.backends.numpy.layout import Array, move
from cnnspec.backends.numpy.team import Task, parts

WIDE = 16
"""From so many filters on, the weight gradient gains by a transposed copy of the output's gradient."""


SLAB_BYTES = 1 << 21
"""Patches of one slab: rows of them are read several times from the cache."""
ROOM_BYTES = 1 << 23
"""Patches of several slabs in training, which has small ones: few rows of them are copied twice. Of a
small map they take half as much again as it does: memory is what ``analyze`` says."""


@dataclass
class RowSlab:
    """Some rows of the output: copies that fill the patches they read, and the product."""

    filled: list[tuple[Array, Array]]
    """Pairs of a part of the patches and the pixels it holds: the map once a tap column, shifted."""
    blank: list[Array]
    """Parts that read padding."""
    matrix: Array
    multiply: BlockedProduct
    end: Task

    def fill(self) -> None:
        for blank in self.blank:
            blank.fill(0)
        for patch, pixels in self.filled:
            move(pixels, patch)

    def run(self, weights: Array) -> None:
        self.fill()
        self.multiply(weights)
        self.end()


class RowConv(ConvStep):
    """One or two axes, rows not dilated, one group: the width is unfolded, rows overlap in a view.

    Patches (row, channel, tap, column, sample); weights (filter, tap row · channel · tap column).
    """

    def arrange(self) -> None:
        self.rows, self.columns = two_axes(self.windows)
        self.image = with_rows(self.x)
        channels, batch = self.image.shape[1], self.context.batch
        filters, taps_across, width = self.layer.filters, self.columns.kernel, self.columns.output
        self.kernel = self.weight.reshape(filters, channels, self.rows.kernel, taps_across)
        self.packed = self.memory.own((filters, self.rows.kernel, channels, taps_across))
        self.through = self.columns.plain and self.rows.before == 0 and self.rows.padded <= self.rows.size
        if self.through:
            unfolded = self.image.reshape(self.rows.size, channels, width * batch)
        self.product = self.y.reshape(self.rows.output, filters, width * batch)
        if self.through:
            self.matrix = self._windows(unfolded, self.rows.output)
            cut = self.lanes_of(self.rows.output, self.product.nbytes)
            self.lanes = [[self._through(self.matrix[rows], self.product[rows])] for rows in cut]
        else:
            self.patch_row = channels, taps_across, width, batch
            self.lanes = self._in_slabs()

    def _through(self, matrix: Array, product: Array) -> RowSlab:
        """Rows that are multiplied where they are."""
        return RowSlab([], [], matrix, BlockedProduct(matrix, product), self.ending(product))

    def _windows(self, unfolded: Array, count: int) -> Array:
        """What each of ``count`` rows of the output reads, as a matrix; a view."""
        return overlapping(unfolded, count, self.rows.stride, self.rows.kernel)

    @property
    def room(self) -> int:
        """Bytes of the patches of several slabs."""
        return max(SLAB_BYTES, min(ROOM_BYTES, self.x.nbytes * 3 // 2))

    def fitting(self, room: int) -> int:
        """Rows of the output whose patches fit there, but one in any case."""
        row_bytes = prod(self.patch_row) * self.memory.dtype.itemsize
        return max(1, (room // max(1, row_bytes) - self.rows.kernel) // self.rows.stride + 1)

    def _in_slabs(self) -> list[list[RowSlab]]:
        """For each lane slabs of output rows whose patches stay in the cache."""
        cut = list(parts(self.rows.output, self.context.lanes))
        height = min(cut[-1].stop - cut[-1].start, self.fitting(SLAB_BYTES))
        room, lanes = self.room if self.context.training else 0, []
        for part in cut:
            rolling, starts = RollingRows(self, part, height, room), range(part.start, part.stop, height)
            lanes.append([rolling.slab(slice(start, min(start + height, part.stop))) for start in starts])
        return lanes

    def slab(self, part: slice, store: Array, done: int = 0) -> RowSlab:
        """What makes the output rows of ``part``; so many rows of patches are ``done``."""
        rows, columns = self.rows, self.columns
        count, top = part.stop - part.start, part.start * rows.stride - rows.before
        patches = store[: (count - 1) * rows.stride + rows.kernel]
        first, past = max(done, -top), max(done, min(len(patches), rows.size - top))
        filled, empty = [], [patches[done:first], patches[past:]]
        for (tap,) in taps((columns,)):
            reach, block = columns.outputs(tap), patches[first:past, :, tap]
            pixels = self.image[top + first : top + past, :, columns.inputs(tap)]
            filled.append((block[:, :, reach], pixels))
            empty += [block[:, :, : reach.start], block[:, :, reach.stop :]]
        unfolded = patches.reshape(len(patches), -1, prod(patches.shape[-2:]))
        matrix = self._windows(unfolded, count)
        blank = [each for each in empty if each.size]
        multiply = BlockedProduct(matrix, self.product[part])
        return RowSlab(filled, blank, matrix, multiply, self.ending(self.product[part]))

    def pack(self) -> None:
        np.copyto(self.packed, self.kernel.transpose(0, 2, 1, 3))

    def forward(self) -> None:
        weights = self.packed.reshape(self.layer.filters, -1)
        self.together([partial(_run, slabs, weights) for slabs in self.lanes])

    def prepare(self, dy: Array, wanted: tuple[bool, ...]) -> tuple[Array | None, ...]:
        self.dy = dy.reshape(self.product.shape)
        self._prepare_weights()
        self.end_scratch()
        if not wanted[0]:
            self.dx = None
            return (None,)
        self.dx = self.memory.take(self.x.shape)
        one_by_one = self.rows.stride == self.columns.stride == 1
        kind = FoldGradient if one_by_one else ScatterGradient
        self.to_input = kind(self, with_rows(self.dx))
        return (self.dx,)

    def _prepare_weights(self) -> None:
        if self.weight_gradient is None:
            return
        filters, turned = self.layer.filters, self.dy.transpose(0, 2, 1)
        total, copy = self.scratch((self.packed.size // filters, filters)), filters >= WIDE
        most = self.rows.output if self.through else self.fitting(self.room)
        left = ready(self.matrix) if self.through else self._made(slab_of(turned, total, copy, most)[0])
        self.weight_product = ProductSum(self, left, turned, total, copy, most)
        self.weight_order = total.reshape(*self.packed.shape[1:], filters).transpose(3, 1, 0, 2)

    def _made(self, height: int) -> Rows:
        """The patches, made anew in slabs of so many rows of the output."""
        return RollingRows(self, slice(0, self.rows.output), height, self.room).made

    def differentiate(self) -> None:
        if self.weight_gradient is not None:
            self.weight_product()
            np.copyto(self.weight_gradient.reshape(self.kernel.shape), self.weight_order)
        if self.dx is not None:
            self.to_input()


def _run(slabs: list[RowSlab], weights: Array) -> None:
    for slab in slabs:
        slab.run(weights)


class RollingRows:
    """Room for the patches of some output rows, which are made slab by slab.

    What the slab before has made is there, until the room is full and all is made anew: so a row of
    patches that several rows of the output read is seldom copied twice, and the room is small.
    """

    def __init__(self, step: RowConv, part: slice, height: int, room: int) -> None:
        """For slabs of so many of these rows, as many as fit into ``room`` bytes, but one in any case."""
        self.step, self.start, rows = step, part.start, step.rows
        self.count = min(height * max(1, step.fitting(room) // height), part.stop - part.start)
        self.store = step.scratch(((self.count - 1) * rows.stride + rows.kernel, *step.patch_row))

    def slab(self, part: slice) -> RowSlab:
        """What makes these rows of the output."""
        rows, place = self.step.rows, (part.start - self.start) % self.count
        done = max(0, rows.kernel - rows.stride) if place else 0
        return self.step.slab(part, self.store[place * rows.stride :], done)

    def made(self, part: slice) -> tuple[Array, Callable[[], object]]:
        """The matrix that these rows of the output read, and what makes it."""
        slab = self.slab(part)
        return slab.matrix, slab.fill


class FoldGradient:
    """Gradient to the input at stride 1: a row product with turned weights, then columns folded.

    Rows of dy with a border of zero rows are read in the same overlapping way
    as rows of x in the forward pass; the result, some rows at a time (row, channel · tap column,
    column · sample) is added up along the columns, each tap shifted.
    """

    def __init__(self, step: RowConv, dx: Array) -> None:
        rows, columns, dy, packed = step.rows, step.columns, step.dy, step.packed
        filters, height, channels, width = packed.shape
        run, border = dy.shape[-1], height - 1
        self.dy, self.packed, self.columns = dy, packed, columns
        self.bordered = step.scratch((rows.output + 2 * border, filters, run)) if border else dy
        self.inside = self.bordered[border : border + rows.output]
        self.outside = self.bordered[:border], self.bordered[border + rows.output :]
        reached = overlapping(self.bordered[rows.before :], rows.size, 1, height)
        self.turned = step.scratch((channels, width, height, filters))
        row = channels, width, columns.output, dx.shape[-1]
        count = max(1, min(rows.size, SLAB_BYTES // (prod(row) * dx.itemsize)))
        store = step.scratch((count, *row))
        self.slabs = []
        for start in range(0, rows.size, count):
            part = slice(start, min(start + count, rows.size))
            spread = store[: part.stop - start]
            product = BlockedProduct(reached[part], spread.reshape(len(spread), channels * width, run))
            self.slabs.append((product, spread, dx[part]))

    def __call__(self) -> None:
        if self.bordered is not self.dy:
            np.copyto(self.inside, self.dy)
            for rows in self.outside:
                rows.fill(0)
        np.copyto(self.turned, self.packed[:, ::-1].transpose(2, 3, 1, 0))
        channels, width, height, filters = self.turned.shape
        turned = self.turned.reshape(channels * width, height * filters)
        for multiply, spread, dx in self.slabs:
            multiply(turned)
            fold_columns(spread, dx, self.columns)


def fold_columns(spread: Array, dx: Array, columns: WindowGeometry) -> None:
    """dx[row, channel, i] = Σ over taps of spread[row, channel, tap, o], where tap joins o with i."""
    reached = columns.inputs(0)
    np.copyto(dx[:, :, reached], spread[:, :, 0, columns.outputs(0)])
    dx[:, :, : reached.start].fill(0)
    dx[:, :, reached.stop :].fill(0)
    for tap in range(1, columns.kernel):
        part = dx[:, :, columns.inputs(tap)]
        np.add(part, spread[:, :, tap, columns.outputs(tap)], out=part)


class ScatterGradient:
    """Gradient to the input at any stride: the patch gradients, added where each tap reads.

    Some rows of the output at a time, from the last: so each value of dx has its taps added in their order.
    """

    def __init__(self, step: RowConv, dx: Array) -> None:
        rows, columns, dy = step.rows, step.columns, step.dy
        filters, height, channels, width = step.packed.shape
        self.packed, self.dx = step.packed.reshape(filters, -1), dx
        row = height, channels, width, columns.output, dx.shape[-1]
        count = max(1, min(rows.output, SLAB_BYTES // (prod(row) * dx.itemsize)))
        store = step.scratch((count, *row))
        self.slabs = [
            self._slab(slice(max(0, past - count), past), store, dy, (rows, columns))
            for past in range(rows.output, 0, -count)
        ]

    def _slab(
        self, part: slice, store: Array, dy: Array, windows: tuple[WindowGeometry, ...]
    ) -> tuple[BlockedProduct, list[tuple[Array, Array]]]:
        """The product that makes some rows of patch gradients, and where each tap's are added."""
        (rows, columns), patches = windows, store[: part.stop - part.start]
        added = []
        for i, j in taps(windows):
            first, past = rows.reached(i)
            first, past = max(first, part.start), min(past, part.stop)
            if first < past:
                found = patches[first - part.start : past - part.start, i, :, j, columns.outputs(j)]
                added.append((self.dx[rows.reads(i, first, past), :, columns.inputs(j)], found))
        return BlockedProduct(dy[part], patches.reshape(len(patches), -1, dy.shape[-1])), added

    def __call__(self) -> None:
        self.dx.fill(0)
        for multiply, added in self.slabs:
            multiply(self.packed.T)
            for pixels, patch in added:
                np.add(pixels, patch, out=pixels)
