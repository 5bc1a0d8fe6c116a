"""Layers with windows, by a table of which input place each tap of each output place reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import product
from math import prod
from typing import Any, Final

import numpy as np

from cnnspec.backends.numpy.layout import Array
from cnnspec.backends.numpy.reference.definition import Back, Definition, LayerCall
from cnnspec.layers.conv import Conv
from cnnspec.layers.depthwise import Depthwise


def table(sizes: Sequence[int], outputs: Sequence[int], axes: Sequence[Any]) -> Array:
    """(output places, taps): the flat input place that a tap reads, -1 for padding."""
    return _table(tuple(sizes), tuple(outputs), tuple(axes))


@lru_cache(maxsize=1)  # each value of a layer that is written out asks for the same one
def _table(sizes: tuple[int, ...], outputs: tuple[int, ...], axes: tuple[Any, ...]) -> Array:
    rows = []
    for place in product(*map(range, outputs)):
        row = []
        for tap in product(*(range(axis.kernel) for axis in axes)):
            read = [
                o * a.stride - a.before + t * a.dilation for o, t, a in zip(place, tap, axes, strict=True)
            ]
            inside = all(0 <= i < size for i, size in zip(read, sizes, strict=True))
            row.append(int(np.ravel_multi_index(read, sizes)) if inside else -1)
        rows.append(row)
    found = np.array(rows)
    found.flags.writeable = False
    return found


def pooled(call: LayerCall) -> Array:
    """The table of a pool; an adaptive one's windows begin and end where both sizes say."""
    outputs = call.node.output[:-1]
    if getattr(call.layer, "to", None) is None:
        return table(call.x.shape[2:], outputs, call.layer.axes(call.node.input_shapes))
    sizes = call.x.shape[2:]
    numbers = np.arange(prod(sizes)).reshape(sizes)
    windows = []
    for place in product(*map(range, outputs)):
        ends = [(o * i // n, -(-(o + 1) * i // n)) for o, i, n in zip(place, sizes, outputs, strict=True)]
        windows.append(numbers[tuple(slice(*end) for end in ends)].ravel())
    index = np.full((len(windows), max(map(len, windows))), -1)
    for row, window in zip(index, windows, strict=True):
        row[: len(window)] = window
    return index


def gather(x: Array, index: Array, padding: float = 0.0) -> Array:
    """(N, C, output places, taps) of x (N, C, *sizes); place -1 holds the padding."""
    flat = x.reshape(*x.shape[:2], -1)
    edge = np.full((*x.shape[:2], 1), padding, x.dtype)
    return np.asanyarray(np.concatenate([flat, edge], axis=2)[:, :, index])


def scatter(patches: Array, index: Array, shape: Sequence[int], start: Array | float = 0.0) -> Array:
    """The transpose of ``gather``: every patch value added to the place it came from, where ``start`` was."""
    count, channels, *sizes = shape
    flat = np.full((count, channels, int(np.prod(sizes)) + 1), start, patches.dtype)
    for (place, tap), source in np.ndenumerate(index):
        flat[:, :, source] += patches[:, :, place, tap]
    return flat[:, :, :-1].reshape(shape)


def conv(call: LayerCall) -> tuple[Array, Back]:
    """y[f, o] = Σ over channels of the group and taps of w[f, c, t]·x[c, place(o, t)], plus the bias."""
    layer = call.layer.as_conv(call.node.input_shapes) if isinstance(call.layer, Depthwise) else call.layer
    shape, x = call.node.output, call.x
    index = table(x.shape[2:], shape[:-1], layer.axes(call.node.input_shapes))
    mask, spread = _connected(layer, call.weights["weight"], x.shape[1])
    kernel = spread.reshape(*spread.shape[:2], -1)
    filters, each = kernel.shape[0] // layer.groups, kernel.shape[1]
    patches = gather(x, index)
    groups = [
        (slice(g * filters, (g + 1) * filters), slice(g * each, (g + 1) * each)) for g in range(layer.groups)
    ]
    y = np.concatenate([np.einsum("nckt,fct->nfk", patches[:, c], kernel[f]) for f, c in groups], axis=1)
    if layer.bias:
        y += call.weights["bias"][:, None]

    def back(dy: Array) -> tuple[list[Array], dict[str, Array]]:
        flat = dy.reshape(*dy.shape[:2], -1)
        dw = np.concatenate([np.einsum("nckt,nfk->fct", patches[:, c], flat[:, f]) for f, c in groups])
        spreads = [np.einsum("nfk,fct->nckt", flat[:, f], kernel[f]) for f, _ in groups]
        dx = scatter(np.concatenate(spreads, axis=1), index, x.shape)
        dw = dw.reshape(spread.shape)
        return [dx], {"weight": dw if mask is None else dw[mask], "bias": flat.sum(axis=(0, 2))}

    return y.reshape(*y.shape[:2], *shape[:-1]), back


def _connected(layer: Conv, weight: Array, channels: int) -> tuple[tuple[list[int], list[int]] | None, Array]:
    """The full kernel, with zeros where a table connects nothing; and where it connects."""
    connections = layer.table()
    if connections is None:
        return None, weight
    mask = (
        [f for f, row in enumerate(connections) for _ in row],
        [channel for row in connections for channel in row],
    )
    full = np.zeros((len(connections), channels, *weight.shape[1:]), weight.dtype)
    full[mask] = weight
    return mask, full


def upconv(call: LayerCall) -> tuple[Array, Back]:
    """Each input pixel adds its kernel, weighted, to the output: y[place(i, t)] += w[c, f, t]·x[c, i]."""
    layer, x, weight = call.layer, call.x, call.weights["weight"]
    sizes = call.node.output[:-1]
    index = table(sizes, x.shape[2:], layer.axes(call.node.input_shapes))
    flat = x.reshape(*x.shape[:2], -1)
    kernel = weight.reshape(layer.groups, -1, weight.shape[1], index.shape[1])
    grouped = flat.reshape(len(x), layer.groups, -1, flat.shape[2])
    patches = np.einsum("ngci,gcft->ngfit", grouped, kernel)
    start = call.weights["bias"][:, None] if layer.bias else 0.0
    y = scatter(patches.reshape(len(x), -1, *index.shape), index, (len(x), layer.filters, *sizes), start)

    def back(dy: Array) -> tuple[list[Array], dict[str, Array]]:
        seen = gather(dy, index).reshape(patches.shape)
        dx = np.einsum("ngfit,gcft->ngci", seen, kernel).reshape(x.shape)
        dw = np.einsum("ngci,ngfit->gcft", grouped, seen).reshape(weight.shape)
        return [dx], {"weight": dw, "bias": dy.sum(axis=(0, *range(2, dy.ndim)))}

    return y, back


def missing(values: Array) -> Array:
    """Where values are NaN; a formula never is."""
    return np.zeros(values.shape, bool) if values.dtype == object else np.isnan(values)


def extreme(sign: int) -> Definition:
    """The greatest (sign 1) or least value; the first of equals, the last that is NaN: PyTorch's loop."""

    def define(call: LayerCall) -> tuple[Array, Back]:
        x, outputs = call.x, call.node.output[:-1]
        index = pooled(call)
        patches = gather(x if sign > 0 else -x, index)
        winner = np.broadcast_to((index >= 0).argmax(axis=1), patches.shape[:3])
        best = np.take_along_axis(patches, winner[..., None], axis=3)[..., 0]
        for tap in range(1, index.shape[1]):
            values = patches[..., tap]
            better = (index[:, tap] >= 0) & ((values > best) | missing(values))
            best, winner = np.where(better, values, best), np.where(better, tap, winner)
        call.notes["places"] = np.take_along_axis(index[None, None], winner[..., None], axis=3)[..., 0]

        def back(dy: Array) -> tuple[list[Array], dict[str, Array]]:
            chosen = np.arange(index.shape[1]) == winner[..., None]
            return [scatter(np.where(chosen, dy.reshape(best.shape)[..., None], 0), index, x.shape)], {}

        return (best if sign > 0 else -best).reshape(*x.shape[:2], *outputs), back

    return define


def mean(call: LayerCall) -> tuple[Array, Back]:
    """The mean over the pixels that count: all on the map, or the padding declared too."""
    outputs, index = call.node.output[:-1], pooled(call)
    counted = (index >= 0).sum(axis=1)
    if getattr(call.layer, "count_padding", False) and call.layer.to is None:
        axes = call.layer.axes(call.node.input_shapes)
        wide = [axis.size + axis.before + axis.after for axis in axes]
        shifted = [replace(axis, before=0) for axis in axes]
        counted = (table(wide, outputs, shifted) >= 0).sum(axis=1)
    total, spread = _summed(call, index)
    counted = counted.astype(total.dtype).reshape(outputs)
    return total / counted, lambda dy: spread(dy / counted)


def _summed(call: LayerCall, index: Array) -> tuple[Array, Back]:
    x = call.x
    y = gather(x, index).sum(axis=3)

    def back(dy: Array) -> tuple[list[Array], dict[str, Array]]:
        each = dy.reshape(y.shape)[..., None]
        return [scatter(np.broadcast_to(each, (*y.shape, index.shape[1])), index, x.shape)], {}

    return y.reshape(*x.shape[:2], *call.node.output[:-1]), back


def subsample(call: LayerCall) -> tuple[Array, Back]:
    """A window's sum times a trained factor, plus a trained term."""
    index = table(call.x.shape[2:], call.node.output[:-1], call.layer.axes(call.node.input_shapes))
    total, spread = _summed(call, index)
    shape = (-1, *(1 for _ in total.shape[2:]))
    factor, term = call.weights["weight"].reshape(shape), call.weights["bias"].reshape(shape)

    def back(dy: Array) -> tuple[list[Array], dict[str, Array]]:
        axes = (0, *range(2, dy.ndim))
        inputs, _ = spread(dy * factor)
        return inputs, {"weight": (dy * total).sum(axis=axes), "bias": dy.sum(axis=axes)}

    return total * factor + term, back


def median(call: LayerCall) -> tuple[Array, Back]:
    """Window by window: sort the pixels on the map, take the middle, or the mean of the middle two."""
    x, outputs = call.x, call.node.output[:-1]
    flat = x.reshape(*x.shape[:2], -1)
    index = table(x.shape[2:], outputs, call.layer.axes(call.node.input_shapes))
    y = np.empty((*x.shape[:2], len(index)), x.dtype)
    middles = []
    for place, row in enumerate(index):
        pixels = row[row >= 0]
        order = pixels[np.argsort(flat[:, :, pixels], axis=2, kind="stable")]
        middle = order[:, :, (len(pixels) - 1) // 2 : len(pixels) // 2 + 1]
        values = np.take_along_axis(flat, middle, axis=2)
        y[:, :, place] = values.mean(axis=2) if values.shape[2] > 1 else values[:, :, 0]
        middles.append(middle)

    def back(dy: Array) -> tuple[list[Array], dict[str, Array]]:
        dx = np.zeros_like(flat)
        samples, channels = np.ogrid[: x.shape[0], : x.shape[1]]
        for place, middle in enumerate(middles):
            for half in range(middle.shape[2]):
                share = dy.reshape(y.shape)[:, :, place] / middle.shape[2]
                dx[samples, channels, middle[:, :, half]] += share
        return [dx.reshape(x.shape)], {}

    return y.reshape(*x.shape[:2], *outputs), back


def unpool(call: LayerCall) -> tuple[Array, Back]:
    """Each value goes where its pool took one from; a later window overwrites an earlier."""
    places, x = call.referred[0]["places"], call.x
    values = x.reshape(places.shape)
    sizes = call.node.output[:-1]
    y = np.zeros((*x.shape[:2], int(np.prod(sizes))), x.dtype)
    source = np.full(y.shape, -1)
    samples, channels = np.ogrid[: x.shape[0], : x.shape[1]]
    for window in range(places.shape[2]):
        y[samples, channels, places[:, :, window]] = values[:, :, window]
        source[samples, channels, places[:, :, window]] = window

    def back(dy: Array) -> tuple[list[Array], dict[str, Array]]:
        stayed = np.take_along_axis(source, places, axis=2) == np.arange(places.shape[2])
        dx = np.take_along_axis(dy.reshape(y.shape), places, axis=2) * stayed
        return [dx.reshape(x.shape)], {}

    return y.reshape(*x.shape[:2], *sizes), back


WINDOWS: Final[dict[str, Definition]] = {
    "conv": conv, "depthwise": conv, "upconv": upconv,
    "maxpool": extreme(1), "minpool": extreme(-1), "globalmaxpool": extreme(1),
    "avgpool": mean, "globalavgpool": mean, "medianpool": median, "subsample": subsample, "unpool": unpool,
}  # fmt: skip
