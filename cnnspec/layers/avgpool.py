"""The mean of sliding windows."""

from math import prod
from typing import ClassVar, Final

from pydantic import Field

from cnnspec.formula import product
from cnnspec.layers.base import Item, Shapes, spatial
from cnnspec.layers.facts import Counts, Figures
from cnnspec.layers.pool import Adaptive


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


MEAN_COUNTS: Final[Counts] = {
    "fvcore": _on_a_picture, "ptflops": 2, "thop": _averaged, "calflops": 1, "torchinfo": 0,
}  # fmt: skip


class AvgPool(Adaptive):
    """The mean of each window."""

    word: ClassVar[str] = "avgpool"
    counts: ClassVar[Counts] = MEAN_COUNTS

    count_padding: bool = Field(
        True, description="divide by the whole window, padding included, not by its pixels on the map alone"
    )

    def elementwise(self, inputs: Shapes) -> tuple[Item, ...]:
        return (
            Item("additions", self.beside_first(inputs)),
            Item("divisions", product(self.outputs(inputs))),
        )
