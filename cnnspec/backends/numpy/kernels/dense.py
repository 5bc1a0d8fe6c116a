"""Fully connected layers: one matrix product each way; the sample is the column."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from cnnspec.backends.numpy.kernels.reshape import by_channel, in_order
from cnnspec.backends.numpy.kernels.step import KernelStep
from cnnspec.backends.numpy.layout import Array
from cnnspec.backends.numpy.team import Task

PART_BYTES = 1 << 18
"""Values of a map brought into the weights' order at a time; they stay in the second-level cache."""


@dataclass
class InputPart:
    """Some channels of the input: the columns of the weight they meet, and their values in that order."""

    columns: slice
    values: Array
    """(value, sample)."""
    scratch: Array
    """The same memory, shaped like ``pixels``."""
    pixels: Array
    """(channel, *rows, column, sample), where they lie."""

    @property
    def copied(self) -> bool:
        return self.scratch is not self.pixels

    def read(self) -> None:
        if self.copied:
            np.copyto(self.scratch, self.pixels)

    def write(self) -> None:
        if self.copied:
            np.copyto(self.pixels, self.scratch)


class DenseStep(KernelStep):
    """(units, n) @ (n, sample); the bias follows as a step of its own.

    In front of it flatten moves no value: the layer reads the map itself, some
    channels at a time, copied into the order in which the weights mean them.
    """

    reason = "one product of weights and samples"
    finishes = frozenset({"affine", "clip"})

    def build(self) -> None:
        self.weight, self.gradient = self.context.weights["weight"], self.context.gradients.get("weight")
        self.y = self.memory.take((self.weight.shape[0], self.context.batch))
        self.multiplies = self.weight.size * self.context.batch
        units = self.lanes_of(len(self.weight), self.weight.nbytes)
        self.lanes = [
            (part, self._parts(self.x, self._store(self.x)), self.ending(self.y[part], part, axis=0))
            for part in units
        ]
        self.partial = self.scratch(self.y.shape) if len(self.lanes[0][1]) > 1 else self.y

    def _store(self, x: Array) -> Array:
        """Room for some channels of a map, (channel, *rows, column, sample); none where it is in order."""
        if in_order(x.shape):
            return self.x[:0]
        channel = by_channel(x)[0]
        at_once = max(1, min(x.size // channel.size, PART_BYTES // channel.nbytes))
        return self.scratch((at_once, *channel.shape))

    def _parts(self, x: Array, store: Array) -> list[InputPart]:
        """A map or vector in parts, which share the room they are copied to."""
        pixels, batch = by_channel(x), x.shape[-1]
        if in_order(x.shape):
            return [InputPart(slice(None), x.reshape(-1, batch), pixels, pixels)]
        parts, each = [], pixels[0].size // batch
        for start in range(0, len(pixels), len(store)):
            some = pixels[start : start + len(store)]
            scratch, columns = store[: len(some)], slice(start * each, (start + len(some)) * each)
            parts.append(InputPart(columns, scratch.reshape(-1, batch), scratch, some))
        return parts

    def forward(self) -> None:
        self.together([partial(self._multiply, *lane) for lane in self.lanes])

    def _multiply(self, units: slice, parts: list[InputPart], end: Task) -> None:
        """Some units; each lane brings the input into order for itself."""
        y, more = self.y[units], self.partial[units]
        for n, part in enumerate(parts):
            part.read()
            np.matmul(self.weight[units, part.columns], part.values, out=more if n else y)
            if n:
                np.add(y, more, out=y)
        end()

    def prepare(self, dy: Array, wanted: tuple[bool, ...]) -> tuple[Array | None, ...]:
        self.dy = dy
        self.dx = self.memory.take(self.x.shape) if wanted[0] else None
        store = self._store(self.x)
        self.read_again = self._parts(self.x, store) if self.gradient is not None else []
        self.given = [] if self.dx is None else self._parts(self.dx, store)
        return (self.dx,)

    def backward(self) -> None:
        if self.gradient is not None:
            for part in self.read_again:
                part.read()
                np.matmul(self.dy, part.values.T, out=self.gradient[:, part.columns])
        for part in self.given:
            np.matmul(self.weight[:, part.columns].T, self.dy, out=part.values)
            part.write()
