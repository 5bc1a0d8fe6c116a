"""The NumPy backend: runs and trains a network with nothing but NumPy."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

    from cnnspec.backends.numpy.kernels.table import Kernels
    from cnnspec.backends.numpy.model import Model
    from cnnspec.network.graph import Network


def build(
    network: Network, *, seed: int | None = None, initial: str | None = None, dtype: DTypeLike = "float32",
    kernels: Kernels = "fast",
) -> Model:  # fmt: skip
    """A model of the network with fresh weights; seed and initialiser are the recipe's unless given."""
    from cnnspec.backends.numpy.model import Model

    recipe = network.training_recipe
    return Model(
        network,
        seed=recipe.seed if seed is None else seed,
        initial=initial or recipe.initial,
        dtype=dtype,
        kernels=kernels,
    )
