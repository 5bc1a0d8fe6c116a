"""Convolution by slabs of rows: every tap of several rows copied, one large product a slab (im2col).

Where rows are short and channels many, a product a row would spend its time
packing the weights again and again. Memory is that of one slab; the backward
pass fills the patches once more instead of keeping them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from math import prod

import numpy as np

from cnnspec.backends.numpy.kernels.conv import ConvStep
from cnnspec.backends.numpy.kernels.window import WindowGeometry, taps
from cnnspec.backends.numpy.layout import Array, move
from cnnspec.backends.numpy.team import Task, parts

COLUMNS = 512
"""About so many columns a slab: enough for a product to run at full speed."""
SHORT = 64
"""Rows of so many columns and samples or more are multiplied one by one."""
FEW_MULTIPLIES = 1_000_000
"""Up to so many, OpenBLAS packs nothing and a product a row is as good."""
FEW_PREDICTING = 600_000
"""The same forward alone; 1x1, 14x14x96 to 576: 0.50 ms by rows, 0.37 by slabs; 384 to 64: as long."""


@dataclass
class PatchSlab:
    """Some rows of the output, and for each tap the pixels they read and the patches these fill."""

    rows: slice
    patches: Array
    """(taps · channel, row · column · sample)."""
    result: Array
    """Room for (filter, row, run)."""
    filled: list[tuple[Array, Array]]
    """Pairs of a part of the patches and the pixels it holds."""
    blank: list[Array]
    """Parts of the patches that read padding."""
    ends: list[tuple[slice, Task]]
    """Filters that are multiplied together, and what follows."""


class SlabConv(ConvStep):
    """Two axes, one group. Patches (taps · channel, row · column · sample)."""

    reads_input = True

    def arrange(self) -> None:
        filters, channels, *kernel = self.weight.shape
        rows, columns = self.windows
        self.run = columns.output * self.context.batch
        self.height = max(1, min(rows.output, COLUMNS // self.run))
        self.by_rows = -(-rows.output // self.height) >= 2 * self.context.lanes
        self.length = channels * rows.kernel * columns.kernel
        self.packed = self.memory.own((filters, *kernel, channels))
        count = self.context.lanes if self.by_rows else 1
        self.lanes = [self._slabs(self.x, part) for part in parts(rows.output, count)]
        self.lines = self.y.reshape(rows.output, filters, self.run)

    def pack(self) -> None:
        np.copyto(self.packed, np.moveaxis(self.weight, 1, -1))

    @property
    def flat_weights(self) -> Array:
        return self.packed.reshape(self.layer.filters, self.length)

    def _slabs(self, image: Array, rows: slice) -> list[PatchSlab]:
        """All slabs over some rows of an image; they share their room."""
        store = self.scratch((self.length * self.height * self.run,))
        result = self.scratch((self.layer.filters * self.height * self.run,))
        return [
            self._slab(slice(start, min(start + self.height, rows.stop)), image, store, result)
            for start in range(rows.start, rows.stop, self.height)
        ]

    def _slab(self, rows: slice, image: Array, store: Array, result: Array) -> PatchSlab:
        """The copies that fill one slab; taps are in the order of the packed weights."""
        across, down = self.windows[1], self.windows[0]
        count, channels, batch = rows.stop - rows.start, image.shape[1], image.shape[-1]
        shape = (down.kernel, across.kernel, channels, count, across.output, batch)
        patches = store[: int(np.prod(shape))].reshape(shape)
        scratch = result[: self.layer.filters * count * self.run].reshape(-1, count, self.run)
        some = parts(self.layer.filters, 1 if self.by_rows else self.context.lanes)
        ends = [(filters, self.ending(scratch[filters], filters, axis=0)) for filters in some]
        slab = PatchSlab(rows, patches.reshape(self.length, -1), scratch, [], [], ends)
        for tap in taps(self.windows):
            first, past = down.reached(tap[0])
            first, past = max(first, rows.start), max(first, min(past, rows.stop))
            block, columns = patches[tap], across.outputs(tap[1])
            inside = slice(first - rows.start, max(first, past) - rows.start)
            pixels = image[down.reads(tap[0], first, past), :, across.inputs(tap[1])]
            if first < past:
                slab.filled.append((block[:, inside, columns], pixels.swapaxes(0, 1)))
            reached = inside if first < past else slice(0, 0)
            above, below = block[:, : reached.start], block[:, reached.stop :]
            beside = block[:, reached, : columns.start], block[:, reached, columns.stop :]
            slab.blank.extend(part for part in (above, below, *beside) if part.size)
        return slab

    def _fill(self, slab: PatchSlab, channels: slice = slice(None)) -> None:
        for blank in slab.blank:
            blank[channels].fill(0)
        for patch, pixels in slab.filled:
            move(pixels[channels], patch[channels])

    def forward(self) -> None:
        if self.by_rows:
            self.together([partial(self._forward, slabs) for slabs in self.lanes])
            return
        lanes = self.context.lanes
        for slab in self.lanes[0]:
            self.together([partial(self._fill, slab, some) for some in parts(self.x.shape[1], lanes)])
            self.together([partial(self._multiply, slab, *end) for end in slab.ends])

    def _forward(self, slabs: list[PatchSlab]) -> None:
        for slab in slabs:
            self._fill(slab)
            self._multiply(slab, *slab.ends[0])

    def _multiply(self, slab: PatchSlab, filters: slice, end: Task) -> None:
        result = slab.result[filters]
        np.matmul(self.flat_weights[filters], slab.patches, out=_flat(result))
        end()
        np.copyto(self.lines[slab.rows, filters], result.swapaxes(0, 1))

    def prepare(self, dy: Array, wanted: tuple[bool, ...]) -> tuple[Array | None, ...]:
        self.dy = dy.reshape(self.lines.shape)
        self.dx = self.memory.take(self.x.shape) if wanted[0] else None
        whole = slice(0, self.windows[0].output)
        self.read_again = self._slabs(self.x, whole)
        self.spread = [] if self.dx is None else self._slabs(self.dx, whole)
        self.partial = self.scratch((2, self.layer.filters, self.length))
        return (self.dx,)

    def differentiate(self) -> None:
        if self.dx is not None:
            self.dx.fill(0)
        total, part = self.partial
        for n, slab in enumerate(self.read_again):
            np.copyto(slab.result, self.dy[slab.rows].swapaxes(0, 1))
            flat = _flat(slab.result)
            if self.weight_gradient is not None:
                self._fill(slab)
                np.matmul(flat, slab.patches.T, out=part if n else total)
                if n:
                    np.add(total, part, out=total)
            if self.dx is not None:
                spread = self.spread[n]
                np.matmul(self.flat_weights.T, flat, out=spread.patches)
                for patch, pixels in spread.filled:
                    np.add(pixels, patch, out=pixels)
        if self.weight_gradient is not None:
            np.copyto(self.weight_gradient, np.moveaxis(total.reshape(self.packed.shape), -1, 1))


def _flat(result: Array) -> Array:
    """(filter, row · run)."""
    return result.reshape(len(result), -1)


def pays(windows: tuple[WindowGeometry, ...], batch: int, weights: tuple[int, ...], training: bool) -> bool:
    """Whether slabs beat a product a row: rows short, and the weights too many to be packed for each."""
    run = windows[-1].output * batch
    several = len(windows) == 2 and windows[0].output > 1
    few = FEW_MULTIPLIES if training else FEW_PREDICTING
    return several and run < SHORT and prod(weights) * run > few
