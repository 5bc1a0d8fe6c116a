"""Layers that only move values: each output value names the input value it copies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from cnnspec.backends.numpy.layout import Array
from cnnspec.backends.numpy.reference.definition import Back, Call, Definition
from cnnspec.layers.base import Layer
from cnnspec.layers.resample import Upsample
from cnnspec.layers.reshape import Crop, Flatten, Identity, Pad, Reshape, Shuffle, Slice
from cnnspec.layers.window import per_axis


def moved(places: Callable[[Any, Array, Call], Array]) -> Definition:
    """A layer whose output is some of the input's values; ``places`` moves an array of their numbers.

    Numbers count from 1; 0 is a zero that comes from nowhere.
    """

    def define(call: Call) -> tuple[Array, Back]:
        x = call.x
        numbers = np.arange(1, x[0].size + 1).reshape(x.shape[1:])
        index = places(call.layer, numbers, call)
        flat = np.concatenate([np.zeros((len(x), 1), x.dtype), x.reshape(len(x), -1)], axis=1)

        def back(dy: Array) -> tuple[list[Array], dict[str, Array]]:
            dx = np.zeros_like(flat)
            for place, number in np.ndenumerate(index):
                dx[:, number] += dy[(slice(None), *place)]
            return [dx[:, 1:].reshape(x.shape)], {}

        return flat[:, index], back

    return define


def reshaped(layer: Any, numbers: Array, call: Call) -> Array:
    *sizes, channels = call.node.output
    return numbers.reshape(channels, *sizes)


def padded(layer: Any, numbers: Array, call: Call) -> Array:
    mode = {"zeros": "constant", "reflect": "reflect", "replicate": "edge"}[layer.mode]
    return np.asarray(np.pad(numbers, ((0, 0), *layer.sides(call.node.input_shapes)), mode))  # type: ignore[call-overload]


def cropped(layer: Any, numbers: Array, call: Call) -> Array:
    sides = zip(layer.sides(call.node.input_shapes), numbers.shape[1:], strict=True)
    return numbers[(slice(None), *(slice(before, size - after) for (before, after), size in sides))]


def shuffled(layer: Any, numbers: Array, call: Call) -> Array:
    grouped = numbers.reshape(layer.groups, -1, *numbers.shape[1:])
    return grouped.swapaxes(0, 1).reshape(numbers.shape)


def repeated(layer: Any, numbers: Array, call: Call) -> Array:
    """Nearest: every number repeated; nails: all but the first of them zero."""
    scales = per_axis("scale", layer.scale, numbers.ndim - 1)
    for axis, scale in enumerate(scales, 1):
        numbers = np.repeat(numbers, scale, axis)
        if layer.mode == "nails":
            first = np.arange(numbers.shape[axis]) % scale == 0
            numbers = numbers * first.reshape(-1, *(1 for _ in range(numbers.ndim - axis - 1)))
    return numbers


def upsample(call: Call) -> tuple[Array, Back]:
    """Interpolation: along each axis every output lies between two pixels; the other modes are one move."""
    if call.layer.mode != "bilinear":
        return moved(repeated)(call)
    x, sizes = call.x, call.x.shape[2:]
    scales = per_axis("scale", call.layer.scale, len(sizes))
    places = {
        axis: _between(size, scale)
        for axis, (size, scale) in enumerate(zip(sizes, scales, strict=True), 2)
        if scale > 1
    }
    for axis, place in places.items():
        x = np.moveaxis(_interpolated(np.moveaxis(x, axis, -1), *place), -1, axis)

    def back(dy: Array) -> tuple[list[Array], dict[str, Array]]:
        for axis, place in places.items():
            dy = np.moveaxis(_gathered(np.moveaxis(dy, axis, -1), sizes[axis - 2], *place), -1, axis)
        return [dy], {}

    return x, back


def _between(size: int, scale: int) -> tuple[Array, Array, Array]:
    """For each output its left and right pixel, and the right one's share."""
    centres = np.maximum(0, (np.arange(size * scale) + 0.5) / scale - 0.5)
    left = np.floor(centres).astype(int)
    share = np.where((left == size - 1) & (centres == left), 0.5, centres - left)
    return left, np.minimum(left + 1, size - 1), share


def _interpolated(x: Array, left: Array, right: Array, share: Array) -> Array:
    return np.asarray(x[..., left] * (1 - share) + x[..., right] * share, x.dtype)


def _gathered(dy: Array, size: int, left: Array, right: Array, share: Array) -> Array:
    """The transpose of ``_interpolated``."""
    dx = np.zeros((*dy.shape[:-1], size), dy.dtype)
    for place in range(len(left)):
        dx[..., left[place]] += dy[..., place] * (1 - share[place])
        dx[..., right[place]] += dy[..., place] * share[place]
    return dx


MOVES: Final[dict[type[Layer], Definition]] = {
    Identity: moved(lambda layer, numbers, call: numbers),
    Flatten: moved(lambda layer, numbers, call: numbers.reshape(-1)),
    Reshape: moved(reshaped),
    Slice: moved(lambda layer, numbers, call: numbers[layer.start : layer.stop]),
    Pad: moved(padded),
    Crop: moved(cropped),
    Shuffle: moved(shuffled),
    Upsample: upsample,
}
