"""Activations of several operations, computed in blocks that stay in the cache; the normal distribution."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from math import erfc, exp, log, sqrt
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


REACH = 6.0
"""Beyond, 1 - erf is less than the last bit of a double."""
LOW = 1 / (1 + REACH / 2)
TERMS = {4: 10, 8: 26}
"""Terms that give the full precision of a float of so many bytes."""


def normal_half(x: Array, out: Array, z: Array, t: Array, scaled: Array) -> None:
    """Φ(|x|) - 1/2: the share of a normal distribution between 0 and |x|, to the last bits of a share.

    1 - erf(z) = t·exp(-z² + p(t)) with z = |x|/√2 and t = 1/(1 + z/2), where p is so
    smooth that a short series is enough (the form of Numerical Recipes, section 6.2).
    The last three arrays are workspace.
    """
    np.abs(x, out=z)
    np.multiply(z, 1 / sqrt(2), out=z)
    np.minimum(z, REACH, out=z)
    np.add(z, 2, out=t)
    np.divide(2, t, out=t)
    np.multiply(t, 2 / (1 - LOW), out=scaled)
    np.subtract(scaled, (1 + LOW) / (1 - LOW), out=scaled)
    highest, *others = _coefficients(TERMS[x.dtype.itemsize])
    out.fill(highest)
    for coefficient in others:
        np.multiply(out, scaled, out=out)
        np.add(out, coefficient, out=out)
    np.multiply(z, z, out=z)
    np.subtract(out, z, out=out)
    np.exp(out, out=out)
    np.multiply(out, t, out=out)
    np.subtract(1, out, out=out)
    np.multiply(out, 0.5, out=out)


@lru_cache
def _coefficients(terms: int) -> tuple[float, ...]:
    """The series of p, highest power first, in t stretched from LOW..1 to -1..1.

    It goes through the standard library's values at the Chebyshev nodes; p is so
    smooth that its powers may be summed as they are.
    """
    nodes = chebyshev.chebpts1(2 * terms)
    values = []
    for node in nodes:
        t = (node * (1 - LOW) + 1 + LOW) / 2
        z = 2 * (1 / t - 1)
        values.append(log(erfc(z) * exp(z * z) / t))
    powers = chebyshev.cheb2poly(chebyshev.chebfit(nodes, values, terms - 1))
    return tuple(float(power) for power in powers[::-1])
