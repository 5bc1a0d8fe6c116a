"""Faults as they are found: each place once, echoes of a broken line left out."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import lru_cache
from itertools import islice
from operator import attrgetter
from typing import Final

from cnnspec.diagnostics import Diagnostic, Fix, Label, Severity
from cnnspec.elaborate.scope import Context
from cnnspec.layers.registry import LAYERS, SYNONYMS
from cnnspec.text import Source, Span

DEFINED_BY: Final = {
    "unknown-word": r"\bblock\s+{}\b|\buse\s+[^\"\s]",
    "unknown-label": r"\b{}\s*[:=]",
    "unknown-name": r"\blet\s+{}\b",
    "missing-input": r"\binput\b|(?m:^|;)[ \t]*\d",
}
"""What would have defined the missing thing; found in a text with a broken line, it was on that line."""

ASIDE: Final = ("network", "input", "expect", "train")
"""Words whose sentences take nothing out of the chain of layers when they are broken."""

BETWEEN: Final = re.compile(r"[\n;{}|]|->")
"""What stands between sentences."""

MOST_LOOKED_FOR: Final = 200
"""Missing things whose definition is looked for: each costs a walk through the text."""


class Faults:
    """A collector: inside a block, the use that led there is named."""

    def __init__(self, before: Iterable[Diagnostic] = ()) -> None:
        self.items: dict[tuple[object, ...], Diagnostic] = {}
        self._told: set[tuple[object, ...]] = set()
        self._echoes: dict[tuple[str, str], bool] = {}
        found = tuple(before)
        unread = [item.span for item in found if item.span and item.severity is Severity.ERROR]
        self.broken = min(unread, key=attrgetter("start"), default=None)
        """The first place that could not be read."""
        self.cut = min(
            (span for span in unread if not _is_aside(span)), key=attrgetter("start"), default=None
        )
        """The first such place on the chain of layers: what hangs on the chain after it is not judged."""
        for diagnostic in found:
            self.items.setdefault(_place(diagnostic), diagnostic)

    def add(self, diagnostic: Diagnostic, context: Context | None = None) -> None:
        """Adds a fault, once for each place."""
        self._told.add(_place(diagnostic))
        if self.broken is not None and self._is_echo(diagnostic, self.broken):
            return
        calls = context.scope.calls if context else ()
        if calls and not _within(diagnostic.span, calls[-1].span):
            label = Label(calls[-1].span, f"in this use of {calls[-1].word}")
            diagnostic = replace(diagnostic, labels=(*diagnostic.labels, label))
        self.items.setdefault(_place(diagnostic), diagnostic)

    def told(self, code: str, span: Span) -> bool:
        """Whether such a fault was found at this place before, in another turn of a repeat or use of a block.

        What was meant there need not be looked for again.
        """
        return (code, span.source.name, span.start, span.end) in self._told

    def after_break(self, span: Span) -> bool:
        """Whether a place comes after one on the chain that could not be read."""
        cut = self.cut
        return cut is not None and span.source is cut.source and span.start > cut.start

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


def _place(diagnostic: Diagnostic) -> tuple[object, ...]:
    span = diagnostic.span
    return (diagnostic.code, span.source.name, span.start, span.end) if span else (diagnostic,)


def _is_aside(span: Span) -> bool:
    """Whether the sentence of a place is no part of the chain of layers, or is an input.

    The sizes of a broken input are read where there are any, and without any no layer is judged.
    """
    starts, ends = _breaks(span.source.text)
    before, after = bisect_right(ends, span.start), bisect_left(starts, span.start)
    return _leaves_the_chain(span.source.text[ends[before - 1] : starts[after]])


@lru_cache(maxsize=4)
def _breaks(text: str) -> tuple[list[int], list[int]]:
    """Where that which stands between sentences starts and ends; the text's own ends are among it."""
    places = [match.span() for match in BETWEEN.finditer(text)]
    return [*(start for start, _ in places), len(text)], [0, *(end for _, end in places)]


@lru_cache(maxsize=16)
def _leaves_the_chain(sentence: str) -> bool:
    first, *words = re.findall(r"[^\W\d]\w*", sentence) or [""]
    return first.lower() in ASIDE and not any(word in LAYERS or word in SYNONYMS for word in words)


def _within(span: Span | None, outer: Span) -> bool:
    return (
        span is not None
        and span.source is outer.source
        and outer.start <= span.start
        and span.end <= outer.end
    )


REORDERING: Final = re.compile("[\u202a-\u202e\u2066-\u2069]")
"""Characters that change the order in which others are shown."""
MOST_REORDERED: Final = 20


def reordered(source: Source) -> Iterator[Diagnostic]:
    """Where a text is shown in another order than it is read in, which can hide what it says."""
    for match in islice(REORDERING.finditer(source.text), MOST_REORDERED):
        span = source.span(*match.span())
        message = f"U+{ord(match[0]):04X} changes the order in which this line is shown, not how it is read"
        fix = Fix(span, "", "take the character out")
        yield Diagnostic("hidden-order", message, span, Severity.WARNING, fixes=(fix,))
