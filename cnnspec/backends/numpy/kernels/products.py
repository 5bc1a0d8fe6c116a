"""Batched matrix products over many rows, kept small enough for the cache."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import inf
from typing import TypeAlias

import numpy as np

from cnnspec.backends.numpy.kernels.step import KernelStep, SharedScratch
from cnnspec.backends.numpy.layout import Array, Shape

PARTIAL_BYTES = 1 << 20
"""Room for the partial products of a sum: they stay in the second-level cache."""


Rows: TypeAlias = Callable[[slice], tuple[Array, Callable[[], object]]]
"""Of a factor that is made while it is in the cache: some rows of it, and what makes them."""


class ProductSum:
    """Σ over rows r of left[r] @ right[r], in slabs of rows whose partial products fit the cache.

    ``left`` (R, …, K, M) and ``right`` (R, …, M, O) give ``out`` (…, K, O). With
    ``copy`` the right factor, a transposed view, is first brought into order. ``most`` rows make a slab.
    """

    def __init__(
        self, step: KernelStep | SharedScratch, left: Rows, right: Array, out: Array, copy: bool = False,
        most: float = inf,
    ) -> None:  # fmt: skip
        self.out, rows = out, len(right)
        slab, blocks = slab_of(right, out, copy, most)
        store = step.scratch((slab, *right.shape[1:])) if copy else None
        shape = (slab, *_cut(right, -2, blocks).shape[1:-2], *out.shape[-2:])
        self.axes = (0,) if blocks == 1 else (0, len(shape) - 3)
        several, alone = rows > slab, slab == blocks == 1
        sums = out[None] if alone and not several else step.scratch(shape)
        total = step.scratch(out.shape) if several and not alone else sums[0]
        self.slabs = []
        for r in range(0, rows, slab):
            part = slice(r, min(r + slab, rows))
            (some, make), other = left(part), right[part]
            makes = [make]
            if store is not None:
                copied = store[: len(other)]
                makes.append(partial(np.copyto, copied, other))
                other = copied
            found = out[None] if alone and r == 0 else sums[: len(other)]
            into = out if r == 0 else total
            self.slabs.append((makes, _cut(some, -1, blocks), _cut(other, -2, blocks), found, into))
        self.alone = alone

    def __call__(self) -> None:
        for makes, left, right, found, into in self.slabs:
            for make in makes:
                make()
            np.matmul(left, right, out=found)
            if not self.alone:
                np.add.reduce(found, axis=self.axes, out=into)
            if into is not self.out:
                np.add(self.out, into, out=self.out)


def ready(left: Array) -> Rows:
    """A factor that need not be made."""
    return lambda part: (left[part], lambda: None)


def slab_of(right: Array, out: Array, copy: bool, most: float = inf) -> tuple[int, int]:
    """Rows of a slab, at most so many, and the blocks that each of its products is cut into."""
    blocks = block_count(out.shape[-2], out.shape[-1], right.shape[-2]) if copy else 1
    return int(max(1, min(len(right), most, PARTIAL_BYTES // max(1, blocks * out.nbytes)))), blocks


SMALL_PRODUCT = 1_000_000
"""Up to so many multiplies OpenBLAS takes a path without packing, about half as fast again."""
FEWEST_COLUMNS = 48
"""Narrower blocks lose more than they gain."""


def block_count(rows: int, columns: int, length: int) -> int:
    """Into how many equal blocks to cut ``length`` so that each product is small; 1 if it cannot be."""
    for blocks in range(1, length // FEWEST_COLUMNS + 1):
        if length % blocks == 0 and rows * columns * (length // blocks) <= SMALL_PRODUCT:
            return blocks
    return 1


def _cut(array: Array, axis: int, blocks: int) -> Array:
    """An axis cut into blocks, which become an axis before the last two; a view."""
    if blocks == 1:
        return array
    shape, strides = list(array.shape), list(array.strides)
    shape[axis] //= blocks
    apart = strides[axis] * shape[axis]
    shape.insert(len(shape) - 2, blocks)
    strides.insert(len(strides) - 2, apart)
    return np.lib.stride_tricks.as_strided(array, shape, strides)


class BlockedProduct:
    """left @ right into out, the columns of right in blocks small enough for the fast path.

    ``left`` (…, O, K), ``right`` (…, K, M), ``out`` (…, O, M); M is the longest.
    """

    def __init__(self, right: Array, out: Array) -> None:
        blocks = block_count(out.shape[-2], right.shape[-2], right.shape[-1])
        self.blocks, self.right, self.out = blocks, _cut(right, -1, blocks), _cut(out, -1, blocks)

    def __call__(self, left: Array) -> None:
        if self.blocks > 1 and left.ndim > 2:
            left = np.expand_dims(left, -3)
        np.matmul(left, self.right, out=self.out)


def overlapping(rows: Array, count: int, step: int, length: int) -> Array:
    """``count`` windows of ``length`` neighbouring rows, ``step`` apart, without a copy.

    ``rows`` (R, K, M), contiguous, seen as (count, length·K, M): what one
    output row reads is one matrix.
    """
    _, inner, run = rows.shape
    across, down, along = rows.strides
    shape: Shape = (count, length * inner, run)
    return np.lib.stride_tricks.as_strided(rows, shape, (step * across, down, along))
