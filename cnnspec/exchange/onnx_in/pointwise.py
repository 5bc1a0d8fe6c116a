"""Operators on every value alone."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from cnnspec.exchange.onnx_in.build import CannotRead
from cnnspec.exchange.onnx_in.call import NodeCall, per_channel
from cnnspec.exchange.onnx_in.rows import OperatorRows, Result, Write
from cnnspec.exchange.onnx_in.values import Const, short

ROWS: Final = OperatorRows()


def _each(word: str, **options: Any) -> Write:
    return lambda call: call.each(word, **options)


for _kind, _versions, _word in (
    ("Sigmoid", "1 6 13", "sigmoid"), ("Tanh", "1 6 13", "tanh"), ("HardSwish", "14 22", "hardswish"),
    ("Softplus", "1 22", "softplus"), ("Mish", "18 22", "mish"), ("Abs", "1 6 13", "abs"),
    ("Exp", "1 6 13", "exp"), ("Log", "1 6 13", "log"), ("Sqrt", "1 6 13", "sqrt"),
):  # fmt: skip
    ROWS.say(_kind, _versions, "consumed_inputs")(_each(_word))


@ROWS.say("Relu", "1 6 13 14", "consumed_inputs")
def relu(call: NodeCall) -> Result:
    return call.each("relu")


@ROWS.say("Clip", "6 11 12 13", "max min")
def clip(call: NodeCall) -> Result:
    if call.version == 6:
        low, high = (call.attributes.get(name) for name in ("min", "max"))
    else:
        low, high = (call.const(n) for n in (1, 2))
    bottom, top = _end(low, -1), _end(high, 1)
    if bottom is None and top is None:
        return call.raw()
    if bottom == 0:
        return call.each("relu", **({} if top is None else {"max": top}))
    if bottom is not None and top is not None and bottom >= top:
        raise CannotRead(f"its lower end {bottom:g} is not below its upper end {top:g}")
    return call.each("hardtanh", **ends(bottom, top))


def ends(bottom: float | None, top: float | None) -> dict[str, float | None]:
    """The options of hardtanh, those that are the usual ones left out."""
    return {name: end for name, end, usual in (("min", bottom, -1.0), ("max", top, 1.0)) if end != usual}


def _end(value: Any, sign: int) -> float | None:
    """An end of a range; None where it is that of all floats."""
    found = None if value is None else short(np.ravel(value)[0])
    return None if found is None or found * sign >= 3.4028234e38 else found


@ROWS.say("LeakyRelu", "1 6 16", "alpha consumed_inputs")
def leakyrelu(call: NodeCall) -> Result:
    slope = short(call.attribute("alpha", 0.01))
    return call.each("leakyrelu", **({} if slope == 0.01 else {"slope": slope}))


@ROWS.say("Elu", "1 6 22", "alpha consumed_inputs")
def elu(call: NodeCall) -> Result:
    alpha = short(call.attribute("alpha", 1.0))
    return call.each("elu", **({} if alpha == 1.0 else {"alpha": alpha}))


@ROWS.say("Selu", "1 6 22", "alpha consumed_inputs gamma")
def selu(call: NodeCall) -> Result:
    given = {name: call.attribute(name, usual) for name, usual in SELU.items()}
    changed = {name: each for name, each in given.items() if np.float32(each) != np.float32(SELU[name])}
    return call.each("selu", **{name: short(each) for name, each in changed.items()})


SELU: Final = {"alpha": 1.67326319217681884765625, "gamma": 1.05070102214813232421875}


@ROWS.say("Swish", "24", "alpha")
def swish(call: NodeCall) -> Result:
    if call.attribute("alpha", 1.0) != 1.0:
        raise CannotRead("it is x·sigmoid(alpha·x), and silu has no alpha")
    return call.each("silu")


@ROWS.say("Neg", "1 6 13", "consumed_inputs")
def negative(call: NodeCall) -> Result:
    return call.each("scale", by=-1.0)


@ROWS.say("Pow", "1", "axis broadcast")
@ROWS.say("Pow", "7 12 13 15")
def power(call: NodeCall) -> Result:
    exponent = call.const(1)
    if exponent is None or exponent.size != 1 or exponent.ndim > len(call.raw().dims):
        raise CannotRead("its exponent is no single number")
    number = float(np.ravel(exponent)[0])
    return call.each("square") if number == 2 else call.each("power", exponent=short(number))


@ROWS.say("CastLike", "15 19 21 23 24 25", "saturate")
def cast_like(call: NodeCall) -> Result:
    """To the kind of a layer's result, which is always of 32-bit floats."""
    if isinstance(call.input(0), Const):
        call.raw(1)
        return Const(np.asarray(call.const(0), "float32"))
    if isinstance(like := call.input(1), Const) and like.values.dtype != np.float32:
        raise CannotRead("it makes other numbers than 32-bit floats")
    return call.raw()


@ROWS.say("HardSigmoid", "1 6 22", "alpha beta consumed_inputs")
def hardsigmoid(call: NodeCall) -> Result:
    alpha, beta = call.attribute("alpha", 0.2), call.attribute("beta", 0.5)
    if abs(alpha - 1 / 6) > 1e-6 or beta != 0.5:
        line = call.add("scale", {"by": short(alpha), "shift": short(beta)}, call.flow())
        return call.add("relu", {"max": 1.0}, line)
    return call.each("hardsigmoid")


@ROWS.say("Gelu", "20", "approximate")
def gelu(call: NodeCall) -> Result:
    how = call.attribute("approximate", "none")
    return call.each("gelu", **({} if how == "none" else {"approximate": how}))


@ROWS.say("PRelu", "1 6 7 9 16", "consumed_inputs")
def prelu(call: NodeCall) -> Result:
    x, slope = call.flow(), call.weight(1)
    if call.version < 7 and slope.ndim == 1:
        slope = slope.reshape(-1, *(1,) * (len(x.dims) - 1))
    found = per_channel(slope, x)
    if found is None:
        raise CannotRead("its slopes are not one a channel")
    if slope.size == 1 and x.shape[-1] > 1:
        return call.add("prelu", {"shared": True}, x, weight=slope.reshape(1))
    return call.add("prelu", {}, x, weight=found)


@ROWS.say("Celu", "12 28", "alpha")
def celu(call: NodeCall) -> Result:
    """alpha·elu(x/alpha)."""
    alpha = short(call.attribute("alpha", 1.0))
    if alpha == 1.0:
        return call.each("elu")
    bent = call.on(call.each("scale", by=short(1 / alpha)), "elu")
    return call.on(bent, "scale", by=alpha)


@ROWS.say("Reciprocal", "1 6 13", "consumed_inputs")
def reciprocal(call: NodeCall) -> Result:
    return call.each("power", exponent=-1.0)


@ROWS.say("Softsign", "1 22")
def softsign(call: NodeCall) -> Result:
    """x/(1 + |x|)."""
    x = call.builder.plain(call.raw())
    return call.add("divide", {}, x, call.on(call.add("abs", {}, x), "scale", by=1.0, shift=1.0))
