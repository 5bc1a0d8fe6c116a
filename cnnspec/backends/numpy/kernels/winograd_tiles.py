"""Tiles of Winograd's convolution F(4, r) between a map and the products, and both ways transposed.

A tile d of α x α inputs, α = r + 3, gives 4 x 4 outputs Y (Lavin and Gray 2015):

    U = G g Gᵀ    V = Bᵀ d B    M = U ⊙ V, summed over the channels    Y = Aᵀ M A

Maps are copied to (column, row, sample · channel): there a transform along one axis is one
product with an overlapping view, of long runs, and ⊙ is one product of (tile · sample, channel)
at each of the α² places. Some columns of tiles are made at a time, and each stage fills the
other one of two stores, so that all stays near the cache.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from cnnspec.backends.numpy.kernels.window import WindowGeometry
from cnnspec.backends.numpy.layout import Array

SIDE = 4
"""Outputs of a tile along each axis."""
POINTS = {3: (0, 2 / 3, -2 / 3, 1.6, -1.6), 5: (0, 1 / 2, -1 / 2, 1, -1, 2, -2)}
"""Where polynomials are evaluated, infinity apart: of those that were tried, these lose the fewest bits."""
APART = 16
"""Values between runs that are read side by side: powers of two apart they would share few cache lines."""


def transforms(r: int) -> tuple[Array, Array, Array]:
    """G (α, r), Bᵀ (α, α) and A (α, 4) by Toom and Cook, scaled by powers of two, which cost no bits."""

    def powers(count: int) -> Array:
        finite = [[float(point) ** power for power in range(count)] for point in POINTS[r]]
        return np.array([*finite, [0.0] * (count - 1) + [1.0]])

    to_inputs = np.linalg.inv(powers(r + SIDE - 1)).T
    scale = 2.0 ** np.round(np.log2(np.abs(to_inputs).max(axis=1, keepdims=True)))
    return powers(r) * scale, to_inputs / scale, powers(SIDE)


@dataclass(frozen=True, slots=True)
class WinogradGrid:
    """The tiles of a map, and the sizes that follow."""

    rows: WindowGeometry
    columns: WindowGeometry
    batch: int
    channels: int
    filters: int

    @property
    def alpha(self) -> int:
        return self.rows.kernel + SIDE - 1

    @property
    def down(self) -> int:
        return -(-self.rows.output // SIDE)

    @property
    def across(self) -> int:
        return -(-self.columns.output // SIDE)

    @property
    def run(self) -> int:
        """Values of a column and row of the input, over the batch."""
        return self.batch * self.channels

    @property
    def height(self) -> int:
        """Rows of the input that the tiles read, with padding."""
        return self.down * SIDE + self.rows.kernel - 1

    def width(self, count: int) -> int:
        """Columns of the input that so many columns of tiles read, with padding."""
        return count * SIDE + self.columns.kernel - 1

    def places(self, count: int) -> tuple[int, int]:
        """Values of V and of M."""
        tiles = self.alpha**2 * count * self.down * self.batch
        return tiles * self.channels, tiles * self.filters

    def stores(self, count: int) -> tuple[int, int]:
        """Values of the even and the odd store."""
        halfway_in = count * self.alpha * self.height * self.run
        halfway_out = count * self.alpha * self.down * SIDE * self.batch * self.filters
        inputs, outputs = self.places(count)
        even = self.width(count) * self.height * self.run, outputs, halfway_in
        apart_in = self.rows.size * self.channels * (self.width(count) * self.batch + APART)
        apart_out = self.rows.output * self.filters * (count * SIDE * self.batch + APART)
        return max(even), max(inputs, halfway_in, halfway_out, apart_in, apart_out)


class Stores:
    """Two stores: what a stage reads lies in the one, what it makes in the other."""

    def __init__(self, even: Array, odd: Array) -> None:
        self._even, self._odd = even, odd

    def even(self, *shape: int) -> Array:
        return self._even[: prod(shape)].reshape(shape)

    def odd(self, *shape: int) -> Array:
        return self._odd[: prod(shape)].reshape(shape)

    def apart(self, image: Array) -> Array:
        """Room for part of a map with its channels apart, turned."""
        rows, channels, columns, batch = image.shape
        room = self.odd(rows, channels, columns * batch + APART)[..., : columns * batch]
        return turned(room.reshape(image.shape))


def turned(image: Array) -> Array:
    """(row, channel, column, sample) seen as (column, row, sample, channel)."""
    return image.transpose(2, 0, 3, 1)


def by_tiles(places: Array) -> Array:
    """(i, j, tile column, tile row, run) seen as (tile column, j, tile row, i, run)."""
    return places.transpose(2, 1, 3, 0, 4)


def tiles_along(padded: Array, axis: int, alpha: int) -> Array:
    """Tiles along an axis before the last one, overlapping: (…, tile, place, …, run); a view."""
    windows = sliding_window_view(padded, alpha, axis=axis)
    every = (slice(None),) * axis
    return np.moveaxis(windows[(*every, slice(None, None, SIDE))], -1, -2)


class InputTiles:
    """Some columns of tiles of the input: V = Bᵀ d B."""

    def __init__(
        self, grid: WinogradGrid, first: int, v: Array, image: Array, bt: Array, stores: Stores
    ) -> None:
        self.V, self.Bt, count, columns = by_tiles(v), bt, v.shape[2], grid.columns
        width, start = grid.width(count), first * SIDE - columns.before
        left, right = max(0, -start), min(columns.size - start, width)
        part = image[:, :, start + left : start + right]
        self.source, self.apart = turned(part), stores.apart(part)
        padded = stores.even(width, grid.height, grid.batch, grid.channels)
        top, bottom = grid.rows.before, grid.rows.before + grid.rows.size
        self.inside = padded[left:right, top:bottom]
        self.blank = padded[:left], padded[right:], padded[left:right, :top], padded[left:right, bottom:]
        halfway = stores.odd(count, grid.alpha, grid.height, grid.run)
        flat = padded.reshape(width, -1)
        self.across = tiles_along(flat, 0, grid.alpha), halfway.reshape(count, grid.alpha, -1)
        self.down = tiles_along(halfway, 2, grid.alpha)

    def __call__(self) -> None:
        np.copyto(self.apart, self.source)
        np.copyto(self.inside, self.apart)
        for blank in self.blank:
            blank.fill(0)
        tiles, halfway = self.across
        np.matmul(self.Bt, tiles, out=halfway)
        np.matmul(self.Bt, self.down, out=self.V)


class OutputTiles:
    """Some columns of tiles of the output: Y = Aᵀ M A, or transposed M̄ = A Ȳ Aᵀ."""

    def __init__(
        self, grid: WinogradGrid, first: int, m: Array, image: Array, a: Array, stores: Stores
    ) -> None:
        self.M, self.A, count = by_tiles(m), a, m.shape[2]
        part = image[:, :, first * SIDE : (first + count) * SIDE]
        self.image, self.apart = turned(part), stores.apart(part)
        wide, high = self.image.shape[:2]
        self.halfway = stores.odd(count, grid.alpha, grid.down, SIDE, m.shape[-1])
        whole = stores.even(count * SIDE, grid.down * SIDE, grid.batch, grid.filters)
        self.Y, self.blank = whole[:wide, :high], (whole[wide:], whole[:wide, high:])
        self.across = self.halfway.reshape(count, grid.alpha, -1), whole.reshape(count, SIDE, -1)

    def write(self) -> None:
        halfway, whole = self.across
        np.matmul(self.A.T, self.M, out=self.halfway)
        np.matmul(self.A.T, halfway, out=whole)
        np.copyto(self.image, self.Y)

    def read(self) -> None:
        halfway, whole = self.across
        np.copyto(self.apart, self.image)
        np.copyto(self.Y, self.apart)
        for blank in self.blank:
            blank.fill(0)
        np.matmul(self.A, whole, out=halfway)
        np.matmul(self.A, self.halfway, out=self.M)


class InputGradient:
    """Some columns of tiles back into the gradient to the input: d̄ = B V̄ Bᵀ, summed where tiles overlap.

    The sum of columns that the next tiles read too is carried over to these.
    """

    def __init__(
        self, grid: WinogradGrid, first: int, v: Array, image: Array, bt: Array, stores: Stores,
        carried: Array,
    ) -> None:  # fmt: skip
        self.V, self.B, alpha, count, run = by_tiles(v), bt.T, grid.alpha, v.shape[2], grid.run
        over, body = alpha - SIDE, grid.down * SIDE * run
        self.tiles = tiles = stores.odd(count, alpha, grid.down, alpha, run)
        flat = stores.even(count, alpha, grid.height * run)
        columns = flat.reshape(count, alpha, grid.height, grid.batch, grid.channels)
        self.rows_over = [(tiles[:, :, n, :over], tiles[:, :, n - 1, SIDE:]) for n in range(1, grid.down)]
        cut = tiles.reshape(count, alpha, grid.down, alpha * run)
        upper = flat[..., :body].reshape(count, alpha, grid.down, SIDE * run)
        self.across = (
            (cut[..., : SIDE * run].swapaxes(1, 2), upper.swapaxes(1, 2)),
            (cut[:, :, -1, SIDE * run :], flat[..., body:]),
        )
        self.columns_over = [(columns[n, :over], columns[n - 1, SIDE:]) for n in range(1, count)]
        self.carried = carried.reshape(over, *columns.shape[2:])
        if first > 0:
            self.columns_over.append((columns[0, :over], self.carried))
        last = first + count == grid.across
        self.left_over = None if last else columns[-1, SIDE:]
        self.placed = list(_placed(grid, first, columns, turned(image)))

    def __call__(self) -> None:
        np.matmul(self.B, self.V, out=self.tiles)
        _add_up(self.rows_over)
        for tiles, columns in self.across:
            np.matmul(self.B, tiles, out=columns)
        _add_up(self.columns_over)
        if self.left_over is not None:
            np.copyto(self.carried, self.left_over)
        for target, source in self.placed:
            np.copyto(target, source)


def _add_up(parts: list[tuple[Array, Array]]) -> None:
    for total, part in parts:
        np.add(total, part, out=total)


def _placed(grid: WinogradGrid, first: int, columns: Array, image: Array) -> Iterator[tuple[Array, Array]]:
    """Columns of the map, and what they are in their tiles; the last tiles have those that stick out too."""
    rows = slice(grid.rows.before, grid.rows.before + grid.rows.size)
    for n, tile in enumerate(columns, first):
        start = n * SIDE - grid.columns.before
        count = SIDE if n + 1 < grid.across else grid.alpha
        left, right = max(0, -start), min(grid.columns.size - start, count)
        if left < right:
            yield image[start + left : start + right], tile[left:right, rows]
