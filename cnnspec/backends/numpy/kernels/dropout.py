"""Dropout, drawn from the model's one generator."""

from __future__ import annotations

import numpy as np

from cnnspec.backends.numpy.kernels.step import KernelStep
from cnnspec.backends.numpy.layout import Array
from cnnspec.layers.norm import Dropout as DropoutLayer
from cnnspec.network.graph import Node


class DropoutStep(KernelStep):
    """Each value is kept with probability 1 - rate and scaled by its inverse: a step of training alone."""

    reads_input = False

    @classmethod
    def needed(cls, node: Node, training: bool) -> bool:
        return training

    def build(self) -> None:
        assert isinstance(self.node.layer, DropoutLayer)
        self.rate = self.node.layer.rate
        self.scale = 1 / (1 - self.rate)
        self.y = self.memory.take(self.x.shape)
        self.kept = self.memory.take(self.x.shape)
        self.drawn = self.scratch(self.x.shape, np.float32)
        self.mask = self.scratch(self.x.shape, bool)

    def forward(self) -> None:
        self.context.random.random(dtype=np.float32, out=self.drawn)
        np.greater_equal(self.drawn, self.rate, out=self.mask)
        np.multiply(self.mask, self.scale, out=self.kept, casting="same_kind")
        np.multiply(self.x, self.kept, out=self.y)

    def prepare(self, dy: Array, wanted: tuple[bool, ...]) -> tuple[Array | None, ...]:
        self.dy = dy
        return (self.gradient_like(dy),)

    def backward(self) -> None:
        np.multiply(self.dy, self.kept, out=self.dy)
