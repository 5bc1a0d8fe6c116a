"""Taps of a sliding window: which outputs read which inputs, as pairs of slices.

Tap j of an axis joins output o with input i = o·stride − before + j·dilation.
Where i falls outside the map the tap reads padding, so it joins a range of
outputs only. All window kernels are loops over taps, never over positions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Final

from cnnspec.backends.numpy.layout import Array
from cnnspec.diagnostics import SpecError
from cnnspec.layers.base import show
from cnnspec.layers.window import Axis


@dataclass(frozen=True, slots=True)
class WindowGeometry:
    """A window's way along one axis: ``output`` positions over an input of ``size``."""

    size: int
    output: int
    kernel: int
    stride: int
    before: int
    dilation: int = 1

    @classmethod
    def of(cls, axis: Axis) -> WindowGeometry:
        return cls(axis.size, axis.count, axis.kernel, axis.stride, axis.before, axis.dilation)

    @property
    def reach(self) -> int:
        """Input positions from the first tap to the last, both included."""
        return (self.kernel - 1) * self.dilation + 1

    @property
    def inputs_of_first(self) -> slice:
        """All that the first window reads, where it lies inside the map."""
        return slice(-self.before, self.reach - self.before)

    @property
    def apart(self) -> bool:
        """Whether each window ends before the next begins."""
        return self.stride >= self.reach or self.output == 1

    @property
    def inside(self) -> bool:
        """Whether no tap ever reads padding."""
        return all(self.reached(tap) == (0, self.output) for tap in (0, self.kernel - 1))

    @property
    def plain(self) -> bool:
        """Kernel 1, stride 1, no padding: the axis passes through."""
        return self.kernel == self.stride == 1 and self.before == 0 and self.size == self.output

    @property
    def padded(self) -> int:
        """Input positions from the first tap of the first window to the last of the last."""
        return (self.output - 1) * self.stride + self.reach

    def reached(self, tap: int) -> tuple[int, int]:
        """First output and one past the last whose tap lies on the map."""
        offset = tap * self.dilation - self.before
        first = max(0, -(offset // self.stride)) if offset < 0 else 0
        last = (self.size - 1 - offset) // self.stride + 1
        return min(first, self.output), max(first, min(self.output, last))

    def outputs(self, tap: int) -> slice:
        return slice(*self.reached(tap))

    def inputs(self, tap: int) -> slice:
        """The inputs joined with ``outputs(tap)``, one each."""
        return self.reads(tap, *self.reached(tap))

    def reads(self, tap: int, first: int, past: int) -> slice:
        """The inputs that a tap joins with the outputs from ``first`` to before ``past``."""
        start = first * self.stride + tap * self.dilation - self.before
        return slice(start, start + max(0, (past - first - 1) * self.stride + 1), self.stride)


MOST_TAPS: Final = 50_000
"""Taps that a kernel takes a step each for, 5 KB to know it by: more would take seconds and gigabytes."""


def taps(windows: tuple[WindowGeometry, ...], most: int = MOST_TAPS) -> Iterator[tuple[int, ...]]:
    """All taps in row-major order: the order in which PyTorch looks for a maximum.

    Raises SpecError where they are more than can be gone through one by one.
    """
    kernel = tuple(window.kernel for window in windows)
    if prod(kernel) > most:
        raise too_many(f"a window of {show(kernel)} has {prod(kernel):,} places", most)
    return product(*map(range, kernel))


def too_many(what: str, most: int) -> SpecError:
    return SpecError.of(
        "network-too-large",
        f"{what}; at most {most:,} are gone through one by one",
        "take a smaller window, or let PyTorch run it: --backend torch",
    )


def at_outputs(
    array: Array, windows: tuple[WindowGeometry, ...], tap: tuple[int, ...], between: int = 1
) -> Array:
    """The part of an inner output array (…, C, column, N) that a tap reaches."""
    return cut(array, [window.outputs(t) for window, t in zip(windows, tap, strict=True)], between)


def at_inputs(
    array: Array, windows: tuple[WindowGeometry, ...], tap: tuple[int, ...], between: int = 1
) -> Array:
    """The part of an inner input array (…, C, column, N) that a tap reads."""
    return cut(array, [window.inputs(t) for window, t in zip(windows, tap, strict=True)], between)


def cut(array: Array, slices: Sequence[slice], between: int = 1) -> Array:
    """Cut (*rows, …, column, sample) along its spatial axes; ``between`` counts the axes of channels."""
    *outer, column = slices
    return array[(*outer, *(slice(None),) * between, column)]
