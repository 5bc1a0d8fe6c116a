"""Upsampling, one axis after the other."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np

from cnnspec.backends.numpy.layout import Array
from cnnspec.backends.numpy.passes import along, spatial_axes
from cnnspec.backends.numpy.step import Step
from cnnspec.layers.resample import Upsample as UpsampleLayer
from cnnspec.layers.window import per_axis
from cnnspec.network.graph import Node


class Upsample(Step):
    """A chain of passes, rows first; each stretches one axis by a whole factor."""

    reads_input = False

    def build(self) -> None:
        assert isinstance(self.node.layer, UpsampleLayer)
        axes = spatial_axes(self.x.ndim)
        scales = per_axis("scale", self.node.layer.scale, len(axes))
        self.stretched = [(axis, scale) for axis, scale in zip(axes, scales, strict=True) if scale > 1]
        self.chain = [self.x]
        for n, (axis, scale) in enumerate(self.stretched):
            shape = list(self.chain[-1].shape)
            shape[axis] *= scale
            last = n == len(self.stretched) - 1
            self.chain.append((self.memory.take if last else self.scratch)(tuple(shape)))
        self.y = self.chain[-1] if self.stretched else self.output_like(self.x)
        self.setup()

    def setup(self) -> None:
        """Prepare what the passes need."""

    def forward(self, training: bool) -> None:
        for n, (axis, scale) in enumerate(self.stretched):
            self.stretch(n, along(self.chain[n], axis), along(self.chain[n + 1], axis), scale)
        if not self.stretched and self.y is not self.x:
            np.copyto(self.y, self.x)

    def prepare(self, dy: Array, wanted: tuple[bool, ...]) -> tuple[Array | None, ...]:
        if not self.stretched:
            self.back = [dy]
            return (self.gradient_like(dy),)
        dx = self.memory.take(self.x.shape)
        between = [self.scratch(array.shape) for array in self.chain[1:-1]]
        self.back = [dx, *between, dy]
        return (dx,)

    def backward(self) -> None:
        for n, (axis, scale) in reversed(list(enumerate(self.stretched))):
            self.gather(n, along(self.back[n + 1], axis), along(self.back[n], axis), scale)

    @abstractmethod
    def stretch(self, n: int, x: Array, y: Array, scale: int) -> None:
        """Pass ``n``: x (before, i, after) to y (before, i·scale, after)."""

    @abstractmethod
    def gather(self, n: int, dy: Array, dx: Array, scale: int) -> None:
        """The transpose of ``stretch``."""


class Nearest(Upsample):
    """Every pixel repeated."""

    def stretch(self, n: int, x: Array, y: Array, scale: int) -> None:
        before, size, after = x.shape
        np.copyto(y.reshape(before, size, scale, after), x[:, :, None])

    def gather(self, n: int, dy: Array, dx: Array, scale: int) -> None:
        before, size, after = dx.shape
        np.add.reduce(dy.reshape(before, size, scale, after), axis=2, out=dx)


class Nails(Upsample):
    """Every pixel at the near corner of its square, zeros elsewhere."""

    def stretch(self, n: int, x: Array, y: Array, scale: int) -> None:
        y.fill(0)
        np.copyto(y[:, ::scale], x)

    def gather(self, n: int, dy: Array, dx: Array, scale: int) -> None:
        np.copyto(dx, dy[:, ::scale])


class Linear(Upsample):
    """The two nearest pixels, weighted: a product with a small matrix along each axis."""

    def setup(self) -> None:
        self.matrices = [
            linear_weights(self.chain[n].shape[axis], scale).astype(self.memory.dtype)
            for n, (axis, scale) in enumerate(self.stretched)
        ]

    def stretch(self, n: int, x: Array, y: Array, scale: int) -> None:
        np.matmul(self.matrices[n], x, out=y)

    def gather(self, n: int, dy: Array, dx: Array, scale: int) -> None:
        np.matmul(self.matrices[n].T, dy, out=dx)


def linear_weights(size: int, scale: int) -> Array:
    """(size·scale, size): each output between the pixels around (o + 1/2)/scale - 1/2, clipped."""
    place = np.clip((np.arange(size * scale) + 0.5) / scale - 0.5, 0, size - 1)
    left = np.floor(place).astype(int)
    right = np.minimum(left + 1, size - 1)
    pixels = np.arange(size)
    share = (place - left)[:, None]
    return np.asarray((pixels == left[:, None]) * (1 - share) + (pixels == right[:, None]) * share)


def upsample(node: Node, batch: int, training: bool) -> tuple[type[Step], ...]:
    """The kernel of a mode."""
    assert isinstance(node.layer, UpsampleLayer)
    return ({"nearest": Nearest, "bilinear": Linear, "nails": Nails}[node.layer.mode],)
