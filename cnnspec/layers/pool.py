"""Pooling over sliding windows and whole maps, its undoing, and LeNet's trained subsampling."""

from math import prod
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from cnnspec.diagnostics import LayerError
from cnnspec.formula import Formula, Symbol, product
from cnnspec.layers.base import (
    AXES,
    Everything,
    Family,
    Item,
    Layer,
    Shape,
    Shapes,
    Sizes,
    Spread,
    Weight,
    Weighted,
    Window,
    output_symbols,
    show,
    spatial,
    spatial_symbols,
)
from cnnspec.layers.facts import NOTHING, UNKNOWN, Counts, Effect, Figures, Picture, Storage
from cnnspec.layers.window import (
    AdaptiveAxis,
    Axis,
    Extent,
    Padding,
    Sliding,
    axes,
    check_sight,
    kernel_symbols,
    need_spatial,
    per_axis,
)
from cnnspec.layers.writing import Unit

KERNEL = "height and width of the window"
STRIDE = "pixels from one window to the next; the window's own size unless given"
PADDING = "pixels around the map: a number, (h, w), (top, bottom, left, right), same, valid or full"
SLIDES = ("kernel", "stride", "padding", "rounding", "dilation", "count_padding")
ROUNDING = "whether a last window that only partly fits is left out or kept"


def _averaged(figures: Figures) -> int:
    """One for each output; of an adaptive pool its window too, whose size is rounded down."""
    if getattr(figures.layer, "kernel", None) is not None:
        return prod(figures.output)
    window = prod(i // o for i, o in zip(spatial(figures.input), spatial(figures.output), strict=True))
    return (window + 1) * prod(figures.output)


def _on_a_picture(figures: Figures) -> int:
    """Of adaptive pools the input's values; the tool knows them on two spatial axes alone."""
    is_adaptive = getattr(figures.layer, "kernel", None) is None and len(figures.input) == 3
    return prod(figures.input) if is_adaptive else 0


class Pooling(Layer):
    """One value from each window of each channel."""

    family: ClassVar[Family] = Family.POOL
    storage: ClassVar[Storage] = Storage.OWN
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
        return (*(axis.output for axis in self.axes(inputs)), _channels(inputs[0]))

    def taps(self, inputs: Shapes) -> Formula:
        """Values in one window."""
        return product(kernel_symbols(self.axes(inputs)))

    def outputs(self, inputs: Shapes) -> tuple[Formula, ...]:
        """The output's sizes, as factors of the laws of counting."""
        return (*output_symbols(self.shape(inputs)), _channels(inputs[0]))


class _Choice(Pool):
    """A pool that picks a value by comparing; padding is never picked."""

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
            return (*(axis.output for axis in found), _channels(inputs[0]))
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


class MaxPool(Adaptive, _Choice):
    """The greatest value of each window; padding counts as minus infinity. Several greatest: the first."""

    word: ClassVar[str] = "maxpool"
    counts: ClassVar[Counts] = NOTHING | {"ptflops": 2, "calflops": 1}

    def elementwise(self, inputs: Shapes) -> tuple[Item, ...]:
        return (Item("comparisons", self.beside_first(inputs)),)


class MinPool(_Choice):
    """The least value of each window; padding counts as plus infinity. Several least: the first."""

    word: ClassVar[str] = "minpool"
    counts: ClassVar[Counts] = UNKNOWN


class MedianPool(_Choice):
    """The median of each window's values on the map; of an even number, the mean of the two in the middle.

    Padding has no say. Comparisons are counted as for sorting by insertion, k(k − 1)/2 a window.
    """

    word: ClassVar[str] = "medianpool"
    counts: ClassVar[Counts] = UNKNOWN

    def elementwise(self, inputs: Shapes) -> tuple[Item, ...]:
        outputs, taps = self.outputs(inputs), self.taps(inputs)
        compared = Item("comparisons", product((*outputs, taps * (taps - 1) / 2)))
        if int(taps) % 2:
            return (compared,)
        return compared, Item("additions", product(outputs)), Item("divisions", product(outputs))


class AvgPool(Adaptive):
    """The mean of each window."""

    word: ClassVar[str] = "avgpool"
    counts: ClassVar[Counts] = {
        "fvcore": _on_a_picture, "ptflops": 2, "thop": _averaged, "calflops": 1, "torchinfo": 0,
    }  # fmt: skip

    count_padding: bool = Field(
        True, description="divide by the whole window, padding included, not by its pixels on the map alone"
    )

    def elementwise(self, inputs: Shapes) -> tuple[Item, ...]:
        return (
            Item("additions", self.beside_first(inputs)),
            Item("divisions", product(self.outputs(inputs))),
        )


class Subsample(Weighted, Pool):
    """LeNet's subsampling of 1998: a window's sum times a trained factor, plus a trained term, a channel.

    Weights: ``weight`` (C,), ``bias`` (C,). LeCun et al. 1998, layers S2 and S4.
    """

    word: ClassVar[str] = "subsample"
    counts: ClassVar[Counts] = UNKNOWN

    def arrays(self, inputs: Shapes) -> tuple[Weight, ...]:
        channels, fan = inputs[0][-1], int(self.taps(inputs))
        return (
            Weight("weight", (channels,), _channels(inputs[0]), initial="constant", value=1 / fan),
            Weight("bias", (channels,), _channels(inputs[0]), initial="zeros"),
        )

    def params(self, inputs: Shapes) -> Formula:
        return 2 * _channels(inputs[0])

    def elementwise(self, inputs: Shapes) -> tuple[Item, ...]:
        outputs = self.outputs(inputs)
        return (
            Item("additions", product((*outputs, self.taps(inputs)))),
            Item("multiplications", product(outputs)),
        )


class _GlobalPool(Pooling):
    """One value for each channel, from its whole map: 1x1xC."""

    example: ClassVar[str] = "input 28x28x6; {word}"

    def output(self, inputs: Shapes) -> tuple[Formula, ...]:
        need_spatial(self.word, inputs[0])
        ones = spatial_symbols((*(1 for _ in spatial(inputs[0])), 1), "o", "output")
        return (*ones, _channels(inputs[0]))

    def axes(self, inputs: Shapes) -> tuple[Axis, ...]:
        sizes = spatial(inputs[0])
        return tuple(Axis(name, n, n, 1, 0, 0) for name, n in zip(AXES[len(sizes)], sizes, strict=True))

    def window(self, inputs: Shapes, which: int = 0) -> tuple[Window, ...]:
        return tuple(Everything() for _ in spatial(inputs[0]))

    def others(self, inputs: Shapes) -> Formula:
        """All values of a channel but one, times the channels."""
        pixels = product(spatial_symbols(inputs[0], "i", "input"))
        return _channels(inputs[0]) * (pixels - 1)


class GlobalAvgPool(_GlobalPool):
    """The mean of each channel over its whole map, 1x1xC. Lin et al. 2013."""

    word: ClassVar[str] = "globalavgpool"
    counts: ClassVar[Counts] = {
        "fvcore": _on_a_picture, "ptflops": 2, "thop": _averaged, "calflops": 1, "torchinfo": 0,
    }  # fmt: skip

    def elementwise(self, inputs: Shapes) -> tuple[Item, ...]:
        return Item("additions", self.others(inputs)), Item("divisions", _channels(inputs[0]))


class GlobalMaxPool(_GlobalPool):
    """The greatest value of each channel over its whole map, 1x1xC."""

    word: ClassVar[str] = "globalmaxpool"
    counts: ClassVar[Counts] = NOTHING | {"ptflops": 2, "calflops": 1}

    def elementwise(self, inputs: Shapes) -> tuple[Item, ...]:
        return (Item("comparisons", self.others(inputs)),)


class Unpool(Pooling):
    """Puts each value back where a named max or min pool took its own from; zeros elsewhere.

    Reads the current map and the pool, whose output it must match in shape; gives the shape of the
    pool's input. Where two windows remember one place, the later one counts. Zeiler, Fergus 2013.
    """

    word: ClassVar[str] = "unpool"
    picture: ClassVar[Picture] = Picture.SLAB
    counts: ClassVar[Counts] = NOTHING
    example: ClassVar[str] = "input 28x28x6; p: maxpool 2x2; relu; unpool p"
    positional: ClassVar[tuple[str, ...]] = ("pool",)
    arity: ClassVar[tuple[int, int | None]] = (2, 2)
    references: ClassVar[tuple[str, ...]] = ("pool",)
    derived: ClassVar[frozenset[str]] = frozenset(
        {"size", "kernel", "stride", "padding", "dilation", "rounding"}
    )

    pool: Annotated[str, Unit("label")] = Field(description="label of the pool whose places are used")
    size: Sizes | None = None
    kernel: Extent = (1,)
    stride: Extent | None = None
    padding: Padding = (0,)
    dilation: Extent = (1,)
    rounding: Literal["floor", "ceil"] = "floor"

    def bind(self, *referred: tuple[Layer, Shapes]) -> "Unpool":
        """The unpool of this very pool: its window and the shape of its input are taken over."""
        layer, shapes = referred[0]
        if not isinstance(layer, MaxPool | MinPool):
            raise LayerError(
                "unpool-needs-a-pool",
                f"unpool needs a maxpool or minpool, whose places it uses, but {self.pool} is {layer.word}",
                help=("name a maxpool or a minpool, or use upsample",),
                option="pool",
            )
        if layer.kernel is None:
            raise LayerError(
                "unpool-needs-a-pool",
                f"the windows of {self.pool} follow from its sizes: unpool needs a pool with a window",
                help=("give the pool a window, as in maxpool 2x2, or use upsample",),
                option="pool",
            )
        taken = {name: getattr(layer, name) for name in self.derived if name != "size"}
        return Unpool(pool=self.pool, size=shapes[0], **taken)

    def axes(self, inputs: Shapes) -> tuple[Axis, ...]:
        """The pool's own window along each axis of its input."""
        if self.size is None:
            raise LayerError("unpool-needs-a-pool", "unpool needs a pool whose places it uses", option="pool")
        return axes(self, self.size)

    def output(self, inputs: Shapes) -> tuple[Formula, ...]:
        found = self.axes(inputs)
        pooled = tuple(int(axis.output) for axis in found) + inputs[1][-1:]
        if inputs[0] != pooled:
            raise LayerError(
                "shapes-do-not-match",
                f"unpool got {show(inputs[0])}, but {self.pool} gave {show(pooled)}",
                help=(f"bring the map to {show(pooled)} before it",),
            )
        assert self.size is not None
        return (*spatial_symbols(self.size, "i", f"{self.pool}'s input"), _channels(inputs[0]))

    def window(self, inputs: Shapes, which: int = 0) -> tuple[Window, ...]:
        return tuple(
            Spread(axis.kernel, axis.stride, axis.before, axis.dilation) for axis in self.axes(inputs)
        )


def _channels(shape: Shape) -> Symbol:
    return Symbol("C", shape[-1], "channels")
