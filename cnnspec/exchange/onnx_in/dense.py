"""Products with matrices."""

from __future__ import annotations

from typing import Final

import numpy as np

from cnnspec.exchange.onnx_in.build import CannotRead
from cnnspec.exchange.onnx_in.call import NodeCall
from cnnspec.exchange.onnx_in.rows import OperatorRows, Result
from cnnspec.exchange.onnx_in.values import Array, Flow

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
    x = call.raw()
    if len(x.dims) != 1:
        raise CannotRead(f"it multiplies {len(x.dims) + 1} axes")
    arrays = {"weight": weight}
    if call.input(2) is not None:
        bias = call.weight(2) if beta == 1.0 else call.weight(2) * np.float32(beta)
        if bias.ndim == 2 and bias.shape[0] != 1:
            raise CannotRead("what it adds is another for each sample of a batch")
        try:
            arrays["bias"] = np.broadcast_to(bias.reshape(-1), weight.shape[:1])
        except ValueError as error:
            raise CannotRead("what it adds is not one number a unit") from error
    return _dense(call, call.builder.plain(x), arrays)


def _dense(call: NodeCall, x: Flow, arrays: dict[str, Array]) -> Flow:
    options = {"units": arrays["weight"].shape[0]} | ({} if "bias" in arrays else {"bias": False})
    return call.add("dense", options, x, **arrays)


@ROWS.say("MatMul", "1 9 13")
def matmul(call: NodeCall) -> Result:
    """On a vector dense; along another axis a 1x1 convolution, that axis being the channels."""
    x, weight = call.raw(), call.weight(1)
    if weight.ndim != 2:
        raise CannotRead("it multiplies by a constant that is no matrix")
    if len(x.dims) == 1:
        return _dense(call, call.builder.plain(x), {"weight": weight.T})
    base, back = call.along(x, len(x.dims))
    rank = len(base.shape) - 1
    options = {"filters": weight.shape[1], "kernel": (1,) * rank, "bias": False}
    kernels = np.ascontiguousarray(weight.T).reshape(*weight.T.shape, *(1,) * rank)
    return back(call.add("conv", options, base, weight=kernels))
