"""How arrays lie inside the engine, and how they come in and go out.

Users pass and get N x H x W x C. Inside, a map is (row, channel, column,
sample) and a vector (value, sample): the sample is the innermost axis, so
pooling, bias and activations run over long contiguous runs, a row of the map
is a matrix (channel, column·sample) for BLAS, and nothing is transposed on the
way. One spatial axis has no row axis; three have (depth, row) before the
channel.
"""

from __future__ import annotations

from functools import cache
from math import prod
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]
Shape: TypeAlias = tuple[int, ...]


def inner_shape(shape: Shape, batch: int) -> Shape:
    """The inner shape of ``batch`` samples of a shape written H x W x C, or (n,)."""
    *rest, channels = shape
    if not rest:
        return channels, batch
    return (*rest[:-1], channels, rest[-1], batch)


def inner_view(images: Array) -> Array:
    """N x H x W x C seen in the inner order; a view, nothing moves."""
    last = images.ndim - 1
    return images.transpose(_order(images.ndim, (0, last), (last, max(0, last - 2))))


def outer_view(array: Array) -> Array:
    """An inner array seen as N x H x W x C; a view, nothing moves."""
    last = array.ndim - 1
    return array.transpose(_order(array.ndim, (last, max(0, last - 2)), (0, last)))


def channels_first(array: Array) -> Array:
    """An inner array seen as N x C x H x W, the order of PyTorch; a view."""
    last = array.ndim - 1
    return array.transpose(_order(array.ndim, (last, max(0, last - 2)), (0, 1)))


def from_channels_first(array: Array) -> Array:
    """N x C x H x W seen in the inner order; a view."""
    last = array.ndim - 1
    return array.transpose(_order(array.ndim, (0, 1), (last, max(0, last - 2))))


@cache
def _order(rank: int, source: tuple[int, int], target: tuple[int, int]) -> Shape:
    """The order of the axes when two of them, samples and channels, move elsewhere: ``numpy.moveaxis``."""
    order = [axis for axis in range(rank) if axis not in source]
    for place, axis in sorted(zip(target, source, strict=True)):
        order.insert(place, axis)
    return tuple(order)


def planes(array: Array) -> Array:
    """(rows, channel, everything of a row): a map or vector as a stack of matrices; a view.

    Rows of all leading axes are one axis; the last one is column·sample.
    """
    if array.ndim == 2:
        return array[None]
    *outer, channels, columns, batch = array.shape
    return array.reshape(int(np.prod(outer, dtype=int)), channels, columns * batch)


def move(source: Array, target: Array) -> None:
    """A copy that skips columns or orders pixels anew: all samples of a pixel as one value.

    Two samples in 56x56x64, every second column: 14 times as fast; four 8 times, eight 3 times.
    """
    samples = source.shape[-1]
    if samples > 1:
        pixel = np.dtype((np.void, source.itemsize * samples))
        source, target = source.view(pixel), target.view(pixel)
    np.copyto(target, source)


def spatial_axes(rank: int) -> tuple[int, ...]:
    """The spatial axes of an inner map with ``rank`` axes, in the order rows before columns."""
    return (*range(rank - 3), rank - 2)


def along(array: Array, axis: int) -> Array:
    """A contiguous array as (everything before, the axis, everything after); a view."""
    shape = array.shape
    return array.reshape(prod(shape[:axis]), shape[axis], prod(shape[axis + 1 :]))
