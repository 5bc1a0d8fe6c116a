"""What the workers of a training share, and how each makes its part of a step: a reduce-scatter.

Every worker leaves its whole gradient in shared memory. A part of the weights is then moved by one worker
alone, which sums that part of all gradients in the order of the workers; nothing is done twice, and the
sums are the same whoever does them.
"""

from __future__ import annotations

import mmap
from itertools import pairwise
from math import prod, sqrt
from typing import Any, Final

import numpy as np

from cnnspec.backends.contract import BatchResult
from cnnspec.backends.numpy.layout import Array
from cnnspec.backends.numpy.optimizers import STRETCH, square

LINE: Final = 16
"""Values within which no two workers write: a cache line, of the smallest of numbers."""


class Exchange:
    """The shared arrays of so many workers."""

    def __init__(self, size: int, dtype: np.dtype[Any], count: int) -> None:
        self.weights = shared((size,), dtype)
        self.gradients = shared((count, size), dtype)
        self._figures = shared((count, 4), np.dtype(float))
        self._room = np.empty(min(size, STRETCH), dtype)
        bounds = [*(size * n // count // LINE * LINE for n in range(count)), size]
        self.parts = [slice(*ends) for ends in pairwise(bounds)]

    def keep(self, worker: int, found: BatchResult) -> None:
        """Leaves what came of a shard."""
        self._figures[worker, :3] = found.loss, found.correct, found.samples

    @property
    def total(self) -> BatchResult:
        """What came of all shards."""
        loss, correct, samples = self._figures[:, :3].sum(axis=0).tolist()
        return BatchResult(loss, correct, int(samples))

    def sum(self, place: slice, into: Array) -> None:
        """The whole batch's gradient at a place: all workers' by their samples, in their order."""
        samples: list[float] = self._figures[:, 2].tolist()
        total = sum(samples) or 1.0
        shares = [each / total for each in samples]
        for start in range(place.start, place.stop, STRETCH):
            stretch = slice(start, min(start + STRETCH, place.stop))
            found = into[stretch.start - place.start : stretch.stop - place.start]
            np.multiply(self.gradients[0, stretch], shares[0], out=found)
            for row, share in zip(self.gradients[1:], shares[1:], strict=True):
                np.add(found, np.multiply(row[stretch], share, out=self._room[: len(found)]), out=found)

    def own_sum(self, worker: int) -> Array:
        """The sum of a worker's part, where only it reads on: in place of the first worker's gradient."""
        place = self.parts[worker]
        found: Array = self.gradients[0, place]
        self.sum(place, found)
        return found

    def measure(self, worker: int, gradient: Array) -> None:
        """Leaves the square of the norm of a part."""
        self._figures[worker, 3] = square(gradient)

    @property
    def norm(self) -> float:
        """Of the whole gradient, once every part is measured."""
        return sqrt(sum(self._figures[:, 3].tolist()))


def shared(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Zeros in memory that forked processes share, and that ends with the last of them."""
    memory = mmap.mmap(-1, max(1, prod(shape) * dtype.itemsize))
    return np.frombuffer(memory, dtype, count=prod(shape)).reshape(shape)


def shared_like(values: Array) -> Array:
    """The same of the size of another array."""
    return shared(values.shape, values.dtype)
