"""Arithmetic on one tensor: functions of every value, a factor, and figures of the channels at each place."""

from typing import ClassVar, Self

from pydantic import Field, model_validator

from cnnspec.formula import Formula, Number, Symbol, product
from cnnspec.layers.base import Family, Item, Layer, Shapes, Weight, Weighted, axes_of, times
from cnnspec.layers.facts import NOTHING, Counts, Effect, Figures, Keeps, Picture, Storage


class _EachValue(Layer):
    """One function of every value."""

    family: ClassVar[Family] = Family.ARITHMETIC
    storage: ClassVar[Storage] = Storage.IN_PLACE
    keeps: ClassVar[Keeps] = Keeps.INPUT
    effect: ClassVar[Effect] = Effect.BENDS
    picture: ClassVar[Picture] = Picture.STRIP
    counts: ClassVar[Counts] = NOTHING
    example: ClassVar[str] = "input 28x28x6; {word}"
    operation: ClassVar[str] = ""
    """What one value takes; nothing where only its sign changes."""

    def elementwise(self, inputs: Shapes) -> tuple[Item, ...]:
        return (Item(self.operation, times(1, inputs[0])),) if self.operation else ()


class Abs(_EachValue):
    """|x|: every value without its sign."""

    word: ClassVar[str] = "abs"


class Exp(_EachValue):
    """e to the power of x."""

    word: ClassVar[str] = "exp"
    operation: ClassVar[str] = "exponentials"


class Log(_EachValue):
    """ln x, the natural logarithm; no number where x < 0."""

    word: ClassVar[str] = "log"
    operation: ClassVar[str] = "logarithms"
    example: ClassVar[str] = "input 28x28x6; exp; log"


class Square(_EachValue):
    """x²."""

    word: ClassVar[str] = "square"
    operation: ClassVar[str] = "multiplications"


class Sqrt(_EachValue):
    """√x; no number where x < 0, and endlessly steep at 0."""

    word: ClassVar[str] = "sqrt"
    operation: ClassVar[str] = "roots"
    example: ClassVar[str] = "input 28x28x6; square; sqrt"


class FixedPower(_EachValue):
    """x to the power of a fixed exponent; no number where x < 0 and the exponent is not whole."""

    word: ClassVar[str] = "power"
    operation: ClassVar[str] = "powers"
    example: ClassVar[str] = "input 28x28x6; power 3"
    positional: ClassVar[tuple[str, ...]] = ("exponent",)

    exponent: float = Field(description="the exponent: 3, 0.5, (-1)")


def _trained(figures: Figures) -> int:
    """torchinfo counts the parameters of any module."""
    return figures.params


class Factor(Weighted):
    """Every value times a factor: a trained one for each channel, or a fixed number; then plus a shift.

    ``scale initial=1e-6`` is ConvNeXt's layer scale (Touvron et al. 2021), ``scale bias=yes`` an affine
    layer, ``scale 0.1`` EDSR's residual scaling. Weights, where the factor is trained: ``weight`` (C,),
    and with bias=yes ``bias`` (C,), which begins at the shift.
    """

    word: ClassVar[str] = "scale"
    family: ClassVar[Family] = Family.ARITHMETIC
    storage: ClassVar[Storage] = Storage.IN_PLACE
    keeps: ClassVar[Keeps] = Keeps.INPUT
    effect: ClassVar[Effect] = Effect.NONE
    picture: ClassVar[Picture] = Picture.STRIP
    counts: ClassVar[Counts] = NOTHING | {"torchinfo": _trained}
    example: ClassVar[str] = "input 28x28x6; scale"
    positional: ClassVar[tuple[str, ...]] = ("by",)

    by: float | None = Field(None, description="a fixed factor for all values; trained unless given")
    shift: float = Field(0.0, description="a number added to every value afterwards")
    initial: float = Field(1.0, description="where trained factors begin")
    bias: bool = Field(False, description="add a trained number to each channel, in place of the shift")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.by is not None and (self.bias or self.initial != 1):
            raise ValueError("a fixed factor is not trained: leave out bias and initial")
        return self

    def arrays(self, inputs: Shapes) -> tuple[Weight, ...]:
        if self.by is not None:
            return ()
        channels, size = inputs[0][-1:], Symbol("C", inputs[0][-1], "channels")
        weight = Weight("weight", channels, size, initial="constant", value=self.initial)
        bias = Weight("bias", channels, size, initial="constant", value=self.shift)
        return (weight, bias) if self.bias else (weight,)

    def elementwise(self, inputs: Shapes) -> tuple[Item, ...]:
        each = times(1, inputs[0])
        items = () if self.by == 1 else (Item("multiplications", each),)
        return (*items, Item("additions", each)) if self.bias or self.shift else items


class _OfChannels(Layer):
    """One figure of the channels at each place: a map of one channel."""

    family: ClassVar[Family] = Family.ARITHMETIC
    storage: ClassVar[Storage] = Storage.OWN
    effect: ClassVar[Effect] = Effect.NONE
    picture: ClassVar[Picture] = Picture.BOX
    counts: ClassVar[Counts] = NOTHING
    example: ClassVar[str] = "input 28x28x64; {word}"

    def output(self, inputs: Shapes) -> tuple[Formula, ...]:
        return (*axes_of(inputs[0])[:-1], Number(1))

    def joined(self, inputs: Shapes) -> Formula:
        """All channels but one, at every place."""
        *places, channels = axes_of(inputs[0])
        return product((*places, channels - 1))


class Mean(_OfChannels):
    """The mean of the channels at each place: a map of one channel (CBAM, Woo et al. 2018)."""

    word: ClassVar[str] = "mean"
    keeps: ClassVar[Keeps] = Keeps.NOTHING

    def elementwise(self, inputs: Shapes) -> tuple[Item, ...]:
        return Item("additions", self.joined(inputs)), Item("divisions", product(self.output(inputs)))


class Max(_OfChannels):
    """The greatest of the channels at each place: a map of one channel. Several greatest: the first."""

    word: ClassVar[str] = "max"
    keeps: ClassVar[Keeps] = Keeps.BOTH

    def elementwise(self, inputs: Shapes) -> tuple[Item, ...]:
        return (Item("comparisons", self.joined(inputs)),)


class L2Norm(Layer):
    """x/√(Σ x²): the channels at each place become a vector of length 1. Liu et al. 2016 (ParseNet, SSD).

    A length below epsilon counts as epsilon.
    """

    word: ClassVar[str] = "l2norm"
    family: ClassVar[Family] = Family.NORM
    storage: ClassVar[Storage] = Storage.OWN
    keeps: ClassVar[Keeps] = Keeps.OUTPUT
    effect: ClassVar[Effect] = Effect.NONE
    picture: ClassVar[Picture] = Picture.STRIP
    counts: ClassVar[Counts] = NOTHING
    example: ClassVar[str] = "input 38x38x512; l2norm; scale initial=20"

    epsilon: float = Field(1e-12, gt=0, description="the least length that is divided by")

    def elementwise(self, inputs: Shapes) -> tuple[Item, ...]:
        *places, channels = axes_of(inputs[0])
        return (
            Item("multiplications", times(1, inputs[0])),
            Item("additions", product((*places, channels - 1))),
            Item("roots", product(places)),
            Item("comparisons", product(places)),
            Item("divisions", times(1, inputs[0])),
        )
