"""How each layer is written in ONNX: a table from word to a function that adds nodes to the graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, Final

import numpy as np

from cnnspec.layers.base import Shape, spatial
from cnnspec.layers.conv import Depthwise
from cnnspec.layers.window import Axis
from cnnspec.network.graph import Node


class CannotSay(Exception):
    """Why ONNX cannot say a layer."""


@dataclass(frozen=True)
class LayerWriter:
    """One layer being written."""

    graph: Any
    node: Node

    @property
    def layer(self) -> Any:
        return self.node.layer

    @property
    def shapes(self) -> tuple[Shape, ...]:
        return self.node.input_shapes

    @property
    def rank(self) -> int:
        """Spatial axes of the first input."""
        return len(self.shapes[0]) - 1

    @property
    def inputs(self) -> list[str]:
        return [self.graph.names[n] for n in self.node.inputs]

    @property
    def output(self) -> str:
        name: str = self.graph.names[self.node.index]
        return name

    def weight(self, name: str) -> str:
        """The initializer of one of the layer's arrays."""
        full = next(full for full, each in self.node.weights.items() if each.name == name)
        return self.constant(full, self.graph.arrays[full])

    def constant(self, name: str, values: Any) -> str:
        found: str = self.graph.constant(name, values)
        return found

    def own(self, name: str, values: Any, kind: str = "float32") -> str:
        """A constant of this layer that is no weight."""
        return self.constant(f"{self.node.name}/{name}", np.asarray(values, kind))

    def sizes(self, name: str, values: Sequence[int] | Sequence[Sequence[int]]) -> str:
        return self.own(name, values, "int64")

    def op(self, kind: str, *inputs: str, since: int = 1, name: str = "", **attributes: Any) -> str:
        """A node; with a ``name`` it is a step on the way, without it the layer's result."""
        output = f"{self.node.name}/{name}" if name else self.output
        self.graph.add(kind, inputs or self.inputs, [output], since, **attributes)
        return output

    def shaped(self, value: str, shape: Sequence[int], name: str = "") -> str:
        """A tensor in another shape; 0 keeps an axis, the batch."""
        return self.op("Reshape", value, self.sizes(f"{name or 'to'}_shape", shape), since=5, name=name)


# Windows --------------------------------------------------------------------------


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
    zeros = call.own("unconnected", np.zeros((call.layer.filters, call.shapes[0][-1], *kernel)))
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
    if any(call.graph.network.nodes[n].word == "unpool" for n in _others(call)):
        places = f"{call.node.name}/places"
        settings = {"since": 8} | _pooling(call)
        call.graph.add("MaxPool", call.inputs, [call.output, places], **settings)
        return
    call.op("MaxPool", **_pooling(call))


def _others(call: LayerWriter) -> tuple[int, ...]:
    readers: tuple[int, ...] = call.graph.network.readers[call.node.index]
    return readers


def _pool_axes(call: LayerWriter) -> tuple[Axis, ...]:
    axes: tuple[Axis, ...] = call.layer.axes(call.shapes)
    if not axes:
        raise CannotSay("its windows have several lengths, and ONNX has pools of one alone")
    return axes


def _pooling(call: LayerWriter) -> dict[str, Any]:
    axes = _pool_axes(call)
    dilated = any(axis.dilation > 1 for axis in axes)
    return {"since": 10 if dilated else 1, **_window(axes, dilated=dilated), **_ceil(call)}


def minpool(call: LayerWriter) -> None:
    if any(call.graph.network.nodes[n].word == "unpool" for n in _others(call)):
        raise CannotSay("its places are used by an unpool, and ONNX remembers those of a maxpool alone")
    turned = call.op("Neg", since=6, name="turned")
    call.op("Neg", call.op("MaxPool", turned, name="pooled", **_pooling(call)), since=6)


def avgpool(call: LayerWriter) -> None:
    axes = _pool_axes(call)
    settings = {"since": 7, **_window(axes, dilated=False), **_ceil(call)}
    call.op("AveragePool", count_include_pad=1 if call.layer.count_padding else None, **settings)


def subsample(call: LayerWriter) -> None:
    """The sum is a convolution with ones, one kernel a channel."""
    axes, channels = call.layer.axes(call.shapes), call.shapes[0][-1]
    ones = call.own("ones", np.ones((channels, 1, *(axis.kernel for axis in axes))))
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


def per_channel(call: LayerWriter, name: str) -> str:
    return call.shaped(call.weight(name), [-1, *(1 for _ in range(call.rank))], name)


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


# Moves -----------------------------------------------------------------------------


def reshape(call: LayerWriter) -> None:
    *sizes, channels = call.layer.to
    call.shaped(call.inputs[0], [0, channels, *sizes])


def pad(call: LayerWriter) -> None:
    """The pixels, then the channels, which are zeros in every mode."""
    sides, ends, x = call.layer.sides(call.shapes), call.layer.ends, call.inputs[0]
    mode = {"zeros": "constant", "reflect": "reflect", "replicate": "edge"}[call.layer.mode]
    name = "wide" if any(ends) else ""
    amount = [0, 0, *(before for before, _ in sides), 0, 0, *(after for _, after in sides)]
    wide = call.op("Pad", x, call.sizes("amount", amount), since=11, mode=mode, name=name)
    if any(ends):
        none = [0] * len(sides)
        deep = [0, ends[0], *none, 0, ends[1], *none]
        call.op("Pad", wide, call.sizes("channels", deep), since=11, mode="constant")


def _cut(call: LayerWriter, starts: Sequence[int], stops: Sequence[int], axes: Sequence[int]) -> None:
    places = [call.sizes(name, each) for name, each in (("starts", starts), ("stops", stops), ("axes", axes))]
    call.op("Slice", *call.inputs, *places, since=10)


def crop(call: LayerWriter) -> None:
    sides, sizes = call.layer.sides(call.shapes), spatial(call.shapes[0])
    stops = [size - after for size, (_, after) in zip(sizes, sides, strict=True)]
    _cut(call, [before for before, _ in sides], stops, [2 + n for n in range(len(sizes))])


def cut_channels(call: LayerWriter) -> None:
    _cut(call, [call.layer.start], [call.layer.stop], [1])


def shuffle(call: LayerWriter) -> None:
    groups, sizes = call.layer.groups, spatial(call.shapes[0])
    channels = call.shapes[0][-1]
    apart = call.shaped(call.inputs[0], [0, groups, channels // groups, *sizes], "apart")
    turned = call.op("Transpose", apart, perm=[0, 2, 1, *(3 + n for n in range(len(sizes)))], name="turned")
    call.shaped(turned, [0, channels, *sizes])


def upsample(call: LayerWriter) -> None:
    """By factors, so that the batch stays open; of a size that is asked for, the factors that give it."""
    layer, axes = call.layer, call.layer.axes(call.shapes)
    if layer.mode == "nails":
        scales, channels = [axis.window.outputs for axis in axes], call.shapes[0][-1]
        nail = np.zeros((channels, prod(scales)))
        nail[:, 0] = 1
        weight = call.own("nail", nail.reshape(channels, 1, *scales))
        call.op("ConvTranspose", *call.inputs, weight, group=channels, strides=scales)
        return
    ways: dict[str, Any] = {"mode": {"bilinear": "linear", "bicubic": "cubic"}.get(layer.mode, "nearest")}
    if layer.mode == "nearest":
        ways |= {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    else:
        centres = "align_corners" if layer.align == "corners" else "half_pixel"
        ways |= {"coordinate_transformation_mode": centres}
    if not layer.is_whole:
        raise CannotSay("ONNX's own sizes and factors place some pixels otherwise; take a whole factor")
    call.op(
        "Resize",
        *call.inputs,
        "",
        call.own("scale", [1, 1, *(axis.window.outputs for axis in axes)]),
        since=13,
        **ways,
    )


# Values ----------------------------------------------------------------------------


def plain(kind: str, since: int = 1, **attributes: Any) -> Callable[[LayerWriter], None]:
    """A layer that is one operator, with the same settings always."""

    def write(call: LayerWriter) -> None:
        call.op(kind, since=since, **attributes)

    return write


def relu(call: LayerWriter) -> None:
    if call.layer.max is None:
        call.op("Relu", since=6)
    else:
        ends = call.own("min", 0), call.own("max", call.layer.max)
        call.op("Clip", *call.inputs, *ends, since=11)


def prelu(call: LayerWriter) -> None:
    call.op("PRelu", *call.inputs, per_channel(call, "weight"), since=9)


def silu(call: LayerWriter) -> None:
    gate = call.op("Sigmoid", since=6, name="gate")
    call.op("Mul", *call.inputs, gate, since=7)


def softmax(call: LayerWriter) -> None:
    call.op("Softmax", axis=1, since=13 if call.rank else 1)


def dropout(call: LayerWriter) -> None:
    """ONNX drops single values alone; in use all are the same."""
    if call.layer.channels:
        call.op("Identity")
        return
    call.op("Dropout", *call.inputs, call.own("rate", call.layer.rate), since=12)


# Norms -----------------------------------------------------------------------------


def batchnorm(call: LayerWriter) -> None:
    layer = call.layer
    running = [call.weight("running_mean"), call.weight("running_var")]
    momentum = float(np.float32(1 - layer.momentum))
    call.op(
        "BatchNormalization", *call.inputs, *_affine(call, call.shapes[0][-1:]), *running,
        epsilon=layer.epsilon, momentum=momentum, since=9,
    )  # fmt: skip


def _affine(call: LayerWriter, shape: Shape) -> list[str]:
    """Scale and shift, those that change nothing where the layer has none."""
    if call.layer.affine:
        return [call.weight("weight"), call.weight("bias")]
    return [call.own("ones", np.ones(shape)), call.own("zeros", np.zeros(shape))]


def layernorm(call: LayerWriter) -> None:
    layer, shape = call.layer, call.layer.layout(call.shapes)
    settings = {"since": 17, "epsilon": layer.epsilon}
    if layer.over == "all" or not call.rank:
        call.op("LayerNormalization", *call.inputs, *_affine(call, shape), axis=1, **settings)
        return
    last = [0, *(2 + n for n in range(call.rank)), 1]
    turned = call.op("Transpose", name="turned", perm=last)
    normed = call.op("LayerNormalization", turned, *_affine(call, shape), axis=-1, name="normed", **settings)
    call.op("Transpose", normed, perm=[0, call.rank + 1, *range(1, call.rank + 1)])


def groupnorm(call: LayerWriter) -> None:
    shape, settings = call.shapes[0][-1:], {"epsilon": call.layer.epsilon, "num_groups": call.layer.groups}
    call.op("GroupNormalization", *call.inputs, *_affine(call, shape), since=21, **settings)


def instancenorm(call: LayerWriter) -> None:
    scales = _affine(call, call.shapes[0][-1:])
    call.op("InstanceNormalization", *call.inputs, *scales, epsilon=call.layer.epsilon, since=6)


def lrn(call: LayerWriter) -> None:
    layer = call.layer
    if layer.size % 2 == 0:
        raise CannotSay("of an even number of neighbours ONNX takes one more behind, and this one before")
    call.op("LRN", size=layer.size, alpha=layer.alpha, beta=layer.beta, bias=layer.k)


# Merges ----------------------------------------------------------------------------


def merge(kind: str) -> Callable[[LayerWriter], None]:
    """One operator on two inputs after the other."""

    def write(call: LayerWriter) -> None:
        rank = max(map(len, call.shapes)) - 1
        first, *others = (_as_map(call, n, rank) for n in range(len(call.shapes)))
        for n, other in enumerate(others, 1):
            first = call.op(kind, first, other, since=7, name="" if n == len(others) else f"first{n}")

    return write


def _as_map(call: LayerWriter, n: int, rank: int) -> str:
    """An input of a merge; a vector of channels as a map of one pixel."""
    name, shape = call.inputs[n], call.shapes[n]
    if len(shape) - 1 == rank:
        return name
    return call.shaped(name, [0, prod(shape), *(1 for _ in range(rank))], f"map{n}")


TABLE: Final[dict[str, Callable[[LayerWriter], None]]] = {
    "conv": conv, "depthwise": conv, "upconv": upconv, "dense": dense,
    "maxpool": maxpool, "minpool": minpool, "avgpool": avgpool, "subsample": subsample, "unpool": unpool,
    "globalavgpool": plain("GlobalAveragePool"), "globalmaxpool": plain("GlobalMaxPool"),
    "flatten": plain("Flatten", axis=1), "reshape": reshape, "identity": plain("Identity"),
    "pad": pad, "crop": crop, "slice": cut_channels, "shuffle": shuffle, "upsample": upsample,
    "relu": relu, "leakyrelu": lambda call: plain("LeakyRelu", 6, alpha=call.layer.slope)(call),
    "prelu": prelu, "elu": lambda call: plain("Elu", 6, alpha=call.layer.alpha)(call),
    "gelu": lambda call: plain("Gelu", 20, approximate=call.layer.approximate)(call), "silu": silu,
    "sigmoid": plain("Sigmoid", 6), "tanh": plain("Tanh", 6), "softmax": softmax,
    "hardswish": plain("HardSwish", 14), "hardsigmoid": plain("HardSigmoid", 6, alpha=1 / 6, beta=0.5),
    "batchnorm": batchnorm, "layernorm": layernorm, "groupnorm": groupnorm, "instancenorm": instancenorm,
    "lrn": lrn, "dropout": dropout,
    "add": merge("Add"), "multiply": merge("Mul"), "concat": plain("Concat", 4, axis=1),
}  # fmt: skip
"""By the word of the layer."""
