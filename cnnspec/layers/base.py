"""What every layer answers, and the small values it answers with.

A layer is a frozen pydantic model of its options. Questions about a layer are
a closed set, so they are methods; each takes the shapes that flow in and
answers with formulas, so the number and its working are one object. A layer
that cannot take a shape raises ``Misfit``: a bare fact without a place.

Shapes are height x width x channels without the batch; ``(n,)`` is a vector.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict

from cnnspec.diagnostics import Misfit
from cnnspec.formula import Formula, Number, Symbol, product, total

Shape: TypeAlias = tuple[int, ...]
Shapes: TypeAlias = tuple[Shape, ...]
Sizes: TypeAlias = tuple[int, ...]

AXES: dict[int, tuple[str, ...]] = {0: (), 1: ("w",), 2: ("h", "w"), 3: ("d", "h", "w")}
"""Subscripts of the spatial axes, by their number."""

AXIS_NAMES = {"d": "depth", "h": "height", "w": "width"}


def show(shape: Shape) -> str:
    """``28x28x6``: the way a shape is written and shown."""
    return "x".join(map(str, shape))


def spatial(shape: Shape) -> Shape:
    return shape[:-1]


class Family(StrEnum):
    """Colour groups of the pictures, sections of the reference."""

    INPUT = "input"
    CONV = "conv"
    DENSE = "dense"
    POOL = "pool"
    ACTIVATION = "activation"
    NORM = "norm"
    DROPOUT = "dropout"
    RESHAPE = "reshape"
    RESAMPLE = "resample"
    MERGE = "merge"


@dataclass(frozen=True, slots=True)
class Weight:
    """An array that belongs to a layer, in PyTorch's name and layout.

    ``size`` counts its values and says how; ``fan_in`` and ``fan_out`` feed
    initialisation (0 where they mean nothing); a buffer is not trained.
    """

    name: str
    shape: Shape
    size: Formula
    fan_in: int = 0
    fan_out: int = 0
    initial: Literal["fan", "zeros", "ones", "constant"] = "fan"
    value: float = 0.0
    buffer: bool = False


@dataclass(frozen=True, slots=True)
class Item:
    """A count of one elementwise operation: ``comparisons``, ``divisions`` …"""

    what: str
    count: Formula


# What one output position of an axis sees of the input axis -----------------------


@dataclass(frozen=True, slots=True)
class Slide:
    """A window that slides: position o sees i = o·stride − before + j·dilation, j < kernel."""

    kernel: int = 1
    stride: int = 1
    before: int = 0
    dilation: int = 1


@dataclass(frozen=True, slots=True)
class Spread:
    """A window that spreads (transposed): o sees every i with o = i·stride − before + j·dilation."""

    kernel: int
    stride: int
    before: int
    dilation: int = 1


@dataclass(frozen=True, slots=True)
class Stretch:
    """Upsampling by ``factor``: o sees o // factor, or its two neighbours when ``linear``."""

    factor: int
    linear: bool = False


@dataclass(frozen=True, slots=True)
class Everything:
    """Every output position sees the whole axis."""


Window: TypeAlias = Slide | Spread | Stretch | Everything
SAME_PLACE = Slide()


class Layer(BaseModel):
    """The base of all layers; the defaults describe an elementwise layer without weights."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)

    word: ClassVar[str]
    """The layer's word in the language."""
    family: ClassVar[Family]
    positional: ClassVar[tuple[str, ...]] = ()
    """Fields that may be given without their name, in order; at most two."""
    arity: ClassVar[tuple[int, int | None]] = (1, 1)
    """Fewest and most inputs; None is any number."""

    def output(self, inputs: Shapes) -> tuple[Formula, ...]:
        """The law of each axis of the output; raises Misfit where the inputs do not fit."""
        return axes_of(inputs[0])

    def shape(self, inputs: Shapes) -> Shape:
        return tuple(int(axis) for axis in self.output(inputs))

    def weights(self, inputs: Shapes) -> tuple[Weight, ...]:
        """The arrays of the layer, parameters before buffers."""
        return ()

    def params(self, inputs: Shapes) -> Formula:
        """Trainable parameters."""
        return total(weight.size for weight in self.weights(inputs) if not weight.buffer)

    def buffers(self, inputs: Shapes) -> Formula:
        return total(weight.size for weight in self.weights(inputs) if weight.buffer)

    def multiplies(self, inputs: Shapes) -> Formula:
        """Multiply-accumulates for one sample, taps on padding included."""
        return Number(0)

    def additions(self, inputs: Shapes) -> Formula:
        """Additions that go with ``multiplies``: k - 1 an output, and one for a bias."""
        return Number(0)

    def elementwise(self, inputs: Shapes) -> tuple[Item, ...]:
        """Every other operation, itemised."""
        return ()

    def window(self, inputs: Shapes, which: int = 0) -> tuple[Window, ...]:
        """For each spatial axis, what an output position sees of input ``which``."""
        return tuple(SAME_PLACE for _ in spatial(inputs[which]))

    def options(self) -> dict[str, Any]:
        """The options that differ from their defaults, in the order of the model."""
        return {
            name: getattr(self, name)
            for name, field in type(self).model_fields.items()
            if field.is_required() or getattr(self, name) != field.default
        }


class Weighted(Layer):
    """A layer with weights of its own: they may be frozen, and say how they begin."""

    frozen: bool = False
    """Kept as they are in training; they count as parameters all the same."""
    init: str | None = None
    """Name of the initialiser; the recipe's when not given."""


def axes_of(shape: Shape) -> tuple[Formula, ...]:
    """The shape itself as named axes: an elementwise layer's output."""
    return (*spatial_symbols(shape, "i", "input"), Symbol("C", shape[-1], "channels"))


def spatial_symbols(shape: Shape, letter: str, what: str) -> tuple[Symbol, ...]:
    names = AXES[len(shape) - 1]
    return tuple(
        Symbol(f"{letter}_{name}", size, f"{what} {AXIS_NAMES[name]}")
        for name, size in zip(names, shape, strict=False)
    )


def output_symbols(shape: Shape) -> tuple[Symbol, ...]:
    """The output's spatial sizes as symbols ``o_h``, ``o_w`` for the laws of counting."""
    return spatial_symbols(shape, "o", "output")


def count_of(shape: Shape, letter: str = "o", what: str = "output") -> Formula:
    """How many values a shape holds, as a product of named sizes."""
    channels = Symbol("C" if letter == "i" else "C_out", shape[-1], f"{what} channels")
    return product((*spatial_symbols(shape, letter, what), channels))


def need_spatial(word: str, shape: Shape, fewest: int = 1, most: int = 3) -> None:
    """Refuse a shape whose number of spatial axes the layer cannot take."""
    if not fewest <= len(shape) - 1 <= most:
        raise Misfit(
            "needs-a-map",
            f"{word} needs a map with {fewest} to {most} spatial axes, not {show(shape)}",
            help=("put it before flatten, or reshape the vector into a map",),
        )
