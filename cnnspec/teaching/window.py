"""The window of a layer: where it lies on the map, the filter on it, the channels under it."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Any

import numpy as np

from cnnspec.layers.pool import Pooling
from cnnspec.layers.window import Axis, Sliding
from cnnspec.network.graph import Node
from cnnspec.teaching.symbols import Array


def taps_of(node: Node, inputs: Array, place: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
    """The input rows and columns under the window, those in the padding too; none where nothing slides."""
    if getattr(node.layer, "to", None) is not None and isinstance(node.layer, Pooling):
        shares = zip(place[1:], inputs.shape[1:], node.output[:-1], strict=True)
        return tuple(product(*(range(o * i // n, -(-(o + 1) * i // n)) for o, i, n in shares)))
    slides = isinstance(node.layer, (Sliding, Pooling)) and hasattr(node.layer, "axes")
    axes = node.layer.axes(node.input_shapes) if slides else ()  # type: ignore[attr-defined]
    if (
        not all(isinstance(axis, Axis) for axis in axes)
        or node.word == "upconv"
        or len(axes) < len(place) - 1
    ):
        return ()
    starts = [n * axis.stride - axis.before for n, axis in zip(place[1:], axes, strict=True)]
    steps = np.ndindex(*(axis.kernel for axis in axes))
    return tuple(
        tuple(start + step * axis.dilation for start, step, axis in zip(starts, tap, axes, strict=True))
        for tap in steps
    )


def kernel_of(node: Node, weights: Mapping[str, Array], place: tuple[int, ...]) -> Array | None:
    """The filter that gives the place's channel, by the channels it reads: channels, rows, columns."""
    where = filter_at(node, place[0])
    return None if where is None else np.asarray(weights["weight"][where])


def filter_at(node: Node, channel: int) -> Any:
    """Where a channel's filter stands in the array of weights; None for a layer without filters."""
    layer = node.layer
    if node.word not in ("conv", "depthwise", "upconv"):
        return None
    if node.word == "upconv":
        each = layer.filters // layer.groups  # type: ignore[attr-defined]
        return list(channels_read(node, channel)), channel % each
    if table := getattr(layer, "connections", None) and layer.table():  # type: ignore[attr-defined]
        start = sum(map(len, table[:channel]))
        return slice(start, start + len(table[channel]))
    return channel


def channels_read(node: Node, channel: int) -> tuple[int, ...]:
    """The input channels that an output channel is made of, of a layer with a window."""
    channels, layer = node.input_shapes[0][-1], node.layer
    if node.word == "depthwise":
        return (channel // layer.multiplier,)  # type: ignore[attr-defined]
    if node.word not in ("conv", "upconv"):
        return (channel,)
    if table := getattr(layer, "connections", None) and layer.table():  # type: ignore[attr-defined]
        return tuple(table[channel])
    each = channels // layer.groups  # type: ignore[attr-defined]
    group = channel * layer.groups // layer.filters  # type: ignore[attr-defined]
    return tuple(range(group * each, (group + 1) * each))


def beyond(node: Node) -> str:
    """What stands in the padding of a layer: 0, or what no pool picks."""
    if node.word in ("maxpool", "minpool"):
        return "-∞" if node.word == "maxpool" else "∞"
    return "·" if node.word == "medianpool" or not getattr(node.layer, "count_padding", True) else "0"
