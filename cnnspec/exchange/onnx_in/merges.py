"""Operators that join several tensors."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import numpy as np

from cnnspec.exchange.onnx_in.attention import scaled
from cnnspec.exchange.onnx_in.build import CannotRead
from cnnspec.exchange.onnx_in.call import NodeCall, per_channel, spread
from cnnspec.exchange.onnx_in.pointwise import ends
from cnnspec.exchange.onnx_in.rows import OperatorRows, Result
from cnnspec.exchange.onnx_in.values import Array, Const, Flow, Scores, Value, short

ROWS: Final = OperatorRows()


@ROWS.say("Concat", "4 11 13", "axis")
def concat(call: NodeCall) -> Result:
    axis = call.attribute("axis", 1)
    if isinstance(call.input(0), Const) and len(call.given) == 2:
        return _token(call, axis)
    flows = [call.raw(n) for n in range(len(call.given))]
    axis %= len(flows[0].dims) + 1
    if len({len(flow.dims) for flow in flows}) > 1:
        raise CannotRead("it joins tensors with different numbers of axes")
    if len(flows) == 1:
        return flows[0]
    turned = [call.along(flow, axis) for flow in flows]
    return turned[0][1](call.add("concat", {}, *(base for base, _ in turned)))


def _token(call: NodeCall, axis: int) -> Result:
    """Trained positions before those of a sequence, the same ones for each sample."""
    (front, other), x = call.input(0).both(), call.raw(1)  # type: ignore[union-attr]
    if len(x.dims) != 2 or front.ndim != 3 or axis % 3 == 0 or front.dtype != np.float32:
        raise CannotRead("it joins constants with what is computed")
    if any((each != front[:1]).any() for each in (front, other)):
        raise CannotRead("the constant is another for each sample")
    if axis % 3 == 2:
        turned = x.moved(lambda places: places.T)
        return call.add("token", {"count": front.shape[2]}, call.positions(turned), weight=front[0].T)
    return call.positions_last(
        call.add("token", {"count": front.shape[1]}, call.positions(x), weight=front[0])
    )


@ROWS.say("Sum", "6 8 13")
@ROWS.say("Add", "6", "axis broadcast consumed_inputs")
@ROWS.say("Add", "7 13 14")
def add(call: NodeCall) -> Result:
    return _merged(call, "add")


@ROWS.say("Mul", "6", "axis broadcast consumed_inputs")
@ROWS.say("Mul", "7 13 14")
def multiply(call: NodeCall) -> Result:
    return _merged(call, "multiply")


@ROWS.say("Sub", "6", "axis broadcast consumed_inputs")
@ROWS.say("Sub", "7 13 14")
def subtract(call: NodeCall) -> Result:
    call.align()
    if isinstance(call.input(1), Const):
        return _affine(call, call.input(0), None, -call.weight(1))
    if isinstance(known := call.input(0), Const):
        turned = call.builder.plain(call.raw(1))
        return _affine(call, call.add("scale", {"by": -1.0}, turned), None, known.values)
    return _merged(call, "subtract")


@ROWS.say("Div", "6", "axis broadcast consumed_inputs")
@ROWS.say("Div", "7 13 14")
def divide(call: NodeCall) -> Result:
    call.align()
    if isinstance(call.input(1), Const) and np.all(call.weight(1)):
        return _affine(call, call.input(0), np.float32(1) / call.weight(1), None)
    return _merged(call, "divide")


@ROWS.say("Max", "6 8 12 13")
def maximum(call: NodeCall) -> Result:
    return _extreme(call, "maximum", "min")


@ROWS.say("Min", "6 8 12 13")
def minimum(call: NodeCall) -> Result:
    return _extreme(call, "minimum", "max")


def _extreme(call: NodeCall, word: str, end: str) -> Result:
    """Of a tensor and one number, a cut at that end."""
    numbers = [each for each in call.given if isinstance(each, Const) and each.values.size == 1]
    if len(call.given) != 2 or len(numbers) != 1 or numbers[0].other is not None:
        return _merged(call, word)
    at = next(n for n, each in enumerate(call.given) if not isinstance(each, Const))
    number = short(np.ravel(numbers[0].values)[0])
    if numbers[0].values.ndim > len(call.raw(at).dims) or not np.isfinite(number):
        raise CannotRead("its constant has more axes than what it meets")
    if number == 0 and end == "min":
        return call.on(call.raw(at), "relu")
    return call.on(call.raw(at), "hardtanh", **ends(*((number, None) if end == "min" else (None, number))))


@ROWS.say("Mean", "6 8 13")
def mean(call: NodeCall) -> Result:
    if len(call.given) == 1:
        return call.raw()
    total = _merged(call, "add")
    assert isinstance(total, Flow)
    return call.add("scale", {"by": short(1 / len(call.given))}, total)


def _merged(call: NodeCall, word: str) -> Result:
    call.align()
    known = [n for n, each in enumerate(call.given) if isinstance(each, Const)]
    if len(known) == 1 and len(call.given) == 2 and word in ("add", "multiply"):
        x, values = call.input(1 - known[0]), call.weight(known[0])
        return _affine(call, x, None, values) if word == "add" else _affine(call, x, values, None)
    if known:
        raise CannotRead("it joins constants with what is computed")
    if word == "multiply" and (gated := _gated(call)) is not None:
        return gated
    flows = _unrepeated([call.raw(n) for n in range(len(call.given))])
    if len(flows) == 1:
        return flows[0]
    if len({len(flow.dims) for flow in flows}) > 1:
        raise CannotRead("it joins tensors with different numbers of axes")
    if all(flow.is_seen_as(flows[0]) for flow in flows[1:]) and flows[0].is_whole:
        return replace(flows[0], part=call.add(word, {}, *(flow.base for flow in flows)).part)
    return call.add(word, {}, *map(call.builder.plain, flows))


def _unrepeated(flows: list[Flow]) -> list[Flow]:
    """Tensors that meet; one that repeats a value along an axis has it once, as merges repeat it."""
    for axis in range(min(len(flow.dims) for flow in flows)):
        full = max(flow.dims[axis] for flow in flows)
        once = [flow.first(axis) for flow in flows]
        if any(one is None and flow.dims[axis] == full for one, flow in zip(once, flows, strict=True)):
            flows = [flow if one is None else one for flow, one in zip(flows, once, strict=True)]
    return flows


GATES: Final = {"sigmoid": "silu", "hardsigmoid": "hardswish"}


def _gated(call: NodeCall) -> Flow | None:
    """x times a gate of x alone, which is a word of its own."""
    flows = [call.raw(n) for n in range(len(call.given))]
    if len(flows) != 2 or not all(flow.is_plain for flow in flows):
        return None
    for x, gate in (flows, flows[::-1]):
        part = call.builder.parts[call.builder.at[gate.part]] if gate.part in call.builder.at else None
        if part is not None and part.layer.word in GATES and list(part.inputs) == [x.part]:
            return call.add(GATES[part.layer.word], {}, x)
    return None


def _affine(call: NodeCall, x: Value | None, scale: Array | None, shift: Array | None) -> Result:
    """A factor or a term a channel, taken in by the layer before it where nothing else reads that."""
    given = scale if scale is not None else shift
    assert given is not None
    if isinstance(x, Scores) and scale is not None and given.size == 1:
        return scaled(x, float(given.ravel()[0]))
    if not isinstance(x, Flow):
        raise CannotRead("it joins constants with what is computed")
    if scale is not None and given.size == 1 and given.ndim <= len(x.dims) and x.is_cut_up:
        return replace(x, factor=x.factor * float(given.ravel()[0]))
    x = x if not x.led and x.factor == 1 else call.settled(x)
    values = per_channel(given, x)
    if values is None and shift is not None and len(x.shape) > 1 and x.is_whole:
        weight = spread(shift, x).T
        return replace(x, part=call.add("positions", {}, x.base, weight=weight).part)
    if values is None:
        raise CannotRead("its constant is not one number a channel")
    values = values.astype("float32")
    layer = call.builder.layer_of(x.part)
    if (
        layer is not None
        and call.builder.is_read_once(x)
        and _folded(call, x, layer, scale is not None, values)
    ):
        return x
    base = x.base
    if not x.is_whole:
        raise CannotRead("a constant is joined with values that were moved before")
    if (values == values[0]).all():
        number = short(values[0])
        options = {"by": number} if shift is None else {"by": 1.0, "shift": number}
        return replace(x, part=call.add("scale", options, base).part)
    arrays = {"weight": values} if shift is None else {"weight": np.ones(len(values)), "bias": values}
    return replace(x, part=call.add("scale", {"bias": shift is not None}, base, **arrays).part)


def _folded(call: NodeCall, x: Flow, layer: Any, is_scale: bool, values: Array) -> bool:
    """Whether a layer took in a factor or a term."""
    arrays = dict(call.builder.weights[x.part])
    if layer.word in ("conv", "depthwise", "upconv", "dense") and getattr(layer, "connections", None) is None:
        if is_scale:
            axis = 1 if layer.word == "upconv" else 0
            if axis and layer.groups != 1:
                return False
            shape = [1] * arrays["weight"].ndim
            shape[axis] = -1
            arrays["weight"] = arrays["weight"] * values.reshape(shape)
            if "bias" in arrays:
                arrays["bias"] = arrays["bias"] * values
            call.builder.told(
                "factors behind convolutions and dense layers were multiplied into their weights"
            )
        else:
            if "bias" in arrays:
                call.builder.told("terms behind convolutions and dense layers were added to their biases")
            arrays["bias"] = arrays["bias"] + values if "bias" in arrays else values
        call.builder.change(x.part, {"bias": "bias" in arrays}, arrays)
        return True
    if layer.word == "attention":
        return _into_projection(call, x.part, arrays, is_scale, values)
    if layer.word not in ("batchnorm", "instancenorm", "groupnorm"):
        return False
    if not layer.affine:
        arrays |= {"weight": np.ones(len(values)), "bias": np.zeros(len(values))}
    if is_scale:
        arrays["weight"], arrays["bias"] = arrays["weight"] * values, arrays["bias"] * values
    else:
        arrays["bias"] = arrays["bias"] + values
    call.builder.change(x.part, {"affine": True}, arrays)
    return True


def _into_projection(
    call: NodeCall, part: str, arrays: dict[str, Array], is_scale: bool, values: Array
) -> bool:
    """The projection at the end of attention with a factor or a term more."""
    channels = len(arrays["out_proj.weight"])
    bias = arrays.get("out_proj.bias", np.zeros(channels))
    if is_scale:
        arrays["out_proj.weight"] = arrays["out_proj.weight"] * values[:, None]
    if not is_scale or "out_proj.bias" in arrays:
        arrays["out_proj.bias"] = bias * values if is_scale else bias + values
        width = arrays["out_proj.weight"].shape[1]
        arrays.setdefault("in_proj_bias", np.zeros(3 * width))
    call.builder.change(part, {"bias": "out_proj.bias" in arrays}, arrays)
    return True
