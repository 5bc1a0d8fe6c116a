"""Upsampling, one axis after the other."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite

import numpy as np

from cnnspec.backends.numpy.kernels.step import KernelStep
from cnnspec.backends.numpy.layout import Array, along, spatial_axes
from cnnspec.layers.window import per_axis


class UpsampleStep(KernelStep):
    """A chain of passes, rows first; each stretches one axis by a whole factor."""

    reads_input = False

    def build(self) -> None:
        axes = spatial_axes(self.x.ndim)
        scales = per_axis("scale", self.layer.scale, len(axes))
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

    def forward(self) -> None:
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


class Nearest(UpsampleStep):
    """Every pixel repeated."""

    def stretch(self, n: int, x: Array, y: Array, scale: int) -> None:
        before, size, after = x.shape
        np.copyto(y.reshape(before, size, scale, after), x[:, :, None])

    def gather(self, n: int, dy: Array, dx: Array, scale: int) -> None:
        before, size, after = dx.shape
        np.add.reduce(dy.reshape(before, size, scale, after), axis=2, out=dx)


class Nails(UpsampleStep):
    """Every pixel at the near corner of its square, zeros elsewhere."""

    def stretch(self, n: int, x: Array, y: Array, scale: int) -> None:
        y.fill(0)
        np.copyto(y[:, ::scale], x)

    def gather(self, n: int, dy: Array, dx: Array, scale: int) -> None:
        np.copyto(dx, dy[:, ::scale])


DENSE = 64
"""Pixels of an axis up to which a product with a small matrix beats sums along short runs."""


class Linear(UpsampleStep):
    """The two nearest pixels, weighted, and no other: what is not finite stays near its place.

    On a short axis by a product with a matrix that is zero elsewhere; where its result
    is not finite it is summed once more, of the two alone.
    """

    def setup(self) -> None:
        self.buffer = self.scratch((max((array.size for array in self.chain[:-1]), default=1),))
        self.passes: list[tuple[list[Taps], Array | None]] = []
        for n, (axis, scale) in enumerate(self.stretched):
            _, size, after = along(self.chain[n], axis).shape
            found = list(taps(size, scale))
            short = size <= DENSE and after > 1
            dense = matrix(found, size, scale).astype(self.memory.dtype) if short else None
            self.passes.append((found, dense))

    def prepare(self, dy: Array, wanted: tuple[bool, ...]) -> tuple[Array | None, ...]:
        self.back_buffer = self.scratch(self.buffer.shape)
        return super().prepare(dy, wanted)

    def stretch(self, n: int, x: Array, y: Array, scale: int) -> None:
        found, dense = self.passes[n]
        if dense is None or not _multiplied(dense, x, y):
            self._stretch_exactly(found, x, y)

    def gather(self, n: int, dy: Array, dx: Array, scale: int) -> None:
        found, dense = self.passes[n]
        if dense is None or not _multiplied(dense.T, dy, dx):
            self._gather_exactly(found, dy, dx)

    def _stretch_exactly(self, found: list[Taps], x: Array, y: Array) -> None:
        for taps in found:
            scratch, target = _like(self.buffer, x[:, taps.left]), y[:, taps.outputs]
            np.multiply(x[:, taps.left], 1 - taps.share, out=target)
            np.multiply(x[:, taps.right], taps.share, out=scratch)
            np.add(target, scratch, out=target)

    def _gather_exactly(self, found: list[Taps], dy: Array, dx: Array) -> None:
        dx.fill(0)
        for taps in found:
            for pixels, weight in ((taps.left, 1 - taps.share), (taps.right, taps.share)):
                scratch = _like(self.back_buffer, dx[:, pixels])
                np.multiply(dy[:, taps.outputs], weight, out=scratch)
                np.add(dx[:, pixels], scratch, out=dx[:, pixels])


def _multiplied(weights: Array, x: Array, out: Array) -> bool:
    """The product into ``out``, and whether all of it is finite; squares that overflow count as not."""
    with np.errstate(over="ignore", invalid="ignore"):
        np.matmul(weights, x, out=out)
    return isfinite(np.vdot(out, out))


def _like(scratch: Array, part: Array) -> Array:
    return scratch[: part.size].reshape(part.shape)


@dataclass(frozen=True)
class Taps:
    """Outputs of one axis that lie alike between two pixels: ``share`` of the right, the rest of the left."""

    outputs: slice
    left: slice
    right: slice
    share: float


def taps(size: int, scale: int) -> Iterator[Taps]:
    """For each output the pixels around (o + 1/2)/scale - 1/2, as PyTorch picks them at the ends too."""
    first, last = slice(0, 1), slice(size - 1, size)
    others, shifted = slice(0, size - 1), slice(1, size)
    end = (size - 1) * scale
    for phase in range(scale):
        offset = (phase + 0.5) / scale - 0.5
        if offset < 0:
            yield Taps(
                slice(phase, phase + 1), first, slice(1, 2) if size > 1 else first, float(size == 1) / 2
            )
            yield Taps(slice(phase + scale, None, scale), others, shifted, 1 + offset)
        else:
            yield Taps(slice(phase, end, scale), others, shifted, offset)
            yield Taps(slice(end + phase, end + phase + 1), last, last, offset or 0.5)


def matrix(found: list[Taps], size: int, scale: int) -> Array:
    """(size·scale, size): the weights of all outputs."""
    weights, pixels, outputs = np.zeros((size * scale, size)), np.arange(size), np.arange(size * scale)
    for each in found:
        rows = outputs[each.outputs]
        weights[rows, pixels[each.left]] += 1 - each.share
        weights[rows, pixels[each.right]] += each.share
    return weights
