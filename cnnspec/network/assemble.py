"""Networks built from layers directly: what importers and readers of JSON need."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cnnspec.diagnostics import Diagnostic, LayerError, SpecError
from cnnspec.layers.base import Layer, Shape, Shapes, show
from cnnspec.network.graph import TIES, Group, InputLayer, Network, Node, Output
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
    tied: str | None = None
    """The layer before it whose weight it uses transposed."""


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
        len(nodes), part.name, made.layer, inputs, shapes, output, part.span, path, part.groups, part.share,
        part.tied,
    )  # fmt: skip
    for name, unfit in ((part.share, unlike), (part.tied, untied)):
        if name is not None and unfit(nodes[_place(name, places)], node.layer, shapes):
            raise LayerError("share-mismatch", f"{part.name} cannot use the weights of {name}")
    return node


def unlike(owner: Node, layer: Layer, shapes: Shapes) -> str:
    """Why a layer cannot use the weights of another; nothing where it can."""
    if layer.word != owner.word:
        return f"it is a {layer.word}, and that is a {owner.word}"
    mine = {weight.name: weight.shape for weight in layer.arrays(shapes)}
    theirs = {weight.name: weight.shape for weight in owner.layer.arrays(owner.input_shapes)}
    for array in (*mine, *theirs):
        if mine.get(array) != theirs.get(array):
            one, two = (show(shape[array]) if array in shape else "none" for shape in (mine, theirs))
            return f"its {array} is {one}, the other's {two}"
    if getattr(layer, "frozen", False) and not getattr(owner.layer, "frozen", False):
        return f"frozen=yes has to be said of {owner.name}"
    return ""


def untied(owner: Node, layer: Layer, shapes: Shapes) -> str:
    """Why a layer cannot use the weight of another transposed; nothing where it can."""
    wanted = TIES.get(layer.word)
    if wanted is None:
        return "only dense, conv and upconv can be tied"
    if owner.tied:
        return f"it is tied itself, to {owner.tied}"
    if owner.word != wanted:
        return f"a {layer.word} is tied to a {wanted}, and that is a {owner.word}"
    mine, theirs = layer.arrays(shapes)[0].shape, owner.layer.arrays(owner.input_shapes)[0].shape
    if layer.word == owner.word:
        theirs = theirs[::-1]
    groups = [getattr(one, "groups", 1) for one in (layer, owner.layer)]
    if mine != theirs or groups[0] != groups[1]:
        return f"its weight is {show(mine)}, the other's transposed {show(theirs)}"
    if getattr(layer, "frozen", False) != getattr(owner.layer, "frozen", False):
        return "frozen has to be the same in both"
    return ""


def _place(name: str, places: dict[str, int]) -> int:
    if name not in places:
        raise LayerError("unknown-label", f"there is no layer {name} before this one")
    return places[name]


def unknown(message: str) -> SpecError:
    """A document that is not a network."""
    return SpecError([Diagnostic("not-a-network", message)])
