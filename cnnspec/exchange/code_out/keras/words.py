"""Every layer in Keras's words: the table from word to ``Saying``."""

from __future__ import annotations

from typing import Any, Final

from cnnspec.exchange.code_out import arithmetic, rearranging
from cnnspec.exchange.code_out.calls import Raw
from cnnspec.exchange.code_out.keras.windows import (
    average,
    begins,
    choice,
    conv,
    crop,
    frozen,
    made,
    pad,
    subsample,
    unpool,
    upconv,
    upsample,
)
from cnnspec.exchange.code_out.sayings import (
    Argument,
    Place,
    Sayer,
    Saying,
    Wordless,
    at,
    first,
)


def _dense(place: Place) -> Saying:
    bias = at("use_bias", place.layer.bias, True, "bias")
    return made("{m}({x})", "Dense", first("units", place.layer.units), bias, *begins(place), *frozen(place))


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


def _batchnorm(place: Place) -> Saying:
    layer = place.layer
    return made(
        "{m}({x})", "BatchNormalization", at("momentum", round(1 - layer.momentum, 12), 0.99),
        at("epsilon", layer.epsilon, 1e-3), *_affine(place), *frozen(place),
    )  # fmt: skip


def _affine(place: Place) -> tuple[Argument, ...]:
    return at("center", place.layer.affine, True), at("scale", place.layer.affine, True, "scaled")


def _layernorm(place: Place) -> Saying:
    axes = -1 if place.layer.over == "channels" or not place.rank else tuple(range(1, place.rank + 2))
    return made(
        "{m}({x})", "LayerNormalization", at("axis", axes, -1), at("epsilon", place.layer.epsilon, 1e-3),
        *_affine(place), *frozen(place),
    )  # fmt: skip


def _groupnorm(place: Place) -> Saying:
    groups = place.layer.groups if place.node.word == "groupnorm" else -1
    return made(
        "{m}({x})", "GroupNormalization", at("groups", groups, 32),
        at("epsilon", place.layer.epsilon, 1e-3), *_affine(place), *frozen(place),
    )  # fmt: skip


def _lrn(place: Place) -> Saying:
    layer = place.layer
    options = ", ".join(map(repr, (layer.size, layer.alpha, layer.beta, layer.k)))
    return Saying(f"local_response_norm({{x}}, {options})", helpers=("local_response_norm",))


def _rmsnorm(place: Place) -> Saying:
    if not place.layer.affine or (place.rank and place.layer.over != "channels"):
        raise Wordless("Keras's RMS norm scales, and is over the channels")
    return made("{m}({x})", "RMSNormalization", at("epsilon", place.layer.epsilon, 1e-6), *frozen(place))


def _attention(place: Place) -> Saying:
    layer = place.layer
    if not layer.scaled:
        raise Wordless("Keras's attention divides by the root of a head's width")
    if len(place.inputs[0]) != len(place.inputs[-1]):
        raise Wordless("Keras attends from maps to maps and from sequences to sequences")
    width = layer.width or place.channels
    other = "{1}" if len(place.inputs) > 1 else "{x}"
    return made(
        f"{{m}}({{x}}, {other})", "MultiHeadAttention", first("heads", layer.heads),
        first("key_dim", width // layer.heads), at("use_bias", layer.bias, True, "bias"), *begins(place),
        *frozen(place),
    )  # fmt: skip


def _own(name: str, *fields: str) -> Sayer:
    def say(place: Place) -> Saying:
        arguments = (*(first(field, getattr(place.layer, field)) for field in fields), *frozen(place))
        return Saying(make=name, arguments=arguments, helpers=(name,))

    return say


def _prelu(place: Place) -> Saying:
    shared = tuple(range(1, place.rank + 1 + place.layer.shared))
    return made("{m}({x})", "PReLU", at("shared_axes", shared or None, None), *frozen(place))


def _gelu(place: Place) -> Saying:
    if place.layer.approximate == "tanh":
        return Saying("ops.gelu({x}, approximate=True)")
    return _activation("gelu")(place)


def _activation(name: str) -> Sayer:
    return lambda place: made("{m}({x})", "Activation", first("activation", name))


def _merged(make: str) -> Sayer:
    """Value by value; a vector of channels becomes a map of one pixel."""

    def say(place: Place) -> Saying:
        rank, words = max(map(len, place.inputs)) - 1, []
        for n, shape in enumerate(place.inputs):
            size = (*(1 for _ in range(rank + 1 - len(shape))), *shape)
            words.append(f"{{{n}}}" if size == shape else f"layers.Reshape({size})({{{n}}})")
        return made(f"{{m}}([{', '.join(words)}])", make)

    return say


def _module(make: str, *fields: tuple[str, str, Any], by_rank: bool = False, **fixed: Any) -> Sayer:
    """A layer whose arguments are fields of ours: (field, Keras's name, Keras's default)."""

    def say(place: Place) -> Saying:
        arguments = [
            Argument(key, getattr(place.layer, name), default, name) for name, key, default in fields
        ]
        arguments += [at(key, value) for key, value in fixed.items()]
        return made("{m}({x})", make.format(place.rank) if by_rank else make, *arguments)

    return say


WORDS: Final[dict[str, Sayer]] = {
    **arithmetic.KERAS,
    "conv": conv, "depthwise": conv, "upconv": upconv, "dense": _dense,
    "maxpool": choice, "minpool": lambda place: choice(place, "-"), "avgpool": average,
    "subsample": subsample, "unpool": unpool,
    "globalavgpool": _module("GlobalAveragePooling{}D", by_rank=True, keepdims=True),
    "globalmaxpool": _module("GlobalMaxPooling{}D", by_rank=True, keepdims=True),
    "flatten": _module("Flatten"), "identity": _module("Identity"),
    "reshape": lambda place: Saying(f"reshaped({{x}}, {place.layer.to})", helpers=("reshaped",)),
    "pad": pad, "crop": crop, "upsample": upsample,
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
