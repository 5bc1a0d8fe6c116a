"""Layers that only move values: flatten, reshape, identity; ``borders`` has those that add or cut off."""

from math import prod
from typing import Annotated, ClassVar

from pydantic import BeforeValidator, Field, PositiveInt

from cnnspec.diagnostics import LayerError
from cnnspec.formula import Formula
from cnnspec.layers.base import (
    Everything,
    Family,
    Layer,
    Shapes,
    Window,
    axes_of,
    show,
    spatial,
    values,
)
from cnnspec.layers.facts import NOTHING, Counts, Effect, Picture, Storage
from cnnspec.layers.window import alone

AMOUNT = "pixels a side: a number, (h, w) or (top, bottom, left, right)"


class Moving(Layer):
    family: ClassVar[Family] = Family.RESHAPE
    effect: ClassVar[Effect] = Effect.NONE
    counts: ClassVar[Counts] = NOTHING
    example: ClassVar[str] = "input 28x28x6; {word}"


class Identity(Moving):
    """Gives on what it gets."""

    word: ClassVar[str] = "identity"
    storage: ClassVar[Storage] = Storage.VIEW
    picture: ClassVar[Picture] = Picture.PASSED


class _Rearranged(Moving):
    """The same values in another shape."""

    storage: ClassVar[Storage] = Storage.VIEW

    def window(self, inputs: Shapes, which: int = 0) -> tuple[Window, ...]:
        return tuple(Everything() for _ in spatial(inputs[0]))


class Flatten(_Rearranged):
    """A map as one vector, channel by channel, each row after row (as PyTorch and ONNX flatten)."""

    word: ClassVar[str] = "flatten"
    picture: ClassVar[Picture] = Picture.PASSED

    def output(self, inputs: Shapes) -> tuple[Formula, ...]:
        return (values(inputs[0]),)


class Reshape(_Rearranged):
    """The same values as another shape, read and filled channel by channel, each row after row."""

    word: ClassVar[str] = "reshape"
    picture: ClassVar[Picture] = Picture.BOX
    example: ClassVar[str] = "input 98; reshape 7x7x2"
    positional: ClassVar[tuple[str, ...]] = ("to",)

    to: Annotated[tuple[PositiveInt, ...], BeforeValidator(alone), Field(min_length=1, max_length=4)] = Field(
        description="the new shape, height x width x channels or a number of values"
    )

    def output(self, inputs: Shapes) -> tuple[Formula, ...]:
        if prod(self.to) != prod(inputs[0]):
            raise LayerError(
                "reshape-changes-the-count",
                f"{show(inputs[0])} cannot be reshaped to {show(self.to)}: the numbers of values differ",
                notes=(f"in: {values(inputs[0]).worked()}", f"out: {values(self.to).worked()}"),
                help=(f"choose sizes whose product is {prod(inputs[0]):,}",),
                option="to",
            )
        return axes_of(self.to)
