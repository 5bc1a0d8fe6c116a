"""Advice on what a network can learn as it is written: its scores, and layers that fall into one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from cnnspec.diagnostics import Diagnostic, Label, Severity
from cnnspec.layers.base import Family
from cnnspec.layers.facts import Effect
from cnnspec.network.graph import Network, Node

if TYPE_CHECKING:
    from cnnspec.recipe.models import Recipe


def advise_on_learning(network: Network, recipe: Recipe | None) -> Iterator[Diagnostic]:
    """All of it; what depends on the loss is left out where there is no recipe."""
    yield from _dense_after_dense(network)
    if recipe and recipe.loss.kind == "crossentropy":
        for output in network.outputs:
            yield from _bent_scores(network, network.nodes[output.node])


def _bent_scores(network: Network, end: Node) -> Iterator[Diagnostic]:
    """What stands between the scores of an output and the softmax that cross entropy takes of them."""
    last = end
    while last.index and last.layer.storage.is_view:
        last = network.nodes[last.inputs[0]]
    if last.layer.effect is Effect.BENDS:
        yield warning(
            "activation-before-softmax",
            f"{last.word} changes the scores that cross entropy turns into probabilities", last,
            f"leave out {last.word} at the end: scores may be negative or large",
            "or train the network with loss mse",
        )  # fmt: skip
    if last.layer.effect is Effect.SHARES and last is not end:
        yield warning(
            "softmax-inside", f"{end.word} hides this {last.word} from cross entropy, which takes another",
            last, f"put {last.word} last, after {end.word}",
            notes=("a softmax of probabilities lies between 1/classes and e/classes, about, for each class",),
        )  # fmt: skip


def _dense_after_dense(network: Network) -> Iterator[Diagnostic]:
    """Two dense layers with nothing between them but what is linear, too."""
    for node in network.layers:
        if node.layer.family is not Family.DENSE:
            continue
        before = network.nodes[node.inputs[0]]
        while before.index and _is_linear(before) and len(network.readers[before.index]) == 1:
            before = network.nodes[before.inputs[0]]
        if not before.index or before.layer.family is not Family.DENSE:
            continue
        if len(network.readers[before.index]) == 1 and not _is_code(before, node):
            yield warning(
                "dense-after-dense", f"no activation stands between {before.name} and {node.name}", node,
                "put one between them, such as relu",
                notes=("two linear layers in a row can say no more than one: W2·(W1·x) = (W2·W1)·x",),
                labels=(Label(before.span, "the dense layer before it"),) if before.span else (),
            )  # fmt: skip


def _is_code(narrow: Node, after: Node) -> bool:
    """Whether fewer numbers than before and behind it are meant, as in the middle of an autoencoder."""
    return narrow.output[-1] < min(narrow.input_shapes[0][-1], after.output[-1])


def _is_linear(node: Node) -> bool:
    """Whether a layer, when the network is used, is linear in each value or moves values alone."""
    return node.layer.family in (Family.DROPOUT, Family.RESHAPE) or node.layer.effect is Effect.CENTERS


def warning(code: str, message: str, node: Node, *help: str, **more: Any) -> Diagnostic:
    """A warning about a layer, at its place in the text."""
    return Diagnostic(code, message, node.span, Severity.WARNING, help=help, **more)
