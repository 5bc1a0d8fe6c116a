"""One figure of an axis: ONNX's Reduce operators as pools, and as means and maxima of the channels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any, Final

import numpy as np

from cnnspec.exchange.onnx_in.build import CannotRead
from cnnspec.exchange.onnx_in.call import NodeCall
from cnnspec.exchange.onnx_in.fold import axes_of
from cnnspec.exchange.onnx_in.rows import OperatorRows, Result
from cnnspec.exchange.onnx_in.values import Flow

ROWS: Final = OperatorRows()
Steps = tuple[tuple[str, Mapping[str, Any]], ...]


@dataclass(frozen=True)
class Reduction:
    """Words on every value, ``mean`` or ``max`` of them, times their number for a sum, and words again."""

    figure: str
    versions: str = "1 11 13 18"
    before: Steps = ()
    is_sum: bool = False
    after: Steps = ()


TURNED: Final[Steps] = (("scale", {"by": -1.0}),)
SQUARED: Final[Steps] = (("square", {}),)
REDUCTIONS: Final[Mapping[str, Reduction]] = {
    "ReduceMean": Reduction("mean"),
    "ReduceMax": Reduction("max", "1 11 12 13 18 20"),
    "ReduceMin": Reduction("max", "1 11 12 13 18 20", before=TURNED, after=TURNED),
    "ReduceSum": Reduction("mean", "1 11 13", is_sum=True),
    "ReduceSumSquare": Reduction("mean", before=SQUARED, is_sum=True),
    "ReduceL1": Reduction("mean", before=(("abs", {}),), is_sum=True),
    "ReduceL2": Reduction("mean", before=SQUARED, is_sum=True, after=(("sqrt", {}),)),
    "ReduceLogSum": Reduction("mean", "1 11 13 18 28", is_sum=True, after=(("log", {}),)),
}


def reduce(call: NodeCall) -> Result:
    how, x = REDUCTIONS[call.node.op_type], call.raw()
    axes = _axes(call, x)
    for word, options in how.before:
        x = call.on(x, word, **options)
    found = _figure(call, how.figure, x, axes)
    count = prod(x.dims[axis - 1] for axis in axes)
    scaled: Steps = (("scale", {"by": float(count)}),) if how.is_sum and count > 1 else ()
    for word, options in (*scaled, *how.after):
        found = call.on(found, word, **options)
    return _kept(call, found, axes)


def log_sum_exp(call: NodeCall) -> Result:
    """The greatest value is taken off first, as exp grows beyond all bounds."""
    x = call.builder.plain(call.raw())
    axes = _axes(call, x)
    top = call.builder.plain(_figure(call, "max", x, axes))
    powers = call.add("exp", {}, call.add("subtract", {}, x, top))
    count = prod(x.dims[axis - 1] for axis in axes)
    total = call.on(_figure(call, "mean", powers, axes), "scale", by=float(count))
    logarithm = call.builder.plain(call.on(total, "log"))
    return _kept(call, call.add("add", {}, logarithm, top), axes)


def _axes(call: NodeCall, x: Flow) -> list[int]:
    """The axes that are reduced, the batch not among them."""
    found = axes_of([None, call.const(1)], call.attributes)
    rank = len(x.dims) + 1
    if not found or 0 in (axes := sorted({axis % rank for axis in found})):
        raise CannotRead("it works across the samples of the batch")
    return axes


def _kept(call: NodeCall, found: Flow, axes: list[int]) -> Flow:
    """The result with its axes of one value, or without them."""
    if call.attribute("keepdims", 1):
        return found
    return found.reshaped(tuple(size for n, size in enumerate(found.dims, 1) if n not in axes))


def _figure(call: NodeCall, word: str, x: Flow, axes: list[int]) -> Flow:
    """The mean or the maximum of these axes: of the whole map a pool, of single axes that of channels."""
    rank, natural = len(x.dims) + 1, call.builder.last(x)
    if natural is not None and not x.is_plain:
        turned = [1 if axis == rank - 1 else axis + 1 for axis in axes]
        return seen_last(_figure(call, word, natural, turned))
    if x.is_sequence and len(x.shape) > 2:
        places = list(range(2, len(x.shape) + 1))
        turned = [at for axis in axes for at in (places if axis == 1 else [1])]
        found = _figure(call, word, x.base, sorted(turned))
        return found.reordered(found.sequence)
    whole = set(range(2, rank))
    if whole and whole <= set(axes):
        x = call.add({"mean": "globalavgpool", "max": "globalmaxpool"}[word], {}, call.builder.plain(x))
        axes = [axis for axis in axes if axis == 1]
    for axis in axes:
        base, back = call.along(x, axis)
        x = back(call.add(word, {}, base))
    return x


def seen_last(flow: Flow) -> Flow:
    """The layer's result seen height x width x channels."""
    return flow.moved(lambda places: np.moveaxis(places, 0, -1))


for _kind, _how in REDUCTIONS.items():
    ROWS.say(_kind, _how.versions, "axes keepdims noop_with_empty_axes")(reduce)
ROWS.say("ReduceLogSumExp", "1 11 13 18 28", "axes keepdims noop_with_empty_axes")(log_sum_exp)
