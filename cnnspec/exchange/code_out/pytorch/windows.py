"""Convolutions, pools and what else has windows or a padding, in PyTorch's words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cnnspec.exchange.code_out.calls import Raw
from cnnspec.exchange.code_out.sayings import (
    Argument,
    Place,
    Saying,
    Wordless,
    at,
    first,
    squeezed,
)
from cnnspec.layers.window import per_axis


def _around(axes: Any, after: Callable[[Any], int] = lambda axis: axis.after) -> tuple[int, ...]:
    """PyTorch's order of padding: the last axis first, before and after."""
    return tuple(pixels for axis in reversed(axes) for pixels in (axis.before, after(axis)))


def _rest(axis: Any) -> int:
    """Pixels after the map with which the last window fits exactly."""
    return int((axis.count - 1) * axis.stride + axis.reach - axis.size - axis.before)


def _padded(axes: Any, value: str = "") -> str:
    """An expression for the first input with the padding that a module cannot do."""
    around = _around(axes, _rest) if value else _around(axes)
    if not any(around):
        return "{x}"
    return f"F.pad({{x}}, {around}{f', value={value}' if value else ''})"


def _sizes(axes: Any, name: str) -> Any:
    return squeezed(tuple(getattr(axis, name) for axis in axes))


def _is_even(axes: Any) -> bool:
    return all(axis.before == axis.after for axis in axes)


def _steps(axes: Any) -> tuple[Argument, ...]:
    return at("stride", _sizes(axes, "stride"), 1), at("dilation", _sizes(axes, "dilation"), 1)


def conv(place: Place) -> Saying:
    layer = place.layer.as_conv(place.inputs) if place.node.word == "depthwise" else place.layer
    axes, even = place.axes, _is_even(place.axes)
    if layer.table():
        return _table_conv(place)
    arguments = (
        first("channels", place.channels), first("filters", layer.filters),
        first("kernel", _sizes(axes, "kernel")), *_steps(axes)[:1],
        at("padding", _sizes(axes, "before") if even else 0, 0), *_steps(axes)[1:],
        at("groups", layer.groups, 1), at("bias", layer.bias, True),
    )  # fmt: skip
    padded = "{x}" if even else _padded(axes)
    return Saying(f"{{m}}({padded})", f"nn.Conv{place.rank}d", arguments)


def _table_conv(place: Place) -> Saying:
    axes, layer = place.axes, place.layer
    arguments = (
        first("channels", place.channels), first("table", _rows(layer.table())),
        at("kernel", tuple(axis.kernel for axis in axes)), at("bias", layer.bias, True), *_steps(axes),
    )  # fmt: skip
    return Saying(f"{{m}}({_padded(axes)})", "TableConv2d", arguments, ("TableConv2d",))


def _rows(table: tuple[tuple[int, ...], ...]) -> str:
    return "; ".join(" ".join(map(str, row)) for row in table)


def upconv(place: Place) -> Saying:
    layer, axes = place.layer, place.axes
    cuts = tuple(axis.before + axis.after - axis.extra for axis in axes)
    extras = tuple(2 * axis.before - _cut for axis, _cut in zip(axes, cuts, strict=True))
    own = all(0 <= e < max(a.stride, a.dilation) for e, a in zip(extras, axes, strict=True))
    use = "{m}({x})"
    if not own:
        if any(axis.after < axis.extra for axis in axes):
            raise Wordless("PyTorch adds no row at the far end that lies beyond the spread map")
        use += f"[:, :, {', '.join(_cut(axis.before, axis.after - axis.extra) for axis in axes)}]"
    arguments = (
        first("channels", place.channels), first("filters", layer.filters),
        first("kernel", _sizes(axes, "kernel")), at("stride", _sizes(axes, "stride"), 1),
        at("padding", _sizes(axes, "before") if own else 0, 0),
        at("output_padding", squeezed(extras) if own else 0, 0), at("groups", layer.groups, 1),
        at("bias", layer.bias, True), at("dilation", _sizes(axes, "dilation"), 1),
    )  # fmt: skip
    return Saying(use, f"nn.ConvTranspose{place.rank}d", arguments)


def _cut(before: int, after: int) -> str:
    return f"{before or ''}:{-after if after else ''}"


def _pool_arguments(place: Place, padded: bool) -> tuple[Argument, ...]:
    axes = place.axes
    kernel = _sizes(axes, "kernel")
    return (
        first("kernel", kernel), at("stride", _sizes(axes, "stride"), kernel),
        at("padding", _sizes(axes, "before") if padded else 0, 0),
    )  # fmt: skip


def _own_padding(axes: Any) -> bool:
    return _is_even(axes) and all(axis.before <= axis.kernel // 2 for axis in axes)


def choice(place: Place, sign: str = "") -> Saying:
    """Max pool, or min pool as the negative of one."""
    if getattr(place.layer, "to", None) is not None:
        return _adaptive(place, "nn.AdaptiveMaxPool{}d")
    axes, own = place.axes, _own_padding(place.axes)
    is_remembered = any(place.nodes[n].word == "unpool" for n in place.readers[place.node.index])
    if is_remembered and (sign or not own):
        raise Wordless("PyTorch's unpool takes the places of max pools alone, equally padded on both sides")
    up = place.layer.rounding == "ceil" and own
    arguments = (
        *_pool_arguments(place, own), at("dilation", _sizes(axes, "dilation"), 1),
        at("ceil_mode", up, False), at("return_indices", is_remembered, False),
    )  # fmt: skip
    padded = "{x}" if own else _padded(axes, f'{sign}float("-inf")' if not sign else 'float("inf")')
    use = f"{sign}{{m}}({sign}{padded})"
    return Saying(use, f"nn.MaxPool{place.rank}d", arguments, outputs=2 if is_remembered else 1)


def median(place: Place) -> Saying:
    axes = place.axes
    if place.rank != 2:
        raise Wordless("its windows are taken apart on two spatial axes only")
    options = (
        f"{tuple(a.kernel for a in axes)}, {tuple(a.stride for a in axes)}, {tuple(a.dilation for a in axes)}"
    )
    value = 'float("nan")'
    return Saying(f"median_pool({_padded(axes, value)}, {options})", helpers=("median_pool",))


def _adaptive(place: Place, make: str) -> Saying:
    sizes = squeezed(per_axis("to", place.layer.to, place.rank))
    return Saying(make=make.format(place.rank), arguments=(first("size", sizes),))


def average(place: Place) -> Saying:
    if place.layer.to is not None:
        return _adaptive(place, "nn.AdaptiveAvgPool{}d")
    axes, layer = place.axes, place.layer
    counted = layer.count_padding or not any(_around(axes))
    if _own_padding(axes):
        extra = [at("ceil_mode", layer.rounding == "ceil", False), at("count_include_pad", counted, True)]
        return Saying(make=f"nn.AvgPool{place.rank}d", arguments=(*_pool_arguments(place, True), *extra))
    rest = tuple(pixels for a in reversed(axes) for pixels in (0, _rest(a) - a.after))
    use = f"mean_of_windows({{m}}, {{x}}, {_around(axes)}, {rest}, {1.0 if counted else 0.0})"
    arguments = _pool_arguments(place, False)
    return Saying(use, f"nn.AvgPool{place.rank}d", arguments, ("mean_of_windows",))


def subsample(place: Place) -> Saying:
    axes = place.axes
    sizes = ", ".join(str(_sizes(axes, name)) for name in ("kernel", "stride"))
    taps = 1
    for axis in axes:
        taps *= axis.kernel
    pool = Raw(f"nn.AvgPool{place.rank}d({sizes})")
    arguments = first("channels", place.channels), first("pool", pool), at("taps", taps)
    return Saying(f"{{m}}({_padded(axes, '0.0')})", "Subsample", arguments, ("Subsample",))


def unpool(place: Place) -> Saying:
    sizes = tuple(axis.size for axis in place.axes)
    use = f"{{m}}({{x}}, {{1}}, output_size={list(sizes)})"
    return Saying(use, f"nn.MaxUnpool{place.rank}d", _pool_arguments(place, True))


def pad(place: Place) -> Saying:
    around = tuple(pixels for side in reversed(place.layer.sides(place.inputs)) for pixels in side)
    ends = place.layer.ends
    if place.layer.mode == "zeros":
        return Saying(f"F.pad({{x}}, {around + ends if any(ends) else around})")
    padded = f'F.pad({{x}}, {around}, mode="{place.layer.mode}")'
    return Saying(f"F.pad({padded}, {(*(0 for _ in around), *ends)})" if any(ends) else padded)


def crop(place: Place) -> Saying:
    cuts = ", ".join(_cut(before, after) for before, after in place.layer.sides(place.inputs))
    return Saying(f"{{x}}[:, :, {cuts}]")


def upsample(place: Place) -> Saying:
    layer, mode = place.layer, place.layer.mode
    if mode == "nails":
        scales = per_axis("scale", layer.scale, place.rank)
        return Saying(f"bed_of_nails({{x}}, {scales})", helpers=("bed_of_nails",))
    if mode == "bicubic" and place.rank != 2:
        raise Wordless("PyTorch's bicubic is for two spatial axes alone")
    linear = ("", "linear", "bilinear", "trilinear")[place.rank]
    if layer.to is None:
        size = at("scale_factor", squeezed(per_axis("scale", layer.scale, place.rank)), role="scale")
    else:
        size = at("size", squeezed(per_axis("to", layer.to, place.rank)), role="to")
    arguments = (
        size, at("mode", linear if mode == "bilinear" else mode, "nearest"),
        at("align_corners", layer.align == "corners", False),
    )  # fmt: skip
    return Saying(make="nn.Upsample", arguments=arguments)
