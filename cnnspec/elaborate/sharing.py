"""Shared weights: ``tower share=a`` uses those of the layer or block instance labelled ``a``.

``dense 784 tied=a`` uses the weight of ``a`` transposed, with a bias of its own.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from cnnspec.diagnostics import Label
from cnnspec.elaborate.branches import find_label
from cnnspec.elaborate.elaborator import WHOSE, Elaborator
from cnnspec.elaborate.scope import Context, Definition, Twin
from cnnspec.network.assemble import unlike, untied
from cnnspec.network.graph import Node
from cnnspec.syntax import tree

SHARE, TIED = WHOSE


def option_of(sentence: tree.LayerSentence, name: str) -> tree.Option | None:
    for option in sentence.options:
        if option.name == name:
            return option
    return None


def own_options(sentence: tree.LayerSentence) -> tuple[tree.Option, ...]:
    """The options that are for the layer or block itself."""
    if option_of(sentence, SHARE) is None:
        return sentence.options
    return tuple(option for option in sentence.options if option.name != SHARE)


def twin_of(
    elaborator: Elaborator, sentence: tree.LayerSentence, context: Context, definition: Definition, name: str
) -> Twin | None:
    """Whose weights a use of a block shares; that of the use around it unless it says its own."""
    tied = option_of(sentence, TIED)
    if tied is not None and TIED not in definition.parameters:
        _refuse(elaborator, context, tied, f"{sentence.word} is a block: only layers can be tied")
    option = option_of(sentence, SHARE)
    if option is None or SHARE in definition.parameters:
        return context.scope.twin
    elaborator.lookups += 1
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


def whose(
    elaborator: Elaborator, sentence: tree.LayerSentence, context: Context, node: Node
) -> Node:  # fmt: skip
    """The node, with the layers whose weights it uses; a fault where they do not fit."""
    option, twin, tied = option_of(sentence, SHARE), context.scope.twin, option_of(sentence, TIED)
    if option is not None:
        owner = _labelled(elaborator, option, context)
    elif twin is not None and node.weights:
        option, owner = twin.option, twin.owners.get(node.name[len(twin.prefix) :])
        if owner is None:
            _refuse(elaborator, context, option, f"{twin.label} has no layer like {node.name}")
        tied = None
    elif tied is not None:
        option, owner = tied, _labelled(elaborator, tied, context)
    if option is None or owner is None:
        return node
    if option is not tied and tied is not None:
        _refuse(elaborator, context, tied, f"{node.name} cannot both share weights and be tied")
        return node
    if not node.weights:
        _refuse(elaborator, context, option, f"{node.word} has no weights to share")
        return node
    why = (untied if tied else unlike)(owner, node.layer, node.input_shapes)
    if why:
        place = (Label(owner.span, "the weights stand here"),) if owner.span else ()
        _refuse(
            elaborator, context, option, f"{node.name} cannot use the weights of {owner.name}: {why}", place
        )
        return node
    if tied:
        return replace(node, tied=owner.share or owner.name)
    return replace(node, share=owner.share or owner.name, tied=owner.tied)


def _labelled(elaborator: Elaborator, option: tree.Option, context: Context) -> Node | None:
    text = option.value.span.text
    if any(prefix + text in elaborator.instances for prefix in context.scope.prefixes):
        _refuse(elaborator, context, option, f"{text} is a use of a block, not a layer")
        return None
    index = find_label(elaborator, option.value, context)
    return None if index is None else elaborator.nodes[index]


CURES: Final = {
    SHARE: "weights are shared by layers of one kind, with the same filters, kernel and incoming channels",
    TIED: "a dense is tied to a dense, an upconv to a conv (or a conv to an upconv): what comes into the one "
    "is what the other gives, with the same kernel",
}


def _refuse(
    elaborator: Elaborator, context: Context, option: tree.Option, message: str,
    labels: tuple[Label, ...] = (),
) -> None:  # fmt: skip
    if not elaborator.in_doubt(option.span, ()):
        elaborator.fault(
            "share-mismatch", message, option.span,
            CURES[option.name],
            context=context, labels=labels,
        )  # fmt: skip
