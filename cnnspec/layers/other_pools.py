"""Pools that few networks have: least value, median, LeNet's trained subsampling, and pooling undone."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from cnnspec.diagnostics import LayerError
from cnnspec.formula import Formula, product
from cnnspec.layers.base import (
    Item,
    Layer,
    Shapes,
    Sizes,
    Spread,
    Weight,
    Weighted,
    Window,
    show,
    spatial_symbols,
)
from cnnspec.layers.facts import NOTHING, UNKNOWN, Counts, Keeps, Picture
from cnnspec.layers.pool import Choosing, MaxPool, Pool, Pooling, channels_of
from cnnspec.layers.window import Axis, Extent, Padding, axes
from cnnspec.layers.writing import Unit


class MinPool(Choosing):
    """The least value of each window; padding counts as plus infinity. Several least: the first."""

    word: ClassVar[str] = "minpool"
    counts: ClassVar[Counts] = UNKNOWN


class MedianPool(Choosing):
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


class Subsample(Weighted, Pool):
    """LeNet's subsampling of 1998: a window's sum times a trained factor, plus a trained term, a channel.

    Weights: ``weight`` (C,), ``bias`` (C,). LeCun et al. 1998, layers S2 and S4.
    """

    word: ClassVar[str] = "subsample"
    keeps: ClassVar[Keeps] = Keeps.INPUT
    counts: ClassVar[Counts] = UNKNOWN

    def arrays(self, inputs: Shapes) -> tuple[Weight, ...]:
        channels, fan = inputs[0][-1], int(self.taps(inputs))
        return (
            Weight("weight", (channels,), channels_of(inputs[0]), initial="constant", value=1 / fan),
            Weight("bias", (channels,), channels_of(inputs[0]), initial="zeros"),
        )

    def params(self, inputs: Shapes) -> Formula:
        return 2 * channels_of(inputs[0])

    def elementwise(self, inputs: Shapes) -> tuple[Item, ...]:
        outputs = self.outputs(inputs)
        return (
            Item("additions", product((*outputs, self.taps(inputs)))),
            Item("multiplications", product(outputs)),
        )


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
        return (*spatial_symbols(self.size, "i", f"{self.pool}'s input"), channels_of(inputs[0]))

    def window(self, inputs: Shapes, which: int = 0) -> tuple[Window, ...]:
        return tuple(
            Spread(axis.kernel, axis.stride, axis.before, axis.dilation) for axis in self.axes(inputs)
        )
