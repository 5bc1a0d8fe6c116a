"""Pooling over sliding windows, and the greatest value of each.

``avgpool`` has their mean, ``globalpool`` what takes whole maps, ``other_pools`` what few networks have.
"""

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from cnnspec.formula import Formula, Symbol, product
from cnnspec.layers.base import (
    AXES,
    Family,
    Item,
    Layer,
    Shape,
    Shapes,
    Window,
    output_symbols,
    spatial,
)
from cnnspec.layers.facts import NOTHING, Counts, Effect, Keeps, Picture, Storage
from cnnspec.layers.window import (
    AdaptiveAxis,
    Axis,
    Extent,
    Padding,
    Sliding,
    check_sight,
    kernel_symbols,
    need_spatial,
    per_axis,
)

KERNEL = "height and width of the window"
STRIDE = "pixels from one window to the next; the window's own size unless given"
PADDING = "pixels around the map: a number, (h, w), (top, bottom, left, right), same, valid or full"
SLIDES = ("kernel", "stride", "padding", "rounding", "dilation", "count_padding")
ROUNDING = "whether a last window that only partly fits is left out or kept"


class Pooling(Layer):
    """One value from each window of each channel."""

    family: ClassVar[Family] = Family.POOL
    storage: ClassVar[Storage] = Storage.OWN
    keeps: ClassVar[Keeps] = Keeps.NOTHING
    effect: ClassVar[Effect] = Effect.NONE
    picture: ClassVar[Picture] = Picture.BOX

    def axes(self, inputs: Shapes) -> tuple[Axis, ...]:
        """The window along each spatial axis; raises LayerError where it does not fit."""
        raise NotImplementedError


class Pool(Sliding, Pooling):
    """A window that slides over each channel alone; its stride is its size unless said."""

    example: ClassVar[str] = "input 28x28x6; {word} 2x2"
    positional: ClassVar[tuple[str, ...]] = ("kernel",)

    kernel: Extent = Field(description=KERNEL)
    stride: Extent | None = Field(None, description=STRIDE)
    padding: Padding = Field((0,), description=PADDING)
    rounding: Literal["floor", "ceil"] = Field("floor", description=ROUNDING)

    def axes(self, inputs: Shapes) -> tuple[Axis, ...]:
        found = super().axes(inputs)
        check_sight(self.word, found)
        return found

    def output(self, inputs: Shapes) -> tuple[Formula, ...]:
        return (*(axis.output for axis in self.axes(inputs)), channels_of(inputs[0]))

    def taps(self, inputs: Shapes) -> Formula:
        """Values in one window."""
        return product(kernel_symbols(self.axes(inputs)))

    def outputs(self, inputs: Shapes) -> tuple[Formula, ...]:
        """The output's sizes, as factors of the laws of counting."""
        return (*output_symbols(self.shape(inputs)), channels_of(inputs[0]))


class Choosing(Pool):
    """A pool that picks a value by comparing; padding is never picked."""

    keeps: ClassVar[Keeps] = Keeps.PLACES
    dilation: Extent = Field((1,), description="pixels from one tap of the window to the next")

    def elementwise(self, inputs: Shapes) -> tuple[Item, ...]:
        return (Item("comparisons", product((*self.outputs(inputs), self.taps(inputs) - 1))),)


class Adaptive(Pool):
    """A pool whose window is given, or the size of its output: then windows lie evenly over the map."""

    kernel: Extent | None = Field(None, description=KERNEL)  # type: ignore[assignment]
    to: Extent | None = Field(
        None, description="size of the output, in place of a window: windows lie evenly over any map"
    )

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.kernel is None and self.to is None:
            raise ValueError(
                f"give a window, as in {self.word} 2x2, or the size wanted, as in {self.word} to=7x7"
            )
        if self.to is not None and (given := [name for name in SLIDES if name in self.options()]):
            raise ValueError(f"with to=, the windows follow from both sizes: leave out {given[0]}")
        return self

    def adaptive(self, inputs: Shapes) -> tuple[AdaptiveAxis, ...]:
        """The windows along each axis; none where a window is given."""
        if self.to is None:
            return ()
        need_spatial(self.word, inputs[0])
        sizes = spatial(inputs[0])
        counts = per_axis("to", self.to, len(sizes))
        return tuple(map(AdaptiveAxis, AXES[len(sizes)], sizes, counts))

    def axes(self, inputs: Shapes) -> tuple[Axis, ...]:
        """The window along each axis; none where windows of several lengths lie over the map."""
        if self.to is None:
            return super().axes(inputs)
        found = self.adaptive(inputs)
        if any(axis.size % axis.count for axis in found):
            return ()
        sides = [(axis.name, axis.size, axis.size // axis.count) for axis in found]
        return tuple(Axis(name, size, window, window, 0, 0) for name, size, window in sides)

    def output(self, inputs: Shapes) -> tuple[Formula, ...]:
        if found := self.adaptive(inputs):
            return (*(axis.output for axis in found), channels_of(inputs[0]))
        return super().output(inputs)

    def beside_first(self, inputs: Shapes) -> Formula:
        """Values of all windows together but one of each."""
        outputs = self.outputs(inputs)
        if found := self.adaptive(inputs):
            read = product((*(axis.pixels for axis in found), outputs[-1]))
            return read - product(outputs)
        return product((*outputs, self.taps(inputs) - 1))

    def window(self, inputs: Shapes, which: int = 0) -> tuple[Window, ...]:
        return tuple(axis.window for axis in self.adaptive(inputs)) or super().window(inputs, which)


class MaxPool(Adaptive, Choosing):
    """The greatest value of each window; padding counts as minus infinity. Several greatest: the first."""

    word: ClassVar[str] = "maxpool"
    counts: ClassVar[Counts] = NOTHING | {"ptflops": 2, "calflops": 1}

    def elementwise(self, inputs: Shapes) -> tuple[Item, ...]:
        return (Item("comparisons", self.beside_first(inputs)),)


def channels_of(shape: Shape) -> Symbol:
    return Symbol("C", shape[-1], "channels")
