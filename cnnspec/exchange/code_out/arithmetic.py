"""Arithmetic in the words of PyTorch and of Keras: expressions on one tensor, and merges."""

from __future__ import annotations

from typing import Final

from cnnspec.exchange.code_out.sayings import Place, Sayer, Saying, Wordless, at, first

MOST_IN_ONE: Final = 100
"""Python reads no more than 200 parentheses within each other, and sums of a thousand terms at most."""


def _power(place: Place) -> Saying:
    return Saying(f"{{x}} ** {place.layer.exponent!r}")


def _factor(helper: str, has_channels: bool) -> Sayer:
    """A fixed factor is written out; trained ones are a class that the file holds."""

    def say(place: Place) -> Saying:
        layer = place.layer
        if layer.by is not None:
            shift = f" + {layer.shift!r}" if layer.shift else ""
            return Saying(f"{{x}} * {layer.by!r}{shift}")
        channels = (first("channels", place.channels),) if has_channels else ()
        trained = () if has_channels else (at("trainable", not layer.frozen, True),)
        arguments = (
            *channels, at("initial", layer.initial, 1.0), at("bias", layer.bias, False),
            at("shift", layer.shift, 0.0), *trained,
        )  # fmt: skip
        return Saying(make=helper, arguments=arguments, helpers=(helper,))

    return say


def _usual(sayer: Sayer, **values: float) -> Sayer:
    """For a layer whose options are fixed there."""

    def say(place: Place) -> Saying:
        if any(getattr(place.layer, name) != value for name, value in values.items()):
            raise Wordless(f"its {' and '.join(values)} are fixed there")
        return sayer(place)

    return say


def _clipped(call: str, least: str, most: str) -> Sayer:
    def say(place: Place) -> Saying:
        ends = {least: place.layer.min, most: place.layer.max}
        given = ", ".join(f"{name}={value!r}" for name, value in ends.items() if value is not None)
        return Saying(f"{call}({{x}}, {given})")

    return say


def _clip(place: Place) -> Saying:
    ends = place.layer.min, place.layer.max
    least, most = (repr(end) if end is not None else f'float("{sign}inf")' for end, sign in zip(
        ends, ("-", ""), strict=True))  # fmt: skip
    return Saying(f"ops.clip({{x}}, {least}, {most})")


def _widened(place: Place, pattern: str) -> list[str]:
    """The inputs as words of one expression, a vector of channels with the map's axes."""
    if len(place.inputs) > MOST_IN_ONE:
        raise Wordless(f"it has {len(place.inputs):,} inputs; {MOST_IN_ONE} can stand in one expression")
    rank = max(map(len, place.inputs))
    words = []
    for n, shape in enumerate(place.inputs):
        missing = rank - len(shape)
        words.append(pattern.format(n=n, axes=", ".join(["None"] * missing)) if missing else f"{{{n}}}")
    return words


def between(sign: str, pattern: str) -> Sayer:
    return lambda place: Saying(f" {sign} ".join(_widened(place, pattern)))


def _nested(call: str, pattern: str) -> Sayer:
    def say(place: Place) -> Saying:
        text, *others = _widened(place, pattern)
        for word in others:
            text = f"{call}({text}, {word})"
        return Saying(text)

    return say


FIRST: Final = "{{{n}}}[:, :, {axes}]"
_LAST: Final = "{{{n}}}[:, {axes}]"
_VALUES: Final = ("abs", "exp", "log", "square", "sqrt")

PYTORCH: Final[dict[str, Sayer]] = {
    **{word: lambda place, word=word: Saying(f"torch.{word}({{x}})") for word in _VALUES},  # type: ignore[misc]
    "power": _power, "scale": _factor("Scale", True),
    "mean": lambda place: Saying("{x}.mean(dim=1, keepdim=True)"),
    "max": lambda place: Saying("{x}.amax(dim=1, keepdim=True)"),
    "l2norm": lambda place: Saying(f"F.normalize({{x}}, eps={place.layer.epsilon!r})"),
    "softplus": lambda place: Saying(make="nn.Softplus", arguments=(at("beta", place.layer.beta, 1.0),)),
    "selu": _usual(lambda place: Saying(make="nn.SELU"), alpha=1.6732632423543772, gamma=1.0507009873554805),
    "mish": lambda place: Saying(make="nn.Mish"), "hardtanh": _clipped("torch.clamp", "min", "max"),
    "subtract": between("-", FIRST), "divide": between("/", FIRST),
    "maximum": _nested("torch.maximum", FIRST), "minimum": _nested("torch.minimum", FIRST),
}  # fmt: skip


def _activation(name: str) -> Sayer:
    return lambda place: Saying(make="layers.Activation", arguments=(first("activation", name),))


KERAS: Final[dict[str, Sayer]] = {
    **{word: lambda place, word=word: Saying(f"ops.{word}({{x}})") for word in _VALUES},  # type: ignore[misc]
    "power": _power, "scale": _factor("Scale", False),
    "mean": lambda place: Saying("ops.mean({x}, axis=-1, keepdims=True)"),
    "max": lambda place: Saying("ops.max({x}, axis=-1, keepdims=True)"),
    "l2norm": lambda place: Saying(f"unit_length({{x}}, {place.layer.epsilon!r})", helpers=("unit_length",)),
    "softplus": _usual(_activation("softplus"), beta=1.0),
    "selu": _usual(_activation("selu"), alpha=1.6732632423543772, gamma=1.0507009873554805),
    "mish": _activation("mish"), "hardtanh": _clip,
    "subtract": between("-", _LAST), "divide": between("/", _LAST),
    "maximum": _nested("ops.maximum", _LAST), "minimum": _nested("ops.minimum", _LAST),
}  # fmt: skip
