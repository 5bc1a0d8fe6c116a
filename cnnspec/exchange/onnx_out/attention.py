"""How attention, learned positions and tokens are written in ONNX: positions are N x positions x channels."""

from __future__ import annotations

from math import prod
from typing import Final

from cnnspec.exchange.onnx_out.layer import LayerWriter, Write
from cnnspec.layers.base import spatial


def attention(call: LayerWriter) -> None:
    layer, heads, channels = call.layer, call.layer.heads, call.shapes[0][-1]
    width = layer.width or channels
    queries = _heads(call, 0, "q", width, [0, 2, 1, 3])
    keys = _heads(call, 1, "k", width, [0, 2, 3, 1])
    scores = call.op("MatMul", queries, keys, name="scores")
    if layer.scaled:
        factor = call.own("factor", (width // heads) ** -0.5)
        scores = call.op("Mul", scores, factor, since=7, name="scaled")
    shares = call.op("Softmax", scores, axis=3, name="shares")
    found = call.op("MatMul", shares, _heads(call, 2, "v", width, [0, 2, 1, 3]), name="means")
    together = call.op("Transpose", found, perm=[0, 2, 1, 3], name="together")
    flat = call.shaped(together, [0, prod(spatial(call.shapes[0])), width], "flat")
    weight = call.op("Transpose", call.weight("out_proj.weight"), perm=[1, 0], name="out_weight")
    back = call.op("MatMul", flat, weight, name="back")
    if layer.bias:
        back = call.op("Add", back, call.weight("out_proj.bias"), since=7, name="moved")
    first = "" if call.rank == 1 else "channels_first"
    turned = call.op("Transpose", back, perm=[0, 2, 1], name=first)
    if call.rank > 1:
        call.shaped(turned, [0, channels, *spatial(call.shapes[0])])


def _heads(call: LayerWriter, n: int, name: str, width: int, perm: list[int]) -> str:
    """Queries, keys or values of all heads: projected, and cut apart."""
    which = min(n, len(call.inputs) - 1)
    if "in_proj_weight" in {each.name for each in call.node.weights.values()}:
        weight = _rows(call, "in_proj_weight", n, width, f"{name}_weight")
    else:
        weight = call.weight(f"{name}_proj_weight")
    turned = call.op("Transpose", weight, perm=[1, 0], name=f"{name}_weight_turned")
    value = call.op("MatMul", _sequence(call, which), turned, name=f"{name}_all")
    if call.layer.bias:
        bias = _rows(call, "in_proj_bias", n, width, f"{name}_bias")
        value = call.op("Add", value, bias, since=7, name=f"{name}_moved")
    positions, heads = prod(spatial(call.shapes[which])), call.layer.heads
    apart = call.shaped(value, [0, positions, heads, width // heads], f"{name}_apart")
    return call.op("Transpose", apart, perm=perm, name=name)


def _rows(call: LayerWriter, weight: str, n: int, width: int, name: str) -> str:
    ends = call.sizes(f"row{n * width}", [n * width]), call.sizes(f"row{(n + 1) * width}", [(n + 1) * width])
    return call.op("Slice", call.weight(weight), *ends, call.sizes("rows", [0]), since=10, name=name)


def _sequence(call: LayerWriter, which: int) -> str:
    """An input as positions x channels."""
    name, shape, value = f"{call.node.name}/sequence{which}", call.shapes[which], call.inputs[which]
    if name not in call.graph.given:
        if len(shape) > 2:
            value = call.shaped(value, [0, shape[-1], prod(spatial(shape))], f"row{which}_after_row")
        call.op("Transpose", value, perm=[0, 2, 1], name=f"sequence{which}")
    return name


def positions(call: LayerWriter) -> None:
    turned = call.op("Transpose", call.weight("weight"), perm=[1, 0], name="turned")
    if call.rank > 1:
        turned = call.shaped(turned, [call.shapes[0][-1], *spatial(call.shapes[0])], "map")
    call.op("Add", *call.inputs, turned, since=7)


def token(call: LayerWriter) -> None:
    """The same tokens before the positions of every sample."""
    channels, value = call.shapes[0][-1], call.inputs[0]
    if call.rank > 1:
        value = call.shaped(value, [0, channels, prod(spatial(call.shapes[0]))], "sequence")
    turned = call.op("Transpose", call.weight("weight"), perm=[1, 0], name="turned")
    start, stop, axis = (call.sizes(name, [at]) for name, at in (("start", 0), ("stop", 1), ("axis", 0)))
    samples = call.op("Slice", call.op("Shape", name="shape"), start, stop, axis, since=10, name="samples")
    one = call.sizes("one", [channels, call.layer.count])
    size = call.op("Concat", samples, one, since=4, name="size", axis=0)
    tokens = call.op("Expand", turned, size, since=8, name="tokens")
    call.op("Concat", tokens, value, since=4, axis=2)


ATTENTION: Final[dict[str, Write]] = {"attention": attention, "positions": positions, "token": token}
"""By the word of the layer."""
