"""Arrays of symbols: an engine's definitions, run on these, write down what they compute.

A definition of ``backends.numpy.reference`` is plain NumPy, so it runs on arrays of formulas as it runs on
arrays of numbers; what comes out knows the sum that it is. What a question does not concern is ``UNASKED``,
which swallows whatever it meets, so that a large map costs little.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnspec.formula import UNASKED, Symbol, exact

Array = NDArray[Any]


class Cell(Symbol):
    """One value of an array: ``name`` is ``x^2_11`` for row 1, column 1 of channel 2; ``place`` its index."""

    __slots__ = ("place",)

    def __init__(self, name: str, value: Any, place: tuple[int, ...]) -> None:
        super().__init__(name, exact(float(value)))
        self.place = place


def cells(base: str, values: Array, raised: int, wanted: Array | None = None) -> Array:
    """Symbols for an array; of the index the first ``raised`` numbers are written above, the rest below.

    An axis of one value above goes unsaid. Where ``wanted`` is false stands ``UNASKED``.
    """
    found = np.full(values.shape, UNASKED, object)
    places = np.ndindex(values.shape) if wanted is None else map(tuple, np.argwhere(wanted))
    for place in places:
        found[place] = Cell(_name(base, place, values.shape, raised), values[place], place)
    return found


def _name(base: str, place: Sequence[int], shape: Sequence[int], raised: int) -> str:
    above = [str(n + 1) for n, size in zip(place[:raised], shape[:raised], strict=True) if size > 1]
    below = [str(n + 1) for n in place[raised:]] if prod(shape) > 1 else []
    comma = "," if max(shape[raised:], default=0) > 9 else ""
    return base + ("^" + ",".join(above) if above else "") + ("_" + comma.join(below) if below else "")
