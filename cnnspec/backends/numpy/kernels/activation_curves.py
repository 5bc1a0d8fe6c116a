"""Activations whose backward pass reads the input: each is a function and its derivative."""

from __future__ import annotations

from math import pi, sqrt

import numpy as np

from cnnspec.backends.numpy.kernels.activation import logistic
from cnnspec.backends.numpy.kernels.curve import BLOCK, ActivationCurve, PlaneBlock, normal_share, parts
from cnnspec.backends.numpy.kernels.step import KernelStep
from cnnspec.backends.numpy.layout import Array, planes

CUBIC = 0.044715


class Kinked(ActivationCurve):
    """x where it is positive, a slope times x elsewhere, and at NaN."""

    workspace = 2

    def share(self, channels: slice) -> Array | float:
        """The slope of the negative side, shaped to meet these channels of the planes."""
        slope: float = self.layer.slope
        return slope

    def function(self, block: PlaneBlock, x: Array, y: Array, *workspace: Array) -> None:
        """The slope times x: so zeros keep their signs, and infinities stay."""
        self.derivative(block, x, *workspace)
        np.multiply(x, workspace[0], out=y)

    def derivative(self, block: PlaneBlock, x: Array, derivative: Array, *workspace: Array) -> None:
        (scratch,) = workspace
        np.greater(x, 0, out=block.where)
        np.copyto(scratch, block.where)
        np.logical_not(block.where, out=block.where)
        np.copyto(derivative, block.where)
        np.multiply(derivative, self.share(block.channels), out=derivative)
        np.add(derivative, scratch, out=derivative)


class PreluStep(Kinked):
    """A trained slope for each channel, or one for all."""

    def share(self, channels: slice) -> Array:
        weight = self.context.weights["weight"]
        return weight if weight.size == 1 else weight[channels, None]

    def prepare(self, dy: Array, wanted: tuple[bool, ...]) -> tuple[Array | None, ...]:
        self.sums = self.scratch((planes(self.x).shape[1],))
        return super().prepare(dy, wanted)

    def backward(self) -> None:
        gradient = self.context.gradients.get("weight")
        if gradient is not None:
            self.sums.fill(0)
            for block in self.back:
                scratch, sums = block.workspace[0], self.sums[block.channels]
                np.minimum(block.x, 0, out=scratch)
                np.multiply(scratch, block.y, out=scratch)
                np.add(sums, np.add.reduce(scratch, axis=(0, 2)), out=sums)
            np.copyto(gradient, self.sums if gradient.size == self.sums.size else self.sums.sum())
        super().backward()


class EluStep(ActivationCurve):
    """x where it is positive, alpha·(exp(x) - 1) elsewhere."""

    def function(self, block: PlaneBlock, x: Array, y: Array, *workspace: Array) -> None:
        """Both sides, added: with x second each keeps the sign of its zero."""
        (scratch,) = workspace
        np.minimum(0, x, out=scratch)
        np.expm1(scratch, out=scratch)
        np.multiply(scratch, self.layer.alpha, out=scratch)
        np.maximum(0, x, out=y)
        np.add(y, scratch, out=y)

    def derivative(self, block: PlaneBlock, x: Array, derivative: Array, *workspace: Array) -> None:
        (scratch,) = workspace
        np.less_equal(x, 0, out=block.where)
        np.copyto(scratch, block.where)
        np.minimum(x, 0, out=derivative)
        np.exp(derivative, out=derivative)
        np.multiply(derivative, scratch, out=derivative)
        np.multiply(derivative, self.layer.alpha, out=derivative)
        np.logical_not(block.where, out=block.where)
        np.copyto(scratch, block.where)
        np.add(derivative, scratch, out=derivative)


class GeluStep(KernelStep):
    """x·Φ(x), with Φ the normal distribution; in training its slope too, from the same tail and density."""

    overwrites = True
    reads_input = False

    def build(self) -> None:
        x, self.y = planes(self.x), self.output_like(self.x)
        y, self.slope = planes(self.y), None
        if self.context.training:
            self.slope = planes(self.passing(self.x.shape))
        store = self.scratch((3, min(BLOCK, x.size)))
        self.blocks = []
        for part in parts(*x.shape):
            workspace = [each[: x[part].size].reshape(x[part].shape) for each in store]
            self.blocks.append(
                (x[part], y[part], None if self.slope is None else self.slope[part], workspace)
            )

    def forward(self) -> None:
        for x, y, slope, (share, density, scratch) in self.blocks:
            normal_share(x, share, density, scratch)
            if slope is not None:  # Φ(x) + x·φ(x), with φ the distribution's density
                np.multiply(density, 1 / sqrt(2 * pi), out=density)
                np.multiply(density, x, out=density)
                np.add(density, share, out=slope)
            np.multiply(x, share, out=y)

    def prepare(self, dy: Array, wanted: tuple[bool, ...]) -> tuple[Array | None, ...]:
        self.dy = planes(dy)
        return (self.gradient_like(dy),)

    def backward(self) -> None:
        assert self.slope is not None
        np.multiply(self.dy, self.slope, out=self.dy)


class TanhGelu(ActivationCurve):
    """x·(1 + tanh(√(2/π)·(x + 0.044715·x³)))/2."""

    derivative_workspace = 3

    def function(self, block: PlaneBlock, x: Array, y: Array, *workspace: Array) -> None:
        (scratch,) = workspace
        _inner_tanh(x, scratch)
        np.add(scratch, 1, out=scratch)
        np.multiply(scratch, 0.5, out=scratch)
        np.multiply(scratch, x, out=y)

    def derivative(self, block: PlaneBlock, x: Array, derivative: Array, *workspace: Array) -> None:
        """(1 + t)/2·(1 + (1 - t)·x·√(2/π)·(1 + 3·0.044715·x²)) with t the tangent."""
        inner, rest = workspace
        np.multiply(x, x, out=derivative)
        np.multiply(derivative, 3 * CUBIC, out=derivative)
        np.add(derivative, 1, out=derivative)
        np.multiply(derivative, x, out=derivative)
        np.multiply(derivative, sqrt(2 / pi), out=derivative)
        _inner_tanh(x, inner)
        np.subtract(1, inner, out=rest)
        np.multiply(derivative, rest, out=derivative)
        np.add(derivative, 1, out=derivative)
        np.add(inner, 1, out=inner)
        np.multiply(derivative, inner, out=derivative)
        np.multiply(derivative, 0.5, out=derivative)


def _inner_tanh(x: Array, out: Array) -> None:
    """tanh(√(2/π)·x·(1 + 0.044715·x²))."""
    np.multiply(x, x, out=out)
    np.multiply(out, CUBIC, out=out)
    np.add(out, 1, out=out)
    np.multiply(out, x, out=out)
    np.multiply(out, sqrt(2 / pi), out=out)
    np.tanh(out, out=out)


class SiluStep(ActivationCurve):
    """x·sigmoid(x)."""

    def function(self, block: PlaneBlock, x: Array, y: Array, *workspace: Array) -> None:
        (scratch,) = workspace
        logistic(x, scratch)
        np.multiply(x, scratch, out=y)

    def derivative(self, block: PlaneBlock, x: Array, derivative: Array, *workspace: Array) -> None:
        """s·(1 + x·(1 - s))."""
        (share,) = workspace
        logistic(x, share)
        np.subtract(1, share, out=derivative)
        np.multiply(derivative, x, out=derivative)
        np.add(derivative, 1, out=derivative)
        np.multiply(derivative, share, out=derivative)


class HardsigmoidStep(ActivationCurve):
    """min(max(x + 3, 0), 6)/6."""

    def function(self, block: PlaneBlock, x: Array, y: Array, *workspace: Array) -> None:
        _ramp(x, y)

    def derivative(self, block: PlaneBlock, x: Array, derivative: Array, *workspace: Array) -> None:
        """1/6 where -3 < x < 3, else 0."""
        np.abs(x, out=derivative)
        np.less(derivative, 3, out=block.where)
        np.multiply(block.where, derivative.dtype.type(1 / 6), out=derivative)


class HardswishStep(ActivationCurve):
    """x·min(max(x + 3, 0), 6)/6."""

    def function(self, block: PlaneBlock, x: Array, y: Array, *workspace: Array) -> None:
        (scratch,) = workspace
        _ramp(x, scratch)
        np.multiply(scratch, x, out=y)

    def derivative(self, block: PlaneBlock, x: Array, derivative: Array, *workspace: Array) -> None:
        """(x + 3)/6, and another x/6 where -3 < x < 3; x is clipped so that no infinity meets a zero."""
        (scratch,) = workspace
        np.abs(x, out=derivative)
        np.less(derivative, 3, out=block.where)
        np.clip(x, -3, 3, out=scratch)
        np.multiply(scratch, block.where, out=derivative)
        np.add(derivative, scratch, out=derivative)
        np.add(derivative, 3, out=derivative)
        np.multiply(derivative, 1 / 6, out=derivative)


def _ramp(x: Array, out: Array) -> None:
    np.clip(x, -3, 3, out=out)
    np.add(out, 3, out=out)
    np.multiply(out, 1 / 6, out=out)
