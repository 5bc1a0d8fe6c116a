"""What activations have in common, relu and softmax; ``curves`` has the others."""

from math import prod
from typing import ClassVar

from pydantic import Field

from cnnspec.formula import Formula, product
from cnnspec.layers.base import Family, Item, Layer, Shapes, axes_of, times
from cnnspec.layers.facts import NOTHING, Count, Counts, Effect, Figures, Keeps, Picture, Storage


class Activation(Layer):
    """One function on every value; the shape stays."""

    family: ClassVar[Family] = Family.ACTIVATION
    storage: ClassVar[Storage] = Storage.IN_PLACE
    keeps: ClassVar[Keeps] = Keeps.INPUT
    effect: ClassVar[Effect] = Effect.BENDS
    picture: ClassVar[Picture] = Picture.STRIP
    example: ClassVar[str] = "input 28x28x6; {word}"
    each: ClassVar[dict[str, int]]
    """How many of each operation one value takes."""

    def operations(self) -> dict[str, int]:
        return self.each

    def elementwise(self, inputs: Shapes) -> tuple[Item, ...]:
        return tuple(Item(what, times(n, inputs[0])) for what, n in self.operations().items())


def _plain_relu(otherwise: int, plain: int) -> Count:
    """ReLU with a ceiling is another module than plain ReLU, and some tools do not know it."""

    def count(figures: Figures) -> int:
        return (plain if figures.layer.max is None else otherwise) * prod(figures.input)

    return count


def _softmax_steps(figures: Figures) -> int:
    return prod(figures.output[:-1]) * (3 * figures.output[-1] - 1)


class Relu(Activation):
    """max(x, 0), or min(max(x, 0), max) with a ceiling: ``relu max=6`` is MobileNet's. Nair, Hinton 2010."""

    word: ClassVar[str] = "relu"
    keeps: ClassVar[Keeps] = Keeps.OUTPUT
    rises: ClassVar[bool] = True
    counts: ClassVar[Counts] = NOTHING | {"ptflops": _plain_relu(1, 2), "calflops": _plain_relu(0, 1)}

    max: float | None = Field(None, gt=0, description="values above this are cut to it; none unless given")

    def operations(self) -> dict[str, int]:
        return {"comparisons": 1 if self.max is None else 2}


class Softmax(Activation):
    """exp(x_c) / Σ exp(x_j) across the channels: shares that sum to 1, at every position of a map.

    The greatest value is subtracted first, which changes nothing but keeps exp in range.
    """

    word: ClassVar[str] = "softmax"
    keeps: ClassVar[Keeps] = Keeps.OUTPUT
    effect: ClassVar[Effect] = Effect.SHARES
    counts: ClassVar[Counts] = NOTHING | {"ptflops": 1, "thop": _softmax_steps, "calflops": 1}
    example: ClassVar[str] = "input 10; softmax"

    def elementwise(self, inputs: Shapes) -> tuple[Item, ...]:
        *places, channels = axes_of(inputs[0])

        def at_each(count: Formula) -> Formula:
            return product((*places, count))

        return (
            Item("comparisons", at_each(channels - 1)),
            Item("additions", at_each(2 * channels - 1)),
            Item("exponentials", at_each(channels)),
            Item("divisions", at_each(channels)),
        )
