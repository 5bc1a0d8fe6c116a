"""What a definition gets, and what it gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from numpy.random import Generator

from cnnspec.backends.numpy.layout import Array
from cnnspec.network.graph import Node

Back: TypeAlias = Callable[[Array], tuple[list[Array], dict[str, Array]]]
"""From the gradient of the output to those of the inputs, and of the weights by name."""


@dataclass
class LayerCall:
    """One forward pass of one layer: N x C x H x W in, weights by name.

    ``notes`` is what the layer leaves for those that refer to it; ``referred``
    the notes of those it refers to.
    """

    node: Node
    inputs: list[Array]
    weights: Mapping[str, Array]
    training: bool
    random: Generator
    notes: dict[str, Array]
    referred: list[dict[str, Array]]

    @property
    def x(self) -> Array:
        return self.inputs[0]

    @property
    def layer(self) -> Any:
        return self.node.layer


Definition: TypeAlias = Callable[[LayerCall], tuple[Array, Back]]
