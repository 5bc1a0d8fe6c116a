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
    return np.moveaxis(last.transpose(layer.order_of(call.node.input_shapes[0])), -1, 0)


def repeated(layer: Any, numbers: Array, call: LayerCall) -> Array:
    """Nearest: each position copies the pixel it falls on; nails: the first of these, the others are 0."""
    for n, axis in enumerate(layer.axes(call.node.input_shapes), 1):
        source = np.arange(axis.count) * axis.window.inputs // axis.window.outputs
        numbers = np.take(numbers, source, axis=n)
        if layer.mode == "nails":
            first = np.diff(source, prepend=-1) > 0
            numbers = numbers * first.reshape(-1, *(1 for _ in range(numbers.ndim - n - 1)))
    return numbers


def upsample(call: LayerCall) -> tuple[Array, Back]:
    """The pixels around each output, each with the product of its shares along the axes, or one move."""
    if call.layer.mode in ("nearest", "nails"):
        return moved(repeated)(call)
    x = call.x
    share = {"bilinear": _linear, "bicubic": _cubic}[call.layer.mode]
    ends = [_around(axis, share) for axis in call.layer.axes(call.node.input_shapes)]
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


def _around(axis: Any, share: Callable[[Array], list[Array]]) -> list[tuple[Array, Array]]:
    """For each output the pixels near its centre, from the left one onward, each with its share."""
    o, ratio = np.arange(axis.count), axis.window.inputs / axis.window.outputs
    centres = o * ratio if axis.window.corners else (o + 0.5) * ratio - 0.5
    near = np.rint(centres)
    centres = np.where(np.abs(centres - near) < 1e-9, near, centres)
    if axis.window.reads == "linear":
        centres = np.maximum(0, centres)
    left = np.floor(centres).astype(int)
    shares = share(centres - left)
    if axis.is_plain:
        return [(o, np.full(axis.count, 1 / len(shares)))] * len(shares)
    before = len(shares) // 2 - 1
    places = [np.clip(left + n - before, 0, axis.size - 1) for n in range(len(shares))]
    if axis.window.reads == "linear":
        one = (places[0] == places[1]) & (centres == left)
        shares = [np.where(one, 0.5, each) for each in shares]
    return list(zip(places, shares, strict=True))


def _linear(share: Array) -> list[Array]:
    return [1 - share, share]


def _cubic(share: Array) -> list[Array]:
    """Keys' weights with a = -0.75, of the four pixels from the one before the left one onward."""
    a = -0.75
    ways = [(share, 1 - share), (1 - share, share)]
    (first, second), (fourth, third) = (
        (a * t * away**2, (a + 2) * t**3 - (a + 3) * t**2 + 1) for t, away in ways
    )
    return [first, second, third, fourth]


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
