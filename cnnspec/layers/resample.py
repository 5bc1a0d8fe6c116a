"""Upsampling by a whole factor."""

from __future__ import annotations

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
from cnnspec.layers.needs import need_spatial
from cnnspec.layers.window import Extent, per_axis


class Upsample(Layer):
    """A map larger by a whole factor, without weights.

    ``nearest`` repeats pixels; ``bilinear`` mixes the two nearest along each axis, weighted by distance
    between pixel centres (half-pixel rule; linear on one axis, trilinear on three); ``nails`` puts each
    pixel at the near corner of its square and zeros elsewhere (bed of nails).
    """

    word: ClassVar[str] = "upsample"
    family: ClassVar[Family] = Family.RESAMPLE
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
