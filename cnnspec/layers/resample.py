"""Upsampling by a whole factor."""

from collections.abc import Sequence
from math import prod
from typing import ClassVar, Literal

from pydantic import Field

from cnnspec.formula import Formula, Symbol, product
from cnnspec.layers.base import (
    AXES,
    AXIS_NAMES,
    Family,
    Item,
    Layer,
    Shapes,
    Spread,
    Stretch,
    Window,
    output_symbols,
    spatial,
)
from cnnspec.layers.facts import Counts, Effect, Figures, Picture, Rule, Storage
from cnnspec.layers.window import Extent, need_spatial, per_axis


def _filled(nearest: int, linear: Sequence[int]) -> Rule:
    """So much an output value by mode; ``linear`` by the number of spatial axes."""

    def count(figures: Figures) -> int:
        each = {"nearest": nearest, "bilinear": linear[len(figures.input) - 1]}.get(figures.layer.mode, 0)
        return each * prod(figures.output)

    return count


def _fvcore(figures: Figures) -> int:
    """It knows the layer on two spatial axes alone."""
    return _filled(1, (0, 0, 4))(figures) if len(figures.input) == 3 else 0


class Upsample(Layer):
    """A map larger by a whole factor, without weights.

    ``nearest`` repeats pixels; ``bilinear`` mixes the two nearest along each axis, weighted by distance
    between pixel centres (half-pixel rule; linear on one axis, trilinear on three); ``nails`` puts each
    pixel at the near corner of its square and zeros elsewhere (bed of nails).
    """

    word: ClassVar[str] = "upsample"
    family: ClassVar[Family] = Family.RESAMPLE
    storage: ClassVar[Storage] = Storage.OWN
    effect: ClassVar[Effect] = Effect.NONE
    picture: ClassVar[Picture] = Picture.SLAB
    counts: ClassVar[Counts] = {
        "fvcore": _fvcore, "ptflops": _filled(2, (0, 2, 2, 2)), "thop": _filled(1, (0, 5, 11, 0)),
        "calflops": 1, "torchinfo": 0,
    }  # fmt: skip
    example: ClassVar[str] = "input 14x14x64; upsample 2 mode=bilinear"
    positional: ClassVar[tuple[str, ...]] = ("scale",)

    scale: Extent = Field(description="how many times larger, for all axes or for each")
    mode: Literal["nearest", "bilinear", "nails"] = Field("nearest", description="what fills the new pixels")

    def output(self, inputs: Shapes) -> tuple[Formula, ...]:
        need_spatial(self.word, inputs[0])
        scales = per_axis("scale", self.scale, len(inputs[0]) - 1)
        sizes = (
            Symbol("i", size, f"input along the {AXIS_NAMES[name]}") * Symbol("s", scale, "scale")
            for name, size, scale in zip(AXES[len(scales)], spatial(inputs[0]), scales, strict=True)
        )
        return (*sizes, Symbol("C", inputs[0][-1], "channels"))

    def elementwise(self, inputs: Shapes) -> tuple[Item, ...]:
        if self.mode != "bilinear":
            return ()
        channels = Symbol("C", inputs[0][-1], "channels")
        taps, outputs = 2 ** (len(inputs[0]) - 1), (*output_symbols(self.shape(inputs)), channels)
        return (
            Item("multiplications", product((taps, *outputs))),
            Item("additions", product((taps - 1, *outputs))),
        )

    def window(self, inputs: Shapes, which: int = 0) -> tuple[Window, ...]:
        scales = per_axis("scale", self.scale, len(inputs[0]) - 1)
        if self.mode == "nails":
            return tuple(Spread(1, scale, 0) for scale in scales)
        return tuple(Stretch(scale, linear=self.mode == "bilinear") for scale in scales)
