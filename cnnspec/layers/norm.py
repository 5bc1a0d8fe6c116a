"""Normalisation across the batch, the sample, groups of channels and neighbouring channels."""

from math import prod
from typing import ClassVar, Literal

from pydantic import Field, PositiveInt

from cnnspec.diagnostics import LayerError
from cnnspec.formula import Formula, Symbol, product
from cnnspec.layers.base import (
    SAME_PLACE,
    Everything,
    Family,
    Item,
    Layer,
    Shape,
    Shapes,
    Weight,
    Weighted,
    Window,
    axes_of,
    factors,
    spatial,
    times,
    values,
)
from cnnspec.layers.facts import NOTHING, Count, Counts, Effect, Figures, Keeps, Picture, Storage, params
from cnnspec.layers.window import need_groups, need_spatial


def _affine(plain: int, scaled: int) -> Count:
    """So much an input value, more when it is scaled and shifted."""
    return lambda figures: (scaled if figures.layer.affine else plain) * prod(figures.input)


class _Affine(Weighted):
    """A normalisation that scales and shifts afterwards."""

    family: ClassVar[Family] = Family.NORM
    storage: ClassVar[Storage] = Storage.IN_PLACE
    keeps: ClassVar[Keeps] = Keeps.INPUT
    picture: ClassVar[Picture] = Picture.STRIP
    example: ClassVar[str] = "input 28x28x6; {word}"

    centred: ClassVar[bool] = True
    """Whether the mean is taken away."""

    epsilon: float = Field(1e-5, gt=0, description="added to the variance, so that no division is by zero")
    affine: bool = Field(True, description="scale and shift each channel by trained numbers")

    def layout(self, inputs: Shapes) -> Shape:
        """The shape of scale and shift."""
        return (inputs[0][-1],)

    def scaled(self, inputs: Shapes) -> Formula:
        """How many values have a scale of their own."""
        return Symbol("C", inputs[0][-1], "channels")

    def arrays(self, inputs: Shapes) -> tuple[Weight, ...]:
        if not self.affine:
            return ()
        layout, size = self.layout(inputs), self.scaled(inputs)
        return Weight("weight", layout, size, initial="ones"), Weight("bias", layout, size, initial="zeros")

    def params(self, inputs: Shapes) -> Formula:
        return product((2, *factors(self.scaled(inputs)))) if self.affine else super().params(inputs)


class BatchNorm(_Affine):
    """(x − mean)/√(variance + epsilon), then scale and shift, a channel at a time. Ioffe, Szegedy 2015.

    In training mean and variance are the batch's; in use they are the running ones, and all four
    numbers fold into one factor and one term. With frozen=yes it is so in training as well, and the
    running ones stay. Weights: ``weight`` (C,), ``bias`` (C,);
    buffers, which are not trained: ``running_mean`` (C,), ``running_var`` (C,).
    """

    word: ClassVar[str] = "batchnorm"
    effect: ClassVar[Effect] = Effect.CENTERS
    counts: ClassVar[Counts] = {
        "fvcore": _affine(1, 2), "ptflops": _affine(1, 2), "thop": _affine(2, 4), "calflops": _affine(1, 2),
        "torchinfo": params,
    }  # fmt: skip

    momentum: float = Field(
        0.1, gt=0, le=1, description="how much of each batch enters the running mean and variance"
    )

    def arrays(self, inputs: Shapes) -> tuple[Weight, ...]:
        layout, size = self.layout(inputs), self.scaled(inputs)
        return (
            *super().arrays(inputs),
            Weight("running_mean", layout, size, initial="zeros", buffer=True),
            Weight("running_var", layout, size, initial="ones", buffer=True),
        )

    def buffers(self, inputs: Shapes) -> Formula:
        return product((2, self.scaled(inputs)))

    def least_batch(self, inputs: Shapes) -> int:
        """Two where a sample has one value a channel: alone it is its own mean, and becomes 0."""
        return 1 if self.frozen or prod(inputs[0][:-1]) > 1 else 2

    def elementwise(self, inputs: Shapes) -> tuple[Item, ...]:
        each = values(inputs[0])
        return Item("multiplications", each), Item("additions", each)


class PerSample(_Affine):
    """Mean and variance over parts of one sample, also when the network is used."""

    def channel_groups(self, channels: int) -> int:
        """Into how many groups the channels fall, each with a mean and a variance of its own."""
        return 1

    def parts(self, inputs: Shapes) -> tuple[Formula, ...]:
        """Into how many parts a sample falls, as factors; none is one part."""
        return ()

    def elementwise(self, inputs: Shapes) -> tuple[Item, ...]:
        n, parts = values(inputs[0]), product(self.parts(inputs))
        affine = 1 if self.affine else 0
        return (
            Item("additions", times(3 + affine, inputs[0]) - parts),
            Item("multiplications", times(1 + affine, inputs[0])),
            Item("divisions", n + product((2, *self.parts(inputs)))),
            Item("roots", parts),
        )


class _Over(PerSample):
    """Over one whole sample, or over the channels at each place."""

    over: Literal["all", "channels"] = Field("all", description="the whole sample, or each place's channels")

    def layout(self, inputs: Shapes) -> Shape:
        channels = inputs[0][-1:]
        return channels if self.over == "channels" else channels + spatial(inputs[0])

    def scaled(self, inputs: Shapes) -> Formula:
        return super().scaled(inputs) if self.over == "channels" else values(inputs[0])

    def parts(self, inputs: Shapes) -> tuple[Formula, ...]:
        return axes_of(inputs[0])[:-1] if self.over == "channels" else ()

    def window(self, inputs: Shapes, which: int = 0) -> tuple[Window, ...]:
        sees = SAME_PLACE if self.over == "channels" else Everything()
        return tuple(sees for _ in spatial(inputs[0]))


class LayerNorm(_Over):
    """Mean and variance over one whole sample, or over the channels at each place. Ba et al. 2016.

    Weights: ``weight`` and ``bias``, (C, *spatial) over all and (C,) over channels.
    """

    word: ClassVar[str] = "layernorm"
    effect: ClassVar[Effect] = Effect.NONE
    counts: ClassVar[Counts] = {
        "fvcore": _affine(4, 5), "ptflops": 1, "thop": _affine(2, 4), "calflops": _affine(4, 5),
        "torchinfo": params,
    }  # fmt: skip


class RmsNorm(_Over):
    """x/√(mean of x² + epsilon), then scaled: layer norm that leaves the mean. Zhang, Sennrich 2019.

    Over the whole sample, or the channels at each place. Weights: ``weight``, as layer norm's.
    """

    word: ClassVar[str] = "rmsnorm"
    effect: ClassVar[Effect] = Effect.NONE
    counts: ClassVar[Counts] = NOTHING | {"torchinfo": params}
    centred: ClassVar[bool] = False

    def arrays(self, inputs: Shapes) -> tuple[Weight, ...]:
        return super().arrays(inputs)[:1]

    def params(self, inputs: Shapes) -> Formula:
        return self.scaled(inputs) if self.affine else super().params(inputs)

    def elementwise(self, inputs: Shapes) -> tuple[Item, ...]:
        n, parts = values(inputs[0]), product(self.parts(inputs))
        return (
            Item("additions", n),
            Item("multiplications", times(2 if self.affine else 1, inputs[0])),
            Item("divisions", n + parts),
            Item("roots", parts),
        )


class GroupNorm(PerSample):
    """Mean and variance over groups of channels of one sample. Wu, He 2018.

    ``groups=1`` is layer norm with scales a channel, ``groups=C`` is instance norm.
    Weights: ``weight`` (C,), ``bias`` (C,).
    """

    word: ClassVar[str] = "groupnorm"
    effect: ClassVar[Effect] = Effect.NONE
    counts: ClassVar[Counts] = {
        "fvcore": _affine(4, 5), "ptflops": _affine(1, 2), "thop": 0, "calflops": _affine(4, 5),
        "torchinfo": params,
    }  # fmt: skip
    example: ClassVar[str] = "input 28x28x64; groupnorm 8"
    positional: ClassVar[tuple[str, ...]] = ("groups",)

    groups: PositiveInt = Field(description="into how many groups the channels are cut")

    def output(self, inputs: Shapes) -> tuple[Formula, ...]:
        need_groups("channels", inputs[0][-1], self.groups)
        return super().output(inputs)

    def channel_groups(self, channels: int) -> int:
        return self.groups

    def parts(self, inputs: Shapes) -> tuple[Formula, ...]:
        return (Symbol("g", self.groups, "groups"),)

    def window(self, inputs: Shapes, which: int = 0) -> tuple[Window, ...]:
        return tuple(Everything() for _ in spatial(inputs[0]))


class InstanceNorm(PerSample):
    """Mean and variance over each channel of one sample: group norm with a channel a group.

    Ulyanov, Vedaldi, Lempitsky 2016. Weights: ``weight`` (C,), ``bias`` (C,).
    """

    word: ClassVar[str] = "instancenorm"
    effect: ClassVar[Effect] = Effect.CENTERS
    counts: ClassVar[Counts] = {
        "fvcore": _affine(4, 5), "ptflops": _affine(1, 2), "thop": _affine(2, 4), "calflops": _affine(4, 5),
        "torchinfo": params,
    }  # fmt: skip

    def output(self, inputs: Shapes) -> tuple[Formula, ...]:
        need_spatial(self.word, inputs[0])
        if prod(inputs[0][:-1]) == 1:
            raise LayerError(
                "needs-a-map",
                "instancenorm needs more than one pixel: a value alone is its own mean, and becomes 0",
                help=("put it where the map is larger, or leave it out",),
            )
        return super().output(inputs)

    def channel_groups(self, channels: int) -> int:
        return channels

    def parts(self, inputs: Shapes) -> tuple[Formula, ...]:
        return (self.scaled(inputs),)

    def window(self, inputs: Shapes, which: int = 0) -> tuple[Window, ...]:
        return tuple(Everything() for _ in spatial(inputs[0]))


def _lrn_steps(figures: Figures) -> int:
    """Of PyTorch's own code: the square, the factor, the term, and the mean's input, padded by channels."""
    *axes, channels = figures.input
    padded = channels + int(figures.layer.size) - 1
    return prod(axes) * (3 * channels + padded)


class Lrn(Layer):
    """Local response normalisation across channels: x/(k + alpha/size·Σ x²)^beta. Krizhevsky et al. 2012.

    The sum runs over ``size`` neighbouring channels, size // 2 before and (size − 1) // 2 after;
    alpha is divided by the size, as PyTorch, Caffe and ONNX do.
    """

    word: ClassVar[str] = "lrn"
    family: ClassVar[Family] = Family.NORM
    storage: ClassVar[Storage] = Storage.OWN
    keeps: ClassVar[Keeps] = Keeps.BOTH
    effect: ClassVar[Effect] = Effect.NONE
    picture: ClassVar[Picture] = Picture.STRIP
    counts: ClassVar[Counts] = NOTHING | {"ptflops": _lrn_steps, "calflops": _lrn_steps}
    example: ClassVar[str] = "input 28x28x6; lrn"
    positional: ClassVar[tuple[str, ...]] = ("size",)

    size: PositiveInt = Field(5, description="how many neighbouring channels are summed")
    alpha: float = Field(1e-4, gt=0, description="weight of the squares")
    beta: float = Field(0.75, gt=0, description="power of the divisor")
    k: float = Field(1.0, gt=0, description="least value of the divisor")

    def intermediate(self, inputs: Shapes) -> Formula:
        """The divisor before its power, for each value."""
        return values(inputs[0])

    def elementwise(self, inputs: Shapes) -> tuple[Item, ...]:
        each = values(inputs[0])
        return (
            Item("multiplications", times(2, inputs[0])),
            Item("additions", product((*axes_of(inputs[0]), Symbol("n", self.size, "neighbours")))),
            Item("powers", each),
            Item("divisions", each),
        )
