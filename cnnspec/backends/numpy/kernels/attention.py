"""Attention, positions and tokens.

Attention works sample by sample, so its input is brought into the order (sample, position,
channel) once, and its output back: projections are then one product for the whole batch, and each
head of a sample is a matrix that BLAS reads where it lies.
"""

from __future__ import annotations

from functools import partial
from math import sqrt

import numpy as np

from cnnspec.backends.numpy.kernels.step import KernelStep
from cnnspec.backends.numpy.layout import Array, Shape, inner_shape, outer_view

CHUNK_BYTES = 1 << 20
"""Weights between positions that are worked on at a time; they stay in the second-level cache."""


class AttentionStep(KernelStep):
    """softmax(q·kᵀ/√d)·v for each sample and head, projected."""

    reads_input = False

    def build(self) -> None:
        weights, layer = self.context.weights, self.layer
        self.batch, self.out = self.context.batch, weights["out_proj.weight"]
        self.y = self.memory.take(self.x.shape)
        self.width, self.heads = self.out.shape[1], layer.heads
        self.factor = 1 / sqrt(self.width // self.heads) if layer.scaled else 1.0
        self.sources = [self.passing(self._ordered(x)) for x in self.inputs]
        self.parts = self._parts()
        at, to = self.sources[0].shape[1], self.sources[-1].shape[1]
        self.projected = [
            self.passing((self.batch, source.shape[1], len(weight))) for source, weight, _ in self.parts
        ]
        self.found = self.passing((self.batch, at, self.width))
        self.result = self.scratch((self.batch, at, len(self.out)))
        self.multiplies = self.batch * int(layer.multiplies(self.node.input_shapes))
        each = self.heads * at * to
        self.chunk = max(1, min(self.batch, CHUNK_BYTES // (each * self.memory.dtype.itemsize)))
        kept = self.batch if self.context.training else self.chunk
        shape = (self.heads, at, to)
        self.shares = self.passing((kept, *shape))
        self.rows = self.scratch((self.chunk, *shape[:2], 1))
        self.ones = np.ones((to, 1), self.memory.dtype)

    def _ordered(self, x: Array) -> Shape:
        """(sample, position, channel) of an inner array."""
        samples, *sizes, channels = outer_view(x).shape
        return samples, int(np.prod(sizes)), channels

    def _parts(self) -> list[tuple[Array, Array, slice]]:
        """Each product of the projections: what it reads, its weight, its part of the bias."""
        weights, d = self.context.weights, self.width
        if "in_proj_weight" not in weights:
            query, memory = self.sources
            named = (("q", query), ("k", memory), ("v", memory))
            return [
                (source, weights[f"{name}_proj_weight"], slice(n * d, n * d + d))
                for n, (name, source) in enumerate(named)
            ]
        whole = weights["in_proj_weight"]
        if len(self.sources) == 1:
            return [(self.sources[0], whole, slice(None))]
        return [(self.sources[0], whole[:d], slice(d)), (self.sources[1], whole[d:], slice(d, None))]

    def _heads(self, arrays: list[Array]) -> tuple[Array, ...]:
        """Queries, keys and values of (sample, head, position, d), seen in what was projected."""
        parts = [part for array in arrays for part in np.split(array, array.shape[2] // self.width, axis=2)]
        return tuple(map(self._apart, parts))

    def _apart(self, array: Array) -> Array:
        samples, positions, _ = array.shape
        return array.reshape(samples, positions, self.heads, -1).swapaxes(1, 2)

    def forward(self) -> None:
        bias = self.context.weights.get("in_proj_bias")
        for source, x in zip(self.sources, self.inputs, strict=True):
            bring(x, source)
        for (source, weight, place), y in zip(self.parts, self.projected, strict=True):
            self.product_by_rows(flat(source), weight.T, flat(y))
            if bias is not None:
                np.add(y, bias[place], out=y)
        queries = self.projected[0][:, :, : self.width]
        if self.layer.scaled:
            np.multiply(queries, self.factor, out=queries)
        q, k, v = self._heads(self.projected)
        found = self._apart(self.found)
        for some, shares in self._chunks():
            for_each = (q[some], k[some], v[some], shares, self.rows[: len(shares)], found[some])
            heads = self.lanes_of(self.heads, shares.nbytes)
            self.together([partial(self._attend, *(each[:, part] for each in for_each)) for part in heads])
        self.product_by_rows(flat(self.found), self.out.T, flat(self.result))
        if "out_proj.bias" in self.context.weights:
            np.add(self.result, self.context.weights["out_proj.bias"], out=self.result)
        bring_back(self.result, self.y)

    def _chunks(self) -> list[tuple[slice, Array]]:
        """Samples at a time, with their weights between positions."""
        starts = range(0, self.batch, self.chunk)
        some = [slice(start, min(start + self.chunk, self.batch)) for start in starts]
        if self.context.training:
            return [(part, self.shares[part]) for part in some]
        return [(part, self.shares[: part.stop - part.start]) for part in some]

    def _attend(self, q: Array, k: Array, v: Array, shares: Array, rows: Array, found: Array) -> None:
        """Softmax over the keys; the greatest score is subtracted first, so that exp stays in range."""
        np.matmul(q, k.swapaxes(2, 3), out=shares)
        np.maximum.reduce(shares, axis=3, keepdims=True, out=rows)
        np.subtract(shares, rows, out=shares)
        np.exp(shares, out=shares)
        np.matmul(shares, self.ones, out=rows)
        np.divide(shares, rows, out=shares)
        np.matmul(shares, v, out=found)

    def prepare(self, dy: Array, wanted: tuple[bool, ...]) -> tuple[Array | None, ...]:
        self.dy, self.wanted = dy, wanted
        self.ordered = self.scratch(self.result.shape)
        self.dfound = self.scratch(self.found.shape)
        self.dprojected = [self.scratch(array.shape) for array in self.projected]
        self.dshares = self.scratch((self.chunk, *self.shares.shape[1:]))
        self.product, self.sums = self.scratch(self.dshares.shape), self.scratch(self.rows.shape)
        self.dsources = [self.scratch(source.shape) for source in self.sources]
        self.partial = self.scratch(self.sources[-1].shape) if len(self.parts) > len(self.sources) else None
        self.dx = self.gradients_of_inputs(wanted)
        return self.dx

    def backward(self) -> None:
        gradients = self.context.gradients
        bring(self.dy, self.ordered)
        if gradients:
            np.matmul(flat(self.ordered).T, flat(self.found), out=gradients["out_proj.weight"])
            if "out_proj.bias" in gradients:
                np.add.reduce(flat(self.ordered), axis=0, out=gradients["out_proj.bias"])
        np.matmul(flat(self.ordered), self.out, out=flat(self.dfound))
        self._differentiate_heads()
        if gradients:
            self._differentiate_projections()
        self._give_inputs()

    def _differentiate_heads(self) -> None:
        q, k, v = self._heads(self.projected)
        dq, dk, dv = self._heads(self.dprojected)
        d = self._apart(self.dfound)
        for some, shares in self._chunks():
            dshares, product = self.dshares[: len(shares)], self.product[: len(shares)]
            sums = self.sums[: len(shares)]
            np.matmul(shares.swapaxes(2, 3), d[some], out=dv[some])
            np.matmul(d[some], v[some].swapaxes(2, 3), out=dshares)
            np.multiply(dshares, shares, out=product)
            np.matmul(product, self.ones, out=sums)
            np.subtract(dshares, sums, out=dshares)
            np.multiply(dshares, shares, out=dshares)
            np.matmul(dshares, k[some], out=dq[some])
            np.matmul(dshares.swapaxes(2, 3), q[some], out=dk[some])
        if self.layer.scaled:
            queries = self.dprojected[0][:, :, : self.width]
            np.multiply(queries, self.factor, out=queries)

    def _differentiate_projections(self) -> None:
        gradients, d = self.context.gradients, self.width
        bias = gradients.get("in_proj_bias")
        if "in_proj_weight" in gradients:
            whole = gradients["in_proj_weight"]
            targets = [whole] if len(self.parts) == 1 else [whole[:d], whole[d:]]
        else:
            targets = [gradients[f"{name}_proj_weight"] for name in "qkv"]
        for (source, _, place), dy, target in zip(self.parts, self.dprojected, targets, strict=True):
            np.matmul(flat(dy).T, flat(source), out=target)
            if bias is not None:
                np.add.reduce(flat(dy), axis=0, out=bias[place])

    def _give_inputs(self) -> None:
        """The gradient of each input: that of keys and of values meet in one of them."""
        begun = set()
        for (source, weight, _), dy in zip(self.parts, self.dprojected, strict=True):
            which = next(n for n, each in enumerate(self.sources) if each is source)
            into = self.dsources[which] if which not in begun else self.partial
            assert into is not None
            np.matmul(flat(dy), weight, out=flat(into))
            if which in begun:
                np.add(self.dsources[which], into, out=self.dsources[which])
            begun.add(which)
        for dx, found in zip(self.dx, self.dsources, strict=True):
            if dx is not None:
                bring_back(found, dx)


def flat(array: Array) -> Array:
    """(sample, position, channel) as one matrix; a view."""
    return array.reshape(-1, array.shape[2])


def bring(x: Array, ordered: Array) -> None:
    """An inner array into the order (sample, position, channel)."""
    seen = outer_view(x)
    np.copyto(ordered.reshape(seen.shape), seen)


def bring_back(ordered: Array, x: Array) -> None:
    """(sample, position, channel) into an inner array."""
    seen = outer_view(x)
    np.copyto(seen, ordered.reshape(seen.shape))


class PositionsStep(KernelStep):
    """A trained number added to each value of a sample."""

    overwrites = True
    reads_input = False

    def build(self) -> None:
        self.weight, self.gradient = self.context.weights["weight"], self.context.gradients.get("weight")
        self.y = self.output_like(self.x)

    def _placed(self, weight: Array) -> Array:
        """(position, channel), seen in the order of one sample of the map."""
        *sizes, channels = self.node.output
        return np.moveaxis(weight.reshape(*sizes, channels), -1, -2)

    def forward(self) -> None:
        np.add(self.x, self._placed(self.weight)[..., None], out=self.y)

    def prepare(self, dy: Array, wanted: tuple[bool, ...]) -> tuple[Array | None, ...]:
        self.dy = dy
        return (self.gradient_like(dy),)

    def backward(self) -> None:
        if self.gradient is not None:
            np.add.reduce(self.dy, axis=-1, out=self._placed(self.gradient))


class TokenStep(KernelStep):
    """Trained positions, then those of the map, row after row."""

    reads_input = False

    def build(self) -> None:
        self.weight, self.gradient = self.context.weights["weight"], self.context.gradients.get("weight")
        self.y = self.memory.take(inner_shape(self.node.output, self.context.batch))

    def _parts(self, whole: Array, x: Array) -> tuple[Array, Array, Array]:
        """The tokens (position, channel, sample), the other positions, and these in the map itself."""
        tokens, rest = whole[:, : len(self.weight)], whole[:, len(self.weight) :]
        pixels = np.moveaxis(x, -3, 0)
        return tokens.swapaxes(0, 1), rest.reshape(pixels.shape), pixels

    def forward(self) -> None:
        tokens, rest, pixels = self._parts(self.y, self.x)
        np.copyto(tokens, self.weight[..., None])
        np.copyto(rest, pixels)

    def prepare(self, dy: Array, wanted: tuple[bool, ...]) -> tuple[Array | None, ...]:
        self.dy = dy
        (self.dx,) = self.gradients_of_inputs(wanted)
        return (self.dx,)

    def backward(self) -> None:
        tokens, rest, pixels = self._parts(self.dy, self.x if self.dx is None else self.dx)
        if self.gradient is not None:
            np.add.reduce(tokens, axis=2, out=self.gradient)
        if self.dx is not None:
            np.copyto(pixels, rest)
