"""Convolutions, pools and what else has windows or a padding, in Keras's words."""

from __future__ import annotations

from math import prod
from typing import Any

from cnnspec.exchange.code_out.calls import Raw
from cnnspec.exchange.code_out.sayings import (
    MUST,
    Argument,
    Place,
    Saying,
    Wordless,
    at,
    first,
    squeezed,
)
from cnnspec.exchange.initials import drawn, in_keras
from cnnspec.layers.base import INITIAL_SYNONYMS
from cnnspec.layers.window import per_axis


def _sizes(axes: Any, name: str) -> Any:
    return squeezed(tuple(getattr(axis, name) for axis in axes))


def _same(axis: Any) -> tuple[int, int]:
    """What ``same`` pads in Keras: an odd pixel goes to the far end."""
    pixels = max(0, (-(-axis.size // axis.stride) - 1) * axis.stride + axis.reach - axis.size)
    return pixels // 2, pixels - pixels // 2


def _rest(axis: Any) -> int:
    """Pixels after the map with which the last window fits."""
    return max(0, int((axis.count - 1) * axis.stride + axis.reach - axis.size - axis.before))


def _padding(axes: Any) -> tuple[str, str]:
    """Keras's own padding where it is the same, and an expression for the first input with any other."""
    ends = [(axis.before, axis.after) for axis in axes]
    if not any(map(any, ends)):
        return "valid", "{x}"
    if ends == list(map(_same, axes)):
        return "same", "{x}"
    return "valid", _padded(axes)


def _padded(axes: Any, value: str = "") -> str:
    pixels = tuple((axis.before, _rest(axis) if value else axis.after) for axis in axes)
    return f"padded({{x}}, {pixels}{f', {value}' if value else ''})" if any(map(any, pixels)) else "{x}"


def made(use: str, make: str, *arguments: Argument, helpers: tuple[str, ...] = ()) -> Saying:
    helpers += ("padded",) if "padded(" in use else ()
    return Saying(use, f"layers.{make}", arguments, helpers)


def begins(place: Place, key: str = "kernel_initializer") -> tuple[Argument, ...]:
    """How the kernel begins, and the bias where that is drawn too."""
    init = getattr(place.layer, "init", None)
    if init is None:
        return ()
    if init == "orthogonal" and place.node.word == "depthwise":
        raise Wordless("Keras makes all its filters orthogonal together, and not each channel's own")
    weight, *others = place.layer.arrays(place.inputs)
    text, is_name = in_keras(init, weight, _kernel_of(place, weight))
    found = [at(key, text if is_name else Raw(text), MUST, "initializer")]
    if others and INITIAL_SYNONYMS.get(init, init) == "pytorch":
        spread = drawn("uniform", (1 / (3 * max(1, weight.fan_in))) ** 0.5)
        found.append(at("bias_initializer", Raw(spread), MUST, "bias_initializer"))
    return tuple(found)


def _kernel_of(place: Place, weight: Any) -> tuple[int, ...]:
    """The shape of Keras's kernel: its inputs and outputs are the last axes."""
    first, second, *sizes = weight.shape
    if place.node.word == "attention":
        return (place.channels, place.layer.heads, first // place.layer.heads)
    if place.node.word == "depthwise" and place.rank < 3:
        return (*sizes, place.channels, place.layer.multiplier)
    return (*sizes, second, first)


def frozen(place: Place) -> tuple[Argument, ...]:
    return (at("trainable", not getattr(place.layer, "frozen", False), True),)


def conv(place: Place) -> Saying:
    layer, axes = place.layer, place.axes
    is_depthwise = place.node.word == "depthwise" and place.rank < 3
    layer = layer.as_conv(place.inputs) if place.node.word == "depthwise" else layer
    if layer.table():
        return _table_conv(place)
    if any(axis.stride > 1 for axis in axes) and any(axis.dilation > 1 for axis in axes):
        raise Wordless("Keras has no convolution with both a stride and a dilation")
    padding, padded = _padding(axes)
    head = () if is_depthwise else (first("filters", layer.filters),)
    middle = (
        (at("depth_multiplier", place.layer.multiplier, 1, "multiplier"),)
        if is_depthwise
        else (at("groups", layer.groups, 1),)
    )
    make = f"{'DepthwiseConv' if is_depthwise else 'Conv'}{place.rank}D"
    return made(
        f"{{m}}({padded})", make, *head, first("kernel", _sizes(axes, "kernel")),
        at("strides", _sizes(axes, "stride"), 1, "stride"), at("padding", padding, "valid"),
        at("dilation_rate", _sizes(axes, "dilation"), 1, "dilation"), *middle,
        at("use_bias", layer.bias, True, "bias"),
        *begins(place, "depthwise_initializer" if is_depthwise else "kernel_initializer"), *frozen(place),
    )  # fmt: skip


def _table_conv(place: Place) -> Saying:
    axes, layer = place.axes, place.layer
    if place.rank != 2:
        raise Wordless("a table of connections is written for two spatial axes only")
    if layer.init is not None:
        raise Wordless("a table of connections begins as Keras's convolutions do")
    table = "; ".join(" ".join(map(str, row)) for row in layer.table())
    use = f"{{m}}({_padded(axes)})"
    arguments = (
        first("table", table), at("kernel", tuple(axis.kernel for axis in axes)),
        at("strides", _sizes(axes, "stride"), 1, "stride"),
        at("dilation", _sizes(axes, "dilation"), 1), at("use_bias", layer.bias, True, "bias"),
        *frozen(place),
    )  # fmt: skip
    helpers = ("TableConv2D", *(("padded",) if "padded(" in use else ()))
    return Saying(use, "TableConv2D", arguments, helpers)


def upconv(place: Place) -> Saying:
    layer, axes = place.layer, place.axes
    if layer.groups > 1 or any(axis.dilation > 1 for axis in axes):
        raise Wordless("Keras's transposed convolution has neither groups nor, everywhere, a dilation")
    whole = [axis.stride * (axis.size - 1) + max(axis.kernel, axis.stride) for axis in axes]
    cuts = [(axis.before, n - axis.before - axis.count) for axis, n in zip(axes, whole, strict=True)]
    if any(after < 0 for _, after in cuts):
        raise Wordless("Keras adds no row at the far end that lies beyond the spread map")
    use = f"layers.Cropping{place.rank}D({_pairs(cuts)})({{m}}({{x}}))" if any(map(any, cuts)) else "{m}({x})"
    return made(
        use, f"Conv{place.rank}DTranspose", first("filters", layer.filters),
        first("kernel", _sizes(axes, "kernel")), at("strides", _sizes(axes, "stride"), 1, "stride"),
        at("use_bias", layer.bias, True, "bias"), *begins(place), *frozen(place),
    )  # fmt: skip


def _pairs(ends: Any) -> Any:
    """Pixels at both ends of each axis, as Keras's paddings and croppings take them."""
    ends = tuple(map(tuple, ends))
    if len({pixels for end in ends for pixels in end}) == 1:
        return ends[0][0]
    return ends[0] if len(ends) == 1 else ends


def _window(place: Place) -> tuple[Argument, Argument]:
    kernel = _sizes(place.axes, "kernel")
    return first("kernel", kernel), at("strides", _sizes(place.axes, "stride"), kernel, "stride")


def _adaptive(place: Place, kind: str) -> Saying:
    sizes = squeezed(per_axis("to", place.layer.to, place.rank))
    return made("{m}({x})", f"Adaptive{kind}Pooling{place.rank}D", first("to", sizes))


def choice(place: Place, sign: str = "") -> Saying:
    if getattr(place.layer, "to", None) is not None and not place.axes:
        return _adaptive(place, "Max")
    axes = place.axes
    if any(axis.dilation > 1 for axis in axes):
        raise Wordless("Keras's pools have no dilation")
    padding, padded = _padding(axes)
    if padding == "valid":
        padded = _padded(axes, f'float("{"" if sign else "-"}inf")')
    kernel, strides = _window(place)
    use = f"{sign}{{m}}({sign}{padded})"
    return made(use, f"MaxPooling{place.rank}D", kernel, strides, at("padding", padding, "valid"))


def average(place: Place) -> Saying:
    if place.layer.to is not None and not place.axes:
        return _adaptive(place, "Average")
    axes = place.axes
    rest = [(0, max(0, _rest(axis) - axis.after)) for axis in axes]
    ends = [(axis.before, axis.after) for axis in axes]
    make = f"AveragePooling{place.rank}D"
    if not any(map(any, [*rest, *ends])):
        return made("{m}({x})", make, *_window(place))
    count = 1.0 if place.layer.count_padding else 0.0
    use = f"mean_of_windows({{m}}, {{x}}, {tuple(ends)}, {tuple(rest)}, {count})"
    return made(use, make, *_window(place), helpers=("padded", "mean_of_windows"))


def subsample(place: Place) -> Saying:
    axes = place.axes
    sizes = ", ".join(map(str, (_sizes(axes, "kernel"), _sizes(axes, "stride"))))
    pool = Raw(f"layers.AveragePooling{place.rank}D({sizes})")
    use = f"{{m}}({_padded(axes, '0.0')})"
    helpers = ("Subsample", *(("padded",) if "padded(" in use else ()))
    arguments = (first("pool", pool), at("taps", prod(axis.kernel for axis in axes)), *frozen(place))
    return Saying(use, "Subsample", arguments, helpers)


def unpool(place: Place) -> Saying:
    axes = place.axes
    if place.rank != 2 or any(a.kernel != a.stride or a.dilation > 1 or a.before for a in axes):
        raise Wordless("Keras keeps no places of a pool; they are found again for plain windows side by side")
    sign = "-" if place.before(1).word == "minpool" else ""
    kernel = tuple(axis.kernel for axis in axes)
    return Saying(f"unpooled({{x}}, {sign}{{1}}, {kernel})", helpers=("padded", "unpooled"))


def pad(place: Place) -> Saying:
    ends, mode = place.layer.sides(place.inputs), place.layer.mode
    if any(place.layer.ends):
        pixels = (*ends, place.layer.ends) if mode == "zeros" else (*((0, 0) for _ in ends), place.layer.ends)
        inner = "{x}" if mode == "zeros" else f'mirrored({{x}}, {ends}, "{mode}")'
        return Saying(f"ops.pad({inner}, {((0, 0), *pixels)})", helpers=("mirrored",) * (mode != "zeros"))
    if mode == "zeros":
        return made("{m}({x})", f"ZeroPadding{place.rank}D", first("pixels", _pairs(ends)))
    return Saying(f'mirrored({{x}}, {ends}, "{mode}")', helpers=("mirrored",))


def upsample(place: Place) -> Saying:
    if not place.layer.is_whole or place.layer.align == "corners" or place.layer.mode == "bicubic":
        raise Wordless("Keras makes a map larger by whole factors, nearest or bilinear, edges on edges")
    scales, mode = per_axis("scale", place.layer.scale, place.rank), place.layer.mode
    if mode == "nails":
        return Saying(f"bed_of_nails({{x}}, {scales})", helpers=("bed_of_nails",))
    if mode == "bilinear" and place.rank != 2:
        raise Wordless("Keras interpolates along two spatial axes only")
    how = (at("interpolation", mode, "nearest", "mode"),) if place.rank == 2 else ()
    return made("{m}({x})", f"UpSampling{place.rank}D", first("scale", squeezed(scales)), *how)


def crop(place: Place) -> Saying:
    pixels = first("pixels", _pairs(place.layer.sides(place.inputs)))
    return made("{m}({x})", f"Cropping{place.rank}D", pixels)
