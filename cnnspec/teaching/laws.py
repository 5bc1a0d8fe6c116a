"""Laws that are written down here: of layers that choose, and of norms, whose sums have names.

A definition that chooses keeps only what it chose, and a norm's mean is a sum of everything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import pi
from typing import Any, Final

import numpy as np

from cnnspec.formula import Call, Formula, Symbol, exact, formula, maximum, minimum
from cnnspec.teaching.symbols import Array


@dataclass(frozen=True)
class Asked:
    """A value whose law is written down here: the symbols that it reads, and the weights that move it."""

    layer: Any
    place: tuple[int, ...]
    arrays: list[Array]
    reads: list[Any]
    weights: Mapping[str, list[Any]]

    @property
    def x(self) -> Any:
        """The input value in the place of the output's."""
        return self.arrays[0][self.place]

    @property
    def meeting(self) -> list[Any]:
        """Of each input the value in this place, where a smaller one is repeated."""
        wide = [array.reshape(*array.shape, *(1 for _ in self.place[array.ndim :])) for array in self.arrays]
        return [
            one[tuple(min(n, size - 1) for n, size in zip(self.place, one.shape, strict=True))]
            for one in wide
        ]


def _relu(asked: Asked) -> Formula:
    above = maximum(0, asked.x)
    return above if asked.layer.max is None else minimum(above, asked.layer.max)


def _prelu(asked: Asked) -> Formula:
    slopes = asked.weights["weight"]
    return formula(asked.x if asked.x.value > 0 else slopes[asked.place[0] % len(slopes)] * asked.x)


def _elu(asked: Asked) -> Formula:
    return formula(asked.x if asked.x.value > 0 else asked.layer.alpha * (asked.x.exp() - 1))


def _selu(asked: Asked) -> Formula:
    layer, x = asked.layer, asked.x
    return formula(layer.gamma * x if x.value > 0 else layer.gamma * (layer.alpha * (x.exp() - 1)))


def _softplus(asked: Asked, beta: float = 1) -> Formula:
    return formula((1 + (asked.x if beta == 1 else beta * asked.x).exp()).log())


def _between(asked: Asked) -> Formula:
    low, high = asked.layer.min, asked.layer.max
    above = asked.x if low is None else maximum(low, asked.x)
    return formula(above if high is None else minimum(high, above))


def _gelu(asked: Asked) -> Formula:
    x = asked.x
    if asked.layer.approximate == "tanh":
        inside = Call("sqrt", (2 / Symbol("π", exact(pi)),)) * (x + 0.044715 * x**3)
        return formula(x / 2 * (1 + inside.tanh()))
    return formula(x / 2 * (1 + (x / Call("sqrt", (formula(2),))).erf()))


def _share(asked: Asked) -> Formula:
    return minimum(maximum(0, asked.x + 3), 6) / 6


def _softmax(asked: Asked) -> Formula:
    """As it is written; less the greatest value, as it is computed, where a power of e would be too large."""
    top = max(asked.reads, key=lambda x: x.value)
    powers = {x.place: (x - top if abs(top.value) > LARGE else x).exp() for x in asked.reads}
    return formula(powers[asked.x.place] / sum(powers.values(), formula(0)))


def _norm(asked: Asked) -> Formula:
    """By the mean and variance of what it reads, which have names: they are sums of all of it."""
    numbers = np.array([float(x.value) for x in asked.reads])
    mean = Symbol("μ", exact(float(numbers.mean())), f"mean of the {len(numbers):,} values")
    variance = Symbol("σ²", exact(float(numbers.var())), f"variance of the {len(numbers):,} values")
    y = (asked.x - mean) / Call("sqrt", (variance + asked.layer.epsilon,))
    scale, shift = (asked.weights.get(name, []) for name in ("weight", "bias"))
    return formula((y * scale[0] if scale else y) + (shift[0] if shift else 0))


LARGE: Final = 20
"""Up to here e to the power of a number is written as it is."""

WRITTEN: Final[dict[str, Callable[[Asked], Formula]]] = {
    "relu": _relu,
    "leakyrelu": lambda asked: formula(asked.x if asked.x.value > 0 else asked.layer.slope * asked.x),
    "prelu": _prelu,
    "selu": _selu,
    "softplus": lambda asked: formula(_softplus(asked, asked.layer.beta) / asked.layer.beta),
    "mish": lambda asked: formula(asked.x * _softplus(asked).tanh()),
    "hardtanh": _between,
    "maximum": lambda asked: maximum(*asked.meeting),
    "minimum": lambda asked: minimum(*asked.meeting),
    "max": lambda asked: maximum(*np.moveaxis(asked.arrays[0], 0, -1)[asked.place[1:]]),
    "elu": _elu,
    "softmax": _softmax,
    "gelu": _gelu,
    "hardsigmoid": _share,
    "hardswish": lambda asked: formula(asked.x * _share(asked)),
    "layernorm": _norm, "groupnorm": _norm, "instancenorm": _norm,
    "maxpool": lambda asked: maximum(*asked.reads),
    "globalmaxpool": lambda asked: maximum(*asked.reads),
    "minpool": lambda asked: minimum(*asked.reads),
    "medianpool": lambda asked: Call("median", tuple(asked.reads)),
}  # fmt: skip
"""Layers that choose, of which the definition keeps only the choice, and norms, whose sums have names."""
