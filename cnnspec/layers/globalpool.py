"""Pooling over whole maps."""

from typing import ClassVar

from cnnspec.formula import Formula, product
from cnnspec.layers.avgpool import MEAN_COUNTS
from cnnspec.layers.base import AXES, Everything, Item, Shapes, Window, spatial, spatial_symbols
from cnnspec.layers.facts import NOTHING, Counts, Keeps
from cnnspec.layers.pool import Pooling, channels_of
from cnnspec.layers.window import Axis, need_spatial


class _GlobalPool(Pooling):
    """One value for each channel, from its whole map: 1x1xC."""

    example: ClassVar[str] = "input 28x28x6; {word}"

    def output(self, inputs: Shapes) -> tuple[Formula, ...]:
        need_spatial(self.word, inputs[0])
        ones = spatial_symbols((*(1 for _ in spatial(inputs[0])), 1), "o", "output")
        return (*ones, channels_of(inputs[0]))

    def axes(self, inputs: Shapes) -> tuple[Axis, ...]:
        sizes = spatial(inputs[0])
        return tuple(Axis(name, n, n, 1, 0, 0) for name, n in zip(AXES[len(sizes)], sizes, strict=True))

    def window(self, inputs: Shapes, which: int = 0) -> tuple[Window, ...]:
        return tuple(Everything() for _ in spatial(inputs[0]))

    def others(self, inputs: Shapes) -> Formula:
        """All values of a channel but one, times the channels."""
        pixels = product(spatial_symbols(inputs[0], "i", "input"))
        return channels_of(inputs[0]) * (pixels - 1)


class GlobalAvgPool(_GlobalPool):
    """The mean of each channel over its whole map, 1x1xC. Lin et al. 2013."""

    word: ClassVar[str] = "globalavgpool"
    counts: ClassVar[Counts] = MEAN_COUNTS

    def elementwise(self, inputs: Shapes) -> tuple[Item, ...]:
        return Item("additions", self.others(inputs)), Item("divisions", channels_of(inputs[0]))


class GlobalMaxPool(_GlobalPool):
    """The greatest value of each channel over its whole map, 1x1xC."""

    word: ClassVar[str] = "globalmaxpool"
    keeps: ClassVar[Keeps] = Keeps.PLACES
    counts: ClassVar[Counts] = NOTHING | {"ptflops": 2, "calflops": 1}

    def elementwise(self, inputs: Shapes) -> tuple[Item, ...]:
        return (Item("comparisons", self.others(inputs)),)
