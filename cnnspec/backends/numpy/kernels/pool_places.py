"""Pools whose places an unpool needs: one small number a value, the tap of its window that won."""

from __future__ import annotations

from typing import ClassVar, Final, TypeAlias

import numpy as np

from cnnspec.analysis.memory import place_bytes
from cnnspec.backends.numpy.kernels.pool import MaxPoolStep, MinPoolStep, pooled_shape, windows_of
from cnnspec.backends.numpy.kernels.pool_passes import Extreme
from cnnspec.backends.numpy.kernels.step import Choice, KernelStep
from cnnspec.backends.numpy.kernels.window import WindowGeometry, at_inputs, at_outputs, taps
from cnnspec.backends.numpy.layout import Array

Sweeps: TypeAlias = tuple[WindowGeometry, ...]
Tap: TypeAlias = tuple[int, ...]


class Chosen:
    """All bits set for the windows whose number is the wanted one, none elsewhere.

    Values pass such a mask whole, infinities and NaN too, or not at all.
    """

    def __init__(self, step: KernelStep, like: Array, windows: Sweeps) -> None:
        self.integer, self.windows = np.dtype(f"i{like.itemsize}"), windows
        self.mask = step.scratch(like.shape, self.integer)
        self.equal = step.scratch(like.shape, bool)

    def __call__(self, numbers: Array, wanted: Array | int, tap: Tap) -> Array:
        """The mask at the windows that a tap reaches, where ``numbers`` are theirs."""
        np.equal(numbers, wanted, out=self.at(self.equal, tap))
        return self.bits(tap)

    def bits(self, tap: Tap) -> Array:
        """The truths in ``equal`` as a mask."""
        truths = self.at(self.equal, tap).view(np.int8)
        return np.negative(truths, out=self.at(self.mask, tap), dtype=self.integer)

    def at(self, array: Array, tap: Tap) -> Array:
        return at_outputs(array, self.windows, tap)


class PlacePool(KernelStep):
    """An extreme pool that remembers places: PyTorch's loop over the taps, all windows at once."""

    reads_input = False
    extreme: ClassVar[Extreme]

    def build(self) -> None:
        self.windows = windows_of(self.node)
        self.taps = list(enumerate(taps(self.windows)))
        self.y = self.memory.take(pooled_shape(self.node, self.x.shape))
        kind = np.dtype(f"u{place_bytes(self.node)}")
        self.places = self.memory.take(self.y.shape, kind)
        self.beaten, self.missing = self.scratch(self.y.shape, bool), self.scratch(self.y.shape, bool)
        self.candidate = self.scratch(self.y.shape, kind)
        self.first = self._first_taps().astype(kind)

    def _first_taps(self) -> Array:
        """For each window its first tap on the map: it wins where nothing beats minus infinity."""
        *outer, column = (window.output for window in self.windows)
        first = np.zeros((*outer, 1, column, 1), int)
        for n, tap in reversed(self.taps):
            at_outputs(first, self.windows, tap)[...] = n
        return first

    def forward(self) -> None:
        """A tap wins when it beats the best so far, or is NaN."""
        self.y.fill(self.extreme.padding)
        np.copyto(self.places, self.first)
        for n, tap in self.taps:
            pixels = at_inputs(self.x, self.windows, tap)
            best, places, beaten, missing, candidate = (
                at_outputs(array, self.windows, tap)
                for array in (self.y, self.places, self.beaten, self.missing, self.candidate)
            )
            self.extreme.beats(pixels, best, out=beaten)
            np.logical_or(beaten, np.isnan(pixels, out=missing), out=beaten)
            self.extreme.choose(pixels, best, out=best)
            np.multiply(beaten.view(np.uint8), places.dtype.type(n), out=candidate)
            np.maximum(places, candidate, out=places)

    def prepare(self, dy: Array, wanted: tuple[bool, ...]) -> tuple[Array | None, ...]:
        self.chosen = Chosen(self, dy, self.windows)
        self.dy, self.dx = dy.view(self.chosen.integer), self.memory.take(self.x.shape)
        return (self.dx,)

    def backward(self) -> None:
        """Each gradient goes whole to the tap that won."""
        self.dx.fill(0)
        for n, tap in self.taps:
            mask = self.chosen(at_outputs(self.places, self.windows, tap), n, tap)
            np.bitwise_and(at_outputs(self.dy, self.windows, tap), mask, out=mask)
            target = at_inputs(self.dx, self.windows, tap)
            np.add(target, mask.view(target.dtype), out=target)


class PlaceMaxPool(PlacePool):
    """The greatest of each window, and where it was."""

    extreme = MaxPoolStep.extreme


class PlaceMinPool(PlacePool):
    """The least of each window, and where it was."""

    extreme = MinPoolStep.extreme


WHY: Final = "a later layer asks where each value was taken from"
REMEMBERING: Final[dict[type[KernelStep], Choice]] = {
    MaxPoolStep: Choice(PlaceMaxPool, WHY),
    MinPoolStep: Choice(PlaceMinPool, WHY),
}
"""What takes the place of a pool that a later layer refers to."""
