"""Shared weights: ``tower share=a`` uses those of the layer or block instance labelled ``a``."""

from __future__ import annotations

from typing import Final

from cnnspec.diagnostics import Label
from cnnspec.elaborate.branches import find_label
from cnnspec.elaborate.elaborator import Elaborator
from cnnspec.elaborate.scope import Context, Definition, Twin
from cnnspec.layers.base import Layer, Shapes, show
from cnnspec.network.graph import Node
from cnnspec.syntax import tree

SHARE: Final = "share"


def share_of(sentence: tree.LayerSentence) -> tree.Option | None:
    return next((option for option in sentence.options if option.name == SHARE), None)


def own_options(sentence: tree.LayerSentence) -> tuple[tree.Option, ...]:
    """The options that are for the layer or block itself."""
    if share_of(sentence) is None:
        return sentence.options
    return tuple(option for option in sentence.options if option.name != SHARE)


def twin_of(
    elaborator: Elaborator, sentence: tree.LayerSentence, context: Context, definition: Definition, name: str
) -> Twin | None:
    """Whose weights a use of a block shares; that of the use around it unless it says its own."""
    option = share_of(sentence)
    if option is None or SHARE in definition.parameters:
        return context.scope.twin
    text = option.value.span.text
    found = (elaborator.instances.get(prefix + text) for prefix in context.scope.prefixes)
    owner = next((instance for instance in found if instance is not None), None)
    if owner is None:
        if find_label(elaborator, option.value, context) is not None:
            _refuse(elaborator, context, option, f"{text} is a layer, not a use of {sentence.word}")
        return None
    if owner[1] is not definition:
        _refuse(elaborator, context, option, f"{text} is a use of {owner[1].block.name.text}")
        return None
    begin = f"{owner[0]}."
    nodes = (node for node in elaborator.nodes if node.name.startswith(begin))
    owners = {node.name[len(begin) :]: node for node in nodes}
    return Twin(option, text, f"{name}.", owners)


def owner_of(
    elaborator: Elaborator, sentence: tree.LayerSentence, context: Context, layer: Layer, shapes: Shapes,
    name: str,
) -> str | None:  # fmt: skip
    """The layer whose weights a layer shares, None where it has its own; a fault where they do not fit."""
    option, twin = share_of(sentence), context.scope.twin
    if option is not None:
        owner = _labelled(elaborator, option, context)
        if owner is not None and not layer.arrays(shapes):
            _refuse(elaborator, context, option, f"{layer.word} has no weights to share")
            return None
    elif twin is not None and layer.arrays(shapes):
        option, owner = twin.option, twin.owners.get(name[len(twin.prefix) :])
        if owner is None:
            _refuse(elaborator, context, option, f"{twin.label} has no layer like {name}")
    else:
        return None
    if owner is None or option is None:
        return None
    why = _unlike(owner, layer, shapes)
    if why:
        place = (Label(owner.span, "the weights stand here"),) if owner.span else ()
        _refuse(elaborator, context, option, f"{name} cannot use the weights of {owner.name}: {why}", place)
        return None
    return owner.share or owner.name


def _labelled(elaborator: Elaborator, option: tree.Option, context: Context) -> Node | None:
    text = option.value.span.text
    if any(prefix + text in elaborator.instances for prefix in context.scope.prefixes):
        _refuse(elaborator, context, option, f"{text} is a use of a block, not a layer")
        return None
    index = find_label(elaborator, option.value, context)
    return None if index is None else elaborator.nodes[index]


def _unlike(owner: Node, layer: Layer, shapes: Shapes) -> str:
    """Why a layer cannot use another's weights; nothing where it can."""
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


def _refuse(
    elaborator: Elaborator, context: Context, option: tree.Option, message: str,
    labels: tuple[Label, ...] = (),
) -> None:  # fmt: skip
    if not elaborator.in_doubt(option.span, ()):
        elaborator.fault(
            "share-mismatch", message, option.span,
            "weights are shared by layers of one kind, with the same filters, kernel and incoming channels",
            context=context, labels=labels,
        )  # fmt: skip
