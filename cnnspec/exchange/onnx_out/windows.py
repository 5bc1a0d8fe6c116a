"""How convolutions and pools are written in ONNX."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import prod
from typing import Any

from cnnspec.exchange.onnx_out.layer import CannotSay, LayerWriter, per_channel
from cnnspec.layers.base import spatial
from cnnspec.layers.depthwise import Depthwise


def pads(axes: Sequence[Any]) -> list[int]:
    return [axis.before for axis in axes] + [axis.after for axis in axes]


def _window(axes: Sequence[Any], *, dilated: bool = True) -> dict[str, Any]:
    found = {
        "kernel_shape": [axis.kernel for axis in axes], "strides": [axis.stride for axis in axes],
        "pads": pads(axes),
    }  # fmt: skip
    return found | ({"dilations": [axis.dilation for axis in axes]} if dilated else {})


def _biased(call: LayerWriter) -> list[str]:
    return [call.weight("bias")] if call.layer.bias else []


def conv(call: LayerWriter) -> None:
    layer = call.layer.as_conv(call.shapes) if isinstance(call.layer, Depthwise) else call.layer
    weight = _table_weight(call) if layer.table() else call.weight("weight")
    window = _window(layer.axes(call.shapes))
    call.op("Conv", *call.inputs, weight, *_biased(call), group=layer.groups, **window)


def _table_weight(call: LayerWriter) -> str:
    """The kernels of a table of connections, put where they connect; zeros elsewhere."""
    places = [[f, channel] for f, row in enumerate(call.layer.table()) for channel in row]
    kernel = [axis.kernel for axis in call.layer.axes(call.shapes)]
    shape = call.sizes("unconnected", [call.layer.filters, call.shapes[0][-1], *kernel])
    zeros = call.op("ConstantOfShape", shape, since=9, name="zeros")
    where = call.sizes("connections", places)
    return call.op("ScatterND", zeros, where, call.weight("weight"), since=11, name="kernels")


def upconv(call: LayerWriter) -> None:
    axes = call.layer.axes(call.shapes)
    call.op(
        "ConvTranspose", *call.inputs, call.weight("weight"), *_biased(call), group=call.layer.groups,
        output_padding=[axis.extra for axis in axes], **_window(axes),
    )  # fmt: skip


def dense(call: LayerWriter) -> None:
    bias = _biased(call)
    turned = call.node.transposed(f"{call.node.tied}.weight")
    call.op(
        "Gemm", *call.inputs, call.weight("weight"), *bias, transB=int(not turned), since=7 if bias else 11
    )


def _ceil(call: LayerWriter) -> dict[str, Any]:
    return {"ceil_mode": 1, "since": 10} if call.layer.rounding == "ceil" else {}


def maxpool(call: LayerWriter) -> None:
    if call.layer.to is not None:
        _adaptive(call, "ReduceMax")
        return
    places = _places(call)
    settings = {"since": 8 if places else 1} | _pooling(call)
    call.graph.add("MaxPool", call.inputs, [call.output, *places], **settings)


def _pooling(call: LayerWriter) -> dict[str, Any]:
    axes = call.layer.axes(call.shapes)
    dilated = any(axis.dilation > 1 for axis in axes)
    return {"since": 10 if dilated else 1, **_window(axes, dilated=dilated), **_ceil(call)}


def _adaptive(call: LayerWriter, kind: str) -> None:
    """Windows of several lengths: along one axis after the other each is cut out and reduced."""
    value, windows = call.inputs[0], call.layer.window(call.shapes)
    counts = spatial(call.node.output)
    call.need(places=sum(counts))
    for n, (window, count) in enumerate(zip(windows, counts, strict=True)):
        axes, rows = call.sizes(f"axis{n}", [2 + n]), []
        for place in range(count):
            first, last = window.span(place)
            ends = [call.sizes(f"at{each}", [each]) for each in (first, last + 1)]
            cut = call.op("Slice", value, *ends, axes, since=10, name=f"cut{n}_{place}")
            rows.append(call.op(kind, cut, axes, since=18, name=f"row{n}_{place}", keepdims=1))
        name = f"axis{n}_done" if n < len(counts) - 1 else ""
        value = call.op("Concat", *rows, since=4, axis=2 + n, name=name)


def minpool(call: LayerWriter) -> None:
    """The greatest of the values with the other sign, whose places an unpool may use."""
    turned = call.op("Neg", since=6, name="turned")
    pooled = f"{call.node.name}/pooled"
    call.graph.add("MaxPool", [turned], [pooled, *_places(call)], **{"since": 8} | _pooling(call))
    call.op("Neg", pooled, since=6)


def _places(call: LayerWriter) -> list[str]:
    """The tensor of where the values were taken from, if an unpool asks."""
    readers = call.graph.network.readers[call.node.index]
    is_asked = any(call.graph.network.nodes[n].word == "unpool" for n in readers)
    return [f"{call.node.name}/places"] if is_asked else []


def medianpool(call: LayerWriter) -> None:
    """The pixels of all windows one behind the other, sorted as far as the middle."""
    axes, x = call.layer.axes(call.shapes), call.inputs[0]
    if any(axis.before or axis.after or _missing(axis) > 0 for axis in axes):
        raise CannotSay("windows reach beyond the map, and how many pixels each sorts then differs")
    call.need(places=prod(axis.kernel for axis in axes))
    where, new = call.sizes("axes", [2 + n for n in range(len(axes))]), call.sizes("new", [1])
    taps = []
    for place in product(*(range(0, axis.reach, axis.dilation) for axis in axes)):
        name = "_".join(map(str, place))
        stops = [at + axis.stride * (axis.count - 1) + 1 for at, axis in zip(place, axes, strict=True)]
        steps = call.sizes("steps", [axis.stride for axis in axes])
        ends = call.sizes(f"starts{name}", place), call.sizes(f"stops{name}", stops)
        cut = call.op("Slice", x, *ends, where, steps, since=10, name=f"cut{name}")
        taps.append(call.op("Unsqueeze", cut, new, since=13, name=f"tap{name}"))
    half = len(taps) // 2
    joined = call.op("Concat", *taps, since=4, axis=1, name="taps")
    sorted_ones = [f"{call.node.name}/sorted", f"{call.node.name}/order"]
    call.graph.add("TopK", [joined, call.sizes("most", [half + 1])], sorted_ones, since=11, axis=1)
    ends = call.sizes("first", [half - 1 + len(taps) % 2]), call.sizes("last", [half + 1])
    middle = call.op("Slice", sorted_ones[0], *ends, new, since=10, name="middle")
    call.op("ReduceMean", middle, new, since=18, keepdims=0)


def avgpool(call: LayerWriter) -> None:
    if call.layer.to is not None:
        _adaptive(call, "ReduceMean")
        return
    axes = call.layer.axes(call.shapes)
    settings = {"since": 7, **_window(axes, dilated=False), **_ceil(call)}
    call.op("AveragePool", count_include_pad=1 if call.layer.count_padding else None, **settings)


def subsample(call: LayerWriter) -> None:
    """The sum is a convolution with ones, one kernel a channel."""
    axes, channels = call.layer.axes(call.shapes), call.shapes[0][-1]
    ones = call.filled("ones", (channels, 1, *(axis.kernel for axis in axes)))
    window = _window(axes)
    ends = [max(axis.after, _missing(axis)) for axis in axes]
    window["pads"] = [*window["pads"][: len(axes)], *ends]
    total = call.op("Conv", *call.inputs, ones, name="sum", group=channels, **window)
    factor = per_channel(call, "weight")
    scaled = call.op("Mul", total, factor, since=7, name="scaled")
    call.op("Add", scaled, per_channel(call, "bias"), since=7)


def _missing(axis: Any) -> int:
    """Pixels after the map that the last window needs."""
    return int((axis.count - 1) * axis.stride + axis.reach - axis.size - axis.before)


def unpool(call: LayerWriter) -> None:
    """MaxUnpool where it finds the size by itself; else the places are written to one by one."""
    axes, sizes = call.layer.axes(call.shapes), call.node.output[:-1]
    places = f"{call.graph.network.nodes[call.node.inputs[1]].name}/places"
    found = [
        axis.stride * (o - 1) + axis.reach - axis.before - axis.after
        for axis, o in zip(axes, spatial(call.shapes[0]), strict=True)
    ]
    if tuple(found) == sizes and all(axis.dilation == 1 for axis in axes):
        call.op("MaxUnpool", call.inputs[0], places, since=9, **_window(axes, dilated=False))
        return
    if any(axis.reach > axis.stride for axis in axes):
        raise CannotSay(f"windows of {call.layer.pool} overlap, and which of two values counts is left open")
    _scatter(call, call.inputs[0], places)


def _scatter(call: LayerWriter, values: str, places: str) -> None:
    """Places count through the whole batch."""
    pool = call.graph.network.nodes[call.node.inputs[1]]
    shape = call.op("Shape", call.graph.names[pool.inputs[0]], name="shape")
    empty = call.op("ConstantOfShape", shape, since=9, name="empty")
    flat = [
        call.op("Reshape", value, call.sizes("flat_shape", [-1]), since=5, name=f"flat_{name}")
        for name, value in (("map", empty), ("places", places), ("values", values))
    ]
    filled = call.op("ScatterElements", *flat, since=11, name="filled", axis=0)
    call.op("Reshape", filled, shape, since=5)
