"""The training samples that a network finds most like a test sample."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from cnnspec.backends.contract import Predictor, Scaling
from cnnspec.network.graph import Network, Node
from cnnspec.training.inspection.maps import picture
from cnnspec.views.results import Neighbour, Neighbourhood

if TYPE_CHECKING:
    from cnnspec.training.data import Dataset
    from cnnspec.training.data.dataset import Part

AT_ONCE: Final = 1000
"""Samples whose features are in memory at a time."""


def last_hidden(network: Network) -> Node:
    """The node that the last layer with weights reads; the input itself where that layer is the only one."""
    node = network.nodes[network.outputs[0].node]
    while node.index and not node.weights:
        node = network.nodes[node.inputs[0]]
    return network.nodes[node.inputs[0]] if node.index else node


def neighbours(
    model: Predictor, data: Dataset, indices: Sequence[int], count: int, layer: str | None = None
) -> list[Neighbourhood]:
    """For each of these test samples, the ``count`` nearest training samples.

    Distance is Euclidean between the outputs of ``layer``, the last hidden one
    when none is named.
    """
    name = layer or last_hidden(model.network).name
    asked = features(model, data.test_images[list(indices)], name)
    count = min(count, len(data.train_labels))
    distances = np.empty((len(asked), 0), np.float32)
    places = np.empty((len(asked), 0), np.int64)
    for start in range(0, len(data.train_labels), AT_ONCE):
        among = features(model, data.train_images[start : start + AT_ONCE], name)
        here = np.broadcast_to(np.arange(start, start + len(among)), (len(asked), len(among)))
        distances = np.concatenate((distances, _squares(asked, among)), axis=1)
        places = np.concatenate((places, here), axis=1)
        nearest = np.argsort(distances, axis=1, kind="stable")[:, :count]
        distances = np.take_along_axis(distances, nearest, axis=1)
        places = np.take_along_axis(places, nearest, axis=1)
    return [
        Neighbourhood(
            _neighbour(data, index, 0.0, "test"),
            tuple(
                _neighbour(data, int(n), float(np.sqrt(d)), "train") for n, d in zip(row, far, strict=True)
            ),
        )
        for index, row, far in zip(indices, places, distances, strict=True)
    ]


def features(model: Predictor, images: NDArray[Any], layer: str) -> NDArray[np.float32]:
    """A layer's outputs as (samples, values); of the input, the pixels as the network sees them."""
    if model.network[layer].index == 0:
        values = _scaled(images, model.scaling)
    else:
        values = model.forward(images, keep=[layer])[layer]
    return values.reshape(len(images), -1)


def _scaled(images: NDArray[Any], scaling: Scaling) -> NDArray[np.float32]:
    """Bytes by the model's rule, channels last; floats as they are."""
    if images.dtype != np.uint8:
        return images.astype(np.float32)
    return np.asarray(images * scaling.factor + scaling.shift, np.float32)


def _squares(asked: NDArray[np.float32], among: NDArray[np.float32]) -> NDArray[np.float32]:
    """Squared distances (asked, among)."""
    lengths: NDArray[np.float32] = (asked**2).sum(1)[:, None] + (among**2).sum(1)
    squares = lengths - 2 * (asked @ among.T)
    return np.maximum(squares, 0, dtype=np.float32)


def _neighbour(data: Dataset, index: int, distance: float, part: Part) -> Neighbour:
    images, labels = data.part(part)
    shown = picture(images[index], images.shape[1:])
    return Neighbour(shown, index, data.names[int(labels[index])], distance)


def one_of_each(data: Dataset, most: int = 10) -> list[int]:
    """Places in the test set: the first sample of each class."""
    _, first = np.unique(data.test_labels, return_index=True)
    return [int(place) for place in first[:most]]


def size_of(network: Network, layer: str) -> int:
    """How many values a layer gives."""
    return prod(network[layer].output)
