"""Every node knows its place: its text is exactly what it was read from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

import pytest

from cnnspec.resources import example_names, example_text
from cnnspec.syntax import tree
from cnnspec.syntax.parse import parse
from cnnspec.text import Source, Span

TEXT = """\
network Small  # a name
input 28x28x1
first: conv 6 5x5 padding=(1, 2)  => 26x28x6 -> add { | relu | } => 26x28x6
block unit width stride=1 { conv (2 + width) 3x3 stride=stride }
if C != 6 or not yes { unit 3 } else if H > 3 { relu } else { tanh }
head side weight=0.3 { flatten }
train { optimizer adam rate=5e-4 }
"""


def nodes(node: Any) -> Iterator[tuple[Any, Any]]:
    """Every (parent, child) of dataclass nodes below a node."""
    children = node if isinstance(node, tuple) else [getattr(node, f.name) for f in fields(node)]
    for child in children:
        if isinstance(child, tuple):
            yield from ((node, inner) for _, inner in nodes(child) if inner is not None)
        elif is_dataclass(child) and not isinstance(child, Span | Source):
            yield node, child
            yield from nodes(child)


def place(node: object) -> Span:
    span = getattr(node, "span", None)
    assert isinstance(span, Span)
    return span


def test_a_sentence_is_the_text_it_stands_in() -> None:
    spec = parse(Source("spec.cnn", TEXT))
    assert [each.span.text for each in spec.statements] == [
        "network Small",
        "input 28x28x1",
        "first: conv 6 5x5 padding=(1, 2)  => 26x28x6",
        "add { | relu | } => 26x28x6",
        "block unit width stride=1 { conv (2 + width) 3x3 stride=stride }",
        "if C != 6 or not yes { unit 3 } else if H > 3 { relu } else { tanh }",
        "head side weight=0.3 { flatten }",
        "train { optimizer adam rate=5e-4 }",
    ]


def test_parts_have_their_own_places() -> None:
    layer = parse(Source("spec.cnn", TEXT)).statements[2]
    assert isinstance(layer, tree.LayerSentence)
    assert layer.word_span.text == "conv"
    assert layer.label is not None
    assert layer.label.span.text == "first"
    assert [each.span.text for each in layer.arguments] == ["6", "5x5"]
    assert layer.options[0].span.text == "padding=(1, 2)"
    assert layer.options[0].name_span.text == "padding"
    assert layer.claim is not None
    assert layer.claim.span.text == "26x28x6"


def test_places_are_lines_and_columns() -> None:
    span = place(parse(Source("spec.cnn", TEXT)).statements[3])
    assert (span.line, span.column, repr(span)) == (3, 49, "spec.cnn:3:49")


@pytest.mark.parametrize("name", example_names())
def test_children_lie_within_their_parents(name: str) -> None:
    spec = parse(Source(name, example_text(name)))
    outside = [
        (place(parent), place(child))
        for parent, child in nodes(spec)
        if not isinstance(parent, tuple) and not isinstance(child, tree.Comment)
        and not (place(parent).start <= place(child).start and place(child).end <= place(parent).end)
    ]  # fmt: skip
    assert outside == []
