"""Winograd's convolution F(4, r) with both gradients, for training: 3x3 and 5x5 at stride 1.

Each line of ``winograd_tiles`` is linear, so its gradient is the same line transposed:

    M̄ = A Ȳ Aᵀ    Ū = M̄ ⊙ V, summed over the tiles    V̄ = U ⊙ M̄, summed over the filters
    ḡ = Gᵀ Ū G    d̄ = B V̄ Bᵀ, summed where tiles overlap

V is made anew for Ū, for it takes 2.25 times the room of the input; V̄ then takes its place. U is made
anew, too, where it takes more than input and output: deep in a network weights are large and maps small.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite, prod

import numpy as np

from cnnspec.backends.numpy.kernels.conv import ConvStep
from cnnspec.backends.numpy.kernels.window import at_inputs, at_outputs, taps
from cnnspec.backends.numpy.kernels.winograd_tiles import (
    InputGradient,
    InputTiles,
    OutputTiles,
    Stores,
    WinogradGrid,
    transforms,
)
from cnnspec.backends.numpy.layout import Array

SLAB_BYTES = 4 << 20
"""V and M of so many columns of tiles: large products, and still near the cache. Of a small map they take
no more than it and the output do: memory is what ``analyze`` says."""


@dataclass(frozen=True)
class TileColumns:
    """Some columns of tiles of an input and an output, or of their gradients."""

    places: Array
    """V: (α, α, tile column, tile row, sample · channel)."""
    V: Array
    """(α², tile · sample, channel)."""
    M: Array
    """(α², tile · sample, filter)."""
    gather: InputTiles
    outputs: OutputTiles


class WinogradTraining(ConvStep):
    """Two axes, 3x3 or 5x5, stride 1, one group."""

    def arrange(self) -> None:
        rows, columns = self.windows
        kind, channels, filters = self.memory.dtype, self.x.shape[1], self.layer.filters
        self.grid = grid = WinogradGrid(rows, columns, self.context.batch, channels, filters)
        g, self.Bt, self.A = (each.astype(kind) for each in transforms(rows.kernel))
        self.to_places = np.kron(g, g)
        shape, room = (grid.alpha**2, filters, channels), self.x.nbytes + self.y.nbytes
        self.anew = prod(shape) * kind.itemsize > room
        self.U = self.scratch(shape) if self.anew else self.memory.own(shape)
        room = min(SLAB_BYTES, room)
        deep = max(1, min(grid.across, room // (sum(grid.places(1)) * kind.itemsize)))
        self.parts = [range(n, min(n + deep, grid.across)) for n in range(0, grid.across, deep)]
        self.slabs = self._slabs(self.y, self._stores())

    def _stores(self) -> Stores:
        even, odd = self.grid.stores(len(self.parts[0]))
        return Stores(self.scratch((even,)), self.scratch((odd,)))

    def _slabs(self, output: Array, stores: Stores) -> list[TileColumns]:
        """All tiles of the input and of an output, or of its gradient; they share their room."""
        room = self.scratch((self.grid.places(len(self.parts[0]))[0],))
        return [self._slab(part, output, stores, room) for part in self.parts]

    def _slab(self, part: range, output: Array, stores: Stores, room: Array) -> TileColumns:
        grid, count = self.grid, len(part)
        places = room[: grid.places(count)[0]].reshape(grid.alpha, grid.alpha, count, grid.down, grid.run)
        m = stores.even(*places.shape[:-1], grid.batch * grid.filters)
        return TileColumns(
            places, places.reshape(len(self.U), -1, grid.channels), m.reshape(len(self.U), -1, grid.filters),
            InputTiles(grid, part.start, places, self.x, self.Bt, stores),
            OutputTiles(grid, part.start, m, output, self.A, stores),
        )  # fmt: skip

    def pack(self) -> None:
        if not self.anew:
            self._transform(self.U)

    def _transform(self, into: Array) -> None:
        flat = self.weight.reshape(-1, self.to_places.shape[1])
        np.matmul(self.to_places, flat.T, out=into.reshape(len(into), -1))

    def forward(self) -> None:
        if self.anew:
            self._transform(self.U)
        for slab in self.slabs:
            slab.gather()
            np.matmul(slab.V, self.U.swapaxes(1, 2), out=slab.M)
            slab.outputs.write()
        if not isfinite(np.vdot(self.y, self.y)):
            self._mend()

    def _mend(self) -> None:
        """Sum directly what is not finite: NaN and infinity spread over a tile, large sums overflow."""
        channels, total = self.grid.channels, np.zeros_like(self.y)
        for tap in taps(self.windows):
            pixels, part = at_inputs(self.x, self.windows, tap), at_outputs(total, self.windows, tap)
            rows = np.ascontiguousarray(pixels).reshape(len(pixels), channels, -1)
            part += np.matmul(self.weight[:, :, tap[0], tap[1]], rows).reshape(part.shape)
        np.copyto(self.y, total, where=~np.isfinite(self.y))

    def prepare(self, dy: Array, wanted: tuple[bool, ...]) -> tuple[Array | None, ...]:
        stores, self.dx = self._stores(), None
        self.again = self.scratch(self.U.shape) if self.anew else self.U
        self.back = self._slabs(dy, stores)
        self.spread: list[InputGradient] = []
        if self.weight_gradient is not None:
            self.total = self.scratch((min(2, len(self.parts)), *self.U.shape))
            self.flat = self.scratch((self.to_places.shape[1], self.grid.filters * self.grid.channels))
        if wanted[0]:
            self.dx = self.memory.take(self.x.shape)
            self._prepare_input(self.dx, stores)
        return (self.dx,)

    def _prepare_input(self, dx: Array, stores: Stores) -> None:
        grid = self.grid
        carried = self.scratch(((grid.columns.kernel - 1) * grid.height * grid.run,))
        for part, slab in zip(self.parts, self.back, strict=True):
            self.spread.append(InputGradient(grid, part.start, slab.places, dx, self.Bt, stores, carried))

    def differentiate(self) -> None:
        if self.anew and self.dx is not None:
            self._transform(self.again)
        for n, slab in enumerate(self.back):
            if self.weight_gradient is not None:
                slab.gather()
            slab.outputs.read()
            if self.weight_gradient is not None:
                np.matmul(slab.M.swapaxes(1, 2), slab.V, out=self.total[min(1, n)])
                if n:
                    np.add(self.total[0], self.total[1], out=self.total[0])
            if self.dx is not None:
                np.matmul(slab.M, self.again, out=slab.V)
                self.spread[n]()
        if self.weight_gradient is not None:
            np.matmul(self.to_places.T, self.total[0].reshape(len(self.U), -1), out=self.flat)
            np.copyto(self.weight_gradient.reshape(self.flat.shape[::-1]), self.flat.T)
