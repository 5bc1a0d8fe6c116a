"""From the parser's complaint to a named mistake with its cure."""

from __future__ import annotations

from lark import Lark, UnexpectedInput

from cnnspec.diagnostics import Diagnostic
from cnnspec.syntax.tree import Spec
from cnnspec.text import Source


def diagnose(error: UnexpectedInput, source: Source, text: str, lark: Lark) -> Diagnostic:
    start = error.pos_in_stream if error.pos_in_stream is not None else len(text)
    return Diagnostic("syntax", "this cannot be read here", source.span(start, start + 1))


def lookalikes(spec: Spec) -> tuple[Diagnostic, ...]:
    return ()
