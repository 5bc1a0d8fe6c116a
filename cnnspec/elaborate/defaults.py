"""Every default said aloud: ``conv 6 5x5`` becomes ``conv 6 5x5 stride=1 padding=0 …``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from cnnspec.layers.base import Layer
from cnnspec.layers.registry import LAYERS
from cnnspec.syntax import tree
from cnnspec.text import Span


def spelled_by(spec: tree.Spec) -> Callable[[tree.LayerSentence], tree.LayerSentence]:
    """What spells the defaults of a layer of this spec; uses of blocks stay as they are.

    A default of nothing at all (no ``init``, no ``max``) has no words and is left out.
    """
    blocks = {each.name.text for each in spec.statements if isinstance(each, tree.BlockDefinition)}

    def spelled(sentence: tree.LayerSentence) -> tree.LayerSentence:
        kind = LAYERS.get(sentence.word)
        if kind is None or sentence.word in blocks or kind.references:
            return sentence
        return replace(sentence, options=(*sentence.options, *_missing(sentence, kind)))

    return spelled


def _missing(sentence: tree.LayerSentence, kind: type[Layer]) -> list[tree.Option]:
    given = {name for name, _ in zip(kind.positional, sentence.arguments, strict=False)}
    given |= {option.name for option in sentence.options}
    found = []
    for name, field in kind.model_fields.items():
        if name in given or field.is_required():
            continue
        value = _expression(field.default, sentence.word_span)
        if value is None and name == "stride":
            value = _kernel(sentence, kind)
        if value is not None:
            found.append(tree.Option(name, value, sentence.word_span, sentence.word_span))
    return found


def _kernel(sentence: tree.LayerSentence, kind: type[Layer]) -> tree.Expression | None:
    """A pool's stride is its window, unless said."""
    given = dict(zip(kind.positional, sentence.arguments, strict=False))
    given |= {option.name: option.value for option in sentence.options}
    kernel = given.get("kernel")
    asks = isinstance(kernel, tree.QuestionMark) or (isinstance(kernel, tree.Size) and None in kernel.parts)
    return None if asks else kernel


def _expression(value: Any, span: Span) -> tree.Expression | None:
    """A default as it is written in a spec."""
    if isinstance(value, bool):
        return tree.Name("yes" if value else "no", span)
    if isinstance(value, int | float):
        return tree.NumberLiteral(value, _number(value), span)
    if isinstance(value, str):
        return tree.Name(value, span)
    if isinstance(value, tuple) and len(value) == 1:
        return _expression(value[0], span)
    return None


def _number(value: float) -> str:
    """``0.1``, ``1e-5``."""
    return repr(value).replace("e-0", "e-").replace("e+0", "e")
