"""Bias, batch norm and ReLU within the pass of the step before them, while its output is in the cache."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal, TypeAlias

import numpy as np

from cnnspec.backends.numpy.compile.memory import Allocator
from cnnspec.backends.numpy.layout import Array
from cnnspec.backends.numpy.team import Task

Role: TypeAlias = Literal["affine", "clip"]
"""Each channel times a factor plus a term, or every value cut off at both ends."""
BLOCK = 1 << 16
"""Values that stay near the second-level cache from one operation to the next."""
SHORT = 256
"""Rows of one channel up to here are too short for a call to run over each by itself."""


@dataclass(frozen=True, slots=True)
class TailPart:
    """One layer of a tail: a factor and a term for each channel, or where values are cut off."""

    affine: Callable[[], tuple[Array | None, Array]] | None = None
    """What the factor, if there is one, and the term are now."""
    scales: bool = False
    """Whether there is a factor."""
    most: float | None = None
    """Beyond it and below 0 values are cut off."""


class Tail:
    """y = clip(x·factor + term, 0, most), in place, with what of it there is."""

    def __init__(self, parts: Sequence[TailPart], channels: int, memory: Allocator) -> None:
        self.affine = [part.affine for part in parts if part.affine]
        self.most = next((part.most for part in parts if part.most is not None), None)
        scales = any(part.scales for part in parts)
        self.values = memory.own((int(scales) + 1, channels)) if self.affine else None
        """The term of each channel, and its factor where there is one."""
        self.memory, self.repeated = memory, dict[int, Array]()

    def refresh(self) -> None:
        """Take up the weights as they are."""
        if self.values is None:
            return
        term, *factors = self.values
        term.fill(0)
        for whole in factors:
            whole.fill(1)
        for affine in self.affine:
            factor, more = affine()
            if factor is not None:
                np.multiply(self.values, factor, out=self.values)
            np.add(term, more, out=term)
        for along in self.repeated.values():
            np.copyto(along, self.values[..., None])

    @property
    def factor(self) -> Array:
        """The factor of each channel."""
        assert self.values is not None
        factor: Array = self.values[1]
        return factor

    def on(
        self, y: Array, channels: slice = slice(None), axis: int = 1, *, source: Array | None = None,
        repeat: bool = True,
    ) -> Task:  # fmt: skip
        """What does this to an array in place, or from a ``source`` like it; ``axis`` is of these channels.

        To ``repeat`` values along short rows takes room, which there is before the first pass alone.
        """
        x = y if source is None else source
        pieces, values = [(x, y)], self.values
        if axis == 1 and y.ndim == 3 and y.size:
            high = max(1, BLOCK // y[0].size)
            pieces = [(x[row : row + high], y[row : row + high]) for row in range(0, len(y), high)]
            even = x.flags.c_contiguous and y.flags.c_contiguous
            if repeat and values is not None and y.shape[2] <= SHORT and even:
                pieces = [(one.reshape(len(one), -1), two.reshape(len(two), -1)) for one, two in pieces]
                along = self._along(values, y.shape[2])[:, channels]
                return partial(_finish, pieces, along.reshape(len(values), -1), self.most)
        if values is not None:
            values = values[:, channels].reshape(len(values), -1, *(1,) * (y.ndim - axis - 1))
        return partial(_finish, pieces, values, self.most)

    def _along(self, values: Array, run: int) -> Array:
        """Term and factor repeated along a row of each channel."""
        if run not in self.repeated:
            self.repeated[run] = self.memory.own((*values.shape, run))
        return self.repeated[run]


def _finish(pieces: list[tuple[Array, Array]], values: Array | None, most: float | None) -> None:
    for x, y in pieces:
        if values is not None:
            if len(values) > 1:
                x = np.multiply(x, values[1], out=y)
            x = np.add(x, values[0], out=y)
        if most is not None:
            np.clip(x, 0, most, out=y)
