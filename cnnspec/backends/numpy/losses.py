"""Losses on inner arrays: value and gradient, computed together, and the number right.

Every loss is a mean over the samples (and over the places of a map), so the
size of the batch does not change the rate that fits.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from math import isfinite
from typing import Final

import numpy as np

from cnnspec.backends.numpy.compile.memory import Allocator
from cnnspec.backends.numpy.layout import Array, inner_view, planes


class Loss(ABC):
    """One output's loss. ``output`` (rows, channel, run); targets are set before each pass."""

    on_logits = False
    """Whether a softmax at the end is part of the loss, which then reads what flows into it."""

    value: float = 0.0
    """The mean loss of the last pass, times the output's weight."""

    def __init__(self, output: Array, memory: Allocator, weight: float = 1.0) -> None:
        self.shape, self.weight = output.shape, weight
        self.output = planes(output)
        self.gradient = memory.take(output.shape)
        self.target = memory.own(self.output.shape)
        self.flat_gradient = planes(self.gradient)
        self.classes = np.arange(self.output.shape[1])[:, None]
        self.samples: int = output.shape[-1]
        self.places: int = self.output.shape[0] * self.output.shape[2]

    def set_targets(self, targets: Array) -> None:
        """Class numbers (N,) or (N, H, W), or the wanted outputs themselves, N x H x W x C."""
        targets = np.asarray(targets)
        if targets.ndim == len(self.shape):
            np.copyto(self.target.reshape(self.shape), inner_view(targets))
            self.labels = np.argmax(self.target, axis=1)
        else:
            rows, _, run = self.output.shape
            self.labels = np.moveaxis(targets, 0, -1).reshape(rows, run)
            np.equal(self.labels[:, None], self.classes, out=self.target)

    def correct(self) -> int:
        """How many places have their greatest value at the wanted class, as whole samples' worth."""
        right = int(np.count_nonzero(np.argmax(self.output, axis=1) == self.labels))
        return right * self.samples // self.places

    @abstractmethod
    def measure(self) -> None:
        """Set ``value``, and fill ``gradient``, from the output as it is now."""


class CrossEntropyLoss(Loss):
    """-Σ target·log softmax(output), from logits, stable; smoothing and class weights as PyTorch's.

    With class weights the mean is weighted by them.
    """

    on_logits = True

    def __init__(
        self, output: Array, memory: Allocator, weight: float = 1.0, *,
        smoothing: float = 0.0, class_weights: Sequence[float] | None = None,
    ) -> None:  # fmt: skip
        super().__init__(output, memory, weight)
        self.smoothing = smoothing
        self.class_weights = None if class_weights is None else np.asarray(class_weights, memory.dtype)
        self.shares = memory.take(self.output.shape)
        self.logs = memory.take(self.output.shape)
        rows, _, run = self.output.shape
        self.one = memory.take((rows, 1, run))
        self.norm = float(self.places)
        self.mass: Array | float = 1.0

    def set_targets(self, targets: Array) -> None:
        super().set_targets(targets)
        if self.class_weights is not None:
            chosen = self.class_weights[self.labels]
            self.norm = float(chosen.sum())
        if self.smoothing:
            channels = self.target.shape[1]
            np.multiply(self.target, 1 - self.smoothing, out=self.target)
            np.add(self.target, self.smoothing / channels, out=self.target)
        if self.class_weights is not None:
            np.multiply(self.target, self.class_weights[:, None], out=self.target)
            self.mass = np.add.reduce(self.target, axis=1, keepdims=True)

    def measure(self) -> None:
        """The gradient is (shares·Σ target - target)/count."""
        self._take_shares()
        self.value = -self.weight * self._total() / self.norm
        np.multiply(self.shares, self.mass, out=self.flat_gradient)
        np.subtract(self.flat_gradient, self.target, out=self.flat_gradient)
        np.multiply(self.flat_gradient, self.weight / self.norm, out=self.flat_gradient)

    def _take_shares(self) -> None:
        """The softmax of the output, and its logarithm."""
        np.maximum.reduce(self.output, axis=1, keepdims=True, out=self.one)
        np.subtract(self.output, self.one, out=self.logs)
        np.exp(self.logs, out=self.shares)
        np.add.reduce(self.shares, axis=1, keepdims=True, out=self.one)
        np.divide(self.shares, self.one, out=self.shares)
        np.log(self.one, out=self.one)
        np.subtract(self.logs, self.one, out=self.logs)

    def _total(self) -> float:
        """Σ target·logs, where 0·log 0 counts as 0: a class masked by -inf costs nothing unless wanted."""
        total = float(np.vdot(self.target, self.logs))
        if not isfinite(total):
            wanted = self.target != 0
            total = float(np.sum(self.target[wanted] * self.logs[wanted], dtype=self.logs.dtype))
        return total


class MeanSquaredErrorLoss(Loss):
    """Mean of (output - target)² over all values."""

    def measure(self) -> None:
        np.subtract(self.output, self.target, out=self.flat_gradient)
        squares = float(np.vdot(self.flat_gradient, self.flat_gradient))
        self.value = self.weight * squares / self.gradient.size
        np.multiply(self.flat_gradient, 2 * self.weight / self.gradient.size, out=self.flat_gradient)


LOSSES: Final[dict[str, type[Loss]]] = {"crossentropy": CrossEntropyLoss, "mse": MeanSquaredErrorLoss}
"""By the names of the recipe."""
