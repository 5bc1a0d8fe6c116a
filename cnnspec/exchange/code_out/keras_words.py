"""Every layer in Keras's words: the table from word to ``Saying``."""

from __future__ import annotations

from math import prod
from typing import Any, Final

from cnnspec.exchange.code_out import arithmetic, rearranging
from cnnspec.exchange.code_out.calls import Raw
from cnnspec.exchange.code_out.sayings import (
    MUST,
    Argument,
    Place,
    Sayer,
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


def _made(use: str, make: str, *arguments: Argument, helpers: tuple[str, ...] = ()) -> Saying:
    helpers += ("padded",) if "padded(" in use else ()
    return Saying(use, f"layers.{make}", arguments, helpers)


def _begins(place: Place, key: str = "kernel_initializer") -> tuple[Argument, ...]:
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


def _frozen(place: Place) -> tuple[Argument, ...]:
    return (at("trainable", not getattr(place.layer, "frozen", False), True),)


def _conv(place: Place) -> Saying:
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
    return _made(
        f"{{m}}({padded})", make, *head, first("kernel", _sizes(axes, "kernel")),
        at("strides", _sizes(axes, "stride"), 1, "stride"), at("padding", padding, "valid"),
        at("dilation_rate", _sizes(axes, "dilation"), 1, "dilation"), *middle,
        at("use_bias", layer.bias, True, "bias"),
        *_begins(place, "depthwise_initializer" if is_depthwise else "kernel_initializer"), *_frozen(place),
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
        *_frozen(place),
    )  # fmt: skip
    helpers = ("TableConv2D", *(("padded",) if "padded(" in use else ()))
    return Saying(use, "TableConv2D", arguments, helpers)


def _upconv(place: Place) -> Saying:
    layer, axes = place.layer, place.axes
    if layer.groups > 1 or any(axis.dilation > 1 for axis in axes):
        raise Wordless("Keras's transposed convolution has neither groups nor, everywhere, a dilation")
    whole = [axis.stride * (axis.size - 1) + max(axis.kernel, axis.stride) for axis in axes]
    cuts = [(axis.before, n - axis.before - axis.count) for axis, n in zip(axes, whole, strict=True)]
    if any(after < 0 for _, after in cuts):
        raise Wordless("Keras adds no row at the far end that lies beyond the spread map")
    use = f"layers.Cropping{place.rank}D({_pairs(cuts)})({{m}}({{x}}))" if any(map(any, cuts)) else "{m}({x})"
    return _made(
        use, f"Conv{place.rank}DTranspose", first("filters", layer.filters),
        first("kernel", _sizes(axes, "kernel")), at("strides", _sizes(axes, "stride"), 1, "stride"),
        at("use_bias", layer.bias, True, "bias"), *_begins(place), *_frozen(place),
    )  # fmt: skip


def _pairs(ends: Any) -> Any:
    """Pixels at both ends of each axis, as Keras's paddings and croppings take them."""
    ends = tuple(map(tuple, ends))
    if len({pixels for end in ends for pixels in end}) == 1:
        return ends[0][0]
    return ends[0] if len(ends) == 1 else ends


def _dense(place: Place) -> Saying:
    bias = at("use_bias", place.layer.bias, True, "bias")
    return _made(
        "{m}({x})", "Dense", first("units", place.layer.units), bias, *_begins(place), *_frozen(place)
    )


def _tied(place: Place, own: Saying) -> Saying:
    """A layer with another's kernel, transposed: what the function of its kind does with that."""
    function = {"dense": "matmul", "conv": "conv", "upconv": "conv_transpose"}[place.node.word]
    rest = (
        one
        for one in own.arguments
        if one.title not in ("kernel", "groups") and not one.title.endswith("initializer")
    )
    arguments = (first("function", Raw(f"ops.{function}")), *rest)
    return Saying(own.use, "Tied", arguments, ("Tied", *own.helpers))


def _window(place: Place) -> tuple[Argument, Argument]:
    kernel = _sizes(place.axes, "kernel")
    return first("kernel", kernel), at("strides", _sizes(place.axes, "stride"), kernel, "stride")


def _adaptive(place: Place, kind: str) -> Saying:
    sizes = squeezed(per_axis("to", place.layer.to, place.rank))
    return _made("{m}({x})", f"Adaptive{kind}Pooling{place.rank}D", first("to", sizes))


def _choice(place: Place, sign: str = "") -> Saying:
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
    return _made(use, f"MaxPooling{place.rank}D", kernel, strides, at("padding", padding, "valid"))


def _average(place: Place) -> Saying:
    if place.layer.to is not None and not place.axes:
        return _adaptive(place, "Average")
    axes = place.axes
    rest = [(0, max(0, _rest(axis) - axis.after)) for axis in axes]
    ends = [(axis.before, axis.after) for axis in axes]
    make = f"AveragePooling{place.rank}D"
    if not any(map(any, [*rest, *ends])):
        return _made("{m}({x})", make, *_window(place))
    count = 1.0 if place.layer.count_padding else 0.0
    use = f"mean_of_windows({{m}}, {{x}}, {tuple(ends)}, {tuple(rest)}, {count})"
    return _made(use, make, *_window(place), helpers=("padded", "mean_of_windows"))


def _subsample(place: Place) -> Saying:
    axes = place.axes
    sizes = ", ".join(map(str, (_sizes(axes, "kernel"), _sizes(axes, "stride"))))
    pool = Raw(f"layers.AveragePooling{place.rank}D({sizes})")
    use = f"{{m}}({_padded(axes, '0.0')})"
    helpers = ("Subsample", *(("padded",) if "padded(" in use else ()))
    arguments = (first("pool", pool), at("taps", prod(axis.kernel for axis in axes)), *_frozen(place))
    return Saying(use, "Subsample", arguments, helpers)


def _unpool(place: Place) -> Saying:
    axes = place.axes
    if place.rank != 2 or any(a.kernel != a.stride or a.dilation > 1 or a.before for a in axes):
        raise Wordless("Keras keeps no places of a pool; they are found again for plain windows side by side")
    sign = "-" if place.before(1).word == "minpool" else ""
    kernel = tuple(axis.kernel for axis in axes)
    return Saying(f"unpooled({{x}}, {sign}{{1}}, {kernel})", helpers=("padded", "unpooled"))


def _pad(place: Place) -> Saying:
    ends, mode = place.layer.sides(place.inputs), place.layer.mode
    if any(place.layer.ends):
        pixels = (*ends, place.layer.ends) if mode == "zeros" else (*((0, 0) for _ in ends), place.layer.ends)
        inner = "{x}" if mode == "zeros" else f'mirrored({{x}}, {ends}, "{mode}")'
        return Saying(f"ops.pad({inner}, {((0, 0), *pixels)})", helpers=("mirrored",) * (mode != "zeros"))
    if mode == "zeros":
        return _made("{m}({x})", f"ZeroPadding{place.rank}D", first("pixels", _pairs(ends)))
    return Saying(f'mirrored({{x}}, {ends}, "{mode}")', helpers=("mirrored",))


def _upsample(place: Place) -> Saying:
    if not place.layer.is_whole or place.layer.align == "corners" or place.layer.mode == "bicubic":
        raise Wordless("Keras makes a map larger by whole factors, nearest or bilinear, edges on edges")
    scales, mode = per_axis("scale", place.layer.scale, place.rank), place.layer.mode
    if mode == "nails":
        return Saying(f"bed_of_nails({{x}}, {scales})", helpers=("bed_of_nails",))
    if mode == "bilinear" and place.rank != 2:
        raise Wordless("Keras interpolates along two spatial axes only")
    how = (at("interpolation", mode, "nearest", "mode"),) if place.rank == 2 else ()
    return _made("{m}({x})", f"UpSampling{place.rank}D", first("scale", squeezed(scales)), *how)


def _batchnorm(place: Place) -> Saying:
    layer = place.layer
    return _made(
        "{m}({x})", "BatchNormalization", at("momentum", round(1 - layer.momentum, 12), 0.99),
        at("epsilon", layer.epsilon, 1e-3), *_affine(place), *_frozen(place),
    )  # fmt: skip


def _affine(place: Place) -> tuple[Argument, ...]:
    return at("center", place.layer.affine, True), at("scale", place.layer.affine, True, "scaled")


def _layernorm(place: Place) -> Saying:
    axes = -1 if place.layer.over == "channels" or not place.rank else tuple(range(1, place.rank + 2))
    return _made(
        "{m}({x})", "LayerNormalization", at("axis", axes, -1), at("epsilon", place.layer.epsilon, 1e-3),
        *_affine(place), *_frozen(place),
    )  # fmt: skip


def _groupnorm(place: Place) -> Saying:
    groups = place.layer.groups if place.node.word == "groupnorm" else -1
    return _made(
        "{m}({x})", "GroupNormalization", at("groups", groups, 32),
        at("epsilon", place.layer.epsilon, 1e-3), *_affine(place), *_frozen(place),
    )  # fmt: skip


def _lrn(place: Place) -> Saying:
    layer = place.layer
    options = ", ".join(map(repr, (layer.size, layer.alpha, layer.beta, layer.k)))
    return Saying(f"local_response_norm({{x}}, {options})", helpers=("local_response_norm",))


def _rmsnorm(place: Place) -> Saying:
    if not place.layer.affine or (place.rank and place.layer.over != "channels"):
        raise Wordless("Keras's RMS norm scales, and is over the channels")
    return _made("{m}({x})", "RMSNormalization", at("epsilon", place.layer.epsilon, 1e-6), *_frozen(place))


def _attention(place: Place) -> Saying:
    layer = place.layer
    if not layer.scaled:
        raise Wordless("Keras's attention divides by the root of a head's width")
    if len(place.inputs[0]) != len(place.inputs[-1]):
        raise Wordless("Keras attends from maps to maps and from sequences to sequences")
    width = layer.width or place.channels
    other = "{1}" if len(place.inputs) > 1 else "{x}"
    return _made(
        f"{{m}}({{x}}, {other})", "MultiHeadAttention", first("heads", layer.heads),
        first("key_dim", width // layer.heads), at("use_bias", layer.bias, True, "bias"), *_begins(place),
        *_frozen(place),
    )  # fmt: skip


def _own(name: str, *fields: str) -> Sayer:
    def say(place: Place) -> Saying:
        arguments = (*(first(field, getattr(place.layer, field)) for field in fields), *_frozen(place))
        return Saying(make=name, arguments=arguments, helpers=(name,))

    return say


def _prelu(place: Place) -> Saying:
    shared = tuple(range(1, place.rank + 1 + place.layer.shared))
    return _made("{m}({x})", "PReLU", at("shared_axes", shared or None, None), *_frozen(place))


def _gelu(place: Place) -> Saying:
    if place.layer.approximate == "tanh":
        return Saying("ops.gelu({x}, approximate=True)")
    return _activation("gelu")(place)


def _activation(name: str) -> Sayer:
    return lambda place: _made("{m}({x})", "Activation", first("activation", name))


def _merged(make: str) -> Sayer:
    """Value by value; a vector of channels becomes a map of one pixel."""

    def say(place: Place) -> Saying:
        rank, words = max(map(len, place.inputs)) - 1, []
        for n, shape in enumerate(place.inputs):
            size = (*(1 for _ in range(rank + 1 - len(shape))), *shape)
            words.append(f"{{{n}}}" if size == shape else f"layers.Reshape({size})({{{n}}})")
        return _made(f"{{m}}([{', '.join(words)}])", make)

    return say


def _module(make: str, *fields: tuple[str, str, Any], by_rank: bool = False, **fixed: Any) -> Sayer:
    """A layer whose arguments are fields of ours: (field, Keras's name, Keras's default)."""

    def say(place: Place) -> Saying:
        arguments = [
            Argument(key, getattr(place.layer, name), default, name) for name, key, default in fields
        ]
        arguments += [at(key, value) for key, value in fixed.items()]
        return _made("{m}({x})", make.format(place.rank) if by_rank else make, *arguments)

    return say


def _crop(place: Place) -> Saying:
    pixels = first("pixels", _pairs(place.layer.sides(place.inputs)))
    return _made("{m}({x})", f"Cropping{place.rank}D", pixels)


WORDS: Final[dict[str, Sayer]] = {
    **arithmetic.KERAS,
    "conv": _conv, "depthwise": _conv, "upconv": _upconv, "dense": _dense,
    "maxpool": _choice, "minpool": lambda place: _choice(place, "-"), "avgpool": _average,
    "subsample": _subsample, "unpool": _unpool,
    "globalavgpool": _module("GlobalAveragePooling{}D", by_rank=True, keepdims=True),
    "globalmaxpool": _module("GlobalMaxPooling{}D", by_rank=True, keepdims=True),
    "flatten": _module("Flatten"), "identity": _module("Identity"),
    "reshape": lambda place: Saying(f"reshaped({{x}}, {place.layer.to})", helpers=("reshaped",)),
    "pad": _pad, "crop": _crop, "upsample": _upsample,
    "shuffle": lambda place: Saying(f"shuffled({{x}}, {place.layer.groups})", helpers=("shuffled",)),
    "slice": lambda place: Saying(f"{{x}}[..., {place.layer.start} : {place.layer.stop}]"),
    "relu": _module("ReLU", ("max", "max_value", None)),
    "leakyrelu": _module("LeakyReLU", ("slope", "negative_slope", 0.3)), "prelu": _prelu,
    "elu": _module("ELU", ("alpha", "alpha", 1.0)), "gelu": _gelu, "silu": _activation("silu"),
    "sigmoid": _activation("sigmoid"), "tanh": _activation("tanh"),
    "hardswish": _activation("hard_silu"), "hardsigmoid": _activation("hard_sigmoid"),
    "softmax": _module("Softmax"), "batchnorm": _batchnorm, "layernorm": _layernorm,
    "groupnorm": _groupnorm, "instancenorm": _groupnorm, "lrn": _lrn,
    **rearranging.KERAS, "rmsnorm": _rmsnorm, "attention": _attention,
    "positions": _own("Positions"), "token": _own("ClassToken", "count"),
    "add": _merged("Add"), "multiply": _merged("Multiply"), "concat": _module("Concatenate"),
}  # fmt: skip
"""Word -> what says it in Keras; a word left out is undecided."""
CANNOT: Final = {"medianpool": "Keras has no median pool"}
"""Words that Keras cannot say, and why."""


def say(place: Place) -> Saying:
    """A layer in Keras; raises Wordless."""
    if place.node.word in CANNOT:
        raise Wordless(CANNOT[place.node.word])
    found = WORDS[place.node.word](place)
    if place.node.tied:
        return _tied(place, found)
    if place.node.word == "concat":
        inputs = ", ".join(f"{{{n}}}" for n in range(len(place.inputs)))
        return Saying(f"{{m}}([{inputs}])", found.make)
    return found
