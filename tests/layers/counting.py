"""Scalars that watch arithmetic: how many operations, and which input pixels a result has seen."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import reduce
from itertools import product as cartesian

from cnnspec.layers.base import Shape, Shapes

Pixel = tuple[int, ...]
"""The number of the input, then the place on its map."""


@dataclass(frozen=True)
class Watched:
    """A number whose value does not matter: only what became of it, and what it comes from."""

    tally: Counter[str]
    sees: frozenset[Pixel] = frozenset()

    def _with(self, what: str, *others: Watched) -> Watched:
        self.tally[what] += 1
        return Watched(self.tally, frozenset().union(self.sees, *(other.sees for other in others)))

    def __add__(self, other: Watched) -> Watched:
        return self._with("additions", other)

    def __sub__(self, other: Watched) -> Watched:
        return self._with("additions", other)

    def __mul__(self, other: Watched) -> Watched:
        return self._with("multiplications", other)

    def __truediv__(self, other: Watched) -> Watched:
        return self._with("divisions", other)

    def greater(self, other: Watched) -> Watched:
        return self._with("comparisons", other)

    def apply(self, function: str) -> Watched:
        return self._with(function)

    def without_sight(self) -> Watched:
        return Watched(self.tally)


Values = dict[tuple[int, ...], Watched]
"""A map or vector: values by (place…, channel)."""


def places(shape: Shape) -> list[tuple[int, ...]]:
    return list(cartesian(*map(range, shape)))


def watched_inputs(shapes: Shapes, tally: Counter[str]) -> list[Values]:
    """Inputs in which every value sees exactly its own pixel."""
    return [
        {key: Watched(tally, frozenset({(which, *key[:-1])})) for key in places(shape)}
        for which, shape in enumerate(shapes)
    ]


def summed(terms: list[Watched]) -> Watched:
    return reduce(Watched.__add__, terms)


def greatest(terms: list[Watched]) -> Watched:
    return reduce(Watched.greater, terms)
