"""Networks built from layers directly: what importers and readers of JSON need."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cnnspec.diagnostics import Diagnostic, LayerError, SpecError
from cnnspec.layers.base import Layer, Shape
from cnnspec.network.graph import Group, InputLayer, Network, Node, Output
from cnnspec.network.made_layers import MadeLayer, completed
from cnnspec.records import record
from cnnspec.text import Span


@record
class NamedLayer:
    """One layer to be: its name, and the names of the layers it reads (``input`` is the input)."""

    name: str
    layer: Layer
    inputs: Sequence[str]
    span: Span | None = None
    groups: tuple[Group, ...] = ()
    share: str | None = None
    """The layer before it whose weights it uses."""


def assemble(
    name: str,
    shape: Shape | Mapping[str, Shape],
    parts: Iterable[NamedLayer],
    outputs: Sequence[tuple[str, str, float]] = (),
    recipe: Any = None,
    expectations: tuple[Any, ...] = (),
) -> Network:
    """The network of these layers in order, every shape inferred.

    ``shape`` is the input's, or those of several by name. ``outputs`` are (name, layer, weight), the main
    one first; the last layer when there are none.
    Raises SpecError with every layer that does not fit.
    """
    shapes = shape if isinstance(shape, Mapping) else {"input": shape}
    nodes = [
        Node(n, title, InputLayer(), (), (), shapes[title], None, (title,)) for n, title in enumerate(shapes)
    ]
    places, faults, lost = {node.name: node.index for node in nodes}, [], set[str]()
    for part in parts:
        if lost.intersection(part.inputs):
            lost.add(part.name)
            continue
        try:
            node = _node(part, nodes, places)
        except LayerError as error:
            faults.append(error.at(part.span, notes=(f"in layer {part.name}",)))
            lost.add(part.name)
        else:
            places[part.name] = node.index
            nodes.append(node)
    if faults:
        raise SpecError(faults)
    ends = tuple(Output(title, _place(layer, places), weight) for title, layer, weight in outputs)
    return Network(name, tuple(nodes), ends or (Output("output", len(nodes) - 1),), recipe, expectations)


def _node(part: NamedLayer, nodes: list[Node], places: dict[str, int]) -> Node:
    if part.name in places:
        raise LayerError("repeated-label", f"two layers are named {part.name}")
    inputs = tuple(_place(name, places) for name in part.inputs)
    fewest, most = part.layer.arity
    if len(inputs) < fewest or (most is not None and len(inputs) > most):
        raise LayerError("wrong-number-of-inputs", f"{part.layer.word} cannot read {len(inputs)} tensors")
    made = MadeLayer(part.layer)
    if made.layer.references:
        made = completed(made, tuple((nodes[n].layer, nodes[n].input_shapes) for n in inputs[1:]))
    shapes = tuple(nodes[n].output for n in inputs)
    output, path = made.shape(shapes), tuple(part.name.split("."))
    node = Node(
        len(nodes), part.name, made.layer, inputs, shapes, output, part.span, path, part.groups, part.share
    )
    if part.share is not None:
        owner = nodes[_place(part.share, places)]
        if owner.share or {name: each.shape for name, each in node.weights.items()} != {
            name: each.shape for name, each in owner.weights.items()
        }:
            raise LayerError("share-mismatch", f"{part.name} cannot use the weights of {owner.name}")
    return node


def _place(name: str, places: dict[str, int]) -> int:
    if name not in places:
        raise LayerError("unknown-label", f"there is no layer {name} before this one")
    return places[name]


def unknown(message: str) -> SpecError:
    """A document that is not a network."""
    return SpecError([Diagnostic("not-a-network", message)])
