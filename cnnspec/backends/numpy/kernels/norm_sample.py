"""Normalisations within one sample: layer norm, group norm, local response."""

from __future__ import annotations

from math import prod

import numpy as np

from cnnspec.backends.numpy.kernels.norm import FAR
from cnnspec.backends.numpy.kernels.step import KernelStep
from cnnspec.backends.numpy.layout import Array, Shape, planes


class SampleNorm(KernelStep):
    """Each part of a sample to mean 0 and variance 1, then scale and shift.

    The input is seen as (rows, part, channel, column, sample); ``axes`` are those
    that one part spans. Scale and shift meet that view. Numbers of a part are repeated
    for each column before they meet it, and sums run over columns last: the samples
    alone are short runs.
    """

    overwrites = True
    reads_input = False

    def build(self) -> None:
        self.view, self.axes, self.affine = self._arrangement()
        self.y = self.output_like(self.x)
        self.count = prod(self.view[axis] for axis in self.axes)
        one = tuple(1 if axis in self.axes else size for axis, size in enumerate(self.view))
        self.mean, self.factor = self.passing(one), self.passing(one)
        self.bound, self.far = self.scratch(one), self.scratch(one, bool)
        self.outer, self.across = tuple(axis for axis in self.axes if axis != 3), 3 in self.axes
        columns = (*one[:3], self.view[3], one[4]) if self.across else one
        self.wide = self.scratch(columns)
        self.normal = self.passing(self.view)
        self.squares = self.scratch(self.view)
        self.refresh()

    def _arrangement(self) -> tuple[Shape, tuple[int, ...], Shape]:
        """The view, its axes within one part, and the shape of scale and shift in the view."""
        *outer, channels, columns, batch = (
            self.x.shape if self.x.ndim > 2 else (self.x.shape[0], 1, self.x.shape[1])
        )
        groups, over = self.layer.channel_groups(channels), getattr(self.layer, "over", None)
        view = (prod(outer), groups, channels // groups, columns, batch)
        affine = (*view[:4], 1) if over == "all" else (1, groups, channels // groups, 1, 1)
        return view, (2,) if over == "channels" else (0, 2, 3), affine

    def _placed(self, weight: Array) -> Array:
        """A weight (C,) or (C, *spatial), seen in the order of the view."""
        ordered = weight if weight.ndim <= 2 else np.moveaxis(weight, 0, -2)
        return ordered.reshape(self.affine)

    def _sum(self, values: Array, wide: Array, out: Array) -> None:
        """The sum of each part."""
        np.add.reduce(values, axis=self.outer, keepdims=True, out=wide if self.across else out)
        if self.across:
            np.add.reduce(wide, axis=3, keepdims=True, out=out)

    def _repeated(self, numbers: Array, wide: Array) -> Array:
        """A number a part, for each of its columns."""
        if not self.across:
            return numbers
        np.copyto(wide, numbers)
        return wide

    def forward(self) -> None:
        x = self.x.reshape(self.view)
        away = self._away(x)
        np.multiply(away, away, out=self.squares)
        self._sum(self.squares, self.wide, self.factor)
        np.divide(self.factor, self.count, out=self.factor)
        if self.layer.centred:
            self._center()
        np.add(self.factor, self.layer.epsilon, out=self.factor)
        np.divide(1, np.sqrt(self.factor, out=self.factor), out=self.factor)
        np.multiply(away, self._repeated(self.factor, self.wide), out=self.normal)
        y = self.y.reshape(self.view)
        if self.scale is None:
            np.copyto(y, self.normal)
        else:
            np.multiply(self.normal, self.scale, out=y)
        if self.shift is not None:
            np.add(y, self.shift, out=y)

    def _away(self, x: Array) -> Array:
        """The values less their mean, where the layer takes it away."""
        if not self.layer.centred:
            return x
        self._sum(x, self.wide, self.mean)
        np.divide(self.mean, self.count, out=self.mean)
        np.subtract(x, self._repeated(self.mean, self.wide), out=self.normal)
        return self.normal

    def _center(self) -> None:
        """What rounding left of a mean far above the deviation is taken off; ``factor`` is the variance."""
        np.multiply(self.mean, self.mean, out=self.bound)
        np.divide(self.bound, FAR**2, out=self.bound)
        if not np.greater(self.bound, self.factor, out=self.far).any():
            return
        self._sum(self.normal, self.wide, self.mean)
        np.divide(self.mean, self.count, out=self.mean)
        np.subtract(self.normal, self._repeated(self.mean, self.wide), out=self.normal)
        np.multiply(self.mean, self.mean, out=self.bound)
        np.subtract(self.factor, self.bound, out=self.factor)
        np.maximum(self.factor, 0, out=self.factor)

    def refresh(self) -> None:
        placed = {name: self._placed(weight) for name, weight in self.context.weights.items()}
        self.scale, self.shift = placed.get("weight"), placed.get("bias")

    def prepare(self, dy: Array, wanted: tuple[bool, ...]) -> tuple[Array | None, ...]:
        self.dy = dy.reshape(self.view)
        self.product = self.scratch(self.view)
        self.sums = self.scratch((2, *self.mean.shape))
        self.wide_back = self.scratch(self.wide.shape)
        self.ones, self.total = np.ones(self.view[4], dy.dtype), self.scratch(self.affine)
        self.partial = self.scratch((*self.affine[:3], *self.view[3:]))
        return (self.gradient_like(dy),)

    def backward(self) -> None:
        """dx = factor·(g - mean(g) - normal·mean(g·normal)) with g = scale·dy."""
        np.multiply(self.dy, self.normal, out=self.product)
        self._differentiate_affine()
        if self.scale is not None:
            np.multiply(self.dy, self.scale, out=self.dy)
            np.multiply(self.product, self.scale, out=self.product)
        (by_shift, by_scale), wide = self.sums, self.wide_back
        if self.layer.centred:
            self._sum(self.dy, wide, by_shift)
        self._sum(self.product, wide, by_scale)
        np.divide(self.sums, self.count, out=self.sums)
        np.multiply(self.normal, self._repeated(by_scale, wide), out=self.product)
        np.subtract(self.dy, self.product, out=self.dy)
        if self.layer.centred:
            np.subtract(self.dy, self._repeated(by_shift, wide), out=self.dy)
        np.multiply(self.dy, self._repeated(self.factor, wide), out=self.dy)

    def _differentiate_affine(self) -> None:
        gradients = self.context.gradients
        if "weight" not in gradients:
            return
        for name, terms in (("weight", self.product), ("bias", self.dy)):
            gradient = gradients.get(name)
            if gradient is None:
                continue
            total = self._total(terms)
            ordered = gradient if gradient.ndim <= 2 else np.moveaxis(gradient, 0, -2)
            np.copyto(ordered, total.reshape(ordered.shape))

    def _total(self, terms: Array) -> Array:
        """The sum over all that one scale or shift meets; over the samples as a product with ones."""
        if self.affine[3] > 1:
            return np.matmul(terms, self.ones, out=self.total.reshape(self.affine[:4]))
        inner = tuple(axis for axis, size in enumerate(self.affine[:3]) if size == 1)
        np.add.reduce(terms, axis=inner, keepdims=True, out=self.partial)
        return np.asarray(np.add.reduce(self.partial, axis=(3, 4), keepdims=True, out=self.total))


class UnitLength(KernelStep):
    """The channels at each place divided by their length, or by epsilon where that is less."""

    reads_input = False
    reads_output = True

    def build(self) -> None:
        self.y = self.memory.take(self.x.shape)
        self.source, self.target = planes(self.x), planes(self.y)
        rows, _, run = self.source.shape
        self.length = self.passing((rows, 1, run))

    def forward(self) -> None:
        np.multiply(self.source, self.source, out=self.target)
        np.add.reduce(self.target, axis=1, keepdims=True, out=self.length)
        np.sqrt(self.length, out=self.length)
        np.maximum(self.length, self.layer.epsilon, out=self.length)
        np.divide(self.source, self.length, out=self.target)

    def prepare(self, dy: Array, wanted: tuple[bool, ...]) -> tuple[Array | None, ...]:
        self.dy = planes(dy)
        self.product, self.along = self.scratch(self.dy.shape), self.scratch(self.length.shape)
        self.free = self.scratch(self.length.shape, bool)
        return (self.gradient_like(dy),)

    def backward(self) -> None:
        """(dy - y·Σ dy·y)/length; at the least length y is in proportion to x, and dy/length."""
        np.multiply(self.dy, self.target, out=self.product)
        np.add.reduce(self.product, axis=1, keepdims=True, out=self.along)
        np.not_equal(self.length, self.layer.epsilon, out=self.free)
        np.multiply(self.along, self.free, out=self.along)
        np.multiply(self.target, self.along, out=self.product)
        np.subtract(self.dy, self.product, out=self.dy)
        np.divide(self.dy, self.length, out=self.dy)


class LocalResponse(KernelStep):
    """x/(k + alpha/size·Σ x²)^beta, the sum over neighbouring channels."""

    reads_output = True

    def build(self) -> None:
        self.before, self.after = self.layer.size // 2, (self.layer.size - 1) // 2
        self.y = self.memory.take(self.x.shape)
        self.divisor = self.passing(planes(self.x).shape)
        self.buffer = self.scratch(self.divisor.shape)

    def forward(self) -> None:
        x, y = planes(self.x), planes(self.y)
        np.multiply(x, x, out=self.buffer)
        neighbours(self.buffer, self.divisor, self.before, self.after)
        np.multiply(self.divisor, self.layer.alpha / self.layer.size, out=self.divisor)
        np.add(self.divisor, self.layer.k, out=self.divisor)
        np.power(self.divisor, -self.layer.beta, out=y)
        np.multiply(y, x, out=y)

    def prepare(self, dy: Array, wanted: tuple[bool, ...]) -> tuple[Array | None, ...]:
        self.dy = planes(dy)
        self.terms, self.sums = self.scratch(self.dy.shape), self.scratch(self.dy.shape)
        return (self.gradient_like(dy),)

    def backward(self) -> None:
        """dy·d^-beta - 2·alpha·beta/size·x·Σ dy·y/d, the sum over those that see this channel."""
        layer = self.layer
        np.multiply(self.dy, planes(self.y), out=self.terms)
        np.divide(self.terms, self.divisor, out=self.terms)
        neighbours(self.terms, self.sums, self.after, self.before)
        np.multiply(self.sums, planes(self.x), out=self.sums)
        np.multiply(self.sums, 2 * layer.alpha * layer.beta / layer.size, out=self.sums)
        np.power(self.divisor, -layer.beta, out=self.terms)
        np.multiply(self.dy, self.terms, out=self.dy)
        np.subtract(self.dy, self.sums, out=self.dy)


def neighbours(values: Array, out: Array, before: int, after: int) -> None:
    """out[:, c] = Σ of values[:, c - before : c + after + 1], of those channels that exist."""
    channels = values.shape[1]
    out.fill(0)
    for shift in range(-min(before, channels - 1), min(after, channels - 1) + 1):
        target = out[:, max(0, -shift) : channels - max(0, shift)]
        np.add(target, values[:, max(0, shift) : channels - max(0, -shift)], out=target)
