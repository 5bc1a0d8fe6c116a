"""Flatten, and what layers that only move values have in common: ``reshape`` and ``borders`` have others."""

from typing import ClassVar

from cnnspec.formula import Formula
from cnnspec.layers.base import Everything, Family, Layer, Shapes, Window, spatial, values
from cnnspec.layers.facts import NOTHING, Counts, Effect, Keeps, Picture, Storage


class Moving(Layer):
    family: ClassVar[Family] = Family.RESHAPE
    effect: ClassVar[Effect] = Effect.NONE
    counts: ClassVar[Counts] = NOTHING
    example: ClassVar[str] = "input 28x28x6; {word}"


class Rearranged(Moving):
    """The same values in another shape."""

    storage: ClassVar[Storage] = Storage.VIEW
    keeps: ClassVar[Keeps] = Keeps.NOTHING

    def window(self, inputs: Shapes, which: int = 0) -> tuple[Window, ...]:
        return tuple(Everything() for _ in spatial(inputs[0]))


class Flatten(Rearranged):
    """A map as one vector, channel by channel, each row after row (as PyTorch and ONNX flatten)."""

    word: ClassVar[str] = "flatten"
    picture: ClassVar[Picture] = Picture.PASSED

    def output(self, inputs: Shapes) -> tuple[Formula, ...]:
        return (values(inputs[0]),)
