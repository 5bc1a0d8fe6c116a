"""Winograd's convolution F(m, 3): m² outputs of a 3x3 window from (m + 2)² products instead of 9·m².

Names and matrices are those of Lavin and Gray (2015), for interpolation at 0, 1, -1
(and 2, -2 for m = 4). A tile d of α x α inputs, α = m + 2, gives m x m outputs Y:

    U = G g Gᵀ    V = Bᵀ d B    M = U ⊙ V, summed over the channels    Y = Aᵀ M A

A transform of both axes is one product with a Kronecker square, for all tiles at
once; ⊙ is one matrix product at each of the α² places. Only for predicting;
``conv_winograd_training`` has other tiles and both gradients.

The transforms spread an infinity or NaN over its whole tile, and overflow before
the sums do. So what comes out not finite is summed once more, directly.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from math import isfinite, prod

import numpy as np

from cnnspec.backends.numpy.kernels.conv import ConvStep
from cnnspec.backends.numpy.kernels.window import WindowGeometry
from cnnspec.backends.numpy.layout import Array, move, planes
from cnnspec.backends.numpy.team import Task, parts
from cnnspec.layers.conv import Conv

G2 = np.array([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]])
B2 = np.array([[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]])
A2 = np.array([[1, 1, 1, 0], [0, 1, -1, -1]])

G4 = np.array(
    [[1 / 4, 0, 0], [-1 / 6, -1 / 6, -1 / 6], [-1 / 6, 1 / 6, -1 / 6], [1 / 24, 1 / 12, 1 / 6],
     [1 / 24, -1 / 12, 1 / 6], [0, 0, 1]]
)  # fmt: skip
B4 = np.array(
    [[4, 0, -5, 0, 1, 0], [0, -4, -4, 1, 1, 0], [0, 4, -4, -1, 1, 0], [0, -2, -1, 2, 1, 0],
     [0, 2, -1, -2, 1, 0], [0, 4, 0, -5, 0, 1]]
)  # fmt: skip
A4 = np.array([[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]])

FEWEST_CHANNELS = 64
"""With fewer the transforms cost more than the products that they save."""
MANY_CHANNELS = 128
"""From so many on it gains on maps of any size; with fewer only on maps up to …"""
MOST_VALUES = 1 << 23
"""… so many values of all samples: VGG-16's first maps, eight at once, gain a tenth for 100 MB more."""
FEWEST_TILES = 32
"""Of all samples: with fewer the products are too narrow."""
TILES_OF_A_LANE = 96
"""With so many, lanes take rows of tiles and meet once a layer; with fewer, channels, then filters: twice."""
SLAB_BYTES = 2 << 20
"""Tiles of one slab, before and after the transform: near the cache, and large products …"""
SLAB_PER_WEIGHT = 4
"""… so at least so many times the transformed weights, up to …"""
MOST_SLAB_BYTES = 8 << 20


@dataclass
class TileBand:
    """Some rows of tiles; where there are several bands, a lane takes one alone."""

    first: int
    phases: Array
    """(phase, row, channel, column, sample): the map with its padding, each m-th column together."""
    spread: list[tuple[Array, Array]]
    """Copies of the map into the phases."""
    slabs: list[TileSlab]


@dataclass
class TileSlab:
    """Some rows of tiles: the arrays of the paper, and the copies on the way in and out."""

    V: Array
    """(α², channel, tile · sample)."""
    inputs: list[TileInputs]
    """For each lane, as of the outputs."""
    outputs: list[TileOutputs]


@dataclass
class TileInputs:
    """Some channels of a slab."""

    channels: slice
    gathered: list[tuple[Array, Array]]
    """Pairs of a place of all tiles and the pixels it holds."""
    d: Array
    """(α², channel · tile · sample)."""
    V: Array
    """The same of V."""


@dataclass
class TileOutputs:
    """Some filters of a slab."""

    rows: range
    """The rows of the output."""
    padded: Array
    """The phases, from the first of the rows that these read."""
    filters: slice
    M: Array
    """(α², filter, tile · sample)."""
    Y: Array
    """(m², filter · tile · sample)."""
    placed: list[tuple[Array, Array]]
    """Pairs of some pixels of the output and the place of all tiles that they come from."""
    end: Task
    """What follows, on Y."""


class WinogradConv(ConvStep):
    """Two axes, 3x3, stride 1, one group: F(2x2, 3x3)."""

    m = 2
    """Outputs of a tile along each axis."""
    matrices = G2, B2, A2
    """G, Bᵀ and Aᵀ."""

    def arrange(self) -> None:
        self.alpha = self.m + 2
        rows, columns = self.windows
        kind = self.memory.dtype
        self.filter_transform, self.input_transform, self.output_transform = (
            np.kron(matrix, matrix).astype(kind) for matrix in self.matrices
        )
        channels, filters, batch = self.x.shape[1], self.layer.filters, self.context.batch
        places = self.alpha**2
        self.U = self.memory.own((places, filters, channels))
        down, across = -(-rows.output // self.m), -(-columns.output // self.m)
        row_bytes = places * across * batch * (channels + filters) * kind.itemsize
        slab_bytes = min(max(SLAB_BYTES, SLAB_PER_WEIGHT * self.U.nbytes), MOST_SLAB_BYTES)
        lanes = self.context.lanes
        by_rows = down // lanes * across * batch >= TILES_OF_A_LANE
        several, each = list(parts(down, lanes if by_rows else 1)), 1 if by_rows else lanes
        height = max(1, min(several[-1].stop - several[-1].start, slab_bytes // row_bytes))
        self.channels, self.filters = list(parts(channels, each)), list(parts(filters, each))
        self.bands = [self._band(rows, across, height) for rows in several]

    def _band(self, tiles: slice, across: int, height: int) -> TileBand:
        """Some rows of ``across`` tiles, in slabs of so many of them, which share their room."""
        channels, filters, batch = self.x.shape[1], self.layer.filters, self.context.batch
        places, run = self.alpha**2, height * across * batch
        phases = self.scratch((self.m, (tiles.stop - tiles.start) * self.m + 2, channels, across + 1, batch))
        sizes = (places * channels, places * channels, places * filters, self.m**2 * filters)
        stores = [self.scratch((size * run,)) for size in sizes]
        band = TileBand(tiles.start, phases, self._padding(phases, tiles.start, across), [])
        for start in range(tiles.start, tiles.stop, height):
            band.slabs.append(self._slab(band, start, min(start + height, tiles.stop), across, stores))
        return band

    def _padding(self, phases: Array, first_tile: int, across: int) -> list[tuple[Array, Array]]:
        """The copies of the map into phases that begin at a row of tiles, with the padding.

        The phases of the columns lie apart, so that tiles are gathered in long runs.
        """
        rows, columns = self.windows
        start, left = first_tile * self.m - rows.before, columns.before
        top, last = max(0, -start), min(phases.shape[1], rows.size - start)
        spread = []
        for phase in range(self.m):
            target = phases[phase, top:last]
            first = -(-(left - phase) // self.m) if left > phase else 0
            source = self.x[start + top : start + last, :, first * self.m + phase - left :: self.m]
            count = min(source.shape[2], across + 1 - first)
            spread.append((target[:, :, first : first + count], source[:, :, :count]))
        return spread

    def _slab(self, band: TileBand, first: int, past: int, across: int, stores: list[Array]) -> TileSlab:
        """Rows of ``across`` tiles, from ``first`` to before ``past``, in the shared stores."""
        shape = past - first, across, self.context.batch
        padded = band.phases[:, (first - band.first) * self.m :]
        run, places = prod(shape), self.alpha**2
        before, behind, summed, after = stores
        behind = behind[: places * self.x.shape[1] * run].reshape(places, -1, run)
        summed = summed[: places * self.layer.filters * run].reshape(places, -1, run)
        inputs, outputs = [], []
        for some in self.channels:
            tiles = before[places * some.start * run : places * some.stop * run]
            gathered = self._gathered(padded, some, tiles, shape)
            inputs.append(TileInputs(some, gathered, tiles.reshape(places, -1), behind[:, some]))
        for some in self.filters:
            tiles = after[self.m**2 * some.start * run : self.m**2 * some.stop * run]
            rows = range(first * self.m, min(past * self.m, len(self.y)))
            placed = self._placed(rows, some, tiles, shape)
            tiles = tiles.reshape(self.m**2, -1, run)
            flat, end = tiles.reshape(self.m**2, -1), self.ending(tiles, some)
            outputs.append(TileOutputs(rows, padded, some, summed[:, some], flat, placed, end))
        return TileSlab(behind, inputs, outputs)

    def _gathered(
        self, padded: Array, channels: slice, tiles: Array, shape: tuple[int, ...]
    ) -> list[tuple[Array, Array]]:
        """What fills the tiles of some channels, (α, α, channel, *shape), from phases that begin there."""
        alpha, m, (count, across, _) = self.alpha, self.m, shape
        tiles = tiles.reshape(alpha, alpha, -1, *shape)
        pairs = []
        for i, j in np.ndindex(alpha, alpha):
            rows = padded[j % m, i::m][:count]
            pairs.append((tiles[i, j], rows[:, channels, j // m : j // m + across].swapaxes(0, 1)))
        return pairs

    def _placed(
        self, rows: range, filters: slice, tiles: Array, shape: tuple[int, ...]
    ) -> list[tuple[Array, Array]]:
        """Where the tiles of some filters, (m, m, filter, *shape), go."""
        m = self.m
        tiles = tiles.reshape(m, m, -1, *shape)
        pairs = []
        for i, j in np.ndindex(m, m):
            target = self.y[rows.start + i : rows.stop : m, filters, j::m].swapaxes(0, 1)
            pairs.append((target, tiles[i, j, :, : target.shape[1], : target.shape[2]]))
        return pairs

    def pack(self) -> None:
        filters, channels = self.weight.shape[:2]
        flat = self.weight.reshape(filters * channels, 9)
        with np.errstate(over="ignore", invalid="ignore"):
            np.matmul(self.filter_transform, flat.T, out=self.U.reshape(len(self.U), -1))

    def forward(self) -> None:
        with np.errstate(over="ignore", invalid="ignore"):
            if len(self.bands) > 1:
                self.together([partial(self._run, band) for band in self.bands])
                return
            band = self.bands[0]
            for slab in band.slabs:
                self.together([partial(self._transform, band, slab, each) for each in slab.inputs])
                self.together([partial(self._multiply, slab, each) for each in slab.outputs])

    def _run(self, band: TileBand) -> None:
        for slab in band.slabs:
            self._transform(band, slab, slab.inputs[0])
            self._multiply(slab, slab.outputs[0])

    def _transform(self, band: TileBand, whole: TileSlab, slab: TileInputs) -> None:
        if whole is band.slabs[0]:
            self._spread(band, slab.channels)
        for target, source in slab.gathered:
            np.copyto(target, source)
        np.matmul(self.input_transform, slab.d, out=slab.V.reshape(slab.d.shape))

    def _spread(self, band: TileBand, channels: slice) -> None:
        """Some channels of the map into the phases, for all slabs."""
        band.phases[:, :, channels].fill(0)
        for target, source in band.spread:
            move(source[:, channels], target[:, channels])

    def _multiply(self, slab: TileSlab, some: TileOutputs) -> None:
        np.matmul(self.U[:, some.filters], slab.V, out=some.M)
        np.matmul(self.output_transform, some.M.reshape(len(some.M), -1), out=some.Y)
        finite = isfinite(np.vdot(some.Y, some.Y))
        if finite:
            some.end()
        for target, source in some.placed:
            move(source, target)
        if not finite:
            self._mend(some)
            if self.tail is not None:
                y = planes(self.y)[some.rows.start : some.rows.stop, some.filters]
                self.tail.on(y, some.filters, axis=1, repeat=False)()

    def _mend(self, some: TileOutputs) -> None:
        """Sum directly what is not finite; finite results keep their bits, whatever lies beside them."""
        kernel = np.ascontiguousarray(self.weight[some.filters].transpose(2, 3, 0, 1))
        for n, row in enumerate(some.rows):
            y = self.y[row, some.filters]
            lost = ~np.isfinite(y)
            if lost.any():
                np.copyto(y, self._direct(some.padded[:, n:], kernel), where=lost)

    def _direct(self, padded: Array, kernel: Array) -> Array:
        """The row of the output, (filter, column, sample), that phases which begin there give, tap by tap."""
        m, (_, _, channels, past, batch) = self.m, padded.shape
        across, filters = past - 1, kernel.shape[2]
        total = np.zeros((filters, across, m, batch), self.y.dtype)
        for phase in range(m):
            for i, j in np.ndindex(3, 3):
                start, part = divmod(phase + j, m)
                pixels = padded[part, i, :, start : start + across].reshape(channels, -1)
                total[:, :, phase] += (kernel[i, j] @ pixels).reshape(filters, across, batch)
        return total.reshape(filters, -1, batch)[:, : self.y.shape[2]]

    def prepare(self, dy: Array, wanted: tuple[bool, ...]) -> tuple[Array | None, ...]:
        raise AssertionError("training has kernels of its own")

    def differentiate(self) -> None:
        """Never reached: ``prepare`` refuses."""


class Winograd4Conv(WinogradConv):
    """F(4x4, 3x3): four times fewer products than direct, at a hundredth of the accuracy; by choice only."""

    m = 4
    matrices = G4, B4, A4


def fits(layer: Conv, windows: tuple[WindowGeometry, ...]) -> bool:
    """Whether a convolution is a 3x3 window at stride 1, undilated, over one group."""
    plain = all(window.kernel == 3 and window.stride == window.dilation == 1 for window in windows)
    return len(windows) == 2 and layer.groups == 1 and plain


def pays(layer: Conv, windows: tuple[WindowGeometry, ...], channels: int, batch: int) -> bool:
    """Whether F(2x2, 3x3) beats direct sums."""
    tiles = batch * prod(-(-window.output // 2) for window in windows)
    least, values = min(channels, layer.filters), channels * batch * prod(window.size for window in windows)
    few = least < FEWEST_CHANNELS or tiles < FEWEST_TILES
    large = least < MANY_CHANNELS and values > MOST_VALUES
    return fits(layer, windows) and layer.table() is None and not few and not large
