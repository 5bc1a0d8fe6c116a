"""One layer of Keras being made as a layer of ours: its options, inputs and arrays.

Maps are channels last in both. An array of a layer is a ``ModelArray`` whose turn brings it into PyTorch's
order of axes, and behind a flatten into the order in which we flatten.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any, Final

from cnnspec.exchange.code_in.trace import ModelArray, NotFollowed, Trace, told
from cnnspec.exchange.initials import of_keras
from cnnspec.layers.base import Shape
from cnnspec.layers.registry import LAYERS

KERNEL: Final = "kernel_initializer"


@dataclass(frozen=True)
class Map:
    """A layer's output; ``flat`` is the shape of the map that it was flattened from in Keras's order."""

    node: str
    flat: Shape | None = None
    padded: tuple[tuple[tuple[int, int], ...], float] | None = None
    """Pixels around it, of a value that only a pool can use."""


@dataclass(frozen=True, eq=False)
class Initializer:
    """One of ``keras.initializers`` as code makes it."""

    name: str
    options: dict[str, Any]


def initializer_names(name: str) -> list[str]:
    """The arguments of an initialiser in their order."""
    first = {"VarianceScaling": "scale mode distribution", "RandomUniform": "minval maxval",
             "Orthogonal": "gain", "Constant": "value"}  # fmt: skip
    return first.get(name, "mean stddev").split()


def initializer(value: Any) -> tuple[str, dict[str, Any]]:
    """The name and options of an initialiser, as code or a configuration has it; none for none."""
    if isinstance(value, dict):
        return str(value.get("class_name", "")), dict(value.get("config") or {})
    if isinstance(value, Initializer):
        return value.name, value.options
    name = getattr(value, "last", value)
    return (name, {}) if isinstance(name, str) else ("", {}) if value is None else ("what is given", {"?": 0})


@dataclass
class Layering:
    """One layer being made: its options, its inputs, and what its own layers are called."""

    trace: Trace
    options: dict[str, Any]
    inputs: list[Map]
    name: str = ""

    @property
    def x(self) -> Map:
        if self.inputs[0].padded is not None:
            raise NotFollowed("padding with a value other than 0 is read before a max pool alone")
        return self.inputs[0]

    @property
    def shape(self) -> Shape:
        return self.trace.shapes[self.inputs[0].node]

    @property
    def rank(self) -> int:
        return len(self.shape) - 1

    def add(
        self, word: str, weights: dict[str, ModelArray] | None = None, /, part: str = "", **options: Any
    ) -> Map:
        """A layer on the first input."""
        if word not in LAYERS:
            raise NotFollowed(f"the language has no {word}")
        name = f"{self.name}.{part}" if self.name and part else self.name
        return Map(self.trace.add(word, [self.x.node], options, name, weights))

    def array(
        self, key: str, *shape: int, turn: Callable[[Any], Any] | None = None, begins: str = "",
        flipped: bool = False,
    ) -> ModelArray:  # fmt: skip
        """An array of the layer; ``begins`` is the option that says how, ``flipped`` as in ``of_keras``."""
        owner = self.options.get("owner") if key == "kernel" else None
        options = self.options if owner is None else owner.options
        name = f"{options.get('_key', id(options))}.{key}"
        init = self._init(begins, flipped) if begins in self.options else ""
        still = self.options.get("trainable", True) is False
        given = "" if key.endswith("bias") else options.get("_given", "")
        return ModelArray(name, shape, turn, init, still, tied=owner is not None, given=given)

    def _init(self, option: str, flipped: bool) -> str:
        name, options = initializer(self.options[option])
        if not name or (name == "GlorotUniform" and "_key" in self.options):
            return ""  # what Keras writes into every configuration
        found = of_keras(name, options, flipped)
        if found is None:
            self.trace.note("framework-differs", f"{option}={name} with these options is not carried")
        return found or ""

    def then(self, found: Map, word: str, **options: Any) -> Map:
        """Another layer on what was made."""
        return Map(self.trace.add(word, [found.node], options))

    def activated(self, found: Map) -> Map:
        chosen = self.options.get("activation")
        return found if chosen is None else activation(self.trace, found, chosen)


@dataclass(frozen=True)
class KerasKind:
    """A layer of Keras: its arguments in order with their defaults, and what makes it here."""

    arguments: str
    make: Callable[[Layering], Map]


def activation(trace: Trace, x: Map, chosen: Any) -> Map:
    """An activation by Keras's name."""
    chosen = chosen.get("config", chosen.get("class_name")) if isinstance(chosen, dict) else chosen
    name = str(getattr(chosen, "last", chosen))
    if name == "linear":
        return x
    if name not in ACTIVATIONS or ACTIVATIONS[name][0] not in LAYERS:
        raise NotFollowed(f"the language has no activation {name}")
    word, options = ACTIVATIONS[name]
    return replace(x, node=trace.add(word, [x.node], options))


ACTIVATIONS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "relu": ("relu", {}), "relu6": ("relu", {"max": 6.0}), "sigmoid": ("sigmoid", {}), "tanh": ("tanh", {}),
    "softmax": ("softmax", {}), "elu": ("elu", {}), "gelu": ("gelu", {}), "silu": ("silu", {}),
    "swish": ("silu", {}), "hard_sigmoid": ("hardsigmoid", {}), "hard_silu": ("hardswish", {}),
    "hard_swish": ("hardswish", {}), "leaky_relu": ("leakyrelu", {"slope": 0.2}), "selu": ("selu", {}),
    "softplus": ("softplus", {}), "mish": ("mish", {}), "exponential": ("exp", {}),
}  # fmt: skip


def sizes(value: Any, rank: int) -> tuple[int, ...]:
    found = tuple(value) if isinstance(value, list | tuple) else (value,) * rank
    if len(found) not in (1, rank) or not all(type(one) is int for one in found):
        raise NotFollowed(f"{told(value)} is no size along {rank} axes")
    return found * rank if len(found) == 1 else found


def short(found: Sequence[int]) -> tuple[int, ...]:
    return tuple(found[:1]) if len(set(found)) == 1 else tuple(found)


def outputs_first(array: Any) -> Any:
    """Kernels with inputs and outputs last, as PyTorch has them: first, the other way round."""
    import numpy as np

    return np.moveaxis(array, (-1, -2), (0, 1))


def need_rank(t: Layering, rank: int) -> None:
    if t.rank != rank:
        raise NotFollowed(
            f"the layer needs a map with {rank} spatial axes, not {t.shape}", code="needs-a-map"
        )


def in_our_order(flat: Shape | None) -> Callable[[Any], Any]:
    """Values in Keras's order of flattening, put into ours, along the first axis."""

    def ordered(array: Any) -> Any:
        if flat is None:
            return array
        import numpy as np

        places = np.arange(prod(flat)).reshape(flat)
        return array[np.moveaxis(places, -1, 0).ravel()]

    return ordered


def axis_of(axis: Any, rank: int) -> Any:
    found = axis[0] if isinstance(axis, list | tuple) and len(axis) == 1 else axis
    return found + rank + 2 if isinstance(found, int) and found < 0 else found


def need_channels(t: Layering, what: str) -> None:
    if axis_of(t.options["axis"], t.rank) != t.rank + 1:
        raise NotFollowed(f"{what} over another axis than the channels has no counterpart here")
