"""What surrounds a place that could not be read: the sentence so far, and what was found instead."""

from __future__ import annotations

import re
from bisect import bisect_right
from functools import cached_property
from typing import Final

from cnnspec.diagnostics import Diagnostic, Fix, Label
from cnnspec.records import record
from cnnspec.syntax.errors.recover import Separator, cut_arrow, place_of, separators
from cnnspec.syntax.lalr import Unexpected
from cnnspec.text import Source, Span

CHARACTER: Final = "a character"
"""The kind of what is no token at all."""
ENDERS: Final = frozenset(("$END", "_NEXT", "_ARROW", "RBRACE", "BAR"))
"""Tokens that end a sentence."""
WORDS: Final = re.compile(r"(?:(?P<label>[\w.]+)[ \t]*:)?\s*(?P<word>[^\W\d][\w.]*)?")
_TOKEN: Final = re.compile(r'[\w.×?]+|"[^"\n]*"|->|=>|[=!<>]=|//|.', re.DOTALL)


@record
class ErrorContext:
    """One complaint of the parser. ``text`` is the source with what was cut so far blanked out."""

    error: Unexpected
    source: Source
    text: str

    @cached_property
    def separators(self) -> list[Separator]:
        return separators(self.text)

    @cached_property
    def at(self) -> int:
        """Where the unreadable begins; at the end of the text, after its last sign."""
        at = min(place_of(self.error, self.text), len(self.source.text))
        rest = self.text[at:]
        if self.kind == "_ARROW":
            return at + rest.index("->")
        return at + len(rest) - len(rest.lstrip(" \t\r\f")) if rest.strip() else at

    @cached_property
    def kind(self) -> str:
        """The terminal that was found, or CHARACTER."""
        if self.error.kind is not None:
            return self.error.kind
        return "_ARROW" if cut_arrow(self.text, self.error.at) else CHARACTER

    @property
    def expected(self) -> frozenset[str]:
        """The terminals that could stand here."""
        return self.error.expected

    @cached_property
    def separator(self) -> Separator | None:
        """What the sentence comes after: an arrow, a newline, a brace, a bar; None at the beginning."""
        before = bisect_right(self.separators, self.at, key=lambda separator: separator.end) - 1
        while before >= 0 and self.separators[before].text == "\n" and self._blank_back_to(before):
            before -= 1
        return self.separators[before] if before >= 0 else None

    @property
    def start(self) -> int:
        """Where the sentence begins."""
        begin = self.separator.end if self.separator else 0
        return begin + len(self.text[begin : self.at]) - len(self.text[begin : self.at].lstrip())

    @property
    def said(self) -> str:
        """The sentence up to the unreadable."""
        return re.sub(r"#[^\n]*", "", self.text[self.start : self.at]).rstrip()

    @property
    def label(self) -> str | None:
        return _words(self.said)[0]

    @property
    def word(self) -> str:
        """The first word of the sentence, after its label; empty when there is none yet."""
        return _words(self.said)[1]

    @cached_property
    def owner(self) -> tuple[str, Span]:
        """The word of the sentence in whose braces this is ("" outside of any), and all of it before them."""
        opened, _ = open_here(self)
        if not opened:
            return "", self.source.span(0, 0)
        begin = max(
            (separator.end for separator in self.separators if separator.end <= opened[-1].start), default=0
        )
        said = self.text[begin : opened[-1].start]
        begin += len(said) - len(said.lstrip())
        return _words(said.strip())[1], self.source.span(begin, opened[-1].start)

    @property
    def ended(self) -> bool:
        return self.kind in ENDERS

    @property
    def found(self) -> str:
        """The unreadable, as it is written."""
        match = _TOKEN.match(self.text, self.at)
        return match[0] if match and self.at < len(self.text) else ""

    @property
    def shown(self) -> str:
        """The unreadable, as it is spoken of."""
        if self.kind == "$END" or not self.found:
            return "the end of the text"
        return "the end of the line" if self.found == "\n" else f"`{self.found}`"

    @property
    def here(self) -> Span:
        """The unreadable's place; just after the sentence where it ended too early."""
        if self.kind in ("$END", "_NEXT"):
            return self.after_said
        return self.source.span(self.at, self.at + max(1, len(self.found)))

    @property
    def after_said(self) -> Span:
        """An empty place after the last sign of the sentence."""
        end = self.start + len(self.said)
        return self.source.span(end, end)

    @property
    def last_word(self) -> Span:
        """The last sign or word of the sentence."""
        matches = [match for match in _TOKEN.finditer(self.said) if not match[0].isspace()]
        if not matches:
            return self.here
        return self.source.span(self.start + matches[-1].start(), self.start + matches[-1].end())

    @property
    def first_word(self) -> Span:
        at = self.start + self.said.find(self.word)
        return self.source.span(at, at + len(self.word))

    def fault(
        self,
        code: str,
        message: str,
        span: Span,
        *help: str,
        fix: Fix | None = None,
        label: Label | None = None,
    ) -> Diagnostic:
        labels, fixes = (label,) if label else (), (fix,) if fix else ()
        return Diagnostic(code, message, span, labels=labels, help=help, fixes=fixes)

    def _blank_back_to(self, before: int) -> bool:
        """Whether an arrow stands before a newline, so that the sentence comes after the arrow."""
        back = before
        while back >= 0 and self.separators[back].text == "\n":
            back -= 1
        if back < 0 or self.separators[back].text != "->":
            return False
        between = re.sub(r"#[^\n]*", "", self.text[self.separators[back].end : self.separators[before].end])
        return not between.strip()


def _words(said: str) -> tuple[str | None, str]:
    """The label of a sentence and its first word."""
    match = WORDS.match(said)
    return (match["label"], match["word"] or "") if match else (None, "")


def open_here(context: ErrorContext) -> tuple[list[Separator], Separator | None]:
    """The braces open here, and the first whose closing one stands further left than its own line."""
    stack: list[Separator] = []
    suspect: Separator | None = None
    for separator in context.separators:
        if separator.start >= context.at and context.kind != "$END":
            break
        if separator.text == "{":
            stack.append(separator)
        elif separator.text == "}" and stack:
            opened = stack.pop()
            if suspect is None and _indent(context, separator) < _indent(context, opened):
                suspect = opened
    return stack, suspect


def _indent(context: ErrorContext, separator: Separator) -> int:
    """Blanks before the line of a brace; a brace after other text does not say how deep it closes."""
    line = context.source.line(context.source.place(separator.start)[0])
    if separator.text == "}" and not line.lstrip().startswith("}"):
        return len(line)
    return len(line) - len(line.lstrip())
