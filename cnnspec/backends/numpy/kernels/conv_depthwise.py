"""Depthwise convolution: for each tap a shifted multiply and add, in slabs that stay in the cache."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from cnnspec.backends.numpy.kernels.conv import ConvStep, two_axes, with_rows
from cnnspec.backends.numpy.kernels.window import cut, taps
from cnnspec.backends.numpy.layout import Array, planes
from cnnspec.backends.numpy.team import Task

SLAB_BYTES = 1 << 18
"""Output of one slab: with its input and the products it stays in the second-level cache."""


@dataclass
class Tap:
    """One tap within one slab: what it reads, its weights, room for the products, what it adds to."""

    index: tuple[int, ...]
    pixels: Array
    weight: Array
    scratch: Array
    target: Array


class DepthwiseConv(ConvStep):
    """Each channel alone; maps are seen as (*rows, channel, filter of the channel, column, sample)."""

    reads_input = True

    def build(self) -> None:
        self.channels = self.node.input_shapes[0][-1]
        self.by_tap = self._taps_first(self.context.weights["weight"])
        super().build()

    def arrange(self) -> None:
        self.windows = two_axes(self.windows)
        x, y = with_rows(self.x), with_rows(self.y)
        self.lanes: list[list[tuple[Array, list[Tap], Task]]] = []
        cut = self._slab_rows()
        for lane in range(min(self.context.lanes, len(cut))):
            self.buffer = self.scratch(self._slab_shape(y))
            some = cut[lane :: self.context.lanes]
            self.lanes.append(
                [(y[rows], self._taps(x, y, rows), self.ending(planes(y[rows]))) for rows in some]
            )

    def _taps_first(self, weight: Array) -> Array:
        """(*taps, channel, filter)."""
        kernel = weight.reshape(self.channels, -1, *(1,) * (weight.ndim == 3), *weight.shape[2:])
        return np.moveaxis(kernel, (0, 1), (-2, -1))

    def _split(self, image: Array) -> Array:
        """Channels and the filters of each as two axes."""
        *outer, channels, columns, batch = image.shape
        return image.reshape(*outer, self.channels, channels // self.channels, columns, batch)

    def _slab_rows(self) -> list[slice]:
        rows = self.windows[0].output
        size = max(1, min(rows, SLAB_BYTES // max(1, self.y.nbytes // rows)))
        return [slice(start, min(start + size, rows)) for start in range(0, rows, size)]

    def _slab_shape(self, y: Array) -> tuple[int, ...]:
        return (self._slab_rows()[0].stop, *self._split(y).shape[1:])

    def _taps(self, x: Array, y: Array, rows: slice) -> list[Tap]:
        """The taps that reach a slab, one that covers all of it first."""
        found = []
        for tap in taps(self.windows):
            ranges = [window.reached(t) for window, t in zip(self.windows, tap, strict=True)]
            ranges[0] = max(ranges[0][0], rows.start), min(ranges[0][1], rows.stop)
            if any(first >= past for first, past in ranges):
                continue
            found.append(self._tap(x, y, tap, ranges, rows))
        return sorted(found, key=lambda tap: -tap.target.size)

    def _tap(
        self, x: Array, y: Array, tap: tuple[int, ...], ranges: list[tuple[int, int]], rows: slice
    ) -> Tap:
        read = [window.reads(t, *r) for window, t, r in zip(self.windows, tap, ranges, strict=True)]
        written = [slice(*r) for r in ranges]
        in_buffer = [slice(ranges[0][0] - rows.start, ranges[0][1] - rows.start), *written[1:]]
        weight = self.by_tap[tap][..., None, None]
        pixels, target = cut(self._split(x), read, 2), cut(self._split(y), written, 2)
        return Tap(tap, pixels, weight, cut(self.buffer, in_buffer, 2), target)

    def forward(self) -> None:
        self.together([partial(_run, slabs) for slabs in self.lanes])

    def prepare(self, dy: Array, wanted: tuple[bool, ...]) -> tuple[Array | None, ...]:
        self.dx = self.memory.take(self.x.shape) if wanted[0] else None
        x, dy = with_rows(self.x), with_rows(dy)
        self.buffer = self.scratch(self._slab_shape(dy))
        target = x if self.dx is None else with_rows(self.dx)
        self.back = [(self._taps(target, dy, rows), self._taps(x, dy, rows)) for rows in self._slab_rows()]
        return (self.dx,)

    def differentiate(self) -> None:
        if self.dx is not None:
            self.dx.fill(0)
            for found, _ in self.back:
                for tap in found:
                    np.multiply(tap.target, tap.weight, out=tap.scratch)
                    for filter_of_channel in range(tap.scratch.shape[-3]):
                        part = tap.scratch[..., filter_of_channel : filter_of_channel + 1, :, :]
                        np.add(tap.pixels, part, out=tap.pixels)
        if self.weight_gradient is not None:
            self._differentiate_weights(self.weight_gradient)

    def _differentiate_weights(self, gradient: Array) -> None:
        gradient.fill(0)
        by_tap = self._taps_first(gradient)
        for _, found in self.back:
            for tap in found:
                np.multiply(tap.target, tap.pixels, out=tap.scratch)
                axes = (*range(tap.scratch.ndim - 4), tap.scratch.ndim - 2, tap.scratch.ndim - 1)
                part = by_tap[tap.index]
                np.add(part, np.add.reduce(tap.scratch, axis=axes), out=part)


def _run(slabs: list[tuple[Array, list[Tap], Task]]) -> None:
    for rows, found, end in slabs:
        if not found or found[0].target.size < rows.size:
            rows.fill(0)
        for n, tap in enumerate(found):
            if n == 0 and tap.target.size == rows.size:
                np.multiply(tap.pixels, tap.weight, out=tap.target)
            else:
                np.multiply(tap.pixels, tap.weight, out=tap.scratch)
                np.add(tap.target, tap.scratch, out=tap.target)
        end()
