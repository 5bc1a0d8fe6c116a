"""The kernels of a layer, and what a layer makes of an image, as pictures."""

from __future__ import annotations

from collections.abc import Sequence
from math import isqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnspec.backends.contract import Predictor
from cnnspec.diagnostics import Diagnostic, SpecError
from cnnspec.network.graph import Network, Node
from cnnspec.views.results import Filters, Maps


def filters(model: Predictor, layer: str | None = None) -> Filters:
    """The kernels of a layer, the first that has any when none is named.

    A dense layer's are shown as pictures of what flows in. Raises SpecError
    where there is nothing to show.
    """
    nodes = model.network.layers if layer is None else (model.network[layer],)
    for node in nodes:
        values = model.weights.get(f"{node.name}.weight")
        if values is not None and values.ndim >= 2:
            return Filters(node.name, _kernels(values, node, model.network))
    where = f"{layer} has no filters" if layer else "no layer of this network has filters"
    having = [name.removesuffix(".weight") for name, values in model.weights.items() if values.ndim > 1]
    cures = (
        (f"layers that have some: {', '.join(having[:8])}{', …' if len(having) > 8 else ''}",)
        if having
        else ()
    )
    raise SpecError([Diagnostic("nothing-to-show", where, help=cures)])


def _kernels(values: NDArray[Any], node: Node, network: Network) -> NDArray[Any]:
    """Weights (out, in, …) as (out, height, width, in); planes of a volume one below the other."""
    if values.ndim == 2:
        return np.stack([picture(row, _map_before(node, network)) for row in values])
    if node.weights[f"{node.name}.weight"].inputs_first:
        values = values.swapaxes(0, 1)
    last = np.moveaxis(values, 1, -1)
    return last.reshape(len(last), -1, *last.shape[-2:])


def _map_before(node: Node, network: Network) -> tuple[int, ...]:
    """The map that was flattened on the way into a dense layer; its plain input else."""
    source = network.nodes[node.inputs[0]]
    while source.layer.storage.is_view:
        if len(source.output) < len(source.input_shapes[0]):
            return source.input_shapes[0]
        source = network.nodes[source.inputs[0]]
    return source.output


def picture(values: NDArray[Any], shape: Sequence[int]) -> NDArray[Any]:
    """Values as a picture (height, width, channels).

    A flattened map gets its ``shape`` back; a vector becomes a square where its
    length is one, else a row; the planes of a volume lie one below the other.
    """
    if values.ndim > 1:
        return values.reshape(-1, *values.shape[-2:])
    if len(shape) == 3:
        height, width, channels = shape
        return values.reshape(channels, height, width).transpose(1, 2, 0)
    side = isqrt(values.size)
    return values.reshape((side, side, 1) if side * side == values.size else (1, values.size, 1))


def maps(model: Predictor, image: NDArray[Any], layer: str, title: str = "") -> Maps:
    """What a layer makes of one image, given as the network takes it, without the sample axis."""
    shown = picture(image, model.network.input)
    if model.network[layer].index == 0:
        return Maps(layer, shown, shown, title)
    values = model.forward(image[None], keep=[layer])[layer][0]
    return Maps(layer, values if values.ndim == 1 else picture(values, values.shape), shown, title)
