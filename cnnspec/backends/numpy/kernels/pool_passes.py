"""Passes of pools along one axis: the extreme, and in training the tap that won; the sum."""

from __future__ import annotations

from typing import Final, NamedTuple, TypeAlias

import numpy as np
from numpy.lib.stride_tricks import as_strided

from cnnspec.backends.numpy.kernels.step import SharedScratch
from cnnspec.backends.numpy.kernels.window import WindowGeometry, taps
from cnnspec.backends.numpy.layout import Array

MANY: Final = 128
"""Taps of a window from which a step for each takes longest, where each has few runs."""
FEW: Final = 16
VERY_MANY: Final = 200_000
"""The same where it has many: what each step needs to be known by fills the memory."""


class Extreme(NamedTuple):
    """Which extreme a pool keeps: its elementwise choice, its comparison, what padding counts as.

    Of two zeros a processor's maximum gives the second: the best so far stands there, and the first stays.
    """

    choose: np.ufunc
    beats: np.ufunc
    padding: float


class ExtremePass:
    """The extreme along one axis, and in training which tap won: the first, or the last that is NaN."""

    def __init__(
        self,
        room: SharedScratch,
        x: Array,
        y: Array,
        window: WindowGeometry,
        extreme: Extreme,
        training: bool,
    ) -> None:
        self.x, self.y, self.window, self.extreme, self.training = x, y, window, extreme, training
        self.parts = [
            (x[:, window.inputs(tap)], y[:, window.outputs(tap)], window.outputs(tap))
            for (tap,) in taps((window,), VERY_MANY)
        ]
        self.complete = window.inside
        self.small = np.dtype(np.int8 if window.kernel <= 128 else np.int32)
        self.paired = 2 if self.complete and 2 <= window.kernel <= 128 else 0
        if training:
            self.winner = room.passing(y.shape, self.small)
            self.first = self._first_taps().astype(self.small)
        if training and self.paired < window.kernel:
            self.beaten, self.missing = room.scratch(y.shape, bool), room.scratch(y.shape, bool)
            self.candidate = room.scratch(y.shape, self.small)

    def _first_taps(self) -> Array:
        """For each output its first tap on the map: it wins where nothing beats minus infinity."""
        window = self.window
        starts = np.arange(window.output) * window.stride - window.before
        taps = np.maximum(-(starts // window.dilation), 0)
        on_map = (taps < window.kernel) & (starts + taps * window.dilation < window.size)
        return np.where(on_map, taps, 0)[:, None]

    def forward(self) -> None:
        """In training PyTorch's loop, all windows at once: a tap wins when it beats the best, or is NaN."""
        if not self.training:
            self._values()
            return
        self._race(nan=False)
        if np.isnan(self.y.max(initial=-np.inf)):
            self._race(nan=True)

    def _values(self) -> None:
        choose = self.extreme.choose
        start = 0
        if self.complete and self.window.kernel > 1:
            choose(self.parts[1][0], self.parts[0][0], out=self.y)
            start = 2
        else:
            self.y.fill(self.extreme.padding)
        for pixels, best, _ in self.parts[start:]:
            choose(pixels, best, out=best)

    def _race(self, nan: bool) -> None:
        if self.paired:
            self._pair(nan)
        else:
            self.y.fill(self.extreme.padding)
            self.winner[...] = self.first
        for tap, (pixels, best, place) in [*enumerate(self.parts)][self.paired :]:
            beaten, candidate = self.beaten[:, place], self.candidate[:, place]
            self.extreme.beats(pixels, best, out=beaten)
            if nan:
                np.logical_or(beaten, np.isnan(pixels, out=self.missing[:, place]), out=beaten)
            self.extreme.choose(pixels, best, out=best)
            np.multiply(beaten.view(np.int8), self.small.type(tap), out=candidate)
            np.maximum(self.winner[:, place], candidate, out=self.winner[:, place])

    def _pair(self, nan: bool) -> None:
        """The first two taps."""
        left, right = self.parts[0][0], self.parts[1][0]
        self.extreme.choose(right, left, out=self.y)
        self.extreme.beats(right, left, out=self.winner.view(bool))
        if nan:
            np.logical_or(self.winner, np.isnan(right), out=self.winner.view(bool))

    def prepare(self, room: SharedScratch, dy: Array, dx: Array) -> None:
        self.integer = np.dtype(f"i{dy.itemsize}")
        self.dy, self.dx = dy.view(self.integer), dx.view(self.integer)
        self.mask = room.scratch(dy.shape, self.integer)
        self.equal = room.scratch(dy.shape, bool)
        self.sums = [dx[:, self.window.inputs(tap)] for tap in range(self.window.kernel)]
        self.pixels = [part.view(self.integer) for part in self.sums] if self.window.apart else []

    def backward(self) -> None:
        """Each gradient goes whole to the tap that won; bit masks keep it exact even when infinite."""
        window = self.window
        if not (window.apart and self.complete and window.kernel * window.output >= window.size):
            self.dx.fill(0)
        if window.apart and self.paired == window.kernel:
            self._give_pair()
        else:
            self.give(window.apart)

    def _give_pair(self) -> None:
        left, right = self.pixels
        np.negative(self.winner, out=self.mask, dtype=self.integer)
        np.bitwise_and(self.dy, self.mask, out=right)
        np.bitwise_xor(self.dy, right, out=left)

    def give(self, alone: bool = False) -> None:
        """Each tap's gradient, added to what is there unless it is the only one."""
        for tap, (_, _, place) in enumerate(self.parts):
            mask = self.mask[:, place]
            np.equal(self.winner[:, place], tap, out=self.equal[:, place])
            np.negative(self.equal[:, place].view(np.int8), out=mask, dtype=self.integer)
            np.bitwise_and(self.dy[:, place], mask, out=self.pixels[tap] if alone else mask)
            if not alone:
                np.add(self.sums[tap], mask.view(self.sums[tap].dtype), out=self.sums[tap])


class WidePass(ExtremePass):
    """A few windows of many taps, all of them on the map, for predicting alone: no step a tap.

    The greatest of a million values: 12 s and 800 MB -> 2 ms; of 200x1 in steps of 200: 0.6 ms -> 0.1.
    """

    def __init__(self, x: Array, y: Array, window: WindowGeometry, extreme: Extreme) -> None:
        before, column, after = x.strides
        self.x, self.y, self.extreme = x, y, extreme
        self.windows = as_strided(
            x[:, window.inputs_of_first],
            (len(x), window.output, window.kernel, x.shape[2]),
            (before, window.stride * column, window.dilation * column, after),
            writeable=False,
        )

    @staticmethod
    def pays(x: Array, window: WindowGeometry) -> bool:
        few = window.kernel > MANY and len(x) * window.output <= FEW
        return (few or window.kernel > VERY_MANY) and window.inside

    def forward(self) -> None:
        self.extreme.choose.reduce(self.windows, axis=2, out=self.y)


class SumPass:
    """The sum along one axis, and backwards its spreading."""

    def __init__(self, x: Array, y: Array, window: WindowGeometry) -> None:
        self.x, self.y, self.window = x, y, window
        self.alone = window.output == 1 and window.inside and window.dilation == 1
        if not self.alone:
            taps((window,), VERY_MANY)

    def forward(self) -> None:
        window = self.window
        if self.alone:
            np.add.reduce(self.x[:, window.inputs_of_first], axis=1, out=self.y[:, 0])
            return
        self.y.fill(0)
        for tap in range(window.kernel):
            part = self.y[:, window.outputs(tap)]
            np.add(part, self.x[:, window.inputs(tap)], out=part)

    def prepare(self, room: SharedScratch, dy: Array, dx: Array) -> None:
        self.dy, self.dx = dy, dx

    def backward(self) -> None:
        self.dx.fill(0)
        self.give()

    def give(self) -> None:
        """Each tap's gradient added to what is there."""
        if self.alone:
            part = self.dx[:, self.window.inputs_of_first]
            np.add(part, self.dy, out=part)
            return
        for tap in range(self.window.kernel):
            part = self.dx[:, self.window.inputs(tap)]
            np.add(part, self.dy[:, self.window.outputs(tap)], out=part)


AxisPass: TypeAlias = ExtremePass | SumPass
"""One axis, windows of one length."""
