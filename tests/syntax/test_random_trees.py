"""Any tree printed and parsed again is the same tree, and its text is canonical at once."""

from __future__ import annotations

from hypothesis import given, settings
from spec_trees import expressions, same, specs

from cnnspec.syntax import tree
from cnnspec.syntax.format import format_source, write
from cnnspec.syntax.parse import parse
from cnnspec.text import Source


@given(specs)
@settings(max_examples=60, deadline=None)
def test_specs_print_and_parse_to_themselves(spec: tree.Spec) -> None:
    text = write(spec)
    again = parse(Source("printed", text))
    assert same(again, spec), text
    assert format_source(Source("printed", text)) == text


@given(expressions)
@settings(max_examples=60, deadline=None)
def test_expressions_print_and_parse_to_themselves(expression: tree.Expression) -> None:
    (let,) = parse(Source("printed", f"let it = {write(expression)}")).statements
    assert isinstance(let, tree.Let)
    assert same(let.value, expression)
