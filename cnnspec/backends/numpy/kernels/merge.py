"""Merges: sum, product, concatenation."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from cnnspec.backends.numpy.kernels.step import KernelStep
from cnnspec.backends.numpy.layout import Array, Shape, inner_shape


def meeting(x: Array, rank: int) -> Array:
    """An input seen so that it meets the output's axes: a vector of channels meets a map."""
    if x.ndim == rank:
        return x
    channels, batch = x.shape
    return x.reshape(*(1 for _ in range(rank - 3)), channels, 1, batch)


def repeated_axes(shape: Shape, output: Shape) -> tuple[int, ...]:
    """The axes along which an input of ``shape`` is repeated to fill the output."""
    return tuple(axis for axis, (size, of) in enumerate(zip(shape, output, strict=True)) if size != of)


class MergeStep(KernelStep):
    """One operation over all inputs, value by value."""

    overwrites = True
    operation: ClassVar[np.ufunc]

    def build(self) -> None:
        self.y = self.output_like_either(inner_shape(self.node.output, self.context.batch))
        self.terms = [meeting(x, self.y.ndim) for x in self.inputs]

    def forward(self) -> None:
        first, second, *rest = self.terms
        self.operation(first, second, out=self.y)
        for term in rest:
            self.operation(self.y, term, out=self.y)


class AddStep(MergeStep):
    """Sum of all inputs; backwards each gets the gradient, summed where it was repeated."""

    reads_input = False
    operation = np.add

    def prepare(self, dy: Array, wanted: tuple[bool, ...]) -> tuple[Array | None, ...]:
        self.dy = dy
        self.sums: list[tuple[Array, tuple[int, ...]]] = []
        return tuple(
            self._gradient(x, term) if want else None
            for x, term, want in zip(self.inputs, self.terms, wanted, strict=True)
        )

    def _gradient(self, x: Array, term: Array) -> Array:
        axes = repeated_axes(term.shape, self.y.shape)
        if not axes:
            return self.gradient_like(self.dy)
        dx = self.memory.take(x.shape)
        self.sums.append((dx.reshape(term.shape), axes))
        return dx

    def backward(self) -> None:
        for dx, axes in self.sums:
            np.add.reduce(self.dy, axis=axes, keepdims=True, out=dx)


class MultiplyStep(MergeStep):
    """Product of all inputs; backwards each gets the gradient times the others."""

    operation = np.multiply

    def prepare(self, dy: Array, wanted: tuple[bool, ...]) -> tuple[Array | None, ...]:
        self.dy, self.product = dy, self.scratch(dy.shape)
        self.gradients = self.gradients_of_inputs(wanted)
        return self.gradients

    def backward(self) -> None:
        for n, dx in enumerate(self.gradients):
            if dx is None:
                continue
            np.copyto(self.product, self.dy)
            for m, factor in enumerate(self.terms):
                if m != n:
                    np.multiply(self.product, factor, out=self.product)
            shape = self.terms[n].shape
            axes = repeated_axes(shape, self.y.shape)
            np.add.reduce(self.product, axis=axes, keepdims=True, out=dx.reshape(shape))


class ConcatStep(KernelStep):
    """Channels one after the other; backwards each input gets its channels' gradient."""

    reads_input = False

    def build(self) -> None:
        self.y = self.memory.take(inner_shape(self.node.output, self.context.batch))
        self.parts = self._parts(self.y)

    def _parts(self, whole: Array) -> list[Array]:
        axis = max(0, whole.ndim - 3)
        ends = np.cumsum([x.shape[axis] for x in self.inputs])[:-1]
        return np.split(whole, [int(end) for end in ends], axis=axis)

    def forward(self) -> None:
        for part, x in zip(self.parts, self.inputs, strict=True):
            np.copyto(part, x)

    def prepare(self, dy: Array, wanted: tuple[bool, ...]) -> tuple[Array | None, ...]:
        gradients = self.gradients_of_inputs(wanted)
        self.copies = [
            (dx, part) for dx, part in zip(gradients, self._parts(dy), strict=True) if dx is not None
        ]
        return gradients

    def backward(self) -> None:
        for dx, part in self.copies:
            np.copyto(dx, part)
