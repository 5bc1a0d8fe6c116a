"""Merges: sum, difference, product, quotient, extremes, concatenation."""

from __future__ import annotations

from abc import abstractmethod
from functools import partial
from typing import ClassVar

import numpy as np

from cnnspec.backends.numpy.kernels.step import KernelStep
from cnnspec.backends.numpy.layout import Array, Shape, inner_shape
from cnnspec.backends.numpy.team import Task


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
    finishes = frozenset({"clip"})
    operation: ClassVar[np.ufunc]

    def build(self) -> None:
        self.y = self.output_like_either(inner_shape(self.node.output, self.context.batch))
        self.terms = [meeting(x, self.y.ndim) for x in self.inputs]
        alike = all(term.shape == self.y.shape for term in self.terms)
        self.several = self.pieces(self.y, *self.terms) if alike else [(self.y, *self.terms)]
        self.ends = [self.ending(y) for y, *_ in self.several]

    def forward(self) -> None:
        self.together([partial(self._merge, *each) for each in zip(self.ends, self.several, strict=True)])

    def _merge(self, end: Task, arrays: tuple[Array, ...]) -> None:
        y, first, second, *rest = arrays
        self.operation(first, second, out=y)
        for term in rest:
            self.operation(y, term, out=y)
        end()


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


class PartialStep(MergeStep):
    """A merge that each input has a gradient of its own of, summed where it was repeated."""

    def prepare(self, dy: Array, wanted: tuple[bool, ...]) -> tuple[Array | None, ...]:
        self.dy, self.product = dy, self.scratch(dy.shape)
        self.gradients = self.gradients_of_inputs(wanted)
        self.room()
        return self.gradients

    def room(self) -> None:
        """Take what else the backward pass needs."""

    def backward(self) -> None:
        for n, dx in enumerate(self.gradients):
            if dx is None:
                continue
            shape = self.terms[n].shape
            axes = repeated_axes(shape, self.y.shape)
            self.differentiate(n, self.product if axes else dx)
            if axes:
                np.add.reduce(self.product, axis=axes, keepdims=True, out=dx.reshape(shape))

    @abstractmethod
    def differentiate(self, n: int, out: Array) -> None:
        """The output's gradient times the slope by input ``n``, into an array of the output's shape."""


class MultiplyStep(PartialStep):
    """Product of all inputs; backwards each gets the gradient times the others."""

    operation = np.multiply

    def differentiate(self, n: int, out: Array) -> None:
        first, *others = (term for m, term in enumerate(self.terms) if m != n)
        np.multiply(self.dy, first, out=out)
        for factor in others:
            np.multiply(out, factor, out=out)


class SubtractStep(PartialStep):
    """The first input less the others."""

    reads_input = False
    operation = np.subtract

    def differentiate(self, n: int, out: Array) -> None:
        if n:
            np.negative(self.dy, out=out)
        else:
            np.copyto(out, self.dy)


class DivideStep(PartialStep):
    """The first input divided by the others."""

    reads_output = True
    operation = np.divide

    def differentiate(self, n: int, out: Array) -> None:
        if n:
            np.divide(self.y, self.terms[n], out=out)
            np.multiply(out, self.dy, out=out)
            np.negative(out, out=out)
            return
        np.divide(self.dy, self.terms[1], out=out)
        for term in self.terms[2:]:
            np.divide(out, term, out=out)


class MaximumStep(PartialStep):
    """The greatest of the inputs; backwards those that are as great share the gradient."""

    reads_output = True
    operation: ClassVar[np.ufunc] = np.maximum
    worse: ClassVar[np.ufunc] = np.less

    def room(self) -> None:
        self.share, self.best = self.scratch(self.y.shape), self.scratch(self.y.shape, bool)

    def backward(self) -> None:
        self.share.fill(0)
        for term in self.terms:
            self._find(term)
            np.add(self.share, self.best, out=self.share)
        np.divide(self.dy, self.share, out=self.share)
        super().backward()

    def differentiate(self, n: int, out: Array) -> None:
        self._find(self.terms[n])
        np.multiply(self.share, self.best, out=out)

    def _find(self, term: Array) -> None:
        self.worse(term, self.y, out=self.best)
        np.logical_not(self.best, out=self.best)


class MinimumStep(MaximumStep):
    """The least of the inputs."""

    operation = np.minimum
    worse = np.greater


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
