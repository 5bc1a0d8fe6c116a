"""Layers that add pixels or channels, cut them off, or deal them out: pad, crop, slice, shuffle."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, NonNegativeInt, PositiveInt, model_validator

from cnnspec.diagnostics import LayerError
from cnnspec.formula import Formula, Symbol, total
from cnnspec.layers.base import AXES, AXIS_NAMES, Shapes, Slide, Window, axes_of, show, spatial
from cnnspec.layers.facts import Keeps, Picture, Storage
from cnnspec.layers.flatten import Moving
from cnnspec.layers.window import Extent, Pixels, alone, need_groups, need_spatial, per_axis, per_side

AMOUNT = "pixels a side: a number, (h, w) or (top, bottom, left, right)"


class _Ends(Moving):
    """Pixels added to a map, or taken away, at both ends of each axis."""

    storage: ClassVar[Storage] = Storage.OWN
    keeps: ClassVar[Keeps] = Keeps.NOTHING
    picture: ClassVar[Picture] = Picture.SLAB
    positional: ClassVar[tuple[str, ...]] = ("amount",)

    def sides(self, inputs: Shapes) -> tuple[tuple[int, int], ...]:
        """(before, after) of each spatial axis."""
        raise NotImplementedError

    def changed(self, size: Formula, name: str, side: tuple[int, int]) -> Formula:
        """The size of an axis after it."""
        raise NotImplementedError

    def output(self, inputs: Shapes) -> tuple[Formula, ...]:
        sides = self.sides(inputs)
        *sizes, channels = axes_of(inputs[0])
        return (*map(self.changed, sizes, AXES[len(sides)], sides), channels)


class Pad(_Ends):
    """Pixels added around a map: zeros, the map mirrored, or its edge repeated; and channels of zeros."""

    word: ClassVar[str] = "pad"
    example: ClassVar[str] = "input 32x32x3; pad 2 mode=reflect"

    amount: Pixels = Field((0,), description=AMOUNT)
    mode: Literal["zeros", "reflect", "replicate"] = Field("zeros", description="what the new pixels hold")
    channels: Annotated[
        tuple[NonNegativeInt, ...], BeforeValidator(alone), Field(min_length=1, max_length=2)
    ] = Field((0,), description="channels of zeros: so many before and after, or (before, after)")

    def sides(self, inputs: Shapes) -> tuple[tuple[int, int], ...]:
        need_spatial(self.word, inputs[0])
        return per_side("amount", self.amount, len(inputs[0]) - 1)

    @property
    def ends(self) -> tuple[int, int]:
        """Channels before and after."""
        return self.channels[0], self.channels[-1]

    def output(self, inputs: Shapes) -> tuple[Formula, ...]:
        *sizes, channels = super().output(inputs)
        if self.ends == (0, 0):
            return (*sizes, channels)
        before, after = self.ends
        return (*sizes, channels + Symbol("c_0", before, "channels before") + Symbol("c_1", after, "after"))

    def changed(self, size: Formula, name: str, side: tuple[int, int]) -> Formula:
        if self.mode == "reflect":
            _need_mirror(name, int(size), max(side))
        return size + total(_both("p", name, side))

    def window(self, inputs: Shapes, which: int = 0) -> tuple[Window, ...]:
        return tuple(Slide(before=before, outside=self.mode) for before, _ in self.sides(inputs))


class Crop(_Ends):
    """Pixels cut off around a map: so many a side, or down to a size around the centre."""

    word: ClassVar[str] = "crop"
    example: ClassVar[str] = "input 64x64x512; crop 4"

    amount: Pixels | None = Field(None, description=AMOUNT)
    to: Extent | None = Field(
        None, description="the size left around the centre; an odd pixel goes at the far end"
    )
    at: Literal["centre", "start", "end"] = Field("centre", description="where the size that is left lies")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.amount is None) == (self.to is None):
            raise ValueError("give either an amount to cut off or a size to crop to")
        if self.to is None and self.at != "centre":
            raise ValueError("at says where the size that is left lies: give that size with to")
        return self

    def sides(self, inputs: Shapes) -> tuple[tuple[int, int], ...]:
        need_spatial(self.word, inputs[0])
        sizes = spatial(inputs[0])
        if self.to is None:
            assert self.amount is not None
            sides = per_side("amount", self.amount, len(sizes))
        else:
            cuts = [i - o for i, o in zip(sizes, per_axis("to", self.to, len(sizes)), strict=True)]
            before = [{"centre": cut // 2, "start": 0, "end": cut}[self.at] for cut in cuts]
            sides = tuple((near, cut - near) for near, cut in zip(before, cuts, strict=True))
        for name, size, side in zip(AXES[len(sizes)], sizes, sides, strict=True):
            _need_rest(name, size, sum(side), "amount" if self.to is None else "to")
        return sides

    def changed(self, size: Formula, name: str, side: tuple[int, int]) -> Formula:
        for cut in _both("c", name, side):
            size = size - cut
        return size

    def window(self, inputs: Shapes, which: int = 0) -> tuple[Window, ...]:
        return tuple(Slide(before=-before) for before, _ in self.sides(inputs))


class Slice(Moving):
    """Some of the channels (or of a vector's values), those from ``start`` up to before ``stop``."""

    word: ClassVar[str] = "slice"
    storage: ClassVar[Storage] = Storage.OWN
    keeps: ClassVar[Keeps] = Keeps.NOTHING
    picture: ClassVar[Picture] = Picture.BOX
    example: ClassVar[str] = "input 28x28x64; slice 0 32"
    positional: ClassVar[tuple[str, ...]] = ("start", "stop")

    start: NonNegativeInt = Field(description="the first channel taken, counted from 0")
    stop: PositiveInt = Field(description="the first channel no longer taken")

    @model_validator(mode="after")
    def _some(self) -> Self:
        if self.stop <= self.start:
            raise ValueError(f"stop must be greater than start, which is {self.start}")
        return self

    def output(self, inputs: Shapes) -> tuple[Formula, ...]:
        channels = inputs[0][-1]
        if self.stop > channels:
            raise LayerError(
                "slice-out-of-range",
                f"slice takes channels {self.start} to {self.stop - 1}, the last one there is {channels - 1}",
                notes=(f"{show(inputs[0])} has {channels} channels, counted from 0",),
                help=(f"stop at {channels} or before",),
                option="stop",
            )
        taken = Symbol("b", self.stop, "stop") - Symbol("a", self.start, "start")
        return (*axes_of(inputs[0])[:-1], taken)


class Shuffle(Moving):
    """Channels of g groups dealt out in turn, so that the next grouped layer mixes them. Zhang et al. 2017.

    Output channel c·g + n is the c-th channel of group n.
    """

    word: ClassVar[str] = "shuffle"
    storage: ClassVar[Storage] = Storage.OWN
    keeps: ClassVar[Keeps] = Keeps.NOTHING
    picture: ClassVar[Picture] = Picture.BOX
    example: ClassVar[str] = "input 28x28x12; shuffle 3"
    positional: ClassVar[tuple[str, ...]] = ("groups",)

    groups: PositiveInt = Field(description="into how many groups the channels are cut")

    def output(self, inputs: Shapes) -> tuple[Formula, ...]:
        need_groups("channels", inputs[0][-1], self.groups)
        return super().output(inputs)


def _both(letter: str, name: str, side: tuple[int, int]) -> tuple[Formula, ...]:
    """What an axis gains or loses at its two ends, as the terms of a law."""
    before, after = side
    if before == after:
        return (2 * Symbol(letter, before, f"pixels a side along the {AXIS_NAMES[name]}"),)
    near = Symbol(f"{letter}_{name}0", before, "pixels before")
    return near, Symbol(f"{letter}_{name}1", after, "pixels after")


def _need_mirror(name: str, size: int, side: int) -> None:
    if side >= size:
        raise LayerError(
            "reflection-too-wide",
            f"the {AXIS_NAMES[name]} of {size} cannot be mirrored {side} pixels outwards",
            notes=("the edge itself is not repeated, so one pixel less than the size can be mirrored",),
            help=(f"pad by at most {size - 1}, or use mode=replicate",),
            option="amount",
        )


def _need_rest(name: str, size: int, cut: int, option: str) -> None:
    if cut >= size:
        raise LayerError(
            "crop-larger-than-input",
            f"crop takes {cut} pixels off a {AXIS_NAMES[name]} of {size}: nothing is left",
            help=(f"take off at most {size - 1} pixels, both sides together",),
            option=option,
        )
    if cut < 0:
        raise LayerError(
            "crop-larger-than-input",
            f"a {AXIS_NAMES[name]} of {size} cannot be cropped to {size - cut}",
            help=(f"crop to at most {size}, or use pad",),
            option=option,
        )
