"""Arrays seen along one axis at a time: (before, axis, after)."""

from __future__ import annotations

from math import prod

from cnnspec.backends.numpy.layout import Array


def spatial_axes(rank: int) -> tuple[int, ...]:
    """The spatial axes of an inner map with ``rank`` axes, in the order rows before columns."""
    return (*range(rank - 3), rank - 2)


def along(array: Array, axis: int) -> Array:
    """A contiguous array as (everything before, the axis, everything after); a view."""
    shape = array.shape
    return array.reshape(prod(shape[:axis]), shape[axis], prod(shape[axis + 1 :]))
