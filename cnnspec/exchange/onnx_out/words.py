"""How each layer is written in ONNX: a table from word to a function that adds nodes to the graph."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, Final

import numpy as np

from cnnspec.exchange.onnx_out.layer import CannotSay, LayerWriter, Write, per_channel, plain
from cnnspec.exchange.onnx_out.windows import (
    avgpool,
    conv,
    dense,
    maxpool,
    medianpool,
    minpool,
    subsample,
    unpool,
    upconv,
)
from cnnspec.layers.base import Shape, spatial

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
        call.need(values=channels * prod(scales))
        nail = np.zeros((channels, prod(scales)), "float32")
        nail[:, 0] = 1
        weight = call.own("nail", nail.reshape(channels, 1, *scales))
        call.op("ConvTranspose", *call.inputs, weight, group=channels, strides=scales)
        return
    if layer.mode == "nearest" and not layer.is_whole:
        _picked(call)
        return
    ways: dict[str, Any] = {"mode": {"bilinear": "linear", "bicubic": "cubic"}.get(layer.mode, "nearest")}
    if layer.mode == "nearest":
        ways |= {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    else:
        centres = "align_corners" if layer.align == "corners" else "half_pixel"
        ways |= {"coordinate_transformation_mode": centres}
    if layer.to is not None:
        where, size = [2 + n for n in range(len(axes))], [axis.count for axis in axes]
        call.op("Resize", *call.inputs, "", "", call.sizes("size", size), since=18, axes=where, **ways)
        return
    if not layer.is_whole:
        _by_factors(call, ways)
        return
    call.op(
        "Resize",
        *call.inputs,
        "",
        call.own("scale", [1, 1, *(axis.window.outputs for axis in axes)]),
        since=13,
        **ways,
    )


def _picked(call: LayerWriter) -> None:
    """The nearest pixels, chosen by their numbers axis by axis."""
    value, windows = call.inputs[0], call.layer.window(call.shapes)
    call.need(values=sum(spatial(call.node.output)))
    for n, (window, count) in enumerate(zip(windows, spatial(call.node.output), strict=True)):
        pixels = call.sizes(f"pixels{n}", [window.span(place)[0] for place in range(count)])
        name = f"axis{n}_done" if n < len(windows) - 1 else ""
        value = call.op("Gather", value, pixels, axis=2 + n, name=name)


def _by_factors(call: LayerWriter, ways: dict[str, Any]) -> None:
    """Factors that are not whole, where 32-bit ones give the same size."""
    axes = call.layer.axes(call.shapes)
    steps = [(axis.window.outputs, axis.window.inputs) for axis in axes]
    if call.layer.align == "corners":
        steps = [(axis.count, axis.size) for axis in axes]
    factors = np.array([outputs / inputs for outputs, inputs in steps], "float32")
    if any(int(np.float32(axis.size) * f) != axis.count for axis, f in zip(axes, factors, strict=True)):
        raise CannotSay("its factors give another size in 32 bits; say the size, as in upsample to=56x56")
    scales = call.own("scale", [1, 1, *factors])
    call.op("Resize", *call.inputs, "", scales, since=13, **ways)


# Values ----------------------------------------------------------------------------


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
    return [call.filled("ones", shape), call.filled("zeros", shape, 0)]


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
    """Of an even number of neighbours ONNX takes one more behind: then the sum is written out."""
    layer, x = call.layer, call.inputs[0]
    if layer.size % 2:
        call.op("LRN", size=layer.size, alpha=layer.alpha, beta=layer.beta, bias=layer.k)
        return
    channels = call.shapes[0][-1]
    call.need(values=channels**2)
    places = np.arange(channels, dtype="int32")
    apart = np.subtract.outer(places, places)
    near = (apart <= layer.size // 2) & (apart > -(layer.size // 2))
    factors = near.reshape(channels, channels, *(1,) * call.rank) * np.float32(layer.alpha / layer.size)
    weight = call.own("neighbours", factors)
    squares = call.op("Mul", x, x, since=7, name="squares")
    if call.rank:
        summed = call.op("Conv", squares, weight, name="sum", kernel_shape=[1] * call.rank)
    else:
        summed = call.op("Gemm", squares, weight, since=11, name="sum", transB=1)
    divisor = call.op("Add", summed, call.own("least", layer.k), since=7, name="divisor")
    call.op("Div", x, call.op("Pow", divisor, call.own("beta", layer.beta), since=7, name="power"), since=7)


# Merges ----------------------------------------------------------------------------


def merge(kind: str) -> Write:
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


TABLE: Final[dict[str, Write]] = {
    "conv": conv, "depthwise": conv, "upconv": upconv, "dense": dense,
    "maxpool": maxpool, "minpool": minpool, "medianpool": medianpool,
    "avgpool": avgpool, "subsample": subsample, "unpool": unpool,
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
