"""Merges of several paths: value by value, and concatenation of channels."""

from math import prod
from typing import ClassVar, Final

from cnnspec.diagnostics import LayerError
from cnnspec.formula import Formula, Symbol, total
from cnnspec.layers.base import (
    AXES,
    AXIS_NAMES,
    SAME_PLACE,
    Everything,
    Family,
    Item,
    Layer,
    Shape,
    Shapes,
    Window,
    axes_of,
    show,
    spatial,
    times,
)
from cnnspec.layers.facts import NOTHING, Counts, Effect, Keeps, Picture, Storage

LARGEST_STRIDE: Final = 4
"""Strides beyond it are not advised: what is so much smaller was made so on purpose."""


class _Merge(Layer):
    family: ClassVar[Family] = Family.MERGE
    arity: ClassVar[tuple[int, int | None]] = (2, None)
    effect: ClassVar[Effect] = Effect.NONE
    counts: ClassVar[Counts] = NOTHING


class _Broadcast(_Merge):
    """Value by value; a size of 1, or a vector of channels, is repeated along the map."""

    storage: ClassVar[Storage] = Storage.IN_PLACE
    picture: ClassVar[Picture] = Picture.SIGN
    counted: ClassVar[str]

    def output(self, inputs: Shapes) -> tuple[Formula, ...]:
        return axes_of(self._common(inputs))

    def elementwise(self, inputs: Shapes) -> tuple[Item, ...]:
        return (Item(self.counted, times(len(inputs) - 1, self._common(inputs))),)

    def window(self, inputs: Shapes, which: int = 0) -> tuple[Window, ...]:
        common, own = spatial(self._common(inputs)), spatial(inputs[which])
        return tuple(
            SAME_PLACE if size == of else Everything() for size, of in zip(own, common, strict=False)
        )

    def _common(self, inputs: Shapes) -> Shape:
        rank = max(map(len, inputs))
        padded = [(1,) * (rank - len(shape)) + shape for shape in inputs]
        common = tuple(map(max, zip(*padded, strict=True)))
        for shape in padded:
            if any(size not in (1, of) for size, of in zip(shape, common, strict=True)):
                raise _differ(self.word, inputs, rank - 1)
        if any(1 < len(shape) < rank for shape in inputs):
            raise _differ(self.word, inputs, rank - 1)
        return common


class Add(_Broadcast):
    """Sum of its inputs, value by value (residual connections, He et al. 2015).

    Shapes are equal, or a size is 1 and is repeated; a vector of C values meets a map of C channels.
    """

    word: ClassVar[str] = "add"
    keeps: ClassVar[Keeps] = Keeps.NOTHING
    sign: ClassVar[str] = "+"
    example: ClassVar[str] = "input 28x28x64; add { | conv 64 3x3 padding=1 | }"
    counted: ClassVar[str] = "additions"


class Multiply(_Broadcast):
    """Product of its inputs, value by value (gates; squeeze-and-excitation, Hu et al. 2018).

    Shapes are equal, or a size is 1 and is repeated; a vector of C values meets a map of C channels.
    """

    word: ClassVar[str] = "multiply"
    keeps: ClassVar[Keeps] = Keeps.INPUT
    sign: ClassVar[str] = "×"
    example: ClassVar[str] = "input 28x28x64; multiply { | | globalavgpool -> sigmoid }"
    counted: ClassVar[str] = "multiplications"


class Subtract(_Broadcast):
    """The first input less the others, value by value.

    ``subtract label`` takes the labelled layer off the current one. Shapes meet as those of add.
    """

    word: ClassVar[str] = "subtract"
    keeps: ClassVar[Keeps] = Keeps.NOTHING
    sign: ClassVar[str] = "−"
    example: ClassVar[str] = "input 28x28x64; subtract { | | mean }"
    counted: ClassVar[str] = "additions"


class Divide(_Broadcast):
    """The first input divided by the others, value by value. Shapes meet as those of add."""

    word: ClassVar[str] = "divide"
    keeps: ClassVar[Keeps] = Keeps.BOTH
    sign: ClassVar[str] = "÷"
    example: ClassVar[str] = "input 28x28x64; exp; divide { | | mean }"
    counted: ClassVar[str] = "divisions"


class Maximum(_Broadcast):
    """The greatest of its inputs, value by value (maxout, Goodfellow et al. 2013).

    Those that are as great share the gradient. Shapes meet as those of add.
    """

    word: ClassVar[str] = "maximum"
    keeps: ClassVar[Keeps] = Keeps.BOTH
    sign: ClassVar[str] = "max"
    example: ClassVar[str] = "input 28x28x64; maximum { | conv 8 1x1 | conv 8 1x1 }"
    counted: ClassVar[str] = "comparisons"


class Minimum(_Broadcast):
    """The least of its inputs, value by value.

    Those that are as small share the gradient. Shapes meet as those of add.
    """

    word: ClassVar[str] = "minimum"
    keeps: ClassVar[Keeps] = Keeps.BOTH
    sign: ClassVar[str] = "min"
    example: ClassVar[str] = "input 28x28x64; minimum { | conv 8 1x1 | conv 8 1x1 }"
    counted: ClassVar[str] = "comparisons"


class Concat(_Merge):
    """Its inputs' channels one after the other; heights and widths are equal (Szegedy et al. 2014)."""

    word: ClassVar[str] = "concat"
    storage: ClassVar[Storage] = Storage.OWN
    keeps: ClassVar[Keeps] = Keeps.NOTHING
    picture: ClassVar[Picture] = Picture.STACK
    example: ClassVar[str] = "input 28x28x64; concat { | conv 32 1x1 | conv 16 1x1 }"

    def output(self, inputs: Shapes) -> tuple[Formula, ...]:
        if len({spatial(shape) for shape in inputs}) > 1:
            raise _differ(self.word, inputs, max(map(len, inputs)) - 1)
        channels = total(
            Symbol(f"C_{n}", shape[-1], f"channels of input {n}") for n, shape in enumerate(inputs, 1)
        )
        return (*axes_of(inputs[0])[:-1], channels)


def _differ(word: str, inputs: Shapes, rank: int) -> LayerError:
    shown = " with ".join(map(show, inputs))
    return LayerError(
        "shapes-do-not-match",
        f"{word} cannot join {shown}",
        notes=tuple(_differences(word, inputs, rank)),
        help=_cures(word, inputs),
    )


def _differences(word: str, inputs: Shapes, rank: int) -> list[str]:
    if len(set(map(len, inputs))) > 1:
        return ["their numbers of axes differ"]
    names = [f"{AXIS_NAMES[axis]}s" for axis in AXES[rank]] + ([] if word == "concat" else ["channels"])
    found = []
    for name, sizes in zip(names, zip(*inputs, strict=True), strict=False):
        if len(set(sizes) if word == "concat" else {*sizes} - {1}) > 1:
            found.append(f"the {name} differ: {' and '.join(map(str, sizes))}")
    return found


def _cures(word: str, inputs: Shapes) -> tuple[str, ...]:
    if len(set(map(len, inputs))) > 1:
        return ("flatten the maps, or reshape the vector, before they meet",)
    small = min(inputs, key=lambda shape: prod(spatial(shape)))
    others = [shape for shape in inputs if spatial(shape) != spatial(small)]
    if not others:
        return (f"bring the others to {_projection(small)}, or use concat",)
    if word != "concat" and set(spatial(small)) == {1}:  # it is repeated along the map: its channels differ
        return (f"bring {show(small)} to {_projection((*spatial(small), others[0][-1]))}",)
    pairs = list(zip(spatial(others[0]), spatial(small), strict=True))
    if any(large < little for large, little in pairs):
        return ("give the paths the same strides and padding",)
    stride = -(-pairs[0][0] // pairs[0][1])
    if (
        word != "concat"
        and stride <= LARGEST_STRIDE
        and all(-(-large // stride) == little for large, little in pairs)
    ):
        return (f"bring {show(others[0])} to {_projection(small, stride)}",)
    if all(little * stride == large for large, little in pairs):
        return (f"bring {show(small)} to the larger size, for instance with upsample {stride}",)
    crop = f"cut {show(others[0])} down with crop to={show(spatial(small))}"
    grow = "pad the convolutions of the smaller path, for instance with padding=same"
    return (crop, f"or {grow}") if word == "concat" else (grow, f"or {crop}")


def _projection(shape: Shape, stride: int = 1) -> str:
    """A 1x1 convolution that brings a map to a shape, as He et al. 2015 do; a dense layer for a vector."""
    if len(shape) == 1:
        return f"{show(shape)}, for instance with dense {shape[0]}"
    sentence = f"conv {shape[-1]} {show((1,) * (len(shape) - 1))}" + (
        f" stride={stride}" if stride > 1 else ""
    )
    return f"{show(shape)}, for instance with {sentence}"
