"""Changes of shape."""

from __future__ import annotations

from math import prod

import numpy as np

from cnnspec.backends.numpy.layout import Array
from cnnspec.backends.numpy.step import Step


class Flatten(Step):
    """Channel, row, column, as PyTorch flattens: a copy of long runs, or only a view without rows."""

    reads_input = False

    def build(self) -> None:
        *sizes, batch = self.x.shape
        outer, channels = sizes[:-2], sizes[-2] if len(sizes) > 1 else 1
        self.viewed = channels == 1 or prod(outer) == 1
        shape = (prod(sizes), batch)
        if self.viewed:
            self.y = self.view_of(self.x, shape)
            return
        self.y = self.memory.take(shape)
        self.source = np.moveaxis(self.x, -3, 0)
        self.target = self.y.reshape(self.source.shape)

    def forward(self, training: bool) -> None:
        if not self.viewed:
            np.copyto(self.target, self.source)

    def prepare(self, dy: Array, wanted: tuple[bool, ...]) -> tuple[Array | None, ...]:
        if self.viewed:
            self.memory.hold(dy)
            return (dy.reshape(self.x.shape),)
        self.dy = dy.reshape(self.source.shape)
        self.dx = self.memory.take(self.x.shape)
        return (self.dx,)

    def backward(self) -> None:
        if not self.viewed:
            np.copyto(np.moveaxis(self.dx, -3, 0), self.dy)
