"""Every layer in PyTorch's words: the table from word to ``Saying``."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any, Final

from cnnspec.exchange.code_out import arithmetic, rearranging
from cnnspec.exchange.code_out.calls import Raw
from cnnspec.exchange.code_out.sayings import (
    Argument,
    Place,
    Sayer,
    Saying,
    Wordless,
    at,
    first,
    own_arrays,
    squeezed,
)
from cnnspec.exchange.initials import in_torch
from cnnspec.layers.base import INITIAL_SYNONYMS, Weight, channels_first
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


def _kept(place: Place) -> tuple[str, ...]:
    """Statements for weights that the spec gives and for those that stay as they are."""
    arrays = own_arrays(place)
    after = [f'set_values({{m}}.{w.name}, "{_numbers(w)}")' for w in arrays if w.initial == "given"]
    if init := getattr(place.layer, "init", None):
        after += [in_torch(init, w, f"{{m}}.{w.name}") for w in arrays if w.initial == "fan"]
        zeros = () if INITIAL_SYNONYMS.get(init, init) == "pytorch" else arrays
        after += [f"nn.init.zeros_({{m}}.{w.name})" for w in zeros if w.initial == "zeros" and w.fan_in]
    if getattr(place.layer, "frozen", False):
        after.append("{m}.requires_grad_(False)")
    return tuple(after)


def _numbers(weight: Weight) -> str:
    if len(set(weight.values)) == 1:
        return repr(weight.values[0]).removesuffix(".0")
    return " ".join(repr(value).removesuffix(".0") for value in weight.values)


def _weighted(place: Place, saying: Saying) -> Saying:
    after = _kept(place)
    needed = [name for name in ("set_values", "truncated_normal_") if any(name in line for line in after)]
    helpers = (*saying.helpers, *needed)
    return Saying(saying.use, saying.make, saying.arguments, helpers, after, saying.outputs)


def _conv(place: Place) -> Saying:
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


def _upconv(place: Place) -> Saying:
    layer, axes = place.layer, place.axes
    cuts = tuple(axis.before + axis.after - axis.extra for axis in axes)
    extras = tuple(2 * axis.before - cut for axis, cut in zip(axes, cuts, strict=True))
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


def _tied(place: Place, own: Saying) -> Saying:
    """A layer with another's weight, transposed: what the function of its kind does with that."""
    kind = {"dense": "linear", "conv": f"conv{place.rank}d", "upconv": f"conv_transpose{place.rank}d"}
    function = first("function", Raw(f"F.{kind[place.node.word]}"))
    rest = (one for one in own.arguments if one.role not in ("inputs", "channels", "kernel"))
    before, inside, behind = own.use.partition("{m}({x})")
    use = f"{before}{{m}}({{x}}, {{w}}.weight){behind}" if inside else f"{own.use[:-1]}, {{w}}.weight)"
    return Saying(use, "Tied", (function, *rest), ("Tied",))


def _cut(before: int, after: int) -> str:
    return f"{before or ''}:{-after if after else ''}"


def _dense(place: Place) -> Saying:
    arguments = (
        first("inputs", place.channels), first("units", place.layer.units),
        at("bias", place.layer.bias, True),
    )  # fmt: skip
    return Saying(make="nn.Linear", arguments=arguments)


def _pool_arguments(place: Place, padded: bool) -> tuple[Argument, ...]:
    axes = place.axes
    kernel = _sizes(axes, "kernel")
    return (
        first("kernel", kernel), at("stride", _sizes(axes, "stride"), kernel),
        at("padding", _sizes(axes, "before") if padded else 0, 0),
    )  # fmt: skip


def _own_padding(axes: Any) -> bool:
    return _is_even(axes) and all(axis.before <= axis.kernel // 2 for axis in axes)


def _choice(place: Place, sign: str = "") -> Saying:
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


def _median(place: Place) -> Saying:
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


def _average(place: Place) -> Saying:
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


def _subsample(place: Place) -> Saying:
    axes = place.axes
    sizes = ", ".join(str(_sizes(axes, name)) for name in ("kernel", "stride"))
    taps = 1
    for axis in axes:
        taps *= axis.kernel
    pool = Raw(f"nn.AvgPool{place.rank}d({sizes})")
    arguments = first("channels", place.channels), first("pool", pool), at("taps", taps)
    return Saying(f"{{m}}({_padded(axes, '0.0')})", "Subsample", arguments, ("Subsample",))


def _unpool(place: Place) -> Saying:
    sizes = tuple(axis.size for axis in place.axes)
    use = f"{{m}}({{x}}, {{1}}, output_size={list(sizes)})"
    return Saying(use, f"nn.MaxUnpool{place.rank}d", _pool_arguments(place, True))


def _pad(place: Place) -> Saying:
    around = tuple(pixels for side in reversed(place.layer.sides(place.inputs)) for pixels in side)
    ends = place.layer.ends
    if place.layer.mode == "zeros":
        return Saying(f"F.pad({{x}}, {around + ends if any(ends) else around})")
    padded = f'F.pad({{x}}, {around}, mode="{place.layer.mode}")'
    return Saying(f"F.pad({padded}, {(*(0 for _ in around), *ends)})" if any(ends) else padded)


def _crop(place: Place) -> Saying:
    cuts = ", ".join(_cut(before, after) for before, after in place.layer.sides(place.inputs))
    return Saying(f"{{x}}[:, :, {cuts}]")


def _upsample(place: Place) -> Saying:
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


def _shuffle(place: Place) -> Saying:
    if place.rank:
        return Saying(make="nn.ChannelShuffle", arguments=(first("groups", place.layer.groups),))
    groups = place.layer.groups
    return Saying(f"{{x}}.unflatten(1, ({groups}, -1)).transpose(1, 2).flatten(1, 2)")


def _reshape(place: Place) -> Saying:
    sizes = ", ".join(map(str, channels_first(place.layer.to)))
    return Saying(f"{{x}}.reshape(-1, {sizes})")


def _relu(place: Place) -> Saying:
    if place.layer.max in (None, 6):
        return Saying(make="nn.ReLU6" if place.layer.max else "nn.ReLU")
    return Saying(make="nn.Hardtanh", arguments=(first("least", 0.0), first("most", place.layer.max)))


def _batchnorm(place: Place) -> Saying:
    layer, rank = place.layer, max(1, place.rank)
    helpers = (f"FrozenBatchNorm{rank}d",) if layer.frozen else ()
    arguments = (
        first("channels", place.channels), at("eps", layer.epsilon, 1e-5),
        at("momentum", layer.momentum, 0.1), at("affine", layer.affine, True),
    )  # fmt: skip
    return Saying(
        make=helpers[0] if helpers else f"nn.BatchNorm{rank}d", arguments=arguments, helpers=helpers
    )


def _layernorm(place: Place) -> Saying:
    layer, shape = place.layer, place.layer.layout(place.inputs)
    shape = shape if place.rank else squeezed(shape)
    arguments = (
        first("shape", shape),
        at("eps", layer.epsilon, 1e-5), at("elementwise_affine", layer.affine, True),
    )  # fmt: skip
    moved = layer.over == "channels" and place.rank
    use = "{m}({x}.movedim(1, -1)).movedim(-1, 1)" if moved else "{m}({x})"
    return Saying(use, "nn.LayerNorm", arguments)


def _groupnorm(place: Place) -> Saying:
    layer = place.layer
    arguments = (
        first("groups", layer.groups), first("channels", place.channels), at("eps", layer.epsilon, 1e-5),
        at("affine", layer.affine, True),
    )  # fmt: skip
    return Saying(make="nn.GroupNorm", arguments=arguments)


def _instancenorm(place: Place) -> Saying:
    layer = place.layer
    arguments = (
        first("channels", place.channels), at("eps", layer.epsilon, 1e-5), at("affine", layer.affine, False)
    )  # fmt: skip
    return Saying(make=f"nn.InstanceNorm{place.rank}d", arguments=arguments)


def _lrn(place: Place) -> Saying:
    layer = place.layer
    arguments = (
        first("size", layer.size), at("alpha", layer.alpha, 1e-4), at("beta", layer.beta, 0.75),
        at("k", layer.k, 1.0),
    )  # fmt: skip
    return Saying(make="nn.LocalResponseNorm", arguments=arguments)


def _attention(place: Place) -> Saying:
    layer, channels, others = place.layer, place.channels, place.inputs[-1][-1]
    if layer.width not in (None, channels) or not layer.scaled:
        raise Wordless(
            "PyTorch's attention is as wide as its channels, and scales by the root of a head's width"
        )
    arguments = (
        first("channels", channels), first("heads", layer.heads), at("bias", layer.bias, True),
        at("kdim", others, channels), at("vdim", others, channels),
        at("batch_first", True),
    )  # fmt: skip
    to = ", {1}" if len(place.inputs) > 1 else ""
    return Saying(f"attend({{m}}, {{x}}{to})", "nn.MultiheadAttention", arguments, ("attend",))


def _positions(place: Place) -> Saying:
    sizes = tuple(place.inputs[0][:-1])
    arguments = (first("positions", prod(sizes)), first("channels", place.channels))
    return Saying(make="Positions", arguments=arguments, helpers=("Positions",))


def _token(place: Place) -> Saying:
    arguments = (first("count", place.layer.count), first("channels", place.channels))
    return Saying(make="ClassToken", arguments=arguments, helpers=("ClassToken",))


def _concat(place: Place) -> Saying:
    return Saying(f"torch.cat(({', '.join(f'{{{n}}}' for n in range(len(place.inputs)))}), dim=1)")


def _module(make: str, *arguments: tuple[str, Any], named: dict[str, Any] | None = None) -> Sayer:
    """A module whose arguments are fields of the layer; ``arguments`` are (field, PyTorch's default)."""

    def say(place: Place) -> Saying:
        fields = [
            Argument(key, getattr(place.layer, key), default, key) if named and key in named else
            Argument("", getattr(place.layer, key), default, key)
            for key, default in arguments
        ]  # fmt: skip
        return Saying(make=make, arguments=tuple(fields))

    return say


def _by_rank(make: str) -> Sayer:
    return lambda place: Saying(make=make.format(place.rank), arguments=(first("size", 1),))


def _prelu(place: Place) -> Saying:
    slopes = 1 if place.layer.shared else place.channels
    return Saying(make="nn.PReLU", arguments=(Argument("", slopes, 1, "channels"),))


WORDS: Final[dict[str, Sayer]] = {
    "conv": _conv, "depthwise": _conv, "upconv": _upconv, "dense": _dense,
    "maxpool": _choice, "minpool": lambda place: _choice(place, "-"), "medianpool": _median,
    "avgpool": _average, "subsample": _subsample, "unpool": _unpool,
    "globalavgpool": _by_rank("nn.AdaptiveAvgPool{}d"), "globalmaxpool": _by_rank("nn.AdaptiveMaxPool{}d"),
    "flatten": _module("nn.Flatten"), "reshape": _reshape, "identity": _module("nn.Identity"),
    "pad": _pad, "crop": _crop, "upsample": _upsample, "shuffle": _shuffle,
    "slice": lambda place: Saying(f"{{x}}[:, {place.layer.start}:{place.layer.stop}]"),
    "relu": _relu, "leakyrelu": _module("nn.LeakyReLU", ("slope", 0.01)), "prelu": _prelu,
    "elu": _module("nn.ELU", ("alpha", 1.0)),
    "gelu": _module("nn.GELU", ("approximate", "none"), named={"approximate": 1}),
    "silu": _module("nn.SiLU"), "sigmoid": _module("nn.Sigmoid"), "tanh": _module("nn.Tanh"),
    "hardswish": _module("nn.Hardswish"), "hardsigmoid": _module("nn.Hardsigmoid"),
    "softmax": lambda place: Saying(make="nn.Softmax", arguments=(at("dim", 1),)),
    "batchnorm": _batchnorm, "layernorm": _layernorm, "groupnorm": _groupnorm,
    "instancenorm": _instancenorm, "lrn": _lrn, **rearranging.PYTORCH, **arithmetic.PYTORCH,
    "attention": _attention, "positions": _positions, "token": _token,
    "add": arithmetic.between("+", arithmetic.FIRST),
    "multiply": arithmetic.between("*", arithmetic.FIRST), "concat": _concat,
}  # fmt: skip
"""Word -> what says it in PyTorch; a word left out is undecided."""


CANNOT: Final[dict[str, str]] = {}
"""Words that PyTorch cannot say, and why."""


def say(place: Place) -> Saying:
    """A layer in PyTorch; raises Wordless."""
    if place.node.word in CANNOT:
        raise Wordless(CANNOT[place.node.word])
    found = WORDS[place.node.word](place)
    found = _tied(place, found) if place.node.tied else found
    return _weighted(place, found) if found.make else found
