"""How weights begin: our names for it, and what PyTorch and Keras call the same.

Every rule that looks at a layer's size draws with the variance ``scale / fan``. A framework counts ``fan``
from the shape of its own array, which for transposed and depthwise kernels is another number than ours: then
the other fan is named, or the deviation written out.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isclose, prod, sqrt
from typing import Any, Final

from cnnspec.layers.base import INITIAL_SYNONYMS, Weight
from cnnspec.records import record

CUT: Final = 0.87962566103423978
"""Deviation of a normal distribution without what lies two deviations out; both others divide by it."""


@record
class Rule:
    """Values of the variance ``scale / fan``, where ``fan`` is ``fan_in`` or ``fan_avg``."""

    scale: float
    fan: str
    how: str


RULES: Final[Mapping[str, Rule]] = {
    f"{name}{ending}": Rule(scale, fan, how)
    for name, scale, fan in (("he", 2.0, "fan_in"), ("glorot", 1.0, "fan_avg"), ("lecun", 1.0, "fan_in"))
    for ending, how in (("", "normal"), ("_uniform", "uniform"), ("_truncated", "truncated"))
} | {"pytorch": Rule(1 / 3, "fan_in", "uniform")}
FIXED: Final[Mapping[str, tuple[str, float]]] = {
    "normal": ("normal", 0.05), "uniform": ("uniform", 0.05 / sqrt(3)),
    "truncated_normal": ("truncated", 0.05),
}  # fmt: skip
"""Rules that look at no size: how they draw, and their deviation."""


def fans(shape: tuple[int, ...], last: bool = False) -> tuple[int, int]:
    """Inputs and outputs as a framework counts them: PyTorch's axes begin with the outputs, Keras's end."""
    if len(shape) < 2:
        return (shape[0], shape[0]) if shape else (1, 1)
    first, second = (shape[-2], shape[-1]) if last else (shape[1], shape[0])
    field = prod(shape[:-2] if last else shape[2:])
    return first * field, second * field


def fan_of(rule: Rule, weight: Weight, counted: tuple[int, int]) -> str | None:
    """The fan that a framework has to take, so that it is ours; None where none of its own is."""
    if rule.fan == "fan_avg":
        return "fan_avg" if sum(counted) == weight.fan_in + weight.fan_out else None
    return next(
        (name for name, n in zip(("fan_in", "fan_out"), counted, strict=True) if n == weight.fan_in), None
    )


def spread_of(name: str, weight: Weight) -> tuple[str, float]:
    """How a rule draws for this weight, and the deviation."""
    if name in FIXED:
        return FIXED[name]
    rule = RULES[name]
    fan = weight.fan_in if rule.fan == "fan_in" else (weight.fan_in + weight.fan_out) / 2
    return rule.how, sqrt(rule.scale / max(1, fan))


def number(value: float) -> float:
    """As many digits as a weight of float32 tells apart."""
    return float(f"{value:.8g}")


# PyTorch ---------------------------------------------------------------------------------

_KAIMING: Final = {
    "he": ("kaiming_normal_", ""), "he_uniform": ("kaiming_uniform_", ""),
    "lecun": ("kaiming_normal_", ', nonlinearity="linear"'),
    "lecun_uniform": ("kaiming_uniform_", ', nonlinearity="linear"'),
    "pytorch": ("kaiming_uniform_", ", a=5**0.5"),
}  # fmt: skip
_PLAIN: Final = {
    "glorot": "xavier_normal_", "glorot_uniform": "xavier_uniform_", "orthogonal": "orthogonal_",
    "zeros": "zeros_", "ones": "ones_",
}  # fmt: skip


def in_torch(init: str, weight: Weight, at: str) -> str:
    """The statement that begins a weight of PyTorch, which is ``at`` there."""
    name, counted = INITIAL_SYNONYMS.get(init, init), fans(weight.shape)
    fan = fan_of(RULES[name], weight, counted) if name in RULES else "fan_in"
    if name in _KAIMING and fan:
        function, more = _KAIMING[name]
        mode = ', mode="fan_out"' if fan == "fan_out" else ""
        return f"nn.init.{function}({at}{more}{mode})"
    if name in _PLAIN and fan:
        return f"nn.init.{_PLAIN[name]}({at})"
    how, deviation = spread_of(name, weight)
    if how == "truncated" and fan and name in RULES:
        return f'truncated_normal_({at}, {RULES[name].scale!r}, "{fan}")'
    if how == "normal":
        return f"nn.init.normal_({at}, std={number(deviation)!r})"
    if how == "uniform":
        end = number(deviation * sqrt(3))
        return f"nn.init.uniform_({at}, {-end!r}, {end!r})"
    wide = number(deviation / CUT)
    return f"nn.init.trunc_normal_({at}, std={wide!r}, a={-2 * wide!r}, b={2 * wide!r})"


def of_torch(function: str, options: Mapping[str, Any], inputs_first: bool) -> str | None:
    """Our name for what a function of ``torch.nn.init`` does to a weight; None where there is none."""
    function = function.rstrip("_")
    if function in ("kaiming_normal", "kaiming_uniform"):
        return _of_kaiming(function.removeprefix("kaiming_"), options, inputs_first)
    if function in ("xavier_normal", "xavier_uniform") and options.get("gain", 1.0) == 1:
        return {"xavier_normal": "glorot", "xavier_uniform": "glorot_uniform"}[function]
    if function == "orthogonal" and options.get("gain", 1) == 1:
        return "orthogonal"
    if function in ("zeros", "ones"):
        return function
    if function == "constant" and options.get("val") in (0, 1):
        return "ones" if options["val"] else "zeros"
    return _of_spread(function, options)


def of_truncated(scale: float, fan: str, inputs_first: bool) -> str | None:
    """Our name for a truncated normal distribution of the variance scale / fan."""
    return _of_variance({"scale": scale, "mode": fan, "distribution": "truncated_normal"}, inputs_first)


def _of_kaiming(how: str, options: Mapping[str, Any], inputs_first: bool) -> str | None:
    slope, nonlinearity = options.get("a", 0), options.get("nonlinearity", "leaky_relu")
    if (options.get("mode", "fan_in") == "fan_out") != inputs_first:
        return None
    if nonlinearity in ("linear", "sigmoid"):
        return {"normal": "lecun", "uniform": "lecun_uniform"}[how]
    if how == "uniform" and nonlinearity == "leaky_relu" and isclose(slope, sqrt(5)):
        return "pytorch"
    if nonlinearity == "relu" or (nonlinearity == "leaky_relu" and slope == 0):
        return {"normal": "he", "uniform": "he_uniform"}[how]
    return None


def _of_spread(function: str, options: Mapping[str, Any]) -> str | None:
    """A rule of fixed deviation, where it is that of one of ours."""
    if function == "normal" and options.get("mean", 0) == 0 and options.get("std") == 0.05:
        return "normal"
    if function == "uniform" and (options.get("a"), options.get("b")) == (-0.05, 0.05):
        return "uniform"
    wide = 0.05 / CUT
    if function == "trunc_normal" and isclose(options.get("std", 1.0), wide, rel_tol=1e-6):
        return "truncated_normal" if isclose(options.get("b", 2.0), 2 * wide, rel_tol=1e-6) else None
    return None


# Keras -----------------------------------------------------------------------------------

_NAMED: Final = {
    "he_truncated": "he_normal", "he_uniform": "he_uniform", "glorot_truncated": "glorot_normal",
    "glorot_uniform": "glorot_uniform", "lecun_truncated": "lecun_normal", "lecun_uniform": "lecun_uniform",
    "orthogonal": "orthogonal", "zeros": "zeros", "ones": "ones", "normal": "random_normal",
    "uniform": "random_uniform",
}  # fmt: skip
"""Ours, and what Keras calls it."""
_DRAWS: Final = {"normal": "untruncated_normal", "uniform": "uniform", "truncated": "truncated_normal"}


def in_keras(init: str, weight: Weight, shape: tuple[int, ...]) -> tuple[str, bool]:
    """What begins a kernel of this shape of Keras's, and whether that is a name, not code."""
    name = INITIAL_SYNONYMS.get(init, init)
    fan = fan_of(RULES[name], weight, fans(shape, last=True)) if name in RULES else None
    if name in _NAMED and (name not in RULES or fan == RULES[name].fan):
        return _NAMED[name], True
    how, deviation = spread_of(name, weight)
    if fan:
        scale = f"{RULES[name].scale!r}"
        return f'initializers.VarianceScaling({scale}, "{fan}", "{_DRAWS[how]}")', False
    return drawn(how, deviation), False


def drawn(how: str, deviation: float) -> str:
    """Keras's code for values of a deviation that is written out."""
    if how == "uniform":
        end = number(deviation * sqrt(3))
        return f"initializers.RandomUniform({-end!r}, {end!r})"
    if how == "normal":
        return f"initializers.RandomNormal(stddev={number(deviation)!r})"
    return f"initializers.TruncatedNormal(stddev={number(deviation / CUT)!r})"


def of_keras(name: str, options: Mapping[str, Any], flipped: bool) -> str | None:
    """Our name for an initialiser of Keras; ``flipped`` where its fan_out is our fan_in. None for others."""
    plain = "".join(f"_{c.lower()}" if c.isupper() else c for c in name).strip("_")
    if plain == "variance_scaling":
        return _of_variance(options, flipped)
    if plain in ("random_normal", "random_uniform", "truncated_normal"):
        return _of_fixed(plain, options)
    if plain in ("zeros", "ones") or (plain == "orthogonal" and options.get("gain", 1.0) == 1):
        return plain
    ours = next((own for own, theirs in _NAMED.items() if theirs == plain), None)
    return None if flipped and plain.startswith(("he", "lecun")) else ours


def _of_variance(options: Mapping[str, Any], flipped: bool) -> str | None:
    fan = options.get("mode", "fan_in")
    fan = {"fan_in": "fan_out", "fan_out": "fan_in"}.get(fan, fan) if flipped else fan
    for name, rule in RULES.items():
        how = _DRAWS[rule.how] == options.get("distribution", "truncated_normal")
        if how and rule.fan == fan and isclose(rule.scale, options.get("scale", 1.0)):
            return name
    return None


def _of_fixed(plain: str, options: Mapping[str, Any]) -> str | None:
    if options.get("mean", 0) != 0:
        return None
    if plain == "random_uniform":
        ends = options.get("minval", -0.05), options.get("maxval", 0.05)
        return "uniform" if ends == (-0.05, 0.05) else None
    deviation = options.get("stddev", 0.05)
    wanted = {"random_normal": 0.05, "truncated_normal": 0.05 / CUT}[plain]
    ours = {"random_normal": "normal", "truncated_normal": "truncated_normal"}[plain]
    return ours if isclose(deviation, wanted, rel_tol=1e-6) else None
