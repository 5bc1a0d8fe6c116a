"""Sentences that can be read but say something else than was meant.

Each is answered with the mistake and the sentence that was meant, so that
whatever comes after is judged by the meaning.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, Final, TypeAlias

from cnnspec.diagnostics import Diagnostic, Fix
from cnnspec.syntax import tree
from cnnspec.syntax.errors.diagnose import call_parentheses
from cnnspec.syntax.errors.sentences import else_without_if, hyphen_in_name, spaced_size
from cnnspec.text import Span

Meant: TypeAlias = tuple[Diagnostic, tree.LayerSentence]

_SPACED: Final = re.compile(r"\d+(?:[ \t]*[x×][ \t]*\d+)+")
_PRODUCT: Final = re.compile(r"\d{1,9}[*]\d{1,9}")
_SHAPE: Final = re.compile(r"\d{1,9}(?:[*]\d{1,9}){2,3}")


def meant_by(sentence: tree.Input | tree.LayerSentence | tree.Setting) -> tuple[Diagnostic, Any] | None:
    """The mistake that a sentence looks like, with the one that was meant, of the same kind."""
    if isinstance(sentence, tree.LayerSentence):
        return in_layer(sentence)
    return in_input(sentence) if isinstance(sentence, tree.Input) else in_setting(sentence)


def in_layer(layer: tree.LayerSentence) -> Meant | None:
    if layer.word == "else":
        return else_without_if(layer.word_span), replace(layer, word="identity", arguments=(), options=())
    return _called(layer) or _spaced(layer) or _product(layer) or _compared(layer)


def in_input(sentence: tree.Input) -> tuple[Diagnostic, tree.Input] | None:
    """``input 28*28*1``; a product of two may be the length of a vector."""
    span = sentence.shape.span
    if not _SHAPE.fullmatch(span.text):
        return None
    return _product_for_size(span), replace(sentence, shape=_size(span.text.replace("*", "x"), span))


def in_setting(setting: tree.Setting) -> tuple[Diagnostic, tree.Setting] | None:
    """``data fashion-mnist``: a difference of two names, written as one word."""
    for n, each in enumerate(setting.arguments):
        if isinstance(each, tree.Binary) and _is_name(each) and re.fullmatch(r"\w+(-\w+)+", each.span.text):
            name = tree.Name(each.span.text.replace("-", "_"), each.span)
            return hyphen_in_name(each.span), replace(setting, arguments=_put(setting.arguments, n, name))
    return None


def _is_name(node: tree.Expression) -> bool:
    while isinstance(node, tree.Binary):
        node = node.left
    return isinstance(node, tree.Name)


def _put(
    nodes: tuple[tree.Expression, ...], at: int, *meant: tree.Expression, instead_of: int = 1
) -> tuple[tree.Expression, ...]:
    return (*nodes[:at], *meant, *nodes[at + instead_of :])


def _called(layer: tree.LayerSentence) -> Meant | None:
    """``conv(6, 5x5)``."""
    source, end, given = layer.span.source, layer.word_span.end, layer.arguments[0]
    if source.text[end : end + 1] != "(" or not isinstance(given, tree.Tuple):
        return None
    meant = replace(layer, arguments=_put(layer.arguments, 0, *given.items))
    return call_parentheses(source, end, layer.word), meant


def _spaced(layer: tree.LayerSentence) -> Meant | None:
    """``5 x 5``: a number, a word that is only an x, a number."""
    given = layer.arguments
    for n in range(1, len(given) - 1):
        name = given[n]
        if not (isinstance(name, tree.Name) and name.text == "x"):
            continue
        span = given[n - 1].span.to(given[n + 1].span)
        if _SPACED.fullmatch(span.text):
            size = re.sub(r"[ \t]", "", span.text).replace("×", "x")
            meant = replace(layer, arguments=_put(given, n - 1, _size(size, span), instead_of=3))
            return spaced_size(span, size), meant
    return None


def _size(text: str, span: Span) -> tree.Size:
    return tree.Size(tuple(int(part) for part in text.split("x") if len(part) < 10), span)


def _product(layer: tree.LayerSentence) -> Meant | None:
    """``conv 16 5*5``, ``maxpool 2*2``: where a window stands, a product of two numbers."""
    place = 0 if layer.word.endswith("pool") else 1
    window = layer.arguments[place] if len(layer.arguments) > place else None
    if not isinstance(window, tree.Binary) or not _PRODUCT.fullmatch(window.span.text):
        return None
    size = _size(window.span.text.replace("*", "x"), window.span)
    return _product_for_size(window.span), replace(layer, arguments=_put(layer.arguments, place, size))


def _product_for_size(span: Span) -> Diagnostic:
    size = span.text.replace("*", "x")
    fix = Fix(span, size, f"write {size}")
    return Diagnostic("product-for-size", f"`{span.text}` is a product, not a size", span, fixes=(fix,))


def _compared(layer: tree.LayerSentence) -> Meant | None:
    """``stride==2`` among the arguments."""
    for n, each in enumerate(layer.arguments):
        if isinstance(each, tree.Binary) and each.operator == "==" and isinstance(each.left, tree.Name):
            at = each.span.source.text.find("==", each.left.span.end, each.span.end)
            if at < 0:  # a single = was taken for a comparison, and has been told
                return None
            span = each.span.source.span(at, at + 2)
            message = f"`==` compares; the option `{each.left.text}` takes one `=`"
            option = tree.Option(each.left.text, each.right, each.span, each.left.span)
            meant = replace(layer, arguments=_put(layer.arguments, n), options=(*layer.options, option))
            return Diagnostic("double-equals", message, span, fixes=(Fix(span, "=", "write one ="),)), meant
    return None
