"""Operators of ONNX that move values and compute nothing."""

from __future__ import annotations

from math import prod
from typing import Final

import numpy as np

from cnnspec.exchange.onnx_in.build import CannotRead
from cnnspec.exchange.onnx_in.call import NodeCall
from cnnspec.exchange.onnx_in.fold import axes_of, cuts, reshape_target
from cnnspec.exchange.onnx_in.rows import OperatorRows, Result, short, sides
from cnnspec.exchange.onnx_in.values import MOST_PLACES, Const, Flow

ROWS: Final = OperatorRows()


@ROWS.say("Identity", "1 13 14 16 19 21 23 24 25")
def identity(call: NodeCall) -> Result:
    return call.raw()


@ROWS.say("Dropout", "1 6 7 10 12 13 22", "ratio seed is_test consumed_inputs")
def dropout(call: NodeCall) -> Result:
    call.needs(1)
    if call.const(2) is not None and bool(call.const(2)):
        raise CannotRead("it drops values at random in use, too")
    if call.version < 7 and not call.attribute("is_test", 0):
        raise CannotRead("it drops values at random in use, too")
    given = call.const(1)
    rate = call.attribute("ratio", 0.5) if given is None else float(np.ravel(given)[0])
    return call.each("dropout", **({} if rate == 0.5 else {"rate": short(rate)}))


@ROWS.say("Flatten", "1 9 11 13 21 23 24 25", "axis")
def flatten(call: NodeCall) -> Result:
    x, axis = call.raw(), call.attribute("axis", 1)
    if axis not in (1, -len(x.dims)):
        raise CannotRead(f"it flattens from axis {axis}, and the batch is not a part of a sample")
    return x.reshaped((prod(x.dims),))


@ROWS.say("Reshape", "5 13 14 19 21 23 24 25", "allowzero")
def reshape(call: NodeCall) -> Result:
    x, target = call.raw(), call.input(1)
    if not isinstance(target, Const):
        raise CannotRead("the sizes it asks for are computed")
    zero, batch = bool(call.attribute("allowzero", 0)), call.builder.batch
    first, second = (
        (
            reshape_target((n, *x.dims), np.ravel(values).tolist(), zero)
            for n, values in zip(
                (batch, 2 * batch if call.builder.is_open else batch), target.both(), strict=True
            )
        )
        if target.other is not None
        else (reshape_target((batch, *x.dims), np.ravel(target.values).tolist(), zero),) * 2
    )
    if not first or first[0] != batch or second[1:] != first[1:]:
        raise CannotRead(f"it makes {first} of {(batch, *x.dims)}, and the batch is not a part of a sample")
    return x.reshaped(first[1:])


@ROWS.say("Unsqueeze", "1 11 13 21 23 24 25", "axes")
def unsqueeze(call: NodeCall) -> Result:
    x, axes = call.raw(), axes_of([None, call.const(1)], call.attributes) or []
    rank = len(x.dims) + 1 + len(axes)
    dims = list(x.dims)
    for axis in sorted(each % rank for each in axes):
        if axis == 0:
            raise CannotRead("it puts an axis before the batch")
        dims.insert(axis - 1, 1)
    return x.reshaped(tuple(dims))


@ROWS.say("Squeeze", "1 11 13 21 23 24 25", "axes")
def squeeze(call: NodeCall) -> Result:
    x, axes = call.raw(), axes_of([None, call.const(1)], call.attributes)
    rank = len(x.dims) + 1
    if axes is None:
        if call.builder.batch == 1:
            raise CannotRead("it does not say which axes it takes away, and the batch may be one of them")
        return x.reshaped(tuple(size for size in x.dims if size != 1))
    gone = {each % rank for each in axes}
    if 0 in gone or any(x.dims[axis - 1] != 1 for axis in gone):
        raise CannotRead("it takes an axis away that is the batch, or longer than 1")
    return x.reshaped(tuple(size for n, size in enumerate(x.dims, 1) if n not in gone))


@ROWS.say("Transpose", "1 13 21 23 24 25", "perm")
def transpose(call: NodeCall) -> Result:
    x = call.raw()
    order = call.ints("perm") or list(range(len(x.dims), -1, -1))
    if sorted(order) != list(range(len(x.dims) + 1)) or order[0]:
        raise CannotRead(f"it moves the batch to another place ({order})")
    return x.moved(lambda places: places.transpose([axis - 1 for axis in order[1:]]))


@ROWS.say("Slice", "1 10 11 13", "axes ends starts")
def slice_(call: NodeCall) -> Result:
    x, rest = call.steady(), [call.const(n) for n in range(1, len(call.given))]
    numbers = x.numbers[None]
    ranges = cuts(numbers, [None, *rest], call.attributes)
    if ranges[0] not in (slice(None), slice(0, None, 1)) and not (
        ranges[0].start == 0 and (ranges[0].step or 1) == 1 and (ranges[0].stop or 0) >= 1 << 30
    ):
        raise CannotRead("it cuts the batch")
    return x.moved(lambda places: places[ranges[1:]])


@ROWS.say("Gather", "1 11 13", "axis")
def gather(call: NodeCall) -> Result:
    x, where, axis = call.steady(), call.const(1), call.attribute("axis", 0) % (len(call.raw().dims) + 1)
    if axis == 0:
        raise CannotRead("it chooses samples of the batch")
    if prod(x.dims) // max(1, x.dims[axis - 1]) * np.size(where) > MOST_PLACES:
        raise CannotRead(f"it chooses {np.size(where):,} times of {x.dims}, too many values to follow")
    return x.moved(lambda places: np.take(places, where, axis - 1))


@ROWS.say("Split", "1 2 11 13 18", "axis num_outputs split")
def split(call: NodeCall) -> Result:
    x = call.steady()
    axis = call.attribute("axis", 0) % (len(x.dims) + 1)
    if axis == 0:
        raise CannotRead("it cuts the batch")
    given = call.ints("split") if call.version < 13 else call.const(1)
    size, count = x.dims[axis - 1], len(call.node.output)
    each = -(-size // (call.attribute("num_outputs", count) or 1))
    parts = [min(each, size - n * each) for n in range(count)] if given is None else np.ravel(given).tolist()
    if sum(parts) != size or len(parts) != count or min(parts) < 1:
        raise CannotRead(f"it cuts {size} into {parts}")
    ends = np.cumsum(parts)[:-1]
    return [x.reordered(places) for places in np.split(x.numbers, ends, axis - 1)]


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
