"""Activations of several operations, computed in blocks that stay in the cache; the normal distribution."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from math import erfc, exp, sqrt
from typing import ClassVar

import numpy as np
from numpy.polynomial import chebyshev

from cnnspec.backends.numpy.curves import CURVES
from cnnspec.backends.numpy.kernels.step import KernelStep
from cnnspec.backends.numpy.layout import Array, planes

BLOCK = 1 << 16
"""Values of a block: with its workspace in the second-level cache, and long enough for the calls to pay."""

SHORT_BLOCK = 1 << 13
"""Values of a block of which a curve makes several arrays anew."""


@dataclass(frozen=True)
class PlaneBlock:
    """A part of the planes: input, output or gradient, and workspace of the same shape."""

    channels: slice
    x: Array
    y: Array
    workspace: tuple[Array, ...]
    where: Array


class ActivationCurve(KernelStep):
    """An activation that keeps its input in training, given block by block."""

    overwrites = True
    workspace: ClassVar[int] = 1
    """Arrays that ``function`` needs."""
    derivative_workspace: ClassVar[int] = 2
    """Arrays that ``derivative`` needs, its result among them."""

    def build(self) -> None:
        self.y = self.output_like(self.x)
        self.blocks = self._blocks(self.y, self.workspace)

    def _blocks(self, y: Array, workspace: int) -> list[PlaneBlock]:
        source, target = planes(self.x), planes(y)
        size = min(BLOCK, source.size)
        store, where = self.scratch((workspace, size)), self.scratch((size,), bool)
        blocks = []
        for part in parts(*source.shape):
            shape = source[part].shape
            scratch, flags = (array[..., : source[part].size] for array in (store, where))
            views = tuple(each.reshape(shape) for each in scratch)
            blocks.append(PlaneBlock(part[1], source[part], target[part], views, flags.reshape(shape)))
        return blocks

    def forward(self) -> None:
        for block in self.blocks:
            self.function(block, block.x, block.y, *block.workspace)

    def prepare(self, dy: Array, wanted: tuple[bool, ...]) -> tuple[Array | None, ...]:
        self.back = self._blocks(dy, self.derivative_workspace)
        return (self.gradient_like(dy),)

    def backward(self) -> None:
        for block in self.back:
            self.derivative(block, block.x, *block.workspace)
            np.multiply(block.y, block.workspace[0], out=block.y)

    @abstractmethod
    def function(self, block: PlaneBlock, x: Array, y: Array, *workspace: Array) -> None:
        """The curve at ``x`` into ``y``, which may be the same array."""

    @abstractmethod
    def derivative(self, block: PlaneBlock, x: Array, derivative: Array, *workspace: Array) -> None:
        """The derivative at ``x`` into ``derivative``."""


class DefinedCurve(KernelStep):
    """A curve by its row in the table, in blocks so short that what they make stays in the first cache."""

    overwrites = True

    def build(self) -> None:
        self.y = self.output_like(self.x)
        self.curve = CURVES[self.node.word]
        self.blocks = self._blocks(self.y)

    def _blocks(self, array: Array) -> list[tuple[Array, Array]]:
        x, y = self.x.reshape(-1), array.reshape(-1)
        starts = range(0, x.size, SHORT_BLOCK)
        return [(x[start : start + SHORT_BLOCK], y[start : start + SHORT_BLOCK]) for start in starts]

    def forward(self) -> None:
        for x, y in self.blocks:
            np.copyto(y, self.curve.function(self.layer, x))

    def prepare(self, dy: Array, wanted: tuple[bool, ...]) -> tuple[Array | None, ...]:
        self.back = self._blocks(dy)
        return (self.gradient_like(dy),)

    def backward(self) -> None:
        for x, dy in self.back:
            np.multiply(dy, self.curve.slope(self.layer, x), out=dy)


def parts(rows: int, channels: int, run: int) -> Iterator[tuple[slice, slice, slice]]:
    """Planes (rows, channels, run) cut into contiguous blocks of at most ``BLOCK`` values."""
    tall = max(1, BLOCK // (channels * run))
    high = max(1, BLOCK // run) if tall == 1 else channels
    for row in range(0, rows, tall):
        for channel in range(0, channels, high):
            for start in range(0, run, BLOCK):
                yield slice(row, row + tall), slice(channel, channel + high), slice(start, start + BLOCK)


REACH = 6 * sqrt(2)
"""Beyond, a normal distribution's tail is less than the last bit of a double."""
BEND = 2 * sqrt(2)
LOW = BEND / (BEND + REACH)
TERMS = {4: 9, 8: 26}
"""Terms that give the full precision of a float of so many bytes."""


def normal_share(x: Array, share: Array, density: Array, scratch: Array) -> None:
    """Φ(x), the share of a normal distribution below x, to the last bits of a share; and exp(-x²/2).

    The tail beyond |x| over the density is so smooth a function of t = 1/(1 + |x|/√8) that a short series
    is enough (the form of Numerical Recipes, section 6.2).
    """
    np.multiply(x, x, out=density)
    np.multiply(density, -0.5, out=density)
    np.exp(density, out=density)
    np.abs(x, out=scratch)
    np.add(scratch, BEND, out=scratch)
    np.divide(2 * BEND / (1 - LOW), scratch, out=scratch)
    np.subtract(scratch, (1 + LOW) / (1 - LOW), out=scratch)
    highest, second, *others = _coefficients(TERMS[x.dtype.itemsize])
    np.multiply(scratch, highest, out=share)
    np.add(share, second, out=share)
    for coefficient in others:
        np.multiply(share, scratch, out=share)
        np.add(share, coefficient, out=share)
    np.multiply(share, density, out=share)
    np.subtract(0.5, share, out=share)
    np.copysign(share, x, out=share)
    np.add(share, 0.5, out=share)


@lru_cache
def _coefficients(terms: int) -> tuple[float, ...]:
    """The series of (1 - Φ(z))·exp(z²/2), highest power first, in t stretched from LOW..1 to -1..1.

    It goes through the standard library's values at the Chebyshev nodes; it is so smooth that its powers
    may be summed as they are.
    """
    nodes = chebyshev.chebpts1(2 * terms)
    values = []
    for node in nodes:
        z = BEND * (2 / (node * (1 - LOW) + 1 + LOW) - 1)
        values.append(erfc(z / sqrt(2)) * exp(z * z / 2) / 2)
    powers = chebyshev.cheb2poly(chebyshev.chebfit(nodes, values, terms - 1))
    return tuple(float(power) for power in powers[::-1])
