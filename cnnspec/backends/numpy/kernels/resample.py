"""Upsampling, one axis after the other."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite

import numpy as np
from numpy.typing import DTypeLike

from cnnspec.backends.numpy.kernels.step import Choice, KernelStep
from cnnspec.backends.numpy.layout import Array, along, spatial_axes
from cnnspec.layers.base import Stretch
from cnnspec.layers.resample import ResampledAxis, Upsample
from cnnspec.network.graph import Node


class UpsampleStep(KernelStep):
    """A chain of passes, columns first; each stretches one axis by a whole factor.

    Along columns the runs are short, so that pass is done while the map is small.
    """

    reads_input = False

    def build(self) -> None:
        axes = spatial_axes(self.x.ndim)
        scales = [axis.window.outputs for axis in self.layer.axes(self.node.input_shapes)]
        self.stretched = [(axis, scale) for axis, scale in zip(axes, scales, strict=True) if scale > 1][::-1]
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


class Resample(KernelStep):
    """Any other size: a table of the pixels that each position takes, axis after axis, rows first.

    Backwards a table of the positions that take each pixel; where fewer do than elsewhere, a row of zeros
    stands in.
    """

    reads_input = False

    def build(self) -> None:
        axes = zip(spatial_axes(self.x.ndim), self.layer.axes(self.node.input_shapes), strict=True)
        self.resampled = [(n, axis) for n, axis in axes if not axis.is_plain]
        self.chain = [self.x]
        for n, axis in self.resampled:
            shape = (*self.chain[-1].shape[:n], axis.count, *self.chain[-1].shape[n + 1 :])
            last = n == self.resampled[-1][0]
            self.chain.append((self.memory.take if last else self.scratch)(shape))
        self.y = self.chain[-1] if self.resampled else self.output_like(self.x)
        self.tables = [
            AxisTable(axis, self.memory.dtype, along(x, n).shape[2])
            for (n, axis), x in zip(self.resampled, self.chain, strict=False)
        ]
        self.terms = self.scratch((max((y.size for y in self.chain[1:]), default=1),))

    def forward(self) -> None:
        for (n, _), table, x, y in zip(self.resampled, self.tables, self.chain, self.chain[1:], strict=False):
            table.forward(along(x, n), along(y, n), self.terms)
        if not self.resampled and self.y is not self.x:
            np.copyto(self.y, self.x)

    def prepare(self, dy: Array, wanted: tuple[bool, ...]) -> tuple[Array | None, ...]:
        if not self.resampled:
            return (self.gradient_like(dy),)
        dx = self.memory.take(self.x.shape)
        self.back = [dx, *(self.scratch(array.shape) for array in self.chain[1:-1]), dy]
        sizes = (
            y.size + y.size // axis.count for (_, axis), y in zip(self.resampled, self.back[1:], strict=True)
        )
        self.extended = self.scratch((max(sizes),))
        self.sums = self.scratch((max(x.size for x in self.back[:-1]),))
        return (dx,)

    def backward(self) -> None:
        steps = list(zip(self.resampled, self.tables, self.back, self.back[1:], strict=False))
        for (n, _), table, dx, dy in reversed(steps):
            table.backward(along(dy, n), along(dx, n), self.sums, self.extended)


class AxisTable:
    """For each position the pixels it takes and their weights; for each pixel the positions that take it.

    A short axis is a product with a small matrix, unless its result is not finite.
    """

    def __init__(self, axis: ResampledAxis, dtype: DTypeLike, run: int) -> None:
        self.pixels, weights = taken(axis.window, axis.size, axis.count)
        self.weights = None if axis.window.reads == "nearest" else weights[..., None].astype(dtype)
        self.takers, shares = takers(self.pixels, weights, axis.size)
        self.shares = None if self.weights is None else shares[..., None].astype(dtype)
        self.dense = None
        if self.weights is not None and max(axis.size, axis.count) <= 2 * DENSE and run > 1:
            dense = np.zeros((axis.count, axis.size))
            np.add.at(dense, (np.arange(axis.count), self.pixels), weights)
            self.dense = dense.astype(dtype)

    def forward(self, x: Array, y: Array, terms: Array) -> None:
        if self.dense is None or not _multiplied(self.dense, x, y):
            gathered(x, self.pixels, self.weights, y, terms)

    def backward(self, dy: Array, dx: Array, terms: Array, extended: Array) -> None:
        if self.dense is not None and _multiplied(self.dense.T, dy, dx):
            return
        before, count, after = dy.shape
        wide = extended[: before * (count + 1) * after].reshape(before, count + 1, after)
        np.copyto(wide[:, :count], dy)
        wide[:, count].fill(0)
        gathered(wide, self.takers, self.shares, dx, terms)


def gathered(x: Array, places: Array, weights: Array | None, out: Array, terms: Array) -> None:
    """out[:, o] = Σ over t of weights[t, o]·x[:, places[t, o]]."""
    scratch = _like(terms, out)
    for t, row in enumerate(places):
        target = scratch if t else out
        np.take(x, row, axis=1, out=target, mode="clip")
        if weights is not None:
            np.multiply(target, weights[t], out=target)
        if t:
            np.add(out, target, out=out)


def taken(window: Stretch, size: int, count: int) -> tuple[Array, Array]:
    """(tap, position): the pixels that each position takes, as PyTorch picks them, and their weights."""
    o = np.arange(count)
    if window.reads == "nearest":
        return np.minimum(o * window.inputs // window.outputs, size - 1)[None], np.ones((1, count))
    if window.corners:
        low, rest = np.divmod(o * window.inputs, window.outputs)
        share = rest / window.outputs
    else:
        low, rest = np.divmod((2 * o + 1) * window.inputs - window.outputs, 2 * window.outputs)
        share = rest / (2 * window.outputs)
    if window.reads == "cubic":
        pixels = np.clip(low + np.arange(-1, 3)[:, None], 0, size - 1)
        return pixels, np.stack([_cubic(share + 1), _cubic(share), _cubic(1 - share), _cubic(2 - share)])
    share = np.where(low < 0, 0, share)
    left = np.clip(low, 0, size - 1)
    right = np.minimum(left + 1, size - 1)
    share = np.where((left == right) & (share == 0), 0.5, share)
    return np.stack([left, right]), np.stack([1 - share, share])


def _cubic(distance: Array) -> Array:
    """Keys' kernel with a = -0.75, as PyTorch's and OpenCV's."""
    d, a = distance, -0.75
    near = ((a + 2) * d - (a + 3)) * d * d + 1
    return np.where(d <= 1, near, ((a * d - 5 * a) * d + 8 * a) * d - 4 * a)


def takers(pixels: Array, weights: Array, size: int) -> tuple[Array, Array]:
    """(n, pixel): the positions that take each pixel, and its weight there; one past all where no more do."""
    count = pixels.shape[1]
    order = np.argsort(pixels, axis=None, kind="stable")
    flat = pixels.ravel()[order]
    rank = np.arange(flat.size) - np.searchsorted(flat, flat)
    most = int(rank.max()) + 1
    positions, shares = np.full((most, size), count), np.zeros((most, size))
    positions[rank, flat] = order % count
    shares[rank, flat] = weights.ravel()[order]
    return positions, shares


class Nearest(UpsampleStep):
    """Every pixel repeated."""

    def setup(self) -> None:
        shapes = [along(x, axis).shape for x, (axis, _) in zip(self.chain, self.stretched, strict=False)]
        self.taken = [
            np.arange(shape[1]).repeat(scale)
            for shape, (_, scale) in zip(shapes, self.stretched, strict=True)
        ]

    def stretch(self, n: int, x: Array, y: Array, scale: int) -> None:
        np.take(x, self.taken[n], axis=1, out=y, mode="clip")

    def gather(self, n: int, dy: Array, dx: Array, scale: int) -> None:
        parts = dy.reshape(*dx.shape[:2], scale, dx.shape[2])
        np.add(parts[:, :, 0], parts[:, :, 1], out=dx)
        for k in range(2, scale):
            np.add(dx, parts[:, :, k], out=dx)


class Nails(UpsampleStep):
    """Every pixel at the near corner of its square, zeros elsewhere."""

    def stretch(self, n: int, x: Array, y: Array, scale: int) -> None:
        y.fill(0)
        np.copyto(y[:, ::scale], x)

    def gather(self, n: int, dy: Array, dx: Array, scale: int) -> None:
        np.copyto(dx, dy[:, ::scale])


def pick(node: Node, batch: int, training: bool) -> tuple[Choice, ...]:
    """Whole factors by their phases; for any other size a table."""
    layer = node.layer
    assert isinstance(layer, Upsample)
    steps: dict[str, type[KernelStep]] = {"nearest": Nearest, "bilinear": Linear, "nails": Nails}
    if layer.is_whole and layer.align == "edges" and layer.mode in steps:
        return (Choice(steps[layer.mode]),)
    return (Choice(Resample, "a table of the pixels that each position takes"),)


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
