"""Norms, and softmax across the channels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import prod
from typing import Any, Final

import numpy as np

from cnnspec.exchange.onnx_in.attention import shares
from cnnspec.exchange.onnx_in.build import CannotRead
from cnnspec.exchange.onnx_in.call import NodeCall
from cnnspec.exchange.onnx_in.rows import OperatorRows, Result
from cnnspec.exchange.onnx_in.values import Flow, Scores, short

ROWS: Final = OperatorRows()


def _epsilon(call: NodeCall) -> dict[str, Any]:
    epsilon = short(call.attribute("epsilon", 1e-5))
    return {} if epsilon == 1e-5 else {"epsilon": epsilon}


@ROWS.say("BatchNormalization", "6", "epsilon is_test momentum spatial")
@ROWS.say("BatchNormalization", "7 9 14 15", "epsilon momentum spatial training_mode")
def batchnorm(call: NodeCall) -> Result:
    call.needs(1, 2, 3, 4)
    trains = call.attribute("training_mode", 0) or (call.version < 7 and not call.attribute("is_test", 0))
    if trains or not call.attribute("spatial", 1):
        raise CannotRead("it takes mean and variance of the batch, or of every pixel, in use")
    names = ("weight", "bias", "running_mean", "running_var")
    arrays = {name: call.weight(n) for n, name in enumerate(names, 1)}
    momentum = round(1 - call.attribute("momentum", 0.9), 7)
    more = {} if momentum == 0.1 or not 0 < momentum <= 1 else {"momentum": momentum}
    return call.add("batchnorm", _epsilon(call) | more, call.flow(), **arrays)


@ROWS.say("InstanceNormalization", "1 6 22", "epsilon consumed_inputs")
def instancenorm(call: NodeCall) -> Result:
    """Of a map cut into groups (as exporters write it), group norm."""
    x, scale, shift = call.raw(), call.weight(1), call.weight(2)
    grouped = x.places is None and len(x.dims) == 2 and len(x.shape) > 1 and x.dims[0] != x.shape[-1]
    if grouped and not x.shape[-1] % x.dims[0] and (scale == 1).all() and not shift.any():
        base = x.base
        options = {"groups": x.dims[0], "affine": False, **_epsilon(call)}
        return replace(x, part=call.add("groupnorm", options, base).part)
    return call.add("instancenorm", _epsilon(call), call.map(), weight=call.weight(1), bias=call.weight(2))


@ROWS.say("GroupNormalization", "18 21", "epsilon num_groups stash_type")
def groupnorm(call: NodeCall) -> Result:
    """Scale and shift are numbers of the groups at first, later of the channels."""
    x, groups = call.flow(), call.attribute("num_groups", 1)
    each = 1 if call.version >= 21 or groups < 1 else x.shape[-1] // groups
    arrays = {name: call.weight(n).repeat(each) for n, name in ((1, "weight"), (2, "bias"))}
    return call.add("groupnorm", {"groups": groups, **_epsilon(call)}, x, **arrays)


@ROWS.say("LayerNormalization", "17", "axis epsilon stash_type")
def layernorm(call: NodeCall) -> Result:
    call.needs(1, 2)
    x, scale = call.raw(), call.weight(1)
    axis = call.attribute("axis", -1) % (len(x.dims) + 1)
    shift = np.zeros_like(scale) if call.input(2) is None else call.weight(2)
    if axis == 0:
        raise CannotRead("it works across the samples of the batch")
    over = x.dims[axis - 1 :]
    try:
        arrays = {"weight": np.broadcast_to(scale, over), "bias": np.broadcast_to(shift, over)}
    except ValueError as error:
        raise CannotRead("its scale does not suit what it normalises") from error
    if axis == len(x.dims) > 1:
        base, back = call.along(x, axis)
        return back(call.add("layernorm", {"over": "channels", **_epsilon(call)}, base, **arrays))
    if axis != 1:
        raise CannotRead(f"it normalises from axis {axis} on, and layernorm the whole sample or the channels")
    return call.add("layernorm", _epsilon(call), call.builder.plain(x), **arrays)


LRN: Final = {"alpha": "alpha", "beta": "beta", "bias": "k"}


@ROWS.say("LRN", "1 13", "alpha beta bias size")
def lrn(call: NodeCall) -> Result:
    size = call.attribute("size", 0)
    if size % 2 == 0:
        raise CannotRead("of an even number of neighbours it takes one more behind, and lrn one more before")
    usual = {"size": 5, "alpha": 1e-4, "beta": 0.75, "k": 1.0}
    given = {
        "size": size,
        **{ours: short(call.attribute(theirs, usual[ours])) for theirs, ours in LRN.items()},
    }
    return call.add(
        "lrn", {name: value for name, value in given.items() if value != usual[name]}, call.flow()
    )


@ROWS.say("RMSNormalization", "23", "axis epsilon stash_type")
def rmsnorm(call: NodeCall) -> Result:
    x, axis = call.raw(), call.attribute("axis", -1) % (len(call.raw().dims) + 1)
    if axis == 0:
        raise CannotRead("it works across the samples of the batch")
    try:
        weight = np.broadcast_to(call.weight(1), x.dims[axis - 1 :])
    except ValueError as error:
        raise CannotRead("its scale does not suit what it normalises") from error
    if axis == len(x.dims) > 1:
        base, back = call.along(x, axis)
        return back(call.add("rmsnorm", {"over": "channels", **_epsilon(call)}, base, weight=weight))
    if axis != 1:
        raise CannotRead(f"it normalises from axis {axis} on, and rmsnorm the whole sample or the channels")
    return call.add("rmsnorm", {"over": "all", **_epsilon(call)}, call.builder.plain(x), weight=weight)


@ROWS.say("LpNormalization", "1 22", "axis p")
def l2norm(call: NodeCall) -> Result:
    if call.attribute("p", 2) != 2:
        raise CannotRead("it divides by the sum of the sizes, and l2norm by the length")
    x = call.raw()
    base, back = call.along(x, call.attribute("axis", -1) % (len(x.dims) + 1))
    return back(call.add("l2norm", {}, base))


@ROWS.say("Softmax", "1 11 13", "axis")
def softmax(call: NodeCall) -> Result:
    if isinstance(scores := call.input(0), Scores):
        return shares(scores, call.attribute("axis", -1 if call.version >= 13 else 1))
    base, back = _across(call)
    return back(call.add("softmax", {}, base))


@ROWS.say("LogSoftmax", "1 11 13", "axis")
def logsoftmax(call: NodeCall) -> Result:
    """x less its greatest value, less the logarithm of the sum of what exp makes of that."""
    base, back = _across(call)
    low = call.add("subtract", {}, base, call.add("max", {}, base))
    mean = call.add("mean", {}, call.add("exp", {}, low))
    total = call.add("log", {}, call.add("scale", {"by": float(base.shape[-1])}, mean))
    return back(call.add("subtract", {}, low, total))


def _across(call: NodeCall) -> tuple[Flow, Callable[[Flow], Flow]]:
    """The input with the axis that shares run along in the place of the channels."""
    x = call.raw()
    rank = len(x.dims) + 1
    axis = call.attribute("axis", -1 if call.version >= 13 else 1) % rank
    if call.version < 13 and axis and prod(x.dims[axis - 1 :]) != x.dims[axis - 1]:
        raise CannotRead("it takes all axes from one on together (as versions before 13 do)")
    return call.along(x, axis)
