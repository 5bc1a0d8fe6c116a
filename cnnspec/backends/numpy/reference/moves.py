"""Layers that only move values: each output value names the input value it copies."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from itertools import product
from math import prod
from typing import Any, Final

import numpy as np

from cnnspec.backends.numpy.layout import Array
from cnnspec.backends.numpy.reference.definition import Back, Definition, LayerCall
from cnnspec.layers.window import per_axis


def moved(places: Callable[[Any, Array, LayerCall], Array]) -> Definition:
    """A layer whose output is some of the input's values; ``places`` moves an array of their numbers.

    Numbers count from 1; 0 is a zero that comes from nowhere.
    """

    def define(call: LayerCall) -> tuple[Array, Back]:
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


def reshaped(layer: Any, numbers: Array, call: LayerCall) -> Array:
    *sizes, channels = call.node.output
    return numbers.reshape(channels, *sizes)


def padded(layer: Any, numbers: Array, call: LayerCall) -> Array:
    mode = {"zeros": "constant", "reflect": "reflect", "replicate": "edge"}[layer.mode]
    wide = np.pad(numbers, ((0, 0), *layer.sides(call.node.input_shapes)), mode)  # type: ignore[call-overload]
    return np.asanyarray(np.pad(wide, (layer.ends, *((0, 0) for _ in numbers.shape[1:]))))


def cropped(layer: Any, numbers: Array, call: LayerCall) -> Array:
    sides = zip(layer.sides(call.node.input_shapes), numbers.shape[1:], strict=True)
    return numbers[(slice(None), *(slice(before, size - after) for (before, after), size in sides))]


def shuffled(layer: Any, numbers: Array, call: LayerCall) -> Array:
    grouped = numbers.reshape(layer.groups, -1, *numbers.shape[1:])
    return grouped.swapaxes(0, 1).reshape(numbers.shape)


def pixels_of_channels(layer: Any, numbers: Array, call: LayerCall) -> Array:
    """(channel, block, place) to (channel, place times block)."""
    rank, sizes = numbers.ndim - 1, numbers.shape[1:]
    block = (layer.factor,) * rank
    if layer.order == "crd":
        apart = numbers.reshape(-1, *block, *sizes)
    else:
        apart = np.moveaxis(numbers.reshape(*block, -1, *sizes), rank, 0)
    paired = apart.transpose(0, *(axis for n in range(rank) for axis in (1 + rank + n, 1 + n)))
    return paired.reshape(-1, *(size * layer.factor for size in sizes))


def channels_of_pixels(layer: Any, numbers: Array, call: LayerCall) -> Array:
    """(channel, place times block) to (channel, block, place)."""
    rank, sizes = numbers.ndim - 1, [size // layer.factor for size in numbers.shape[1:]]
    paired = numbers.reshape(-1, *(part for size in sizes for part in (size, layer.factor)))
    places, block = [1 + 2 * n for n in range(rank)], [2 + 2 * n for n in range(rank)]
    order = (0, *block) if layer.order == "crd" else (*block, 0)
    return paired.transpose(*order, *places).reshape(-1, *sizes)


def transposed(layer: Any, numbers: Array, call: LayerCall) -> Array:
    last = np.moveaxis(numbers, 0, -1)
    return np.moveaxis(last.transpose(layer.axes(call.node.input_shapes[0])), -1, 0)


def repeated(layer: Any, numbers: Array, call: LayerCall) -> Array:
    """Nearest: every number repeated; nails: all but the first of them zero."""
    scales = per_axis("scale", layer.scale, numbers.ndim - 1)
    for axis, scale in enumerate(scales, 1):
        numbers = np.repeat(numbers, scale, axis)
        if layer.mode == "nails":
            first = np.arange(numbers.shape[axis]) % scale == 0
            numbers = numbers * first.reshape(-1, *(1 for _ in range(numbers.ndim - axis - 1)))
    return numbers


def upsample(call: LayerCall) -> tuple[Array, Back]:
    """Interpolation between the pixels at the corners around each output; the other modes are one move."""
    if call.layer.mode != "bilinear":
        return moved(repeated)(call)
    x, sizes = call.x, call.x.shape[2:]
    scales = per_axis("scale", call.layer.scale, len(sizes))
    ends = [_between(size, scale) for size, scale in zip(sizes, scales, strict=True)]
    corners: list[tuple[Any, Array]] = []
    for corner in product(*ends):
        places, shares = (np.ix_(*parts) for parts in zip(*corner, strict=True))
        corners.append(((..., *places), np.asanyarray(prod(shares), x.dtype)))

    def back(dy: Array) -> tuple[list[Array], dict[str, Array]]:
        dx = np.zeros_like(x)
        for places, share in corners:
            np.add.at(dx, places, dy * share)
        return [dx], {}

    return reduce(np.add, (x[places] * share for places, share in corners)), back


def _between(size: int, scale: int) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """For each output the pixels on either side of it, each with its share."""
    centres = np.maximum(0, (np.arange(size * scale) + 0.5) / scale - 0.5)
    left = np.floor(centres).astype(int)
    right = np.minimum(left + 1, size - 1) if scale > 1 else left
    share = np.where((left == right) & (centres == left), 0.5, centres - left)
    return (left, 1 - share), (right, share)


MOVES: Final[dict[str, Definition]] = {
    "identity": moved(lambda layer, numbers, call: numbers),
    "flatten": moved(lambda layer, numbers, call: numbers.reshape(-1)),
    "reshape": moved(reshaped),
    "slice": moved(lambda layer, numbers, call: numbers[layer.start : layer.stop]),
    "pad": moved(padded),
    "crop": moved(cropped),
    "shuffle": moved(shuffled),
    "pixelshuffle": moved(pixels_of_channels),
    "pixelunshuffle": moved(channels_of_pixels),
    "transpose": moved(transposed),
    "upsample": upsample,
}
