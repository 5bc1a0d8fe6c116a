"""Sentences that can be read but say something else than was meant."""

from __future__ import annotations

import re
from typing import Final

from cnnspec.diagnostics import Diagnostic, Fix
from cnnspec.syntax import tree
from cnnspec.syntax.sentences import else_without_if, hyphen_in_name, spaced_size
from cnnspec.syntax.slips import call_parentheses

_SPACED: Final = re.compile(r"\d+(?:[ \t]*[x×][ \t]*\d+)+")
_PRODUCT: Final = re.compile(r"\d+[*]\d+")


def in_layer(layer: tree.Layer) -> Diagnostic | None:
    """The mistake that a layer's sentence looks like, if any."""
    if layer.word == "else":
        return else_without_if(layer.word_span)
    if not layer.arguments:
        return None
    return _called(layer) or _spaced(layer) or _product(layer) or _compared(layer)


def in_setting(setting: tree.Setting) -> Diagnostic | None:
    for argument in setting.arguments:
        if isinstance(argument, tree.Binary) and re.fullmatch(r"[\w.]+(-[\w.]+)+", argument.span.text):
            return hyphen_in_name(argument.span) if _is_name(argument.left) else None
    return None


def _is_name(node: tree.Expression) -> bool:
    while isinstance(node, tree.Binary):
        node = node.left
    return isinstance(node, tree.Name)


def _called(layer: tree.Layer) -> Diagnostic | None:
    source, end = layer.span.source, layer.word_span.end
    if source.text[end : end + 1] != "(" or not isinstance(layer.arguments[0], tree.Tuple):
        return None
    return call_parentheses(source, end, layer.word)


def _spaced(layer: tree.Layer) -> Diagnostic | None:
    """``5 x 5``: a number, a word that is only an x, a number."""
    names = [each for each in layer.arguments if isinstance(each, tree.Name) and each.text == "x"]
    if not names:
        return None
    source = layer.span.source
    for match in _SPACED.finditer(source.text, layer.word_span.end, layer.span.end):
        if match.start() < names[0].span.start < match.end():
            span, size = source.span(match.start(), match.end()), re.sub(r"[ \t]", "", match[0])
            return spaced_size(span, size)
    return None


def _compared(layer: tree.Layer) -> Diagnostic | None:
    """``stride==2`` among the arguments."""
    for each in layer.arguments:
        if isinstance(each, tree.Binary) and each.operator == "==" and isinstance(each.left, tree.Name):
            at = each.span.source.text.index("==", each.left.span.end)
            span = each.span.source.span(at, at + 2)
            message = f"`==` compares; the option `{each.left.text}` takes one `=`"
            return Diagnostic("double-equals", message, span, fixes=(Fix(span, "=", "write one ="),))
    return None


def _product(layer: tree.Layer) -> Diagnostic | None:
    """``conv 16 5*5``, ``maxpool 2*2``: where a window stands, a product of two numbers."""
    place = 0 if layer.word.endswith("pool") else 1
    window = layer.arguments[place] if len(layer.arguments) > place else None
    if not isinstance(window, tree.Binary) or not _PRODUCT.fullmatch(window.span.text):
        return None
    size = window.span.text.replace("*", "x")
    fix = Fix(window.span, size, f"write {size}")
    message = f"`{window.span.text}` is a product, not a size"
    return Diagnostic("product-for-size", message, window.span, fixes=(fix,))
