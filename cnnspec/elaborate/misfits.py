"""Layers whose inputs do not fit: what flowed in, and a size that was read elsewhere than was meant."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from cnnspec.diagnostics import Label, LayerError
from cnnspec.elaborate.elaborator import AXIS_MEANINGS, AXIS_VALUES, Elaborator
from cnnspec.elaborate.scope import Context
from cnnspec.layers.base import show
from cnnspec.network.graph import Node
from cnnspec.text import Span

_AXIS: Final = re.compile(r"(?<![\w.])[CWHD](?![\w.]|[ \t]*[=:])")
FURTHEST: Final = 8
"""Layers of a path that are looked at, from its end."""


def report_misfit(
    elaborator: Elaborator, error: LayerError, span: Span, inputs: tuple[int, ...], context: Context
) -> None:
    """Reports that the inputs do not fit, unless a fault before already spoilt them."""
    if elaborator.in_doubt(span, inputs):
        return
    distinct = tuple(dict.fromkeys(inputs))
    labels = tuple(
        Label(source.span, f"{show(source.output)} from {source.name}")
        for source in (elaborator.nodes[n] for n in distinct)
        if source.span and len(inputs) > 1
    )
    notes = tuple(elaborator.flow(node) for node in distinct)
    shape = elaborator.nodes[0].output
    if error.code == "wrong-number-of-sizes" and len(shape) == 2 and shape[1] > 4:
        flat = f"the input {show(shape)} is one axis with {shape[1]} channels"
        notes += (f"{flat}; an image is {show(shape)}x1",)
    for note, help in _read_elsewhere(elaborator, distinct) if error.code == "shapes-do-not-match" else ():
        notes, error.help = (*notes, note), (help, *error.help)
    elaborator.report(error.at(span, *labels, notes=notes), context)


def _read_elsewhere(elaborator: Elaborator, inputs: tuple[int, ...]) -> Iterator[tuple[str, str]]:
    """For each path that was given a size by ``C`` or its like: what it is there, and what to write."""
    for end in inputs:
        others = [elaborator.nodes[other].output for other in inputs if other != end]
        for node in _back_from(elaborator, end):
            axis = _axis_in(node)
            if axis is None or node.span is None:
                continue
            name, position, size = axis
            if any(shape[position:][:1] != (size,) for shape in others):
                meaning, text = AXIS_MEANINGS[name], " ".join(node.span.text.split())
                better = _AXIS.sub(lambda match: AXIS_MEANINGS[match[0]], text)
                yield (
                    f"in {text}, line {node.span.line}, {name} is {size}: the {meaning} there",
                    f"write let {meaning} = {name} before the paths, and {better} here",
                )
            break


def _back_from(elaborator: Elaborator, end: int) -> Iterator[Node]:
    """The last layers of a path, from its end."""
    for _ in range(FURTHEST):
        node = elaborator.nodes[end]
        yield node
        if len(node.inputs) != 1:
            return
        end = node.inputs[0]


def _axis_in(node: Node) -> tuple[str, int, int] | None:
    """The axis that a layer's sentence names, its position, and its size where the layer reads it."""
    match = _AXIS.search(node.span.text) if node.span else None
    if match is None or not node.input_shapes:
        return None
    position = AXIS_VALUES[match[0]]
    shape = node.input_shapes[0]
    return (match[0], position, shape[position]) if len(shape) >= -position else None
