"""Changes of shape: values move or stay, none changes."""

from __future__ import annotations

from math import prod

import numpy as np

from cnnspec.backends.numpy.kernels.step import KernelStep
from cnnspec.backends.numpy.layout import Array, Shape, along, inner_shape, outer_view, planes, spatial_axes
from cnnspec.layers.borders import Slice


def by_channel(x: Array) -> Array:
    """An inner array seen as (channel, row, column, sample): the order in which maps are flattened."""
    return x if x.ndim <= 3 else np.moveaxis(x, -3, 0)


class ReshapeStep(KernelStep):
    """Read and filled channel by channel: a copy of long runs, or only a view where orders agree."""

    reads_input = False

    def build(self) -> None:
        shape = inner_shape(self.node.output, self.context.batch)
        self.viewed = in_order(self.x.shape) and in_order(shape)
        if self.viewed:
            self.memory.hold(self.x)
        self.y = self.x.reshape(shape) if self.viewed else self.memory.take(shape)
        self.buffer = self._buffer(self.x.shape, shape)

    def forward(self) -> None:
        if not self.viewed:
            rearrange(self.x, self.y, self.buffer)

    def prepare(self, dy: Array, wanted: tuple[bool, ...]) -> tuple[Array | None, ...]:
        if self.viewed:
            return (self.gradient_like(dy).reshape(self.x.shape),)
        self.dy, self.dx = dy, self.memory.take(self.x.shape)
        self.back = self._buffer(dy.shape, self.x.shape)
        return (self.dx,)

    def _buffer(self, source: Shape, target: Shape) -> Array | None:
        """Room for the flattened order, where a copy goes by way of it."""
        return None if in_order(source) or in_order(target) else self.scratch((prod(source),))

    def backward(self) -> None:
        if not self.viewed:
            rearrange(self.dy, self.dx, self.back)


def in_order(shape: Shape) -> bool:
    """Whether an inner array of this shape lies channel by channel already."""
    *sizes, _ = shape
    return len(sizes) < 2 or sizes[-2] == 1 or prod(sizes[:-2]) == 1


def rearrange(source: Array, target: Array, scratch: Array | None) -> None:
    """Copy between two inner shapes of equally many values, by way of the flattened order given room."""
    read, written = by_channel(source), by_channel(target)
    if in_order(source.shape):
        np.copyto(written, read.reshape(written.shape))
    elif scratch is None:
        np.copyto(written.reshape(read.shape), read)
    else:
        np.copyto(scratch.reshape(read.shape), read)
        np.copyto(written, scratch.reshape(written.shape))


class MovingStep(KernelStep):
    """Values move, and backwards their gradients move back, into an array of their own."""

    reads_input = False

    def build(self) -> None:
        self.y = self.memory.take(inner_shape(self.node.output, self.context.batch))

    def prepare(self, dy: Array, wanted: tuple[bool, ...]) -> tuple[Array | None, ...]:
        self.dy, self.dx = dy, self.memory.take(self.x.shape)
        return (self.dx,)


class PartStep(MovingStep):
    """A part of the channels, or of the pixels."""

    def build(self) -> None:
        super().build()
        layer, axis = self.layer, max(0, self.x.ndim - 3)
        if isinstance(layer, Slice):
            self.part = (*(slice(None),) * axis, slice(layer.start, layer.stop))
        else:
            self.part = _middle(self.x.shape, layer.sides(self.node.input_shapes), (0, 0))

    def forward(self) -> None:
        np.copyto(self.y, self.x[self.part])

    def backward(self) -> None:
        self.dx.fill(0)
        np.copyto(self.dx[self.part], self.dy)


class ShuffleStep(MovingStep):
    """Channels of groups dealt out in turn."""

    def _dealt(self, x: Array) -> Array:
        """(rows, group, channel, run)."""
        rows, channels, run = planes(x).shape
        return x.reshape(rows, self.layer.groups, channels // self.layer.groups, run)

    def _taken(self, y: Array) -> Array:
        """(rows, channel, group, run), seen as (rows, group, channel, run)."""
        rows, channels, run = planes(y).shape
        return y.reshape(rows, channels // self.layer.groups, self.layer.groups, run).swapaxes(1, 2)

    def forward(self) -> None:
        np.copyto(self._taken(self.y), self._dealt(self.x))

    def backward(self) -> None:
        np.copyto(self._dealt(self.dx), self._taken(self.dy))


class PixelShuffleStep(MovingStep):
    """Blocks of pixels from channels, or channels from blocks: one copy between two views that match."""

    def build(self) -> None:
        super().build()
        self.moves = self._matched(self.x, self.y)

    def _matched(self, x: Array, y: Array) -> tuple[Array, Array]:
        """The two arrays as views of one shape, that of the input first."""
        larger = self.node.word == "pixelshuffle"
        coarse, fine = pixel_blocks(*((x, y) if larger else (y, x)), self.layer.factor, self.layer.order)
        return (coarse, fine) if larger else (fine, coarse)

    def forward(self) -> None:
        source, target = self.moves
        np.copyto(target, source)

    def prepare(self, dy: Array, wanted: tuple[bool, ...]) -> tuple[Array | None, ...]:
        gradients = super().prepare(dy, wanted)
        self.moves_back = self._matched(self.dx, dy)
        return gradients

    def backward(self) -> None:
        target, source = self.moves_back
        np.copyto(target, source)


def pixel_blocks(coarse: Array, fine: Array, factor: int, order: str) -> tuple[Array, Array]:
    """A map of many channels and the larger one, each as (rows, channel and block, column, sample)."""
    *outer, _, columns, batch = coarse.shape
    rank, channels = len(outer) + 1, fine.shape[-3]
    block = (factor,) * rank
    inside = (channels, *block) if order == "crd" else (*block, channels)
    split = coarse.reshape(*outer, *inside, columns, batch)
    paired = [part for size in outer for part in (size, factor)]
    apart = fine.reshape(*paired, channels, columns, factor, batch)
    rows, steps = [2 * n for n in range(rank - 1)], [2 * n + 1 for n in range(rank - 1)]
    channel, column = 2 * rank - 2, 2 * rank - 1
    places = (*steps, column + 1)
    axes = (channel, *places) if order == "crd" else (*places, channel)
    return split, apart.transpose(*rows, *axes, column, column + 2)


class TransposeStep(MovingStep):
    """The axes in another order."""

    def _turned(self, x: Array) -> Array:
        axes = self.layer.order_of(self.node.input_shapes[0])
        return outer_view(x).transpose(0, *(axis + 1 for axis in axes))

    def forward(self) -> None:
        np.copyto(outer_view(self.y), self._turned(self.x))

    def backward(self) -> None:
        np.copyto(self._turned(self.dx), outer_view(self.dy))


def _middle(shape: Shape, sides: tuple[tuple[int, int], ...], channels: tuple[int, int]) -> tuple[slice, ...]:
    """What is left of an inner map when ``sides`` are cut off its spatial axes, and some ``channels``."""
    part = [slice(None)] * len(shape)
    axis = len(shape) - 3
    part[axis] = slice(channels[0], shape[axis] - channels[1])
    for axis, (before, after) in zip(spatial_axes(len(shape)), sides, strict=True):
        part[axis] = slice(before, shape[axis] - after)
    return tuple(part)


class PadStep(MovingStep):
    """Pixels added around a map: zeros, its mirror image, or its edge; one axis after the other.

    Each border line is a copy of a line of the map, so backwards it adds to that line.
    Border lines lie between those they copy, so NumPy would make room for a copy at each.
    """

    def build(self) -> None:
        super().build()
        sides = self.layer.sides(self.node.input_shapes)
        self.part = _middle(self.y.shape, sides, self.layer.ends)
        self.copies: list[tuple[int, int, int]] = []
        if self.layer.mode == "zeros":
            return
        mirrored = self.layer.mode == "reflect"
        for axis, (before, after) in zip(spatial_axes(self.y.ndim), sides, strict=True):
            last = self.y.shape[axis] - 1 - after
            near = [(before - n, before + (n if mirrored else 0)) for n in range(1, before + 1)]
            far = [(last + n, last - (n if mirrored else 0)) for n in range(1, after + 1)]
            self.copies += [(axis, *pair) for pair in near + far]
        self.buffer = self._buffer()

    def _buffer(self) -> Array:
        """Room for the longest line of those that are copied."""
        shape = self.y.shape
        return self.scratch((max((self.y.size // shape[axis] for axis, *_ in self.copies), default=0),))

    def forward(self) -> None:
        if not self.copies or self.layer.ends != (0, 0):
            self.y.fill(0)
        np.copyto(self.y[self.part], self.x)
        for axis, border, source in self.copies:
            lines = along(self.y, axis)
            np.copyto(lines[:, border], _copied(lines[:, source], self.buffer))

    def prepare(self, dy: Array, wanted: tuple[bool, ...]) -> tuple[Array | None, ...]:
        self.back_buffer = self._buffer()
        return super().prepare(dy, wanted)

    def backward(self) -> None:
        for axis, border, source in reversed(self.copies):
            lines = along(self.dy, axis)
            np.add(lines[:, source], _copied(lines[:, border], self.back_buffer), out=lines[:, source])
        np.copyto(self.dx, self.dy[self.part])


def _copied(line: Array, scratch: Array) -> Array:
    """A copy of a line at the start of ``room``."""
    copy = scratch[: line.size].reshape(line.shape)
    np.copyto(copy, line)
    return copy
