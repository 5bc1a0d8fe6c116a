"""Pools that need more than extremes along an axis: the median, and the undoing of a pool."""

from __future__ import annotations

from itertools import combinations
from typing import TypeAlias

import numpy as np

from cnnspec.backends.numpy.kernels.pool import pooled_shape, windows_of
from cnnspec.backends.numpy.kernels.pool_places import Chosen, PlacePool, Tap
from cnnspec.backends.numpy.kernels.step import KernelStep
from cnnspec.backends.numpy.kernels.window import at_inputs, at_outputs, taps
from cnnspec.backends.numpy.layout import Array

Place: TypeAlias = tuple[slice, ...]


class UnpoolStep(KernelStep):
    """Puts each value where the pool took its own from; of two at one place the later window's stays."""

    reads_input = False

    def build(self) -> None:
        pool = self.context.steps[self.node.inputs[1]]
        assert isinstance(pool, PlacePool)
        self.places, self.windows, self.taps = pool.places, pool.windows, pool.taps
        self.y = self.memory.take(pool.x.shape)
        self.chosen = Chosen(self, self.x, self.windows)
        self.source, self.target = (array.view(self.chosen.integer) for array in (self.x, self.y))
        self.given = self.scratch(self.x.shape, self.chosen.integer)
        self.apart = all(window.apart for window in self.windows)

    def forward(self) -> None:
        """Of the windows that share a pixel the later reads it by a smaller tap: those come last."""
        self.y.fill(0)
        for n, tap in reversed(self.taps):
            target = at_inputs(self.target, self.windows, tap)
            values, places, given = (
                at_outputs(array, self.windows, tap) for array in (self.source, self.places, self.given)
            )
            mask = self.chosen(places, n, tap)
            np.bitwise_and(values, mask, out=given)
            if not self.apart:
                np.bitwise_and(target, np.invert(mask, out=mask), out=target)
            np.bitwise_or(target, given, out=target)

    def prepare(self, dy: Array, wanted: tuple[bool, ...]) -> tuple[Array | None, ...]:
        self.dx = self.memory.take(self.x.shape) if wanted[0] else None
        self.staying = Chosen(self, self.x, self.windows)
        self.dy = dy.view(self.staying.integer)
        if not self.apart:
            self.last = self.scratch(dy.shape, self.places.dtype)
            self.candidate = self.scratch(self.places.shape, self.places.dtype)
            self.lasting = self.scratch(self.places.shape, bool)
        return (self.dx,)

    def backward(self) -> None:
        """The gradient of each value that stayed; one overwritten by a later window has none."""
        if self.dx is None:
            return
        if not self.apart:
            self._find_last()
        self.dx.fill(0)
        found = self.dx.view(self.staying.integer)
        for n, tap in self.taps:
            mask = self.staying(at_outputs(self.places, self.windows, tap), n, tap)
            if not self.apart:
                mask = self._without_overwritten(n, tap)
            np.bitwise_and(mask, at_inputs(self.dy, self.windows, tap), out=mask)
            into = at_outputs(found, self.windows, tap)
            np.bitwise_or(into, mask, out=into)

    def _find_last(self) -> None:
        """For each pixel the smallest tap by which a window put a value there: the last window's."""
        kind, none = self.last.dtype.type, np.iinfo(self.last.dtype).max
        self.last.fill(none)
        for n, tap in self.taps:
            places, other, candidate = (
                at_outputs(array, self.windows, tap) for array in (self.places, self.lasting, self.candidate)
            )
            np.not_equal(places, n, out=other)
            np.multiply(other.view(np.uint8), kind(none), out=candidate)
            np.bitwise_or(candidate, kind(n), out=candidate)
            last = at_inputs(self.last, self.windows, tap)
            np.minimum(last, candidate, out=last)

    def _without_overwritten(self, n: int, tap: Tap) -> Array:
        lasting, equal = (
            at_outputs(array, self.windows, tap) for array in (self.lasting, self.staying.equal)
        )
        np.equal(at_inputs(self.last, self.windows, tap), n, out=lasting)
        np.logical_and(equal, lasting, out=equal)
        return self.staying.bits(tap)


class MedianPoolStep(KernelStep):
    """The median of each window's pixels on the map; of an even number, the mean of the middle two.

    Each pixel's rank in its window is counted, pair by pair of taps: equal ones
    in the order of their taps, NaN after all others.
    """

    reads_input = False

    def build(self) -> None:
        self.windows = windows_of(self.node)
        self.taps = list(taps(self.windows))
        self.y = self.memory.take(pooled_shape(self.node, self.x.shape))
        kind = np.min_scalar_type(len(self.taps))
        scratch = self.memory.take if self.context.training else self.scratch
        self.ranks = scratch((len(self.taps), *self.y.shape), kind)
        self.middle = [rank.astype(kind) for rank in self._middle()]
        self.chosen = Chosen(self, self.y, self.windows)
        self.swapped, self.known = self.scratch(self.y.shape, bool), self.scratch(self.y.shape, bool)
        self.values = self.scratch((2, *self.y.shape))
        self.source, self.found = (array.view(self.chosen.integer) for array in (self.x, self.values))

    def _middle(self) -> tuple[Array, Array]:
        """Ranks of the middle pixels of each window, by how many of its taps lie on the map."""
        *outer, column = (window.output for window in self.windows)
        count = np.zeros((*outer, 1, column, 1), int)
        for tap in self.taps:
            at_outputs(count, self.windows, tap)[...] += 1
        return (count - 1) // 2, count // 2

    def forward(self) -> None:
        self._rank()
        self.values.fill(0)
        for rank, tap in zip(self.ranks, self.taps, strict=True):
            pixels = at_inputs(self.source, self.windows, tap)
            for middle, values in zip(self.middle, self.found, strict=True):
                mask = self.chosen(
                    at_outputs(rank, self.windows, tap), at_outputs(middle, self.windows, tap), tap
                )
                np.bitwise_and(pixels, mask, out=mask)
                found = at_outputs(values, self.windows, tap)
                np.bitwise_or(found, mask, out=found)
        low, high = self.values
        np.add(low, high, out=self.y)
        np.multiply(self.y, 0.5, out=self.y)

    def _rank(self) -> None:
        """Of the two pixels of each pair of taps one comes later: its rank is one more."""
        self.ranks.fill(0)
        unknown = bool(np.isnan(self.x.max()))
        for one, two in combinations(range(len(self.taps)), 2):
            windows, first, second = self._pair(self.taps[one], self.taps[two])
            swapped, known = self.swapped[windows], self.known[windows]
            np.greater(self.x[first], self.x[second], out=swapped)
            if unknown:
                np.less_equal(self.x[first], self.x[second], out=swapped)
                np.logical_or(swapped, np.isnan(self.x[second], out=known), out=swapped)
                np.logical_not(swapped, out=swapped)
            for n in (one, two):
                rank = self.ranks[n][windows]
                np.add(rank, swapped.view(np.uint8), out=rank)
                np.logical_not(swapped, out=swapped)

    def _pair(self, one: Tap, two: Tap) -> tuple[Place, Place, Place]:
        """The windows that have both taps on the map, and the pixels of either."""
        reach = [
            (max(window.reached(a)[0], window.reached(b)[0]), min(window.reached(a)[1], window.reached(b)[1]))
            for window, a, b in zip(self.windows, one, two, strict=True)
        ]
        reach = [(first, max(first, past)) for first, past in reach]
        first, second = (
            _place([window.reads(t, *ends) for window, t, ends in zip(self.windows, tap, reach, strict=True)])
            for tap in (one, two)
        )
        return _place([slice(*ends) for ends in reach]), first, second

    def prepare(self, dy: Array, wanted: tuple[bool, ...]) -> tuple[Array | None, ...]:
        self.dy, self.dx = dy, self.memory.take(self.x.shape)
        self.back = Chosen(self, dy, self.windows)
        self.half = self.scratch(dy.shape)
        return (self.dx,)

    def backward(self) -> None:
        """Half of each gradient goes to either of the middle two, which may be one."""
        np.multiply(self.dy, 0.5, out=self.half)
        half = self.half.view(self.back.integer)
        self.dx.fill(0)
        for rank, tap in zip(self.ranks, self.taps, strict=True):
            target = at_inputs(self.dx, self.windows, tap)
            for middle in self.middle:
                mask = self.back(
                    at_outputs(rank, self.windows, tap), at_outputs(middle, self.windows, tap), tap
                )
                np.bitwise_and(at_outputs(half, self.windows, tap), mask, out=mask)
                np.add(target, mask.view(target.dtype), out=target)


def _place(slices: list[slice]) -> Place:
    """Where slices of the spatial axes are in an inner array."""
    return (*slices[:-1], slice(None), slices[-1])
