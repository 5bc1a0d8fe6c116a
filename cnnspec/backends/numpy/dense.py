"""Fully connected layers: one matrix product each way; the sample is the column."""

from __future__ import annotations

import numpy as np

from cnnspec.backends.numpy.layout import Array
from cnnspec.backends.numpy.step import Step


class Dense(Step):
    """(units, n) @ (n, sample); the bias follows as a step of its own."""

    reason = "one product of weights and samples"

    def build(self) -> None:
        self.weight, self.gradient = self.site.weights["weight"], self.site.gradients.get("weight")
        self.y = self.memory.take((self.weight.shape[0], self.site.batch))
        self.multiplies = self.weight.size * self.site.batch

    def forward(self, training: bool) -> None:
        np.matmul(self.weight, self.x, out=self.y)

    def prepare(self, dy: Array, wanted: tuple[bool, ...]) -> tuple[Array | None, ...]:
        self.dy = dy
        self.dx = self.memory.take(self.x.shape) if wanted[0] else None
        return (self.dx,)

    def backward(self) -> None:
        if self.gradient is not None:
            np.matmul(self.dy, self.x.T, out=self.gradient)
        if self.dx is not None:
            np.matmul(self.weight.T, self.dy, out=self.dx)
