"""Maps of another size: ONNX's Resize, and the rearranging of blocks of pixels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

import numpy as np

from cnnspec.exchange.onnx_in.build import CannotRead
from cnnspec.exchange.onnx_in.call import NodeCall
from cnnspec.exchange.onnx_in.rows import OperatorRows, Result, sizes
from cnnspec.exchange.onnx_in.values import Array, Const, Flow, short
from cnnspec.layers.base import spatial

ROWS: Final = OperatorRows()
MOST_PIXELS: Final = 1 << 20
"""Positions along an axis whose places are compared one by one."""
MODES: Final = {"linear": "bilinear", "bilinear": "bilinear", "cubic": "bicubic"}
ROUNDINGS: Final[Mapping[str, Callable[[Array], Array]]] = {
    "floor": np.floor, "ceil": np.ceil, "round_prefer_floor": lambda x: np.ceil(x - 0.5),
    "round_prefer_ceil": lambda x: np.floor(x + 0.5),
}  # fmt: skip


@dataclass(frozen=True)
class Stretched:
    """One axis: ``count`` positions in the place of ``size``."""

    size: int
    count: int
    factor: float
    is_exact: bool
    """Whether the size was asked for, and the factor is their ratio."""

    def read_at(self, where: str) -> Array | None:
        """Where on the axis each new position reads, by ONNX's rule; None for a rule that is not known."""
        o, last = np.arange(self.count, dtype="f8"), self.size * self.factor - 1
        centres = (o + 0.5) / self.factor - 0.5
        return {
            "asymmetric": o / self.factor, "half_pixel": centres,
            "pytorch_half_pixel": centres if self.count > 1 else o,
            "align_corners": o * (self.size - 1) / last if last > 0 else o,
        }.get(where)  # fmt: skip

    def own(self, is_corners: bool) -> Array:
        """The same by the language's rule."""
        o = np.arange(self.count, dtype="f8")
        if is_corners:
            return o * (self.size - 1) / max(1, self.count - 1)
        return (o + 0.5) * float(self.step) - 0.5

    @property
    def step(self) -> Fraction:
        """Pixels of the input a pixel of the output."""
        return Fraction(self.size, self.count) if self.is_exact else 1 / Fraction(str(short(self.factor)))

    @property
    def nearest(self) -> Array:
        """The pixel that the language repeats at each new position."""
        return np.arange(self.count) * self.step.numerator // self.step.denominator


@ROWS.say("Upsample", "7 9", "mode scales")
@ROWS.say("Resize", "10 11 13 18 19",
     "antialias axes coordinate_transformation_mode cubic_coeff_a exclude_outside extrapolation_value "
     "keep_aspect_ratio_policy mode nearest_mode")  # fmt: skip
def resize(call: NodeCall) -> Result:
    x = call.map()
    axes = _axes(call, x)
    if all(axis.size == axis.count and axis.factor == 1 for axis in axes):
        return x
    if call.attribute("antialias", 0) or call.attribute("exclude_outside", 0):
        raise CannotRead("it smooths while it scales")
    mode, old = call.attribute("mode", "nearest"), call.version < 11
    where = call.attribute("coordinate_transformation_mode", "asymmetric" if old else "half_pixel")
    if mode == "nearest":
        rounding = ROUNDINGS.get(call.attribute("nearest_mode", "floor" if old else "round_prefer_floor"))
        if not all(_repeats(axis, where, rounding) for axis in axes):
            raise CannotRead(f"it repeats other pixels ({where}) than upsample does")
        return call.add("upsample", _size(axes), x)
    if mode == "cubic" and short(call.attribute("cubic_coeff_a", -0.75)) != -0.75:
        raise CannotRead("its cubic is not Keys' with a = -0.75, as that of upsample is")
    return call.add("upsample", _size(axes) | {"mode": MODES.get(mode, mode)} | _align(axes, where), x)


def _repeats(axis: Stretched, where: str, rounding: Callable[[Array], Array] | None) -> bool:
    read = axis.read_at(where)
    if read is None or rounding is None:
        return False
    return np.array_equal(rounding(read).clip(0, axis.size - 1), axis.nearest)


def _align(axes: list[Stretched], where: str) -> dict[str, Any]:
    """The option that puts each new pixel where ONNX does."""
    places = [axis.read_at(where) for axis in axes]
    for is_corners in (False, True):
        if all(
            read is not None and np.allclose(read, axis.own(is_corners), atol=1e-5)
            for axis, read in zip(axes, places, strict=True)
        ):
            return {"align": "corners"} if is_corners else {}
    raise CannotRead(f"it places new pixels by the rule {where}, and upsample otherwise")


def _size(axes: list[Stretched]) -> dict[str, Any]:
    """The factor or the size, as a person would say it."""
    if all(axis.count % axis.size == 0 and axis.factor == axis.count // axis.size for axis in axes):
        return {"scale": sizes(tuple(axis.count // axis.size for axis in axes))}
    if axes[0].is_exact:
        return {"to": sizes(tuple(axis.count for axis in axes))}
    factors = tuple(short(axis.factor) for axis in axes)
    return {"scale": factors[:1] if len(set(factors)) == 1 else factors}


def _axes(call: NodeCall, x: Flow) -> list[Stretched]:
    """Each axis of the map with its new size."""
    kind, version = call.node.op_type, call.version
    at = None if kind == "Upsample" and version == 7 else 1 if version < 11 else 2
    scales = call.attributes.get("scales") if at is None else call.const(at)
    wanted = call.input(3) if version >= 11 else None
    rank, axes, before = len(x.dims) + 1, call.ints("axes"), (call.builder.batch, *x.dims)
    which = list(range(rank)) if axes is None else [axis % rank for axis in axes]
    if call.attribute("keep_aspect_ratio_policy", "stretch") != "stretch":
        raise CannotRead("it keeps the ratio of height to width")
    if isinstance(wanted, Const) and wanted.values.size:
        found = dict(zip(which, (int(size) for size in np.ravel(wanted.values)), strict=True))
        counts = [found.get(axis, before[axis]) for axis in range(rank)]
        factors = [count / size for count, size in zip(counts, before, strict=True)]
    elif scales is not None and np.size(scales):
        given = dict(zip(which, (float(each) for each in np.ravel(scales)), strict=True))
        factors = [given.get(axis, 1.0) for axis in range(rank)]
        counts = [int(size * factor) for size, factor in zip(before, factors, strict=True)]
    else:
        raise CannotRead("it does not say how large its result is")
    if factors[:2] != [1, 1]:
        raise CannotRead("it scales the batch or the channels")
    if not 1 <= min(counts[2:]) <= max(counts[2:]) <= MOST_PIXELS:
        raise CannotRead(f"it makes a map of {' x '.join(map(str, counts[2:]))}")
    exact = isinstance(wanted, Const) and bool(wanted.values.size)
    return [
        Stretched(size, count, factor, exact)
        for size, count, factor in zip(spatial(x.shape), counts[2:], factors[2:], strict=True)
    ]


@ROWS.say("DepthToSpace", "1 11 13 28", "blocksize mode")
def pixelshuffle(call: NodeCall) -> Result:
    return call.add("pixelshuffle", _blocks(call), call.map())


@ROWS.say("SpaceToDepth", "1 13 28", "blocksize mode")
def pixelunshuffle(call: NodeCall) -> Result:
    return call.add("pixelunshuffle", _blocks(call), call.map())


def _blocks(call: NodeCall) -> dict[str, Any]:
    order = call.attribute("mode", "DCR").lower()
    return {"factor": call.attribute("blocksize", 0)} | ({} if order == "crd" else {"order": order})
