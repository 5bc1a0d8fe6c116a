"""The spec that a person would have written for a network that came as a flat graph."""

from __future__ import annotations

from collections.abc import Mapping

from cnnspec.network.graph import Network
from cnnspec.network.write import write
from cnnspec.records import record


@record
class Recovered:
    """A spec's text, and the name that each layer of the flat network has in it."""

    text: str
    names: Mapping[str, str]

    def renamed(self, weights: Mapping[str, object]) -> dict[str, object]:
        """Weights of the flat network by the names that the spec gives them."""
        found = {}
        for full, values in weights.items():
            layer, _, name = full.rpartition(".")
            found[f"{self.names[layer]}.{name}"] = values
        return found


def recover(network: Network, labels: Mapping[str, str] | None = None) -> Recovered:
    """The spec of a flat network, and what its layers are called there.

    Networks are made from layers by ``network.assemble``; the spec elaborates to the same graph. ``labels``
    are the names that a person gave the layers, by the names they have in the network.
    """
    return Recovered(write(network), {node.name: node.name for node in network.layers})
