"""Depthwise convolution over long runs: padded rows shifted, times weights laid out alike.

A row of one channel is short, and NumPy pays for every run. So padded rows of
many channels lie one after the other: a tap of all of them is the same run, a
few places on. Where it reads on into the next channel it makes columns that are
thrown away.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from cnnspec.backends.numpy.kernels.conv_depthwise import DepthwiseConv
from cnnspec.backends.numpy.kernels.window import WindowGeometry, taps
from cnnspec.backends.numpy.layout import Array, move
from cnnspec.backends.numpy.team import Task

RUN = 1 << 14
"""Values of a run, a row of some channels: several fit a block, for each is read by several rows."""
BLOCK = 1 << 16
"""Values of a block: with its input and its products it stays near the second-level cache."""
LONG = 4096
"""Rows of one channel beyond are runs long enough as they lie."""
SHORT = 64
"""Rows of one channel up to here are too short to repeat a weight along them in each pass."""


@dataclass
class ShiftBlock:
    """Some rows of some channels of the output."""

    store: Array
    filled: list[tuple[Array, Array]]
    """Pairs of a part of the store and the pixels it holds."""
    taps: list[tuple[Array, Array, Array, Array]]
    """Of each tap: what it reads, its weights, room for the products, and their sum."""
    result: Array
    target: Array
    end: Task
    """What follows, on the sums."""


@dataclass
class Band:
    """Some channels: their weights, repeated along a row, and their blocks."""

    weights: Array
    """(tap, channel, column · sample)."""
    kernel: Array
    """(tap, channel, 1)."""
    blocks: list[ShiftBlock]


class ShiftConv(DepthwiseConv):
    """Two axes, one filter a channel; backwards as any depthwise convolution.

    A store holds columns of equal rest modulo the stride together: (rest, row, channel, column, sample).
    """

    def arrange(self) -> None:
        (rows, columns), batch = self.windows, self.context.batch
        self.reach = (columns.reach - 1) // columns.stride
        self.width = columns.output + self.reach
        run = self.width * batch
        lanes = min(self.context.lanes, self.channels)
        deep = max(1, min(-(-self.channels // lanes), RUN // run))
        high = max(1, min(rows.output, BLOCK // (deep * run)))
        self.height = (high - 1) * rows.stride + rows.reach
        stores = [self.scratch((columns.stride * self.height * deep * run,)) for _ in range(lanes)]
        scratches = [self.scratch((2, high * deep * run)) for _ in range(lanes)]
        count = rows.kernel * columns.kernel
        self.lasting = run <= SHORT
        scratch = self.memory.own if self.lasting else self.scratch
        repeated = [scratch((count, self.channels if self.lasting else deep, run))]
        repeated += [self.scratch((count, deep, run)) for _ in range(0 if self.lasting else lanes - 1)]
        kernel = self.weight.reshape(self.channels, count).T[:, :, None]
        self.bands: list[list[Band]] = [[] for _ in range(lanes)]
        for n, first in enumerate(range(0, self.channels, deep)):
            self.store, self.scratches = stores[n % lanes], scratches[n % lanes]
            weights = repeated[n % len(repeated)]
            channels = slice(first, min(first + deep, self.channels))
            part = weights[:, channels] if self.lasting else weights[:, : channels.stop - first]
            blocks = [
                self._block(slice(row, min(row + high, rows.output)), channels, part)
                for row in range(0, rows.output, high)
            ]
            self.bands[n % lanes].append(Band(part, kernel[:, channels], blocks))

    def _block(self, rows: slice, channels: slice, weights: Array) -> ShiftBlock:
        (down, across), batch = self.windows, self.context.batch
        target = self.y[rows, channels]
        count, deep = target.shape[:2]
        shape = (across.stride, self.height, deep, self.width, batch)
        store = self.store[: int(np.prod(shape))].reshape(shape)
        size = deep * self.width * batch
        past = size - self.reach * batch
        total, scratch = (each[: count * size].reshape(count, size) for each in self.scratches)
        found = []
        for weight, (i, j) in zip(weights.reshape(-1, size), taps(self.windows), strict=True):
            shift, rest = divmod(j * across.dilation, across.stride)
            read = slice(i * down.dilation, i * down.dilation + (count - 1) * down.stride + 1, down.stride)
            pixels = store[rest, read].reshape(count, size)[:, shift * batch : shift * batch + past]
            found.append((pixels, weight[:past], scratch[:, :past], total[:, :past]))
        result = total.reshape(count, deep, self.width, batch)[:, :, : across.output]
        end = self.ending(total.reshape(count, deep, -1), channels)
        return ShiftBlock(store, self._filled(rows, channels, store), found, result, target, end)

    def _filled(self, rows: slice, channels: slice, store: Array) -> list[tuple[Array, Array]]:
        """The pixels that the rows of a block read, by the rest of their column modulo the stride."""
        down, across = self.windows
        top = rows.start * down.stride - down.before
        first, past = max(0, -top), max(0, min(self.height, down.size - top))
        image = self.x[top + first : max(0, top + past), channels]
        pairs = []
        for rest in sorted({tap * across.dilation % across.stride for tap in range(across.kernel)}):
            skipped = max(0, -(-(across.before - rest) // across.stride))
            pixels = image[:, :, skipped * across.stride + rest - across.before :: across.stride]
            pixels = pixels[:, :, : max(0, self.width - skipped)]
            pairs.append((store[rest, first:past, :, skipped : skipped + pixels.shape[2]], pixels))
        return pairs

    def pack(self) -> None:
        for bands in self.bands if self.lasting else ():
            for band in bands:
                np.copyto(band.weights, band.kernel)

    def forward(self) -> None:
        self.together([partial(self._run, bands) for bands in self.bands])

    def _run(self, bands: list[Band]) -> None:
        for band in bands:
            if not self.lasting:
                np.copyto(band.weights, band.kernel)
            for block in band.blocks:
                _run(block)


def _run(block: ShiftBlock) -> None:
    block.store.fill(0)
    for part, pixels in block.filled:
        move(pixels, part)
    (pixels, weight, _, total), *others = block.taps
    np.multiply(pixels, weight, out=total)
    for pixels, weight, scratch, total in others:
        np.multiply(pixels, weight, out=scratch)
        np.add(total, scratch, out=total)
    block.end()
    move(block.result, block.target)


def pays(windows: tuple[WindowGeometry, ...], filters: int, channels: int, batch: int) -> bool:
    """Whether long runs gain: two axes, one filter a channel, and rows that are short."""
    return len(windows) == 2 and filters == channels and windows[1].output * batch <= LONG
