"""Operators of ONNX that move values and compute nothing."""

from __future__ import annotations

from math import prod
from typing import Final

import numpy as np

from cnnspec.exchange.onnx_in.build import CannotRead
from cnnspec.exchange.onnx_in.call import NodeCall
from cnnspec.exchange.onnx_in.fold import axes_of, cuts, reshape_target, squeezed, unsqueezed
from cnnspec.exchange.onnx_in.rows import OperatorRows, Result, sides
from cnnspec.exchange.onnx_in.values import MOST_PLACES, Const, Flow, Scores, short

ROWS: Final = OperatorRows()


@ROWS.say("Identity", "1 13 14 16 19 21 23 24 25")
def identity(call: NodeCall) -> Result:
    found = call.input(0)
    return found if found is not None else call.raw()


@ROWS.say("Dropout", "1 6 7 10 12 13 22", "ratio seed is_test consumed_inputs")
def dropout(call: NodeCall) -> Result:
    call.needs(1)
    if isinstance(shares := call.input(0), Scores):
        return shares
    if call.const(2) is not None and bool(call.const(2)):
        raise CannotRead("it drops values at random in use, too")
    if call.version < 7 and not call.attribute("is_test", 0):
        raise CannotRead("it drops values at random in use, too")
    given = call.const(1)
    rate = call.attribute("ratio", 0.5) if given is None else float(np.ravel(given)[0])
    return call.each("dropout", **({} if rate == 0.5 else {"rate": short(rate)}))


@ROWS.say("Flatten", "1 9 11 13 21 23 24 25", "axis")
def flatten(call: NodeCall) -> Result:
    x, axis = call.view(), call.attribute("axis", 1)
    places = x.seen
    at = axis % places.ndim if axis < places.ndim else axis
    flat = places.reshape(prod(places.shape[:at]), -1)
    reason = f"it flattens from axis {axis}, and the batch is not a part of a sample"
    return call.follow(x, flat, at != 1, reason)


@ROWS.say("Reshape", "5 13 14 19 21 23 24 25", "allowzero")
def reshape(call: NodeCall) -> Result:
    x, target = call.view(), call.input(1)
    if not isinstance(target, Const):
        raise CannotRead("the sizes it asks for are computed")
    zero, batch = bool(call.attribute("allowzero", 0)), call.builder.batch
    if call.builder.is_one:
        places = x.seen
        return x.seen_as(places.reshape(reshape_target(places.shape, np.ravel(target.values).tolist(), zero)))
    both = zip((batch, 2 * batch if call.builder.is_open else batch), target.both(), strict=True)
    if target.other is None:
        both = zip((batch, batch), target.both(), strict=True)
    first, second = (reshape_target((n, *x.dims), np.ravel(values).tolist(), zero) for n, values in both)
    if not first or first[0] != batch or second[1:] != first[1:]:
        raise CannotRead(f"it makes {first} of {(batch, *x.dims)}, and the batch is not a part of a sample")
    return x.reshaped(first[1:])


@ROWS.say("Unsqueeze", "1 11 13 21 23 24 25", "axes")
def unsqueeze(call: NodeCall) -> Result:
    x, axes = call.view(), axes_of([None, call.const(1)], call.attributes) or []
    rank = x.seen.ndim + len(axes)
    places = unsqueezed(x.seen, axes)
    return call.follow(x, places, 0 in {each % rank for each in axes}, "it puts an axis before the batch")


@ROWS.say("Squeeze", "1 11 13 21 23 24 25", "axes")
def squeeze(call: NodeCall) -> Result:
    x, axes = call.view(), axes_of([None, call.const(1)], call.attributes)
    places = x.seen
    if axes is None:
        if call.builder.batch == 1:
            raise CannotRead("it does not say which axes it takes away, and the batch may be one of them")
        axes = [axis for axis, size in enumerate(places.shape) if axis and size == 1]
    gone = {each % places.ndim for each in axes}
    reason = "it takes an axis away that is the batch, or longer than 1"
    if any(places.shape[axis] != 1 for axis in gone):
        raise CannotRead(reason)
    return call.follow(x, squeezed(places, sorted(gone)), 0 in gone, reason)


@ROWS.say("Transpose", "1 13 21 23 24 25", "perm")
def transpose(call: NodeCall) -> Result:
    x = call.view()
    places = x.seen
    order = call.ints("perm") or list(range(places.ndim))[::-1]
    reason = f"it moves the batch to another place ({order})"
    if sorted(order) != list(range(places.ndim)):
        raise CannotRead(reason)
    return call.follow(x, places.transpose(order), order[0] != 0, reason)


@ROWS.say("Slice", "1 10 11 13", "axes ends starts")
def slice_(call: NodeCall) -> Result:
    x, rest = call.steady(), [call.const(n) for n in range(1, len(call.given))]
    places = x.seen
    ranges = cuts(places, [None, *rest], call.attributes)
    first = ranges[0]
    whole = first in (slice(None), slice(0, None, 1)) or (
        first.start == 0 and (first.step or 1) == 1 and (first.stop or 0) >= 1 << 30
    )
    return call.follow(x, places[ranges], not whole, "it cuts the batch")


@ROWS.say("Gather", "1 11 13", "axis")
def gather(call: NodeCall) -> Result:
    x, where = call.steady(), call.const(1)
    places = x.seen
    axis = call.attribute("axis", 0) % places.ndim
    _bounded(places.size // max(1, places.shape[axis]) * np.size(where))
    return call.follow(x, np.take(places, where, axis), axis == 0, "it chooses samples of the batch")


@ROWS.say("Split", "1 2 11 13 18", "axis num_outputs split")
def split(call: NodeCall) -> Result:
    x = call.steady()
    places = x.seen
    axis = call.attribute("axis", 0) % places.ndim
    given = call.ints("split") if call.version < 13 else call.const(1)
    size, count = places.shape[axis], len(call.node.output)
    each = -(-size // (call.attribute("num_outputs", count) or 1))
    parts = [min(each, size - n * each) for n in range(count)] if given is None else np.ravel(given).tolist()
    if axis == 0 and not call.builder.is_one:
        raise CannotRead("it cuts the batch")
    if sum(parts) != size or len(parts) != count or min(parts) < 1:
        raise CannotRead(f"it cuts {size} into {parts}")
    return [
        call.follow(x, cut, axis == 0, "it cuts the batch")
        for cut in np.split(places, np.cumsum(parts)[:-1], axis)
    ]


@ROWS.say("Pad", "2 11 13 18 19 21 23 24 25", "mode pads value")
def pad(call: NodeCall) -> Result:
    x = call.map()
    mode = {"constant": "zeros", "reflect": "reflect", "edge": "replicate"}.get(
        call.attribute("mode", "constant")
    )
    value = call.const(2) if call.version >= 11 else np.asarray(call.attribute("value", 0.0))
    if mode is None or (mode == "zeros" and value is not None and np.any(value)):
        raise CannotRead("it fills with something that pad does not")
    amount = _padded(call, len(x.dims) + 1)
    if any(before or after for before, after in amount[:2]):
        raise CannotRead("it pads the batch or the channels")
    if any(min(side) < 0 for side in amount):
        raise CannotRead("it cuts pixels off with negative pads")
    if not any(map(any, amount)):
        return x
    options = {"amount": sides(tuple(amount[2:]))} | ({} if mode == "zeros" else {"mode": mode})
    return call.add("pad", options, x)


def _padded(call: NodeCall, rank: int) -> list[tuple[int, int]]:
    """Pixels before and after each axis, the batch included."""
    given = call.const(1) if call.version >= 11 else call.ints("pads")
    found, axes = list(np.ravel(np.asarray(given))), call.const(3)
    which = list(range(rank)) if axes is None else [int(axis) % rank for axis in np.ravel(axes)]
    if len(found) != 2 * len(which):
        raise CannotRead("its pads are not two numbers an axis")
    sides = dict(zip(which, zip(found[: len(which)], found[len(which) :], strict=True), strict=True))
    return [sides.get(axis, (0, 0)) for axis in range(rank)]


@ROWS.say("Expand", "8 13")
def expand(call: NodeCall) -> Result:
    """Only values of axes of one are repeated; a merge then does that itself."""
    x, size = call.raw(), np.ravel(call.const(1)).tolist()
    ahead = size[: max(0, len(size) - len(x.dims))]
    if len(ahead) > 1 or any(each not in (1, call.builder.batch) for each in ahead):
        raise CannotRead("it repeats samples of the batch")
    return _repeated(x, tuple(size[-len(x.dims) :]) if x.dims else ())


@ROWS.say("Tile", "6 13")
def tile(call: NodeCall) -> Result:
    x, times = call.raw(), np.ravel(call.const(1)).tolist()
    if len(times) != len(x.dims) + 1 or times[0] != 1 or min(times) < 1:
        raise CannotRead("it repeats samples of the batch")
    _bounded(prod(x.dims) * prod(times))
    return x.moved(lambda places: np.tile(places, times[1:]))


def _repeated(x: Flow, size: tuple[int, ...]) -> Flow:
    dims = np.broadcast_shapes(x.dims, size)
    _bounded(prod(dims))
    return x if dims == x.dims else x.moved(lambda places: np.broadcast_to(places, dims))


def _bounded(count: int) -> None:
    if count > MOST_PLACES:
        raise CannotRead(f"it makes {count:,} values, too many to follow")
