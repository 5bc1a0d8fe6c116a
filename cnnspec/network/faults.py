"""Faults as they are found: each place once, echoes of a broken line left out."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from cnnspec.diagnostics import Diagnostic, Label, Severity
from cnnspec.network.scope import Context
from cnnspec.text import Span

DEFINED_BY: Final = {
    "unknown-word": r"\bblock\s+{}\b|\buse\s+[^\"\s]",
    "unknown-label": r"\b{}\s*:",
    "unknown-name": r"\blet\s+{}\b",
    "missing-input": r"\binput\b|(?m:^|;)\s*\d",
}
"""What would have defined the missing thing; found in a text with a broken line, it was on that line."""

MOST_LOOKED_FOR: Final = 200
"""Missing things whose definition is looked for: each costs a walk through the text."""


class Faults:
    """A collector: inside a block, the use that led there is named."""

    def __init__(self, before: Iterable[Diagnostic] = ()) -> None:
        self.items: dict[tuple[object, ...], Diagnostic] = {}
        self._echoes: dict[tuple[str, str], bool] = {}
        self.broken: Span | None = None
        """The first place that could not be read: what hangs on the chain after it is not judged."""
        for diagnostic in before:
            self.add(diagnostic)
            if diagnostic.span and diagnostic.severity is Severity.ERROR:
                earlier = self.broken is None or diagnostic.span.start < self.broken.start
                self.broken = diagnostic.span if earlier else self.broken

    def add(self, diagnostic: Diagnostic, context: Context | None = None) -> None:
        """Adds a fault, once for each place."""
        if self.broken is not None and self._is_echo(diagnostic, self.broken):
            return
        calls = context.frame.calls if context else ()
        if calls and not _within(diagnostic.span, calls[-1].span):
            label = Label(calls[-1].span, f"in this use of {calls[-1].word}")
            diagnostic = replace(diagnostic, labels=(*diagnostic.labels, label))
        span = diagnostic.span
        place = (diagnostic.code, span.source.name, span.start, span.end) if span else (diagnostic,)
        self.items.setdefault(place, diagnostic)

    def after_break(self, span: Span) -> bool:
        """Whether a place comes after one that could not be read."""
        broken = self.broken
        return broken is not None and span.source is broken.source and span.start > broken.start

    def sorted(self) -> tuple[Diagnostic, ...]:
        return tuple(sorted(self.items.values(), key=lambda item: item.sort_key))

    def _is_echo(self, diagnostic: Diagnostic, broken: Span) -> bool:
        pattern = DEFINED_BY.get(diagnostic.code)
        if pattern is None or diagnostic.span is None:
            return False
        key = (diagnostic.code, diagnostic.span.text)
        if key not in self._echoes:
            look = len(self._echoes) < MOST_LOOKED_FOR
            what = re.escape(diagnostic.span.text)
            self._echoes[key] = look and re.search(pattern.format(what), broken.source.text) is not None
        return self._echoes[key]


def _within(span: Span | None, outer: Span) -> bool:
    return (
        span is not None
        and span.source is outer.source
        and outer.start <= span.start
        and span.end <= outer.end
    )
