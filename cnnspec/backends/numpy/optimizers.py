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
    """Moves ``flat`` against ``gradient``, as the recipe's ``setting`` says; its rate is given each time.

    ``names`` are the arrays of its state, zero at the start.
    """

    names: tuple[str, ...] = ()

    def __init__(self, flat: Array, setting: Any) -> None:
        self.flat, self.setting, self.count = flat, setting, 0
        self.state = {name: np.zeros_like(flat) for name in self.names if self.keeps(name)}
        self.workspace = np.empty_like(flat)
        self.mask = np.empty(flat.shape, bool)

    def keeps(self, name: str) -> bool:
        """Whether it has this array: a velocity only with momentum."""
        return name != "velocity" or self.setting.momentum > 0

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
        if self.setting.decay:
            np.multiply(self.setting.decay, self.flat, out=self.workspace)
            np.add(gradient, self.workspace, out=gradient)

    def roll(self, gradient: Array) -> Array:
        """velocity = momentum·velocity + gradient."""
        velocity = self.state["velocity"]
        np.multiply(self.setting.momentum, velocity, out=velocity)
        return np.asarray(np.add(velocity, gradient, out=velocity))

    def take_step(self, direction: Array, rate: float) -> None:
        """weights -= rate·direction."""
        np.multiply(rate, direction, out=self.workspace)
        np.subtract(self.flat, self.workspace, out=self.flat)


class SgdOptimizer(Optimizer):
    """v = momentum·v + g; w -= rate·v, or with Nesterov w -= rate·(g + momentum·v)."""

    names = ("velocity",)

    def move(self, gradient: Array, rate: float) -> None:
        self.add_decay(gradient)
        direction = self.roll(gradient) if self.setting.momentum else gradient
        if self.setting.momentum and self.setting.nesterov:
            np.multiply(self.setting.momentum, direction, out=self.workspace)
            direction = np.add(gradient, self.workspace, out=gradient)
        self.take_step(direction, rate)


class AdamOptimizer(Optimizer):
    """m and v are running means of g and g²; w -= rate·m̂/(√v̂ + epsilon), bias corrected."""

    names = ("mean", "square")

    def move(self, gradient: Array, rate: float) -> None:
        self.add_decay(gradient)
        self.adapt(gradient, rate)

    def adapt(self, gradient: Array, rate: float) -> None:
        mean, square = self.state["mean"], self.state["square"]
        beta1, beta2 = self.setting.beta1, self.setting.beta2
        running_mean(mean, gradient, beta1, self.workspace)
        np.multiply(gradient, gradient, out=gradient)
        running_mean(square, gradient, beta2, self.workspace)
        np.sqrt(square, out=gradient)
        np.divide(gradient, sqrt(1 - beta2**self.count), out=gradient)
        np.add(gradient, self.setting.epsilon, out=gradient)
        np.divide(mean, gradient, out=gradient)
        self.take_step(gradient, rate / (1 - beta1**self.count))


class AdamWOptimizer(AdamOptimizer):
    """Adam with the decay apart from the gradient: w -= rate·decay·w first."""

    def move(self, gradient: Array, rate: float) -> None:
        if self.setting.decay:
            np.multiply(self.flat, 1 - rate * self.setting.decay, out=self.flat)
        self.adapt(gradient, rate)


class RmsPropOptimizer(Optimizer):
    """v is a running mean of g²; w -= rate·g/(√v + epsilon), with momentum if asked."""

    names = ("square", "velocity")

    def move(self, gradient: Array, rate: float) -> None:
        self.add_decay(gradient)
        square, memory = self.state["square"], self.setting.memory
        np.multiply(memory, square, out=square)
        np.multiply(gradient, gradient, out=self.workspace)
        np.multiply(1 - memory, self.workspace, out=self.workspace)
        np.add(square, self.workspace, out=square)
        np.sqrt(square, out=self.workspace)
        np.add(self.workspace, self.setting.epsilon, out=self.workspace)
        np.divide(gradient, self.workspace, out=gradient)
        self.take_step(self.roll(gradient) if self.setting.momentum else gradient, rate)


def running_mean(mean: Array, values: Array, memory: float, workspace: Array) -> None:
    """mean = memory·mean + (1 - memory)·values."""
    np.multiply(memory, mean, out=mean)
    np.multiply(1 - memory, values, out=workspace)
    np.add(mean, workspace, out=mean)


OPTIMIZERS: Final[dict[str, type[Optimizer]]] = {
    "sgd": SgdOptimizer, "adam": AdamOptimizer, "adamw": AdamWOptimizer, "rmsprop": RmsPropOptimizer,
}  # fmt: skip
"""By the names of the recipe."""


def make_optimizer(setting: Any, flat: Array) -> Optimizer:
    """The optimizer of a recipe's sentence."""
    return OPTIMIZERS[setting.kind](flat, setting)


def clip(gradient: Array, largest: float) -> float:
    """Scale a gradient down to a norm of at most ``largest``; the norm it had."""
    norm = sqrt(float(np.vdot(gradient, gradient)))
    if norm > largest:
        np.multiply(gradient, largest / (norm + 1e-6), out=gradient)
    return norm
