"""Products with matrices."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import numpy as np

from cnnspec.exchange.onnx_in.attention import product_of, taken_in
from cnnspec.exchange.onnx_in.build import CannotRead
from cnnspec.exchange.onnx_in.call import NodeCall
from cnnspec.exchange.onnx_in.rows import OperatorRows, Result
from cnnspec.exchange.onnx_in.values import Array, Const, Flow

ROWS: Final = OperatorRows()


@ROWS.say("Gemm", "6", "alpha beta broadcast transA transB")
@ROWS.say("Gemm", "7 9 11 13", "alpha beta transA transB")
def gemm(call: NodeCall) -> Result:
    if call.attribute("transA", 0):
        raise CannotRead("it multiplies across the batch (transA)")
    weight = call.weight(1) if call.attribute("transB", 0) else call.weight(1).T
    alpha, beta = call.attribute("alpha", 1.0), call.attribute("beta", 1.0)
    if alpha != 1.0:
        weight = weight * np.float32(alpha)
        call.builder.told(f"the factor {alpha:g} of {call.name} was multiplied into its weights")
    bias = None
    if call.input(2) is not None:
        bias = call.weight(2) if beta == 1.0 else call.weight(2) * np.float32(beta)
        if bias.ndim == 2 and bias.shape[0] != 1:
            raise CannotRead("what it adds is another for each sample of a batch")
        try:
            bias = np.broadcast_to(bias.reshape(-1), weight.shape[:1])
        except ValueError as error:
            raise CannotRead("what it adds is not one number a unit") from error
    return _product(call, weight, bias)


def _product(call: NodeCall, weight: Array, bias: Array | None = None) -> Flow:
    """A matrix (units, values) times the last axis: dense of a vector, else a 1x1 convolution."""
    x, arrays = call.view(), {} if bias is None else {"bias": bias}
    x = x if x.led and x.factor == 1 else _lane(call, x)
    more: dict[str, Any] = {} if arrays else {"bias": False}
    if len(x.dims) == 1:
        options = {"units": len(weight)} | more
        return call.add("dense", options, call.builder.plain(x), weight=weight, **arrays)
    base, back = call.along(x, len(x.dims))
    made = taken_in(call, base, weight)
    if made is not None and bias is not None:
        found = call.builder.weights[made.part] | {"out_proj.bias": bias}
        found.setdefault("in_proj_bias", np.zeros(3 * base.shape[-1]))
        call.builder.change(made.part, {"bias": True}, found)
    if made is None:
        rank = len(base.shape) - 1
        options = {"filters": len(weight), "kernel": (1,) * rank} | more
        kernels = np.ascontiguousarray(weight).reshape(*weight.shape, *(1,) * rank)
        made = call.add("conv", options, base, weight=kernels, **arrays)
    result, seen = back(made), call.view()
    if seen.led:
        return result
    return result.seen_as(result.numbers.reshape(*seen.dims[:-1], len(weight)))


def _lane(call: NodeCall, x: Flow) -> Flow:
    """Positions x channels without the batch, whose one sample stands anywhere."""
    if x.led:
        return call.raw()
    *sizes, channels = x.dims
    return replace(x, led=True).reshaped((*(size for size in sizes if size != 1), channels))


@ROWS.say("MatMul", "1 9 13")
def matmul(call: NodeCall) -> Result:
    if all(not isinstance(each, Const) for each in call.given):
        return product_of(call)
    weight = call.weight(1)
    if weight.ndim != 2:
        raise CannotRead("it multiplies by a constant that is no matrix")
    return _product(call, weight.T)
