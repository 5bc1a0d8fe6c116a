"""Every layer in PyTorch's words: the table from word to ``Saying``."""

from __future__ import annotations

from math import prod
from typing import Any, Final

from cnnspec.exchange.code_out import arithmetic, rearranging
from cnnspec.exchange.code_out.calls import Raw, literal, numbers
from cnnspec.exchange.code_out.pytorch.windows import (
    average,
    choice,
    conv,
    crop,
    median,
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
    own_arrays,
    squeezed,
)
from cnnspec.exchange.initials import in_torch
from cnnspec.layers.base import INITIAL_SYNONYMS, channels_first


def _kept(place: Place) -> tuple[str, ...]:
    """Statements for weights that the spec gives and for those that stay as they are."""
    arrays = own_arrays(place)
    given = {weight.name: weight.given for weight in arrays if weight.given}
    after = [f'set_values({{m}}.{k}, {literal(v.shape)}, "{numbers(v)}")' for k, v in given.items()]
    init = getattr(place.layer, "init", None) or ""
    if init:
        after += [in_torch(init, w, f"{{m}}.{w.name}") for w in arrays if w.initial == "fan"]
    if (init or given) and INITIAL_SYNONYMS.get(init, init) != "pytorch":
        after += [f"nn.init.zeros_({{m}}.{w.name})" for w in arrays if w.initial == "zeros" and w.fan_in]
    if getattr(place.layer, "frozen", False):
        after.append("{m}.requires_grad_(False)")
    return tuple(after)


def _weighted(place: Place, saying: Saying) -> Saying:
    after = _kept(place)
    needed = [name for name in ("set_values", "truncated_normal_") if any(name in line for line in after)]
    helpers = (*saying.helpers, *needed)
    return Saying(saying.use, saying.make, saying.arguments, helpers, after, saying.outputs)


def _tied(place: Place, own: Saying) -> Saying:
    """A layer with another's weight, transposed: what the function of its kind does with that."""
    kind = {"dense": "linear", "conv": f"conv{place.rank}d", "upconv": f"conv_transpose{place.rank}d"}
    function = first("function", Raw(f"F.{kind[place.node.word]}"))
    rest = (one for one in own.arguments if one.role not in ("inputs", "channels", "kernel"))
    before, inside, behind = own.use.partition("{m}({x})")
    use = f"{before}{{m}}({{x}}, {{w}}.weight){behind}" if inside else f"{own.use[:-1]}, {{w}}.weight)"
    return Saying(use, "Tied", (function, *rest), ("Tied",))


def _dense(place: Place) -> Saying:
    arguments = (
        first("inputs", place.channels), first("units", place.layer.units),
        at("bias", place.layer.bias, True),
    )  # fmt: skip
    return Saying(make="nn.Linear", arguments=arguments)


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
    "conv": conv, "depthwise": conv, "upconv": upconv, "dense": _dense,
    "maxpool": choice, "minpool": lambda place: choice(place, "-"), "medianpool": median,
    "avgpool": average, "subsample": subsample, "unpool": unpool,
    "globalavgpool": _by_rank("nn.AdaptiveAvgPool{}d"), "globalmaxpool": _by_rank("nn.AdaptiveMaxPool{}d"),
    "flatten": _module("nn.Flatten"), "reshape": _reshape, "identity": _module("nn.Identity"),
    "pad": pad, "crop": crop, "upsample": upsample, "shuffle": _shuffle,
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
