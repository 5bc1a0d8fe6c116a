"""Maps of another size: by a factor, or to a size that is asked for."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from math import gcd, prod
from typing import Annotated, Any, ClassVar, Final, Literal, Self, TypeAlias

from pydantic import BeforeValidator, Field, PositiveFloat, PositiveInt, model_validator

from cnnspec.diagnostics import LayerError
from cnnspec.formula import Formula, Symbol, floor, product
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
from cnnspec.layers.facts import Counts, Effect, Figures, Keeps, Picture, Storage
from cnnspec.layers.window import Extent, need_spatial, per_axis
from cnnspec.records import record

TAPS: Final = {"bilinear": 2, "bicubic": 4}
"""Pixels along an axis that an output value is mixed of."""
READS: Final[dict[str, Literal["nearest", "linear", "cubic"]]] = {
    "nearest": "nearest", "bilinear": "linear", "bicubic": "cubic",
}  # fmt: skip


def _numbers(value: Any) -> Any:
    """A single number as a size of one; whole numbers without a point."""
    values = value if isinstance(value, tuple | list) else (value,)
    return tuple(int(n) if isinstance(n, float) and n.is_integer() else n for n in values)


Factors: TypeAlias = Annotated[
    tuple[PositiveInt | PositiveFloat, ...], BeforeValidator(_numbers), Field(min_length=1, max_length=3)
]
"""One positive number for all axes, or one an axis; ``1.5`` too."""


def _filled(nearest: int, linear: Sequence[int], cubic: int | None = None) -> Any:
    """So much an output value by mode; ``linear`` by the number of spatial axes."""

    def count(figures: Figures) -> int | None:
        by_mode = {"nearest": nearest, "bilinear": linear[len(figures.input) - 1], "bicubic": cubic}
        each = by_mode.get(figures.layer.mode, 0)
        return None if each is None else each * prod(figures.output)

    return count


def _fvcore(figures: Figures) -> int | None:
    """It knows the layer on two spatial axes alone."""
    found: int | None = _filled(1, (0, 0, 4, 0))(figures)
    return found if len(figures.input) == 3 else 0


@record
class ResampledAxis:
    """One axis of a map: ``count`` positions in the place of ``size``."""

    name: str
    size: int
    count: int
    window: Stretch

    @property
    def is_plain(self) -> bool:
        """Whether nothing changes along it."""
        return self.size == self.count and self.window.inputs == self.window.outputs


class Upsample(Layer):
    """A map of another size, without weights: so many times larger, or of a size that is asked for.

    ``nearest`` repeats pixels; ``bilinear`` mixes the two nearest along each axis, weighted by distance
    between pixel centres (linear on one axis, trilinear on three); ``bicubic`` four, by Keys' cubic with
    a = −0.75; ``nails`` puts each pixel at the near corner of its square and zeros elsewhere. Centres lie
    by the half-pixel rule, or with align=corners so that those of both maps' corners meet.
    """

    word: ClassVar[str] = "upsample"
    family: ClassVar[Family] = Family.RESAMPLE
    storage: ClassVar[Storage] = Storage.OWN
    keeps: ClassVar[Keeps] = Keeps.NOTHING
    effect: ClassVar[Effect] = Effect.NONE
    picture: ClassVar[Picture] = Picture.SLAB
    counts: ClassVar[Counts] = {
        "fvcore": _fvcore, "ptflops": _filled(2, (0, 2, 2, 2)), "thop": _filled(1, (0, 5, 11, 0), 259),
        "calflops": 1, "torchinfo": 0,
    }  # fmt: skip
    example: ClassVar[str] = "input 14x14x64; upsample 2 mode=bilinear"
    positional: ClassVar[tuple[str, ...]] = ("scale",)

    scale: Factors | None = Field(
        None, description="how many times larger, for all axes or for each; 1.5 or 0.5 too"
    )
    to: Extent | None = Field(None, description="size of the output, in place of a factor")
    mode: Literal["nearest", "bilinear", "bicubic", "nails"] = Field(
        "nearest", description="what fills the new pixels"
    )
    align: Literal["edges", "corners"] = Field(
        "edges", description="what of both maps meets: their edges, or the centres of their corner pixels"
    )

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.scale is None) == (self.to is None):
            raise ValueError(
                "give either a factor, as in upsample 2, or the size wanted, as in upsample to=56x56"
            )
        if self.align == "corners" and self.mode not in TAPS:
            raise ValueError("align=corners needs mode=bilinear or mode=bicubic: other modes mix no pixels")
        if self.mode == "nails" and not self.is_whole:
            raise ValueError("mode=nails needs whole factors")
        return self

    @property
    def is_whole(self) -> bool:
        """Whether every pixel becomes the same whole number of pixels."""
        return self.scale is not None and all(isinstance(factor, int) for factor in self.scale)

    def axes(self, inputs: Shapes) -> tuple[ResampledAxis, ...]:
        """Both sizes of each axis, and what its positions see."""
        return tuple(self._axes(inputs))

    def _axes(self, inputs: Shapes) -> Iterator[ResampledAxis]:
        for name, size, law in zip(
            AXES[len(inputs[0]) - 1], spatial(inputs[0]), self._laws(inputs), strict=True
        ):
            count = int(law)
            if count < 1:
                raise LayerError(
                    "window-larger-than-input",
                    f"upsample leaves nothing of a {AXIS_NAMES[name]} of {size}",
                    notes=(law.law(), law.worked()),
                    help=(f"take a factor of at least 1/{size}, or say the size wanted: upsample to=1",),
                    option="scale",
                )
            yield ResampledAxis(name, size, count, self._window(name, size, count, len(inputs[0]) - 1))

    def _laws(self, inputs: Shapes) -> list[Formula]:
        need_spatial(self.word, inputs[0])
        names, sizes = AXES[len(inputs[0]) - 1], spatial(inputs[0])
        if self.to is not None:
            wanted = per_axis("to", self.to, len(sizes))
            return [
                Symbol(f"o_{name}", count, f"{AXIS_NAMES[name]} asked for")
                for name, count in zip(names, wanted, strict=True)
            ]
        found: list[Formula] = []
        for name, size, factor in zip(names, sizes, self._factors(len(sizes)), strict=True):
            law = Symbol("i", size, f"input along the {AXIS_NAMES[name]}") * Symbol("s", factor, "scale")
            found.append(law if isinstance(factor, int) else floor(law))
        return found

    def _factors(self, rank: int) -> list[int | Fraction]:
        """The factors, exactly as they are written."""
        given = per_axis("scale", self.scale or (), rank)  # type: ignore[arg-type]
        return [factor if isinstance(factor, int) else Fraction(str(factor)) for factor in given]

    def _window(self, name: str, size: int, count: int, rank: int) -> Stretch:
        inputs, outputs, corners = size, count, self.align == "corners"
        if corners:
            inputs, outputs = (size - 1, count - 1) if count > 1 else (0, 1)
        elif self.scale is not None:
            factor = Fraction(self._factors(rank)[AXES[rank].index(name)])
            inputs, outputs = factor.denominator, factor.numerator
        shared = gcd(inputs, outputs)
        return Stretch(inputs // shared, outputs // shared, READS.get(self.mode, "nearest"), corners)

    def output(self, inputs: Shapes) -> tuple[Formula, ...]:
        self.axes(inputs)
        return (*self._laws(inputs), Symbol("C", inputs[0][-1], "channels"))

    def elementwise(self, inputs: Shapes) -> tuple[Item, ...]:
        if self.mode not in TAPS:
            return ()
        channels = Symbol("C", inputs[0][-1], "channels")
        taps = TAPS[self.mode] ** (len(inputs[0]) - 1)
        outputs = (*output_symbols(self.shape(inputs)), channels)
        return (
            Item("multiplications", product((taps, *outputs))),
            Item("additions", product((taps - 1, *outputs))),
        )

    def window(self, inputs: Shapes, which: int = 0) -> tuple[Window, ...]:
        if self.mode == "nails":
            return tuple(Spread(1, axis.window.outputs, 0) for axis in self.axes(inputs))
        return tuple(axis.window for axis in self.axes(inputs))
