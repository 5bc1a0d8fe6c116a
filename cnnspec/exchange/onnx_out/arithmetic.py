"""How arithmetic and rearranging are written in ONNX: the second part of the table of words."""

from __future__ import annotations

from typing import Final

from cnnspec.exchange.onnx_out.layer import LayerWriter, Write, per_channel, plain
from cnnspec.exchange.onnx_out.words import merge
from cnnspec.layers.base import spatial


def _over_channels(kind: str) -> Write:
    def write(call: LayerWriter) -> None:
        call.op(kind, *call.inputs, call.sizes("axes", [1]), since=18, keepdims=1)

    return write


def softplus(call: LayerWriter) -> None:
    if call.layer.beta == 1:
        call.op("Softplus")
        return
    beta = call.own("beta", call.layer.beta)
    scaled = call.op("Mul", *call.inputs, beta, since=7, name="scaled")
    call.op("Div", call.op("Softplus", scaled, name="soft"), beta, since=7)


def hardtanh(call: LayerWriter) -> None:
    ends = [("min", call.layer.min), ("max", call.layer.max)]
    given = ["" if end is None else call.own(name, end) for name, end in ends]
    call.op("Clip", *call.inputs, *(given if given[1] else given[:1]), since=11)


def square(call: LayerWriter) -> None:
    call.op("Mul", *call.inputs, *call.inputs, since=7)


def power(call: LayerWriter) -> None:
    call.op("Pow", *call.inputs, call.own("exponent", call.layer.exponent), since=7)


def scale(call: LayerWriter) -> None:
    layer, plus = call.layer, bool(call.layer.bias or call.layer.shift)
    factor = per_channel(call, "weight") if layer.by is None else call.own("factor", layer.by)
    scaled = call.op("Mul", *call.inputs, factor, since=7, name="scaled" if plus else "")
    if plus:
        term = per_channel(call, "bias") if layer.bias else call.own("shift", layer.shift)
        call.op("Add", scaled, term, since=7)


def l2norm(call: LayerWriter) -> None:
    axes, least = call.sizes("axes", [1]), call.own("least", call.layer.epsilon)
    length = call.op("ReduceL2", *call.inputs, axes, since=18, name="length", keepdims=1)
    call.op("Div", *call.inputs, call.op("Max", length, least, since=8, name="divisor"), since=7)


def rmsnorm(call: LayerWriter) -> None:
    layer, x = call.layer, call.inputs[0]
    axes = [1] if layer.over == "channels" else list(range(1, call.rank + 2))
    squares = call.op("Mul", x, x, since=7, name="squares")
    mean = call.op("ReduceMean", squares, call.sizes("axes", axes), since=18, name="mean", keepdims=1)
    least = call.op("Add", mean, call.own("epsilon", layer.epsilon), since=7, name="sum")
    root = call.op("Sqrt", least, since=6, name="root")
    normed = call.op("Div", x, root, since=7, name="normed" if layer.affine else "")
    if layer.affine:
        weight = per_channel(call, "weight") if layer.over == "channels" else call.weight("weight")
        call.op("Mul", normed, weight, since=7)


def pixelshuffle(call: LayerWriter) -> None:
    """By ONNX's own operator on two axes; else the channels are cut up and dealt out by hand."""
    layer, n = call.layer, call.rank
    if n == 2:
        call.op("DepthToSpace", since=11, blocksize=layer.factor, mode=layer.order.upper())
        return
    sizes, out, block = spatial(call.shapes[0]), call.node.output, [layer.factor] * n
    first = layer.order == "crd"
    cut = [out[-1], *block] if first else [*block, out[-1]]
    apart = call.shaped(call.inputs[0], [0, *cut, *sizes], "apart")
    channel, places = (1, range(2, 2 + n)) if first else (1 + n, range(1, 1 + n))
    pairs = [axis for pair in zip(range(2 + n, 2 + 2 * n), places, strict=True) for axis in pair]
    dealt = call.op("Transpose", apart, perm=[0, channel, *pairs], name="dealt")
    call.shaped(dealt, [0, out[-1], *spatial(out)])


def pixelunshuffle(call: LayerWriter) -> None:
    """Each axis cut into blocks, whose places become channels; ONNX's own operator knows one order."""
    layer, n = call.layer, call.rank
    if n == 2 and layer.order == "dcr":
        call.op("SpaceToDepth", blocksize=layer.factor)
        return
    channels, sizes = call.shapes[0][-1], spatial(call.node.output)
    cut = [each for size in sizes for each in (size, layer.factor)]
    apart = call.shaped(call.inputs[0], [0, channels, *cut], "apart")
    places, rest = [3 + 2 * axis for axis in range(n)], [2 + 2 * axis for axis in range(n)]
    order = [1, *places] if layer.order == "crd" else [*places, 1]
    dealt = call.op("Transpose", apart, perm=[0, *order, *rest], name="dealt")
    call.shaped(dealt, [0, call.node.output[-1], *sizes])


def transpose(call: LayerWriter) -> None:
    axes = call.layer.order_of(call.shapes[0])
    *sizes, channel = (1 if axis == call.rank else 2 + axis for axis in axes)
    call.op("Transpose", perm=[0, channel, *sizes])


ARITHMETIC: Final[dict[str, Write]] = {
    "softplus": softplus, "hardtanh": hardtanh, "mish": plain("Mish", 18),
    "selu": lambda call: plain("Selu", 6, alpha=call.layer.alpha, gamma=call.layer.gamma)(call),
    "abs": plain("Abs", 6), "exp": plain("Exp", 6), "log": plain("Log", 6), "sqrt": plain("Sqrt", 6),
    "square": square, "power": power,
    "scale": scale, "mean": _over_channels("ReduceMean"), "max": _over_channels("ReduceMax"),
    "l2norm": l2norm, "rmsnorm": rmsnorm, "droppath": plain("Identity"),
    "subtract": merge("Sub"), "divide": merge("Div"), "maximum": merge("Max"), "minimum": merge("Min"),
    "pixelshuffle": pixelshuffle, "pixelunshuffle": pixelunshuffle, "transpose": transpose,
}  # fmt: skip
"""By the word of the layer."""
