"""Losses on inner arrays: value and gradient, computed together, and the number right.

Every loss is a mean over the samples (and over the places of a map), so the
size of the batch does not change the rate that fits. Places whose target is
``IGNORED`` count in no mean.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from math import isfinite
from typing import ClassVar, Final

import numpy as np

from cnnspec.backends.contract import IGNORED
from cnnspec.backends.numpy.compile.memory import Allocator
from cnnspec.backends.numpy.layout import Array, Shape, inner_view, planes


class Loss(ABC):
    """One output's loss. ``output`` (rows, channel, run); targets are set before each pass."""

    end: ClassVar[str] = ""
    """The layer that is part of the loss where a network ends with it: the loss reads what flows into it."""

    value: float = 0.0
    """The mean loss of the last pass, times the output's weight."""
    labels: Array | None = None
    """The class wanted at each place (rows, run); None where the wanted outputs themselves were given."""
    valid: Array | None = None
    """Where a class is wanted (rows, run); None for everywhere."""

    def __init__(self, output: Array, memory: Allocator, weight: float = 1.0) -> None:
        self.shape, self.weight = output.shape, weight
        self.output, self.memory = planes(output), memory
        self.scratch_arrays: list[Array] = []
        self.gradient = memory.take(output.shape)
        self.target = memory.own(self.output.shape)
        self.flat_gradient = planes(self.gradient)
        self.classes = np.arange(self.output.shape[1])[:, None]
        self.samples: int = output.shape[-1]
        self.places: int = self.output.shape[0] * self.output.shape[2]

    def scratch(self, shape: Shape) -> Array:
        """An array for ``measure`` alone: the backward pass uses the same memory."""
        self.scratch_arrays.append(self.memory.take(shape, scratch=True))
        return self.scratch_arrays[-1]

    def end_scratch(self) -> None:
        """Give back the scratch arrays once the loss is planned."""
        for array in self.scratch_arrays:
            self.memory.release(array)

    def set_targets(self, targets: Array) -> None:
        """Class numbers (N,) or (N, H, W), or the wanted outputs themselves, N x H x W x C."""
        targets, self.labels, self.valid = np.asarray(targets), None, None
        if targets.ndim == len(self.shape):
            np.copyto(self.target.reshape(self.shape), inner_view(targets), casting="unsafe")
            return
        rows, _, run = self.output.shape
        self.labels = np.moveaxis(targets, 0, -1).reshape(rows, run)
        np.equal(self.labels[:, None], self.classes, out=self.target)
        if targets.dtype == np.uint8:
            valid = self.labels != IGNORED
            self.valid = None if valid.all() else valid

    @property
    def counted(self) -> int:
        """Places that are not ignored."""
        return self.places if self.valid is None else int(np.count_nonzero(self.valid))

    def correct(self) -> float:
        """How many places have their greatest value at the wanted class, in samples; 0 without classes."""
        if self.labels is None:
            return 0.0
        right = int(np.count_nonzero(np.argmax(self.output, axis=1) == self.labels))
        return right * self.samples / max(1, self.counted)

    @abstractmethod
    def measure(self) -> None:
        """Set ``value``, and fill ``gradient``, from the output as it is now."""


class SoftmaxLoss(Loss):
    """A loss of the shares that a softmax over the channels gives each class."""

    end = "softmax"

    def __init__(self, output: Array, memory: Allocator, weight: float = 1.0) -> None:
        super().__init__(output, memory, weight)
        rows, _, run = self.output.shape
        self.shares, self.logs = self.room_for_shares(), self.scratch(self.output.shape)
        self.one = self.scratch((rows, 1, run))

    def room_for_shares(self) -> Array:
        """An array of its own, where the shares are read when the gradient is begun."""
        return self.scratch(self.output.shape)

    def take_shares(self) -> None:
        """The softmax of the output, and its logarithm."""
        np.maximum.reduce(self.output, axis=1, keepdims=True, out=self.one)
        np.subtract(self.output, self.one, out=self.logs)
        np.exp(self.logs, out=self.shares)
        np.add.reduce(self.shares, axis=1, keepdims=True, out=self.one)
        np.divide(self.shares, self.one, out=self.shares)
        np.log(self.one, out=self.one)
        np.subtract(self.logs, self.one, out=self.logs)


class CrossEntropyLoss(SoftmaxLoss):
    """-Σ target·log softmax(output), from logits, stable; smoothing and class weights as PyTorch's.

    With class weights the mean is weighted by them.
    """

    def __init__(
        self, output: Array, memory: Allocator, weight: float = 1.0, *,
        smoothing: float = 0.0, class_weights: Sequence[float] | None = None,
    ) -> None:  # fmt: skip
        super().__init__(output, memory, weight)
        self.smoothing = smoothing
        self.class_weights = None if class_weights is None else np.asarray(class_weights, memory.dtype)
        self.norm = float(self.places)
        self.mass: Array | float = 1.0

    def room_for_shares(self) -> Array:
        return self.flat_gradient

    def set_targets(self, targets: Array) -> None:
        super().set_targets(targets)
        self.norm, valid = float(self.counted), self.valid
        if self.class_weights is not None and self.labels is not None:
            chosen = self.class_weights[self.labels if valid is None else self.labels * valid]
            self.norm = float((chosen if valid is None else chosen[valid]).sum())
        if self.smoothing:
            channels = self.target.shape[1]
            np.multiply(self.target, 1 - self.smoothing, out=self.target)
            np.add(self.target, self.smoothing / channels, out=self.target)
        if self.class_weights is not None:
            np.multiply(self.target, self.class_weights[:, None], out=self.target)
        if valid is not None:
            np.multiply(self.target, valid[:, None], out=self.target)
        if self.class_weights is not None or valid is not None:
            self.mass = np.add.reduce(self.target, axis=1, keepdims=True)
        else:
            self.mass = 1.0
        self.norm = self.norm or 1.0  # all ignored: there is nothing to learn

    def measure(self) -> None:
        """The gradient is (shares·Σ target - target)/count."""
        self.take_shares()
        self.value = -self.weight * self._total() / self.norm
        np.multiply(self.flat_gradient, self.mass, out=self.flat_gradient)
        np.subtract(self.flat_gradient, self.target, out=self.flat_gradient)
        np.multiply(self.flat_gradient, self.weight / self.norm, out=self.flat_gradient)

    def _total(self) -> float:
        """Σ target·logs, where 0·log 0 counts as 0: a class masked by -inf costs nothing unless wanted."""
        total = float(np.vdot(self.target, self.logs))
        if not isfinite(total):
            wanted = self.target != 0
            total = float(np.sum(self.target[wanted] * self.logs[wanted], dtype=self.logs.dtype))
        return total


class DiceLoss(SoftmaxLoss):
    """1 - the mean over the classes of (2·Σp·t + 1)/(Σp + Σt + 1), sums over all places of the batch."""

    SMOOTH: ClassVar[float] = 1.0

    def measure(self) -> None:
        """By p the loss has the slope -(2t - dice)/(Σp + Σt + 1)/classes; the softmax takes its mean away."""
        self.take_shares()
        shares, slope = self.shares, self.flat_gradient
        if self.valid is not None:
            np.multiply(shares, self.valid[:, None], out=shares)
        wanted = self.target.sum((0, 2), dtype=float)
        both = np.einsum("rcn,rcn->c", shares, self.target).astype(float)
        whole = shares.sum((0, 2), dtype=float) + wanted + self.SMOOTH
        dice = (2 * both + self.SMOOTH) / whole
        self.value = self.weight * (1 - float(dice.mean()))
        factor = -self.weight / (whole * len(whole))
        np.multiply(self.target, (2 * factor)[:, None], out=slope, casting="same_kind")
        np.subtract(slope, (factor * dice)[:, None], out=slope, casting="same_kind")
        np.multiply(slope, shares, out=slope)
        np.add.reduce(slope, axis=1, keepdims=True, out=self.one)
        np.multiply(shares, self.one, out=self.logs)
        np.subtract(slope, self.logs, out=slope)


class WantedLoss(Loss):
    """A mean over all values of something of output and target, each pair by itself."""

    def mean(self, errors: Array) -> None:
        self.value = self.weight * float(errors.sum(dtype=float)) / self.gradient.size

    def scale(self) -> None:
        """The slope of each value becomes that of the mean."""
        np.multiply(self.flat_gradient, self.weight / self.gradient.size, out=self.flat_gradient)


class BinaryCrossEntropyLoss(WantedLoss):
    """-t·log p - (1 - t)·log(1 - p) with p = sigmoid(output), from logits, stable (as PyTorch's)."""

    end = "sigmoid"

    def measure(self) -> None:
        """max(x, 0) - x·t + log(1 + exp(-|x|)) a value, whose slope is sigmoid(x) - t."""
        x, slope = self.output, self.flat_gradient
        small = np.exp(-np.abs(x))
        self.mean(np.maximum(x, 0) - x * self.target + np.log1p(small))
        np.divide(np.where(x < 0, small, 1), 1 + small, out=slope, casting="same_kind")
        np.subtract(slope, self.target, out=slope)
        self.scale()

    def correct(self) -> float:
        """How many values are on the wanted side, in samples' worth."""
        right = int(np.count_nonzero((self.output > 0) == (self.target > 0.5)))
        return right * self.samples / self.output.size


class MeanSquaredErrorLoss(Loss):
    """Mean of (output - target)² over all values."""

    def measure(self) -> None:
        np.subtract(self.output, self.target, out=self.flat_gradient)
        squares = float(np.vdot(self.flat_gradient, self.flat_gradient))
        self.value = self.weight * squares / self.gradient.size
        np.multiply(self.flat_gradient, 2 * self.weight / self.gradient.size, out=self.flat_gradient)


class MeanAbsoluteErrorLoss(WantedLoss):
    """Mean of |output - target| over all values; where the two are equal the slope is 0."""

    def measure(self) -> None:
        np.subtract(self.output, self.target, out=self.flat_gradient)
        self.mean(np.abs(self.flat_gradient))
        np.sign(self.flat_gradient, out=self.flat_gradient)
        self.scale()


class HuberLoss(WantedLoss):
    """Mean of e²/2 where |e| ≤ delta, else delta·(|e| - delta/2), for e = output - target."""

    def __init__(self, output: Array, memory: Allocator, weight: float = 1.0, *, delta: float = 1.0) -> None:
        super().__init__(output, memory, weight)
        self.delta = delta

    def measure(self) -> None:
        """The slope is e, cut at ±delta: with c = that, the loss is c·(e - c/2)."""
        errors = self.output - self.target
        np.clip(errors, -self.delta, self.delta, out=self.flat_gradient)
        self.mean(self.flat_gradient * (errors - self.flat_gradient / 2))
        self.scale()


LOSSES: Final[dict[str, type[Loss]]] = {
    "crossentropy": CrossEntropyLoss, "dice": DiceLoss, "bce": BinaryCrossEntropyLoss,
    "mse": MeanSquaredErrorLoss, "mae": MeanAbsoluteErrorLoss, "huber": HuberLoss,
}  # fmt: skip
"""By the names of the recipe."""
