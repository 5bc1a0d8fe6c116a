"""The NumPy backend: runs and trains a network with nothing but NumPy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cnnspec.backends.numpy.model import Model
    from cnnspec.network.graph import Network


def build(network: Network, *, seed: int = 0, **options: Any) -> Model:
    """A model of the network with fresh weights; ``dtype``, ``initial`` and ``reference`` are options.

    Weights begin as the recipe of the network says, unless ``initial`` is given.
    """
    from cnnspec.backends.numpy.model import Model

    if network.recipe is not None:
        options.setdefault("initial", network.recipe.initial)
    return Model(network, seed=seed, **options)
