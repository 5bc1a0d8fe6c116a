"""Winograd's convolution F(m, 3): m² outputs of a 3x3 window from (m + 2)² products instead of 9·m².

Names and matrices are those of Lavin and Gray (2015), for interpolation at 0, 1, -1
(and 2, -2 for m = 4). A tile d of α x α inputs, α = m + 2, gives m x m outputs Y:

    U = G g Gᵀ    V = Bᵀ d B    M = U ⊙ V, summed over the channels    Y = Aᵀ M A

A transform of both axes is one product with a Kronecker square, for all tiles at
once; ⊙ is one matrix product at each of the α² places. Only for predicting:
training keeps direct sums.

The transforms spread an infinity or NaN over its whole tile, and overflow before
the sums do. So what comes out not finite is summed once more, directly.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite, prod

import numpy as np

from cnnspec.backends.numpy.kernels.conv import ConvStep
from cnnspec.backends.numpy.kernels.window import WindowGeometry
from cnnspec.backends.numpy.layout import Array
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

FEWEST_CHANNELS = 128
"""With fewer the transforms cost more than the products that they save."""
FEWEST_TILES = 32
"""Of all samples: with fewer the products are too narrow."""
SLAB_BYTES = 8 << 20
"""Tiles of one slab, before and after the transform: large products, and still near the cache."""


@dataclass
class TileSlab:
    """Some rows of tiles: the arrays of the paper, and the copies on the way in and out."""

    rows: range
    """The rows of the output."""
    gathered: list[tuple[Array, Array]]
    """Pairs of a place of all tiles and the pixels it holds."""
    d: Array
    """(α², channel · tile · sample)."""
    V: Array
    """(α², channel, tile · sample)."""
    M: Array
    """(α², filter, tile · sample)."""
    Y: Array
    """(m², filter · tile · sample)."""
    placed: list[tuple[Array, Array]]
    """Pairs of some pixels of the output and the place of all tiles that they come from."""


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
        # Phases of the columns apart, so that tiles are gathered in long runs.
        self.phases = self.scratch((self.m, down * self.m + 2, channels, across + 1, batch))
        self._padding(down, across)
        row_bytes = places * across * batch * (channels + filters) * kind.itemsize
        height = max(1, min(down, SLAB_BYTES // row_bytes))
        run = height * across * batch
        sizes = (places * channels, places * channels, places * filters, self.m**2 * filters)
        stores = [self.scratch((size * run,)) for size in sizes]
        self.slabs = [
            self._slab(start, min(start + height, down), across, stores) for start in range(0, down, height)
        ]

    def _padding(self, down: int, across: int) -> None:
        """The copies of the map into the phases, with its padding."""
        rows, columns = self.windows
        top, left = rows.before, columns.before
        last_row = min(down * self.m + 2, top + rows.size)
        self.spread = []
        for phase in range(self.m):
            target = self.phases[phase, top:last_row]
            first = -(-(left - phase) // self.m) if left > phase else 0
            source = self.x[: last_row - top, :, first * self.m + phase - left :: self.m]
            count = min(source.shape[2], across + 1 - first)
            self.spread.append((target[:, :, first : first + count], source[:, :, :count]))

    def _slab(self, first: int, past: int, across: int, stores: list[Array]) -> TileSlab:
        """Rows of ``across`` tiles, from ``first`` to before ``past``, in the shared stores."""
        alpha, m, batch = self.alpha, self.m, self.context.batch
        channels, filters, count = self.x.shape[1], self.layer.filters, past - first
        run = count * across * batch
        tiles = stores[0][: alpha**2 * channels * run].reshape(alpha, alpha, channels, count, across, batch)
        outputs = stores[3][: m * m * filters * run].reshape(m, m, filters, count, across, batch)
        gathered, placed = [], []
        for i in range(alpha):
            for j in range(alpha):
                rows = self.phases[j % m, first * m + i :: m][:count]
                gathered.append((tiles[i, j], rows[:, :, j // m : j // m + across].swapaxes(0, 1)))
        for i in range(m):
            for j in range(m):
                target = self.y[first * m + i : past * m : m, :, j::m].swapaxes(0, 1)
                placed.append((target, outputs[i, j, :, : target.shape[1], : target.shape[2]]))
        return TileSlab(
            rows=range(first * m, min(past * m, len(self.y))),
            gathered=gathered,
            d=tiles.reshape(alpha**2, -1),
            V=stores[1][: tiles.size].reshape(alpha**2, channels, run),
            M=stores[2][: alpha**2 * filters * run].reshape(alpha**2, filters, run),
            Y=outputs.reshape(m * m, -1),
            placed=placed,
        )

    def pack(self) -> None:
        filters, channels = self.weight.shape[:2]
        flat = self.weight.reshape(filters * channels, 9)
        with np.errstate(over="ignore", invalid="ignore"):
            np.matmul(self.filter_transform, flat.T, out=self.U.reshape(len(self.U), -1))

    def forward(self) -> None:
        self.phases.fill(0)
        for target, source in self.spread:
            np.copyto(target, source)
        with np.errstate(over="ignore", invalid="ignore"):
            for slab in self.slabs:
                self._run(slab)

    def _run(self, slab: TileSlab) -> None:
        for target, source in slab.gathered:
            np.copyto(target, source)
        np.matmul(self.input_transform, slab.d, out=slab.V.reshape(slab.d.shape))
        np.matmul(self.U, slab.V, out=slab.M)
        np.matmul(self.output_transform, slab.M.reshape(len(self.U), -1), out=slab.Y)
        for target, source in slab.placed:
            np.copyto(target, source)
        if not isfinite(np.vdot(slab.Y, slab.Y)):
            self._mend(slab.rows)

    def _mend(self, rows: range) -> None:
        """Sum directly what is not finite; finite results keep their bits, whatever lies beside them."""
        kernel = np.ascontiguousarray(self.weight.transpose(2, 3, 0, 1))
        for row in rows:
            lost = ~np.isfinite(self.y[row])
            if lost.any():
                np.copyto(self.y[row], self._direct(row, kernel), where=lost)

    def _direct(self, row: int, kernel: Array) -> Array:
        """One row of the output, (filter, column, sample), from the padded phases, tap by tap."""
        m, (_, _, channels, past, batch) = self.m, self.phases.shape
        across, filters = past - 1, self.layer.filters
        total = np.zeros((filters, across, m, batch), self.y.dtype)
        for phase in range(m):
            for i, j in np.ndindex(3, 3):
                start, part = divmod(phase + j, m)
                pixels = self.phases[part, row + i, :, start : start + across].reshape(channels, -1)
                total[:, :, phase] += (kernel[i, j] @ pixels).reshape(filters, across, batch)
        return total.reshape(filters, -1, batch)[:, : self.y.shape[2]]

    def prepare(self, dy: Array, wanted: tuple[bool, ...]) -> tuple[Array | None, ...]:
        raise AssertionError("training has direct kernels")

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
    few = min(channels, layer.filters) < FEWEST_CHANNELS or tiles < FEWEST_TILES
    return fits(layer, windows) and layer.table() is None and not few
