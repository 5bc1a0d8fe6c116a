"""A greatest along columns that lie apart by a few samples, a stride of two or more, for predicting alone.

Every second column is a run of as many values as there are samples, and NumPy pays for every run. So
columns of equal rest modulo the stride are brought together first, all samples of a pixel as one value:
then each tap is a long run. A pool 3x3 stride 2 of 112x112x64, eight at a time: 22 ms -> 9; two: 18 -> 2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cnnspec.backends.numpy.kernels.pool_passes import Extreme, ExtremePass
from cnnspec.backends.numpy.kernels.step import SharedScratch
from cnnspec.backends.numpy.kernels.window import WindowGeometry
from cnnspec.backends.numpy.layout import Array, move

BLOCK = 1 << 16
"""Values of a phase that are worked on at a time; they stay near the second-level cache."""
MOST_SAMPLES = 32
"""With more, each column is a run that is long enough."""


@dataclass
class PhaseBlock:
    """Some rows: copies into the phases, what counts as padding there, the taps and their greatest."""

    filled: list[tuple[Array, Array]]
    blank: list[Array]
    taps: list[Array]
    best: Array


class ApartPass(ExtremePass):
    """Taps in their order, so that of two zeros the first stays."""

    def __init__(
        self, room: SharedScratch, x: Array, y: Array, window: WindowGeometry, extreme: Extreme
    ) -> None:  # fmt: skip
        super().__init__(room, x, y, window, extreme, training=False)
        reads = (tap * window.dilation - window.before for tap in range(window.kernel))
        self.places = [divmod(read, window.stride) for read in reads]
        self.earliest = self.places[0][0]
        length = window.output + self.places[-1][0] - self.earliest
        high = max(1, min(len(x), BLOCK // (length * x.shape[2])))
        self.store = room.scratch((window.stride, high, length, x.shape[2]))
        self.blocks = [
            self._block(x[row : row + high], y[row : row + high]) for row in range(0, len(x), high)
        ]

    def _block(self, x: Array, y: Array) -> PhaseBlock:
        phases = self.store[:, : len(x)]
        filled, blank = [], []
        for rest in sorted({rest for _, rest in self.places}):
            phase, skipped = phases[rest], max(0, -self.earliest)
            pixels = x[:, (skipped + self.earliest) * self.window.stride + rest :: self.window.stride]
            pixels = pixels[:, : phase.shape[1] - skipped]
            past = skipped + pixels.shape[1]
            filled.append((pixels, phase[:, skipped:past]))
            blank += [part for part in (phase[:, :skipped], phase[:, past:]) if part.size]
        starts = [(rest, shift - self.earliest) for shift, rest in self.places]
        taps = [phases[rest, :, start : start + y.shape[1]] for rest, start in starts]
        return PhaseBlock(filled, blank, taps, y)

    def forward(self) -> None:
        for block in self.blocks:
            for part in block.blank:
                part.fill(self.extreme.padding)
            for pixels, phase in block.filled:
                move(pixels, phase)
            first, *others = block.taps
            if not others:
                np.copyto(block.best, first)
            for n, tap in enumerate(others):
                self.extreme.choose(tap, block.best if n else first, out=block.best)


def pays(x: Array, window: WindowGeometry) -> bool:
    """Whether columns lie apart at all, by few samples."""
    return window.stride > 1 and window.kernel > 1 and x.shape[2] <= MOST_SAMPLES
