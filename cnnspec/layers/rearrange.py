"""Layers that put values elsewhere: between channels and pixels, and between axes."""

from typing import ClassVar, Literal

from pydantic import Field, PositiveInt

from cnnspec.diagnostics import LayerError
from cnnspec.formula import Formula, Symbol, product
from cnnspec.layers.base import (
    AXIS_NAMES,
    SAME_PLACE,
    Everything,
    Family,
    Layer,
    Shape,
    Shapes,
    Slide,
    Stretch,
    Window,
    axes_of,
    show,
    spatial,
)
from cnnspec.layers.facts import NOTHING, Counts, Effect, Keeps, Picture, Storage
from cnnspec.layers.window import need_spatial


class _Moved(Layer):
    family: ClassVar[Family] = Family.RESHAPE
    storage: ClassVar[Storage] = Storage.OWN
    keeps: ClassVar[Keeps] = Keeps.NOTHING
    effect: ClassVar[Effect] = Effect.NONE
    picture: ClassVar[Picture] = Picture.SLAB
    counts: ClassVar[Counts] = NOTHING


class _PixelBlocks(_Moved):
    """Channels for pixels: a block of ``factor`` pixels along each axis is so many channels at one place."""

    positional: ClassVar[tuple[str, ...]] = ("factor",)

    factor: PositiveInt = Field(description="how many times larger or smaller each axis becomes")
    order: Literal["crd", "dcr"] = Field(
        "crd",
        description="which channels make one block: those side by side (crd, PyTorch's), or those a block's "
        "size apart (dcr, TensorFlow's and ONNX's default)",
    )

    def block(self, shape: Shape) -> tuple[Symbol, ...]:
        """The pixels of a block, along each axis."""
        need_spatial(self.word, shape)
        return tuple(Symbol("r", self.factor, "factor") for _ in spatial(shape))


class PixelShuffle(_PixelBlocks):
    """A larger map from more channels: factor² channels at a place become a block of pixels. Shi et al. 2016.

    Channel c·r² + i·r + j goes to row i and column j of the block of channel c; also called depth to space.
    """

    word: ClassVar[str] = "pixelshuffle"
    example: ClassVar[str] = "input 14x14x64; pixelshuffle 2"

    def output(self, inputs: Shapes) -> tuple[Formula, ...]:
        block = self.block(inputs[0])
        *sizes, channels = axes_of(inputs[0])
        if inputs[0][-1] % (pixels := self.factor ** len(block)):
            raise _indivisible(
                f"{inputs[0][-1]} channels", f"blocks of {pixels} pixels", inputs[0][-1], pixels
            )
        return (*(i * r for i, r in zip(sizes, block, strict=True)), channels / product(block))

    def window(self, inputs: Shapes, which: int = 0) -> tuple[Window, ...]:
        return tuple(Stretch(1, self.factor) for _ in spatial(inputs[0]))


class PixelUnshuffle(_PixelBlocks):
    """A smaller map of more channels: each block of pixels becomes channels at one place.

    The inverse of pixelshuffle; also called space to depth (YOLO v2's passthrough is ``order=dcr``).
    """

    word: ClassVar[str] = "pixelunshuffle"
    example: ClassVar[str] = "input 28x28x16; pixelunshuffle 2"

    def output(self, inputs: Shapes) -> tuple[Formula, ...]:
        block = self.block(inputs[0])
        *sizes, channels = axes_of(inputs[0])
        for size in spatial(inputs[0]):
            if size % self.factor:
                raise _indivisible(f"a size of {size}", f"blocks of {self.factor} pixels", size, self.factor)
        return (*(i / r for i, r in zip(sizes, block, strict=True)), product((channels, *block)))

    def window(self, inputs: Shapes, which: int = 0) -> tuple[Window, ...]:
        return tuple(Slide(self.factor, self.factor) for _ in spatial(inputs[0]))


class Transpose(_Moved):
    """The axes in another order; height and width change places unless the order is given.

    ``transpose WHC`` is the same by name; ``transpose CW`` on a sequence makes channels of its places
    (MLP-Mixer, Tolstikhin et al. 2021, written ``transpose CW``: what was channels is then the width).
    """

    word: ClassVar[str] = "transpose"
    example: ClassVar[str] = "input 28x14x6; transpose"
    positional: ClassVar[tuple[str, ...]] = ("order",)

    order: str | None = Field(
        None,
        description="the input's axes in their new order, by letters: D depth, H height, W width, C channels",
    )

    def order_of(self, shape: Shape) -> tuple[int, ...]:
        """Of each axis of the output which of the input it was."""
        names = (*"DHW"[4 - len(shape) :], "C")
        order = self.order or ("CW" if len(shape) == 2 else "".join((*names[:-3], *"WHC")))
        if len(shape) == 1 or sorted(order) != sorted(names):
            raise LayerError(
                "wrong-order-of-axes",
                f"{order} does not name each axis of {show(shape)} once",
                notes=(f"its axes are {', '.join(names)}: {', '.join(map(_name, names))}",),
                help=("put a letter for each axis, in their new order",),
                option="order",
            )
        return tuple(map(names.index, order))

    def output(self, inputs: Shapes) -> tuple[Formula, ...]:
        before = axes_of(inputs[0])
        return tuple(before[axis] for axis in self.order_of(inputs[0]))

    def window(self, inputs: Shapes, which: int = 0) -> tuple[Window, ...]:
        axes = self.order_of(inputs[0])
        return tuple(SAME_PLACE if axes[n] == n else Everything() for n in range(len(axes) - 1))


def _name(letter: str) -> str:
    return AXIS_NAMES.get(letter.lower(), "channels")


def _indivisible(what: str, into: str, count: int, parts: int) -> LayerError:
    return LayerError(
        "groups-do-not-divide",
        f"{what} cannot be cut into {into}",
        notes=(f"{count} = {count // parts}·{parts} + {count % parts}",),
        help=(f"bring it to {count - count % parts or parts} or {count - count % parts + parts}",),
        option="factor",
    )
