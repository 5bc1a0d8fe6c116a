"""The weights of a network as arrays that stay where they are: by name, and as one flat array."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any, NoReturn

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from cnnspec.backends.contract import Scaling
from cnnspec.backends.numpy.kernels.table import PICKS, Kernels
from cnnspec.backends.numpy.layout import Array
from cnnspec.diagnostics import nearest
from cnnspec.layers.base import Weight, show
from cnnspec.network.graph import Network


class NamedArrays(MutableMapping[str, Array]):
    """The weights of a model, or their gradients: compiled programs read the very same arrays.

    ``weights["conv1.weight"] = values`` copies the values in; raises ValueError where
    the shape is another, KeyError where no array has that name. None can be taken out.
    """

    def __init__(self, arrays: Mapping[str, Array]) -> None:
        self._arrays = dict(arrays)

    def __getitem__(self, name: str) -> Array:
        if name not in self._arrays:
            meant = nearest(name, self._arrays)
            raise KeyError(f"no array is called {name}" + (f"; did you mean {meant}?" if meant else ""))
        return self._arrays[name]

    def __setitem__(self, name: str, values: ArrayLike) -> None:
        self.update({name: values})

    def update(self, *given: Any, **more: ArrayLike) -> None:
        """Copies all in, or none where one does not fit."""
        fitting = {name: self._fitting(name, values) for name, values in dict(*given, **more).items()}
        for name, values in fitting.items():
            np.copyto(self[name], values, casting="same_kind")

    def _fitting(self, name: str, values: ArrayLike) -> Array:
        mine, given = self[name], np.asarray(values)
        if given.shape != mine.shape:
            raise ValueError(f"{name} is {_shown(mine)}, not {_shown(given)}")
        if not np.can_cast(given.dtype, mine.dtype, "same_kind"):
            raise TypeError(f"{name} holds {mine.dtype}, not {given.dtype}")
        return given

    def __delitem__(self, name: str) -> NoReturn:
        raise TypeError(f"{name} cannot be taken out: the layers of a network have all their weights")

    def __contains__(self, name: object) -> bool:
        return name in self._arrays

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)

    def __repr__(self) -> str:
        return "{" + ", ".join(f"{name}: {_shown(values)}" for name, values in self.items()) + "}"


def _shown(values: Array) -> str:
    return show(values.shape) if values.shape else "one number"


@dataclass
class Intake:
    """The scaling that an engine and its programs share: the engine sets it, they look it up."""

    scaling: Scaling


class Parameters:
    """What the programs of a network are made from.

    ``weights`` holds every array by its name (``conv1.weight``), buffers such as
    ``bn1.running_mean`` included. ``flat`` is one array of all trained weights, of
    which theirs are views; ``flat_gradient`` and ``gradients`` likewise.
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
        trained: dict[str, Weight] = {}
        fixed: dict[str, Array] = {}
        for node in self.network.layers:
            for name, weight in node.own_weights.items():
                if getattr(node.layer, "frozen", False) or weight.buffer:
                    fixed[name] = np.empty(weight.shape, self.dtype)
                else:
                    trained[name] = weight
        size = sum(prod(weight.shape) for weight in trained.values())
        self.flat, self.flat_gradient = np.zeros(size, self.dtype), np.zeros(size, self.dtype)
        self.gradients = NamedArrays(_views(self.flat_gradient, trained))
        parts = _views(self.flat, trained) | fixed
        self.weights = NamedArrays({name: parts[name] for name in self.network.weights})

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
