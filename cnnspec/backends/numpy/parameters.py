"""The weights of a network as arrays that stay where they are: by name, and as one flat array."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from math import prod

import numpy as np
from numpy.typing import DTypeLike

from cnnspec.backends.arrays import NamedArrays
from cnnspec.backends.contract import Scaling
from cnnspec.backends.machine import refuse_beyond_memory
from cnnspec.backends.numpy.kernels.table import PICKS, Kernels
from cnnspec.backends.numpy.layout import Array
from cnnspec.backends.numpy.loans import LentArrays, Loans
from cnnspec.layers.base import Weight
from cnnspec.network.graph import Network

FLAT = ""
"""What the flat array is called among those that are lent."""


@dataclass
class Intake:
    """The scaling that an engine and its programs share: the engine sets it, they look it up."""

    scaling: Scaling


class Parameters:
    """What the programs of a network are made from.

    ``weights`` holds every array by its name (``conv1.weight``), buffers such as
    ``bn1.running_mean`` included. ``flat`` is one array of all trained weights, of
    which theirs are views; ``flat_gradient`` and ``gradients`` likewise. Weights and ``flat`` are
    lent; the programs themselves have the ``arrays`` behind them.
    All randomness (weights, dropout) comes from ``random``.
    """

    def __init__(self, network: Network, seed: int, dtype: DTypeLike, kernels: Kernels) -> None:
        if kernels not in PICKS:
            raise ValueError(f"kernels are {', '.join(PICKS)}, not {kernels}")
        self.network, self.seed, self.dtype, self.kernels = network, seed, np.dtype(dtype), kernels
        self.random = np.random.default_rng(seed)
        self.intake = Intake(Scaling.of(network.training_recipe.normalise))
        self.allocate()

    def allocate(self) -> None:
        """The arrays, with any content."""
        refuse_beyond_memory(
            sum(prod(one.shape) for one in self.network.weights.values()) * self.dtype.itemsize
        )
        trained: dict[str, Weight] = {}
        fixed: dict[str, Array] = {}
        for node in self.network.layers:
            for name, weight in node.own_weights.items():
                if getattr(node.layer, "frozen", False) or weight.buffer:
                    fixed[name] = np.empty(weight.shape, self.dtype)
                else:
                    trained[name] = weight
        size = sum(prod(weight.shape) for weight in trained.values())
        self._trained = trained
        self._lie_in(np.zeros(size, self.dtype), np.zeros(size, self.dtype), fixed)

    def _lie_in(self, flat: Array, gradient: Array, fixed: Mapping[str, Array]) -> None:
        """The trained weights and their gradients lie in these arrays, the others are these."""
        self.flat_gradient = gradient
        self.gradients = NamedArrays(_views(gradient, self._trained))
        parts = _views(flat, self._trained) | dict(fixed)
        self.arrays = {name: parts[name] for name in self.network.weights}
        self.loans = Loans(self.arrays | {FLAT: flat})
        self.weights = LentArrays(self.arrays, self.loans)

    def move(self, flat: Array, gradient: Array) -> None:
        """The trained weights, as ``flat`` has them, and their gradients lie elsewhere from now on."""
        self._lie_in(flat, gradient, {n: v for n, v in self.arrays.items() if n not in self._trained})

    @property
    def flat(self) -> Array:
        """All trained weights as one array."""
        return self.loans.lend(FLAT)

    @flat.setter
    def flat(self, values: Array) -> None:
        np.copyto(self.flat, values)

    def watch(self, names: Collection[str]) -> Callable[[], bool]:
        """A call that tells whether any of these weights may have been written since it was last asked."""
        return self.loans.watch((FLAT, *names))

    @cached_property
    def multiplies(self) -> int:
        """Multiplies of one sample, forward."""
        return sum(int(node.layer.multiplies(node.input_shapes)) for node in self.network.layers)


def _views(flat: Array, weights: Mapping[str, Weight]) -> dict[str, Array]:
    """Each weight's part of the flat array, in its shape."""
    found, start = {}, 0
    for name, weight in weights.items():
        size = prod(weight.shape)
        found[name] = flat[start : start + size].reshape(weight.shape)
        start += size
    return found
