"""Optimizers on the flat weights: in place, without allocating, with their state in the open.

``state`` is a dictionary of arrays that a checkpoint saves and restores; with
``count`` it is all an optimizer remembers. The rules are PyTorch's, to the
last rounding where the order of operations allows.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass
from math import sqrt
from typing import Any, Final, Self

import numpy as np

from cnnspec.backends.numpy.layout import Array

FLUSH_EVERY: Final = 64
"""Steps between two flushes: momentum 0.9 shrinks by a thousand in between."""
FLUSH_BELOW: Final = 1e-30
"""What is smaller becomes zero, long before it is a denormal, which would make steps many times slower."""
STRETCH: Final = 1 << 16
"""Weights that are moved together: 256 kB of them."""


@dataclass(frozen=True, slots=True)
class FlatPart:
    """A stretch of the weights, with that of each array of the state, and room to compute in."""

    place: slice
    flat: Array
    state: Mapping[str, Array]
    workspace: Array
    mask: Array

    def add_decay(self, gradient: Array, decay: float) -> None:
        """gradient += decay·weights."""
        if decay:
            np.multiply(decay, self.flat, out=self.workspace)
            np.add(gradient, self.workspace, out=gradient)

    def roll(self, gradient: Array, momentum: float) -> Array:
        """velocity = momentum·velocity + gradient."""
        velocity = self.state["velocity"]
        np.multiply(momentum, velocity, out=velocity)
        return np.asarray(np.add(velocity, gradient, out=velocity))

    def take_step(self, direction: Array, rate: float) -> None:
        """weights -= rate·direction."""
        np.multiply(rate, direction, out=self.workspace)
        np.subtract(self.flat, self.workspace, out=self.flat)

    def running_mean(self, name: str, values: Array, memory: float) -> Array:
        """mean = memory·mean + (1 - memory)·values."""
        mean = self.state[name]
        np.multiply(memory, mean, out=mean)
        np.multiply(1 - memory, values, out=self.workspace)
        return np.asarray(np.add(mean, self.workspace, out=mean))

    def flush(self) -> None:
        """Set what has decayed to almost nothing to zero."""
        for values in self.state.values():
            np.abs(values, out=self.workspace)
            np.greater(self.workspace, FLUSH_BELOW, out=self.mask)
            np.multiply(values, self.mask, out=values)


class Optimizer(ABC):
    """Moves ``flat`` against ``gradient``, as the recipe's ``setting`` says; its rate is given each time.

    ``names`` are the arrays of its state, zero at the start. Large networks are moved stretch by stretch,
    so that a stretch stays in the processor's cache and the room to compute in is small.
    """

    names: tuple[str, ...] = ()

    def __init__(self, flat: Array, setting: Any, zeros: Callable[[Array], Array] = np.zeros_like) -> None:
        state = {name: zeros(flat) for name in self.names if self.keeps(setting, name)}
        self._take(flat, setting, state)

    def part(self, place: slice) -> Self:
        """One that moves a part of the weights alone, with its part of the state."""
        other = copy(self)
        other._take(
            self.flat[place], self.setting, {name: values[place] for name, values in self.state.items()}
        )
        return other

    def _take(self, flat: Array, setting: Any, state: dict[str, Array]) -> None:
        self.setting, self.count, self.flat, self.state = setting, 0, flat, state
        size = min(flat.size, STRETCH)
        workspace, mask = np.empty(size, flat.dtype), np.empty(size, bool)
        places = [slice(start, start + STRETCH) for start in range(0, flat.size, STRETCH)]
        self.stretches = [
            FlatPart(
                place, flat[place], {name: values[place] for name, values in self.state.items()},
                workspace[: flat[place].size], mask[: flat[place].size],
            )
            for place in places
        ]  # fmt: skip

    @staticmethod
    def keeps(setting: Any, name: str) -> bool:
        """Whether it has this array: a velocity only with momentum."""
        return name != "velocity" or setting.momentum > 0

    def update(self, gradient: Array, rate: float) -> None:
        """One step at a learning rate; ``gradient`` is used up."""
        self.count += 1
        for stretch in self.stretches:
            self.move(stretch, gradient[stretch.place], rate)
            if self.count % FLUSH_EVERY == 0:
                stretch.flush()

    @abstractmethod
    def move(self, part: FlatPart, gradient: Array, rate: float) -> None:
        """Change a stretch of the weights and of the state."""


class SgdOptimizer(Optimizer):
    """v = momentum·v + g; w -= rate·v, or with Nesterov w -= rate·(g + momentum·v)."""

    names = ("velocity",)

    def move(self, part: FlatPart, gradient: Array, rate: float) -> None:
        momentum = self.setting.momentum
        part.add_decay(gradient, self.setting.decay)
        direction = part.roll(gradient, momentum) if momentum else gradient
        if momentum and self.setting.nesterov:
            np.multiply(momentum, direction, out=part.workspace)
            direction = np.add(gradient, part.workspace, out=gradient)
        part.take_step(direction, rate)


class AdamOptimizer(Optimizer):
    """m and v are running means of g and g²; w -= rate·m̂/(√v̂ + epsilon), bias corrected."""

    names = ("mean", "square")

    def move(self, part: FlatPart, gradient: Array, rate: float) -> None:
        part.add_decay(gradient, self.setting.decay)
        self.adapt(part, gradient, rate)

    def adapt(self, part: FlatPart, gradient: Array, rate: float) -> None:
        beta1, beta2 = self.setting.beta1, self.setting.beta2
        mean = part.running_mean("mean", gradient, beta1)
        np.multiply(gradient, gradient, out=gradient)
        square = part.running_mean("square", gradient, beta2)
        np.sqrt(square, out=gradient)
        np.divide(gradient, sqrt(1 - beta2**self.count), out=gradient)
        np.add(gradient, self.setting.epsilon, out=gradient)
        np.divide(mean, gradient, out=gradient)
        part.take_step(gradient, rate / (1 - beta1**self.count))


class AdamWOptimizer(AdamOptimizer):
    """Adam with the decay apart from the gradient: w -= rate·decay·w first."""

    def move(self, part: FlatPart, gradient: Array, rate: float) -> None:
        if self.setting.decay:
            np.multiply(part.flat, 1 - rate * self.setting.decay, out=part.flat)
        self.adapt(part, gradient, rate)


class RmsPropOptimizer(Optimizer):
    """v is a running mean of g²; w -= rate·g/(√v + epsilon), with momentum if asked."""

    names = ("square", "velocity")

    def move(self, part: FlatPart, gradient: Array, rate: float) -> None:
        part.add_decay(gradient, self.setting.decay)
        square, memory = part.state["square"], self.setting.memory
        np.multiply(memory, square, out=square)
        np.multiply(gradient, gradient, out=part.workspace)
        np.multiply(1 - memory, part.workspace, out=part.workspace)
        np.add(square, part.workspace, out=square)
        np.sqrt(square, out=part.workspace)
        np.add(part.workspace, self.setting.epsilon, out=part.workspace)
        np.divide(gradient, part.workspace, out=gradient)
        momentum = self.setting.momentum
        part.take_step(part.roll(gradient, momentum) if momentum else gradient, rate)


OPTIMIZERS: Final[dict[str, type[Optimizer]]] = {
    "sgd": SgdOptimizer, "adam": AdamOptimizer, "adamw": AdamWOptimizer, "rmsprop": RmsPropOptimizer,
}  # fmt: skip
"""By the names of the recipe."""


def make_optimizer(setting: Any, flat: Array, zeros: Callable[[Array], Array] = np.zeros_like) -> Optimizer:
    """The optimizer of a recipe's sentence; ``zeros`` makes room for its state."""
    return OPTIMIZERS[setting.kind](flat, setting, zeros)


def clip(gradient: Array, largest: float) -> float:
    """Scale a gradient down to a norm of at most ``largest``; the norm it had."""
    norm = sqrt(square(gradient))
    shrink(gradient, norm, largest)
    return norm


def square(gradient: Array) -> float:
    """The square of a gradient's norm, or of a part's."""
    return float(np.vdot(gradient, gradient))


def shrink(gradient: Array, norm: float, largest: float) -> None:
    """Scale a gradient of this norm down to one of at most ``largest``, or a part of it."""
    if norm > largest:
        np.multiply(gradient, largest / (norm + 1e-6), out=gradient)
