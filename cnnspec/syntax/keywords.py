"""The words that begin the sentences of the language, and the words people write instead."""

from __future__ import annotations

import re
from difflib import SequenceMatcher, get_close_matches
from typing import Final

from cnnspec.diagnostics import Diagnostic, Fix
from cnnspec.text import Span

FORMS: Final[dict[str, str]] = {
    "network": "network LeNet5",
    "input": "input 28x28x1",
    "let": "let width = 64",
    "block": "block unit width stride=1 { conv width 3x3 stride=stride -> relu }",
    "repeat": "repeat 3 { conv 64 3x3 -> relu }",
    "if": "if stride != 1 { conv 64 1x1 } else { identity }",
    "from": "from stem",
    "head": "head aux1 { dense 10 }",
    "use": 'use "blocks.cnn"',
    "expect": "expect params <= 62k",
    "train": "train { data mnist; epochs 5 }",
}
"""Each sentence that begins with a keyword, as it may look."""

WITH_BODY: Final = ("block", "repeat", "if", "head", "train")

INSTEAD: Final = {
    "net": "network", "model": "network", "name": "network", "inputs": "input", "const": "let", "var": "let",
    "set": "let", "def": "block", "module": "block", "define": "block", "function": "block", "for": "repeat",
    "loop": "repeat", "when": "if", "goto": "from", "output": "head", "import": "use",
    "include": "use", "assert": "expect", "require": "expect", "fit": "train", "training": "train",
}  # fmt: skip
"""Words of other languages -> the keyword."""

ELSE: Final = {
    **dict.fromkeys(("elif", "elseif", "elsif"), "else if"),
    **dict.fromkeys(("esle", "eles", "ekse", "otherwise"), "else"),
}


def _nearness(span: Span, word: str) -> float:
    return SequenceMatcher(None, span.text.lower(), word).ratio()


def else_meant(span: Span) -> Diagnostic | None:
    """The mistake of a word after an ``if`` that is nearly an ``else``."""
    meant = ELSE.get(span.text.lower())
    return None if meant is None else _misspelt(span, meant, FORMS["if"])


def keyword_meant(word: str) -> str | None:
    """The keyword that a word was most likely meant to be, or None."""
    lower = word.lower()
    if lower in INSTEAD:
        return INSTEAD[lower]
    return next(iter(get_close_matches(lower, FORMS, n=1, cutoff=0.76)), None)


def misspelt(span: Span, instead_of: str | None = None) -> Diagnostic | None:
    """The mistake of a word that is nearly a keyword; None where ``instead_of`` is as near."""
    keyword = keyword_meant(span.text)
    if keyword is None or (
        instead_of is not None and _nearness(span, instead_of) >= _nearness(span, keyword)
    ):
        return None
    return _misspelt(span, keyword, FORMS[keyword])


def labelled(label: Span, word: Span) -> Diagnostic:
    """The mistake of a label, its colon with it, before a sentence that is no layer."""
    name = label.text.rstrip(": \t")
    help = ["only layers and uses of a block can be labelled"]
    if word.text == "input":
        help.append("what flows in is called input, as in add input")
    once = len(re.findall(rf"(?<![\w.]){re.escape(name)}(?![\w])", label.source.text)) == 1
    fix = Fix(Span(label.source, label.start, word.start), "", "leave the label out")
    message = f"`{word.text}` cannot have a label"
    return Diagnostic("label-without-layer", message, label, help=tuple(help), fixes=(fix,) if once else ())


def _misspelt(span: Span, meant: str, form: str) -> Diagnostic:
    return Diagnostic(
        "misspelt-keyword",
        f"there is no sentence `{span.text}`; did you mean `{meant}`?",
        span,
        help=(f"it is written as in `{form}`",),
        fixes=(Fix(span, meant, f"write {meant}"),),
    )
