"""Optimizers on the flat weights: in place, without allocating, with their state in the open.

``state`` is a dictionary of arrays that a checkpoint saves and restores; with
``count`` it is all an optimizer remembers. The rules are PyTorch's, to the
last rounding where the order of operations allows.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from math import sqrt
from typing import Any, Final

import numpy as np

from cnnspec.backends.numpy.layout import Array

FLUSH_EVERY: Final = 64
"""Steps between two flushes: momentum 0.9 shrinks by a thousand in between."""
FLUSH_BELOW: Final = 1e-30
"""What is smaller becomes zero, long before it is a denormal, which would make steps many times slower."""


class Optimizer(ABC):
    """Moves ``flat`` against ``gradient``. ``names`` are the arrays of its state, zero at the start."""

    names: tuple[str, ...] = ()

    def __init__(self, flat: Array, *, decay: float = 0.0) -> None:
        self.flat, self.decay = flat, decay
        self.count = 0
        self.state = {name: np.zeros_like(flat) for name in self.names}
        self.workspace = np.empty_like(flat)
        self.mask = np.empty(flat.shape, bool)

    def update(self, gradient: Array, rate: float) -> None:
        """One step at a learning rate; ``gradient`` is used up."""
        self.count += 1
        self.move(gradient, rate)
        if self.count % FLUSH_EVERY == 0:
            self.flush()

    @abstractmethod
    def move(self, gradient: Array, rate: float) -> None:
        """Change the weights and the state."""

    def flush(self) -> None:
        """Set what has decayed to almost nothing to zero."""
        for values in self.state.values():
            np.abs(values, out=self.workspace)
            np.greater(self.workspace, FLUSH_BELOW, out=self.mask)
            np.multiply(values, self.mask, out=values)

    def add_decay(self, gradient: Array) -> None:
        """gradient += decay·weights."""
        if self.decay:
            np.multiply(self.flat, self.decay, out=self.workspace)
            np.add(gradient, self.workspace, out=gradient)

    def roll(self, gradient: Array, momentum: float) -> Array:
        """velocity = momentum·velocity + gradient."""
        velocity = self.state["velocity"]
        np.multiply(velocity, momentum, out=velocity)
        return np.asarray(np.add(velocity, gradient, out=velocity))

    def take_step(self, direction: Array, rate: float) -> None:
        """weights -= rate·direction."""
        np.multiply(direction, rate, out=self.workspace)
        np.subtract(self.flat, self.workspace, out=self.flat)


class SgdOptimizer(Optimizer):
    """v = momentum·v + g; w -= rate·v, or with Nesterov w -= rate·(g + momentum·v)."""

    def __init__(
        self, flat: Array, *, momentum: float = 0.0, nesterov: bool = False, decay: float = 0.0
    ) -> None:
        self.names = ("velocity",) if momentum else ()
        super().__init__(flat, decay=decay)
        self.momentum, self.nesterov = momentum, nesterov

    def move(self, gradient: Array, rate: float) -> None:
        self.add_decay(gradient)
        if not self.momentum:
            self.take_step(gradient, rate)
            return
        velocity = self.roll(gradient, self.momentum)
        if self.nesterov:
            np.multiply(velocity, self.momentum, out=self.workspace)
            np.add(gradient, self.workspace, out=gradient)
        self.take_step(gradient if self.nesterov else velocity, rate)


class AdamOptimizer(Optimizer):
    """m and v are running means of g and g²; w -= rate·m̂/(√v̂ + epsilon), bias corrected."""

    names = ("mean", "square")

    def __init__(
        self, flat: Array, *, beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-8,
        decay: float = 0.0,
    ) -> None:  # fmt: skip
        super().__init__(flat, decay=decay)
        self.beta1, self.beta2, self.epsilon = beta1, beta2, epsilon

    def move(self, gradient: Array, rate: float) -> None:
        self.add_decay(gradient)
        self.adapt(gradient, rate)

    def adapt(self, gradient: Array, rate: float) -> None:
        mean, square = self.state["mean"], self.state["square"]
        running_mean(mean, gradient, self.beta1, self.workspace)
        np.multiply(gradient, gradient, out=gradient)
        running_mean(square, gradient, self.beta2, self.workspace)
        np.sqrt(square, out=gradient)
        np.divide(gradient, sqrt(1 - self.beta2**self.count), out=gradient)
        np.add(gradient, self.epsilon, out=gradient)
        np.divide(mean, gradient, out=gradient)
        self.take_step(gradient, rate / (1 - self.beta1**self.count))


class AdamWOptimizer(AdamOptimizer):
    """Adam with the decay apart from the gradient: w -= rate·decay·w first."""

    def __init__(self, flat: Array, *, decay: float = 0.01, **options: float) -> None:
        super().__init__(flat, decay=decay, **options)

    def move(self, gradient: Array, rate: float) -> None:
        if self.decay:
            np.multiply(self.flat, 1 - rate * self.decay, out=self.flat)
        self.adapt(gradient, rate)


class RmsPropOptimizer(Optimizer):
    """v is a running mean of g²; w -= rate·g/(√v + epsilon), with momentum if asked."""

    def __init__(
        self, flat: Array, *, memory: float = 0.99, momentum: float = 0.0, epsilon: float = 1e-8,
        decay: float = 0.0,
    ) -> None:  # fmt: skip
        self.names = ("square", "velocity") if momentum else ("square",)
        super().__init__(flat, decay=decay)
        self.memory, self.momentum, self.epsilon = memory, momentum, epsilon

    def move(self, gradient: Array, rate: float) -> None:
        self.add_decay(gradient)
        square = self.state["square"]
        np.multiply(square, self.memory, out=square)
        np.multiply(gradient, gradient, out=self.workspace)
        np.multiply(self.workspace, 1 - self.memory, out=self.workspace)
        np.add(square, self.workspace, out=square)
        np.sqrt(square, out=self.workspace)
        np.add(self.workspace, self.epsilon, out=self.workspace)
        np.divide(gradient, self.workspace, out=gradient)
        self.take_step(self.roll(gradient, self.momentum) if self.momentum else gradient, rate)


def running_mean(mean: Array, values: Array, memory: float, workspace: Array) -> None:
    """mean = memory·mean + (1 - memory)·values."""
    np.multiply(mean, memory, out=mean)
    np.multiply(values, 1 - memory, out=workspace)
    np.add(mean, workspace, out=mean)


OPTIMIZERS: Final[dict[str, type[Optimizer]]] = {
    "sgd": SgdOptimizer, "adam": AdamOptimizer, "adamw": AdamWOptimizer, "rmsprop": RmsPropOptimizer,
}  # fmt: skip
"""By the names of the recipe."""


def make_optimizer(setting: Any, flat: Array) -> Optimizer:
    """The optimizer of a recipe's sentence; its ``rate`` is given with each update instead."""
    options = {name: value for name, value in dict(setting).items() if name not in ("kind", "rate")}
    return OPTIMIZERS[setting.kind](flat, **options)


def clip(gradient: Array, largest: float) -> float:
    """Scale a gradient down to a norm of at most ``largest``; the norm it had."""
    norm = sqrt(float(np.vdot(gradient, gradient)))
    if norm > largest:
        np.multiply(gradient, largest / (norm + 1e-6), out=gradient)
    return norm
