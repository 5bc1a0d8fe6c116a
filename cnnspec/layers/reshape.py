"""The same values in any other shape, and identity."""

from math import prod
from typing import Annotated, ClassVar

from pydantic import BeforeValidator, Field, PositiveInt

from cnnspec.diagnostics import LayerError
from cnnspec.formula import Formula
from cnnspec.layers.base import Shapes, axes_of, show, values
from cnnspec.layers.facts import Keeps, Picture, Storage
from cnnspec.layers.flatten import Moving, Rearranged
from cnnspec.layers.window import alone


class Identity(Moving):
    """Gives on what it gets."""

    word: ClassVar[str] = "identity"
    storage: ClassVar[Storage] = Storage.VIEW
    keeps: ClassVar[Keeps] = Keeps.NOTHING
    picture: ClassVar[Picture] = Picture.PASSED


class Reshape(Rearranged):
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
