"""Constants of an ONNX graph computed beforehand, by a table of what NumPy does for each operator."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any, Final

import numpy as np

from cnnspec.exchange.onnx_in.file import KINDS
from cnnspec.exchange.onnx_in.values import Array

MOST_FOLDED: Final = 200_000_000
"""Values that a constant computed here may have, where it is seen otherwise only and takes no memory."""
MOST_MADE: Final = 25_000_000
"""Values that are computed anew."""
SEEN: Final = frozenset({"ConstantOfShape", "Expand", "Flatten", "Identity", "Reshape", "Slice", "Squeeze",
                         "Transpose", "Unsqueeze"})  # fmt: skip
Attributes = Mapping[str, Any]
Fold = Callable[..., Any]


def _divide(a: Array, b: Array) -> Any:
    if a.dtype.kind not in "iu":
        return a / b
    if not np.all(b):
        raise ValueError("it divides by zero")
    return np.asarray(np.trunc(a / b)).astype(a.dtype) if np.any(a < 0) or np.any(b < 0) else a // b


def _remainder(given: Sequence[Array], attributes: Attributes) -> Any:
    if given[1].dtype.kind in "iu" and not np.all(given[1]):
        raise ValueError("it divides by zero")
    return (np.fmod if attributes.get("fmod") else np.mod)(*given)


def _power(a: Array, b: Array) -> Any:
    return np.power(a, b).astype(a.dtype)


def axes_of(given: Sequence[Any], attributes: Attributes, at: int = 1) -> list[int] | None:
    """The axes of an operator, which are an input since a later version; None for all."""
    found = given[at] if len(given) > at and given[at] is not None else attributes.get("axes")
    return None if found is None else [int(axis) for axis in np.ravel(found)]


def unsqueezed(x: Array, axes: Sequence[int]) -> Array:
    rank = x.ndim + len(axes)
    return np.expand_dims(x, tuple(axis % rank for axis in axes))


def squeezed(x: Array, axes: Sequence[int] | None) -> Array:
    return np.squeeze(x, None if axes is None else tuple(axes))


def cuts(x: Array, given: Sequence[Any], attributes: Attributes) -> tuple[slice, ...]:
    """The ranges of Slice, which were attributes at first."""
    named = dict(zip(("starts", "ends", "axes", "steps"), given[1:], strict=False))
    found: Any = {name: named.get(name) if named.get(name) is not None else attributes.get(name)
             for name in ("starts", "ends", "axes", "steps")}  # fmt: skip
    if found["starts"] is None or found["ends"] is None:
        raise ValueError("it does not say where it starts and ends")
    starts, ends = (np.ravel(found[name]).tolist() for name in ("starts", "ends"))
    axes = list(range(len(starts))) if found["axes"] is None else np.ravel(found["axes"]).tolist()
    steps = [1] * len(starts) if found["steps"] is None else np.ravel(found["steps"]).tolist()
    ranges = [slice(None)] * x.ndim
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        size = x.shape[axis]
        if step < 0:
            end = None if end < -size else end
        ranges[axis] = slice(start, end, step)
    return tuple(ranges)


def reshape_target(size: Sequence[int], target: Sequence[int], allow_zero: bool = False) -> tuple[int, ...]:
    """The sizes that Reshape asks for: 0 keeps one, −1 is what is left."""
    found = [size[n] if each == 0 and not allow_zero else int(each) for n, each in enumerate(target)]
    if found.count(-1) > 1 or any(each < -1 for each in found):
        raise ValueError("it asks for sizes that cannot be")
    rest = prod(each for each in found if each != -1)
    found = [prod(size) // rest if each == -1 and rest else each for each in found]
    if prod(found) != prod(size):
        raise ValueError(f"it makes {tuple(found)} of {tuple(size)}")
    return tuple(found)


def _gather(given: Sequence[Array], attributes: Attributes) -> Any:
    axis = int(attributes.get("axis", 0))
    _bounded([given[0].size // max(1, given[0].shape[axis]), given[1].size])
    return np.take(given[0], given[1], axis=axis)


def _constant_of_shape(given: Sequence[Array], attributes: Attributes) -> Any:
    value = attributes.get("value")
    one = np.asarray(0 if value is None else value.ravel()[0], _kind(value))
    return np.broadcast_to(one, _bounded(given[0], MOST_FOLDED))


def _kind(value: Array | None) -> Any:
    return np.dtype("f4") if value is None else value.dtype


def _bounded(sizes: Any, most: int = MOST_MADE) -> list[int]:
    found = [int(size) for size in np.ravel(sizes)]
    if min(found, default=0) < 0 or prod(found) > most:
        raise ValueError(f"it asks for {tuple(found)} values")
    return found


def _range(given: Sequence[Array], attributes: Attributes) -> Any:
    start, stop, step = (float(each.ravel()[0]) for each in given)
    if step == 0 or (stop - start) / step > MOST_MADE:
        raise ValueError("it counts too far")
    return np.arange(start, stop, step).astype(given[0].dtype)


def _expand(given: Sequence[Array], attributes: Attributes) -> Any:
    sizes = np.broadcast_shapes(given[0].shape, tuple(_bounded(given[1], MOST_FOLDED)))
    return np.broadcast_to(given[0], _bounded(sizes, MOST_FOLDED))


def _tile(given: Sequence[Array], attributes: Attributes) -> Any:
    _bounded(np.array(given[0].shape) * given[1])
    return np.tile(given[0], given[1])


def _reshape(given: Sequence[Array], attributes: Attributes) -> Any:
    target = reshape_target(given[0].shape, np.ravel(given[1]).tolist(), bool(attributes.get("allowzero")))
    return given[0].reshape(target)


def _scatter(given: Sequence[Array], attributes: Attributes) -> Any:
    if attributes.get("reduction", "none") != "none":
        raise ValueError("it adds up where it scatters")
    found = given[0].copy()
    found[tuple(np.moveaxis(given[1], -1, 0))] = given[2]
    return found


def _cast(given: Sequence[Array], attributes: Attributes) -> Any:
    return given[0].astype(KINDS[int(attributes["to"])])


def _reduced(reduce: Callable[..., Any]) -> Fold:
    def fold(given: Sequence[Array], attributes: Attributes) -> Any:
        axes = axes_of(given, attributes)
        keep = bool(attributes.get("keepdims", 1))
        return reduce(given[0], axis=None if axes is None else tuple(axes), keepdims=keep)

    return fold


def _plain(function: Callable[..., Any]) -> Fold:
    return lambda given, attributes: function(*given)


def _concat(given: Sequence[Array], attributes: Attributes) -> Any:
    return np.concatenate(given, axis=int(attributes["axis"]))


def _turned(given: Sequence[Array], attributes: Attributes) -> Any:
    return np.transpose(given[0], attributes.get("perm"))


def _flat(given: Sequence[Array], attributes: Attributes) -> Any:
    axis = int(attributes.get("axis", 1)) % (given[0].ndim + 1)
    return given[0].reshape(prod(given[0].shape[:axis]), -1)


FOLDS: Final[Mapping[str, Fold]] = {
    "Identity": _plain(lambda x: x), "Add": _plain(np.add), "Sub": _plain(np.subtract),
    "Mul": _plain(np.multiply), "Div": _plain(_divide), "Pow": _plain(_power),
    "Neg": _plain(np.negative), "Sqrt": _plain(np.sqrt), "Exp": _plain(np.exp), "Abs": _plain(np.abs),
    "Reciprocal": _plain(np.reciprocal), "Floor": _plain(np.floor), "Ceil": _plain(np.ceil),
    "Mod": _remainder, "Not": _plain(np.logical_not), "Equal": _plain(np.equal),
    "Greater": _plain(np.greater),
    "Less": _plain(np.less), "And": _plain(np.logical_and), "Or": _plain(np.logical_or),
    "Where": _plain(np.where), "Max": lambda given, _: np.maximum.reduce(np.broadcast_arrays(*given)),
    "Min": lambda given, _: np.minimum.reduce(np.broadcast_arrays(*given)),
    "Gather": _gather, "Concat": _concat, "Cast": _cast, "Reshape": _reshape, "Flatten": _flat,
    "Unsqueeze": lambda given, a: unsqueezed(given[0], axes_of(given, a) or []),
    "Squeeze": lambda given, a: squeezed(given[0], axes_of(given, a)),
    "Slice": lambda given, a: given[0][cuts(given[0], given, a)], "Transpose": _turned,
    "Range": _range, "Expand": _expand, "Tile": _tile, "ConstantOfShape": _constant_of_shape,
    "ScatterND": _scatter, "ReduceProd": _reduced(np.prod), "ReduceSum": _reduced(np.sum),
    "ReduceMean": _reduced(np.mean), "ReduceMax": _reduced(np.max), "ReduceMin": _reduced(np.min),
}  # fmt: skip
"""By operator; each takes the values of the inputs and the attributes."""


def fold(kind: str, given: Sequence[Array], attributes: Attributes) -> Array:
    """The result of an operator on constants; raises ValueError where it has none within bounds."""
    most = MOST_FOLDED if kind in SEEN else MOST_MADE
    if sum(each.size for each in given if each is not None) > most:
        raise ValueError("its constants are too large")
    try:
        _bounded(np.broadcast_shapes(*(each.shape for each in given if each is not None)), most)
    except ValueError:
        if kind in BROADCAST:
            raise
    with np.errstate(all="ignore"):
        try:
            found = np.asarray(FOLDS[kind](list(given), attributes))
        except (IndexError, KeyError, TypeError, OverflowError, MemoryError) as error:
            raise ValueError(f"its constants do not fit together ({error})") from error
    if found.size > most:
        raise ValueError(f"its result has {found.size:,} values")
    return found


BROADCAST: Final = frozenset(
    {"Add", "Mod", "Sub", "Mul", "Div", "Pow", "Equal", "Greater", "Less", "And", "Or", "Where", "Max", "Min"}
)
"""Those whose result can be larger than what they read."""
