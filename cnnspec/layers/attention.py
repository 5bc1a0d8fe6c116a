"""Attention over the positions of a map or a sequence, learned positions, and tokens.

A sequence is a map with one spatial axis, ``196x768``: positions x channels. The positions of a map are
its pixels, row after row.
"""

from math import prod
from typing import Annotated, ClassVar

from pydantic import Field, PositiveInt

from cnnspec.formula import Formula, Symbol, product, total
from cnnspec.layers.base import (
    SAME_PLACE,
    Everything,
    Family,
    Initial,
    Item,
    Shapes,
    Slide,
    Weight,
    Weighted,
    Window,
    axes_of,
    spatial,
    spatial_symbols,
    values,
)
from cnnspec.layers.facts import NOTHING, Counts, Effect, Figures, Keeps, Picture, Storage
from cnnspec.layers.window import need_groups, need_spatial
from cnnspec.layers.writing import Unit


def _ptflops(figures: Figures) -> int:
    """Its hook: the products, a bias for each projected value, the queries' scale, softmax."""
    layer, positions = figures.layer, prod(figures.input[:-1])
    width = layer.width or figures.input[-1]
    beside = positions * (width + figures.input[-1] + layer.heads * positions)
    return int(figures.multiplies + beside + (3 * positions * width if layer.bias else 0))


class _OverPositions(Weighted):
    family: ClassVar[Family] = Family.ATTENTION
    effect: ClassVar[Effect] = Effect.NONE

    def output(self, inputs: Shapes) -> tuple[Formula, ...]:
        for shape in inputs:
            need_spatial(self.word, shape)
        return super().output(inputs)


class Attention(_OverPositions):
    """Each position takes in all: the mean of their values, weighed by softmax(q·k/√d). Vaswani et al. 2017.

    Queries, keys and values are weighted sums of the channels, cut into ``heads`` of d values that attend
    alone; what they find is projected back to the channels. With ``to`` keys and values come from another
    layer's positions. Weights, as in PyTorch's nn.MultiheadAttention: ``in_proj_weight`` (3·width, C),
    ``in_proj_bias`` (3·width,), ``out_proj.weight`` (C, width), ``out_proj.bias`` (C,);
    where ``to`` has other channels ``q_proj_weight``, ``k_proj_weight``, ``v_proj_weight``.
    """

    word: ClassVar[str] = "attention"
    storage: ClassVar[Storage] = Storage.OWN
    keeps: ClassVar[Keeps] = Keeps.INPUT
    picture: ClassVar[Picture] = Picture.BOX
    counts: ClassVar[Counts] = {
        "fvcore": None, "ptflops": _ptflops, "thop": 0, "calflops": None, "torchinfo": 0,
    }  # fmt: skip
    example: ClassVar[str] = "input 14x14x64; attention 4"
    positional: ClassVar[tuple[str, ...]] = ("heads",)
    arity: ClassVar[tuple[int, int | None]] = (1, 2)
    references: ClassVar[tuple[str, ...]] = ("to",)
    reads_references: ClassVar[bool] = True

    heads: PositiveInt = Field(description="how many attend side by side, each to its share of the width")
    to: Annotated[str, Unit("label")] | None = Field(
        None, description="label of the layer whose positions are attended to; its own unless given"
    )
    width: PositiveInt | None = Field(
        None,
        description="values of all heads together, of a query, a key or a value; the channels unless given",
    )
    scaled: bool = Field(True, description="divide by √d, the root of a head's width, before softmax")
    bias: bool = Field(True, description="add one trainable number to each projected value")
    init: Initial | None = Field(None, description="initialiser of the weights; the recipe's unless given")

    def output(self, inputs: Shapes) -> tuple[Formula, ...]:
        need_groups("channels", int(self._width(inputs)), self.heads, option="heads")
        return super().output(inputs)

    def arrays(self, inputs: Shapes) -> tuple[Weight, ...]:
        d, c, m = self._width(inputs), self._channels(inputs), self._channels(inputs, -1)
        width, channels, others = int(d), int(c), int(m)
        found = [
            Weight(
                f"{name}_proj_weight",
                (n * width, reads),
                product((*([n] if n > 1 else []), d, symbol)),
                reads,
                width,
            )
            for name, n, reads, symbol in (
                [("in", 3, channels, c)]
                if channels == others
                else [("q", 1, channels, c), ("k", 1, others, m), ("v", 1, others, m)]
            )
        ]
        if self.bias:
            found.append(Weight("in_proj_bias", (3 * width,), 3 * d, initial="zeros"))
        found.append(Weight("out_proj.weight", (channels, width), c * d, width, channels))
        if self.bias:
            found.append(Weight("out_proj.bias", (channels,), c, initial="zeros"))
        return tuple(found)

    def multiplies(self, inputs: Shapes) -> Formula:
        """Projections to queries, keys and values; each query by each key; each value by its weight; back."""
        at, to, d, c = (
            self._positions(inputs),
            self._positions(inputs, -1),
            self._width(inputs),
            self._channels(inputs),
        )
        pairs = product((2, at, to, d))
        if len(inputs) == 1:
            return product((4, at, c, d)) + pairs
        return product((2, at, c, d)) + product((2, to, self._channels(inputs, -1), d)) + pairs

    def additions(self, inputs: Shapes) -> Formula:
        """One less than its products for each score and each mean, and for each projection without a bias."""
        at, to, d = self._positions(inputs), self._positions(inputs, -1), self._width(inputs)
        found = self.multiplies(inputs) - self._scores(inputs) - at * d
        return found if self.bias else found - at * d - product((2, to, d)) - at * self._channels(inputs)

    def elementwise(self, inputs: Shapes) -> tuple[Item, ...]:
        rows = product((self._heads(), self._positions(inputs)))
        to, scores = self._positions(inputs, -1), self._scores(inputs)
        scale = Item("multiplications", self._positions(inputs) * self._width(inputs))
        return (
            *((scale,) if self.scaled else ()),
            Item("comparisons", rows * (to - 1)), Item("additions", rows * (2 * to - 1)),
            Item("exponentials", scores), Item("divisions", scores),
        )  # fmt: skip

    def intermediate(self, inputs: Shapes) -> Formula:
        """Queries, what was found for them, keys, values, and the weights between all positions."""
        at, to, d = self._positions(inputs), self._positions(inputs, -1), self._width(inputs)
        if len(inputs) == 1:
            return product((4, at, d)) + self._scores(inputs)
        return total((product((2, at, d)), product((2, to, d)), self._scores(inputs)))

    def window(self, inputs: Shapes, which: int = 0) -> tuple[Window, ...]:
        """All that is attended to; of queries beside it each its own alone."""
        sees = SAME_PLACE if which == 0 and len(inputs) > 1 else Everything()
        return tuple(sees for _ in spatial(inputs[which]))

    def _positions(self, inputs: Shapes, which: int = 0) -> Formula:
        """Positions of the queries, or with -1 those attended to."""
        if which == 0 or len(inputs) == 1:
            return Symbol("L", prod(spatial(inputs[0])), "positions")
        return Symbol("S", prod(spatial(inputs[1])), "positions attended to")

    def _channels(self, inputs: Shapes, which: int = 0) -> Formula:
        if which == 0 or len(inputs) == 1:
            return Symbol("C", inputs[0][-1], "channels")
        return Symbol("M", inputs[1][-1], "channels attended to")

    def _width(self, inputs: Shapes) -> Formula:
        return self._channels(inputs) if self.width is None else Symbol("d", self.width, "width of all heads")

    def _heads(self) -> Formula:
        return Symbol("h", self.heads, "heads")

    def _scores(self, inputs: Shapes) -> Formula:
        return product((self._heads(), self._positions(inputs), self._positions(inputs, -1)))


class Positions(_OverPositions):
    """Adds a trained number to each channel of each position, so that positions can be told apart.

    Weights: ``weight`` (positions, C), the positions of a map row after row; they begin small, at a
    deviation of 0.02. Dosovitskiy et al. 2020.
    """

    word: ClassVar[str] = "positions"
    storage: ClassVar[Storage] = Storage.IN_PLACE
    keeps: ClassVar[Keeps] = Keeps.NOTHING
    picture: ClassVar[Picture] = Picture.STRIP
    counts: ClassVar[Counts] = NOTHING
    example: ClassVar[str] = "input 14x14x64; {word}"

    def arrays(self, inputs: Shapes) -> tuple[Weight, ...]:
        *sizes, channels = inputs[0]
        return (Weight("weight", (prod(sizes), channels), values(inputs[0]), initial="normal", value=0.02),)

    def elementwise(self, inputs: Shapes) -> tuple[Item, ...]:
        return (Item("additions", values(inputs[0])),)


class ClassToken(_OverPositions):
    """Trained positions before those of a map or sequence, which becomes a sequence: row after row.

    Attention gathers in a token what the network is asked about all positions; crop to=1 at=start takes it
    out again. Weights: ``weight`` (count, C), which begin at 0. Devlin et al. 2018, Dosovitskiy et al. 2020.
    """

    word: ClassVar[str] = "token"
    storage: ClassVar[Storage] = Storage.OWN
    keeps: ClassVar[Keeps] = Keeps.NOTHING
    picture: ClassVar[Picture] = Picture.SLAB
    counts: ClassVar[Counts] = NOTHING
    example: ClassVar[str] = "input 14x14x64; {word}"
    positional: ClassVar[tuple[str, ...]] = ("count",)

    count: PositiveInt = Field(1, description="how many tokens")

    def output(self, inputs: Shapes) -> tuple[Formula, ...]:
        *_, channels = super().output(inputs)
        return product(spatial_symbols(inputs[0], "i", "input")) + self._count(), channels

    def arrays(self, inputs: Shapes) -> tuple[Weight, ...]:
        size = product((self._count(), axes_of(inputs[0])[-1]))
        return (Weight("weight", (self.count, inputs[0][-1]), size, initial="zeros"),)

    def window(self, inputs: Shapes, which: int = 0) -> tuple[Window, ...]:
        if len(inputs[0]) == 2:
            return (Slide(before=self.count),)
        return tuple(Everything() for _ in spatial(inputs[0]))

    def _count(self) -> Formula:
        return Symbol("t", self.count, "tokens")
