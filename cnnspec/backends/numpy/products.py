"""Batched matrix products over many rows, kept small enough for the cache."""

from __future__ import annotations

import numpy as np

from cnnspec.backends.numpy.layout import Array, Shape
from cnnspec.backends.numpy.step import Step

PARTIAL_BYTES = 1 << 20
"""Room for the partial products of a sum: they stay in the second-level cache."""


class ProductSum:
    """Σ over rows r of left[r] @ right[r], in slabs of rows whose partial products fit the cache.

    ``left`` (R, …, K, M) and ``right`` (R, …, M, O) give ``out`` (…, K, O).
    """

    def __init__(self, step: Step, left: Array, right: Array, out: Array) -> None:
        rows = left.shape[0]
        slab = max(1, min(rows, PARTIAL_BYTES // max(1, out.nbytes)))
        self.out, self.partial = out, step.scratch((slab, *out.shape))
        self.slabs = [
            (left[r : r + slab], right[r : r + slab], self.partial[: min(slab, rows - r)])
            for r in range(0, rows, slab)
        ]
        self.total = step.scratch(out.shape) if len(self.slabs) > 1 else out

    def __call__(self) -> None:
        for n, (left, right, partial) in enumerate(self.slabs):
            np.matmul(left, right, out=partial)
            np.add.reduce(partial, axis=0, out=self.total if n else self.out)
            if n:
                np.add(self.out, self.total, out=self.out)


def overlapping(rows: Array, count: int, step: int, length: int) -> Array:
    """``count`` windows of ``length`` neighbouring rows, ``step`` apart, without a copy.

    ``rows`` (R, K, M), contiguous, seen as (count, length·K, M): what one
    output row reads is one matrix.
    """
    _, inner, run = rows.shape
    across, down, along = rows.strides
    shape: Shape = (count, length * inner, run)
    return np.lib.stride_tricks.as_strided(rows, shape, (step * across, down, along))
