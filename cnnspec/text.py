"""Places in a text: a source, and spans of it."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable
from functools import cached_property
from typing import Final
from unicodedata import category

from cnnspec.records import record, single_record

JOINERS: Final = "\u200c\u200d"
"""They shape the letters of some scripts, and do nothing else."""
MOST_DIGITS: Final = 18
"""Whole numbers of more digits are none that a size, a place or a setting could have."""


def whole(text: str) -> int | None:
    """The whole number that plain digits are; None for any other text, and for too many digits."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS else None


_OBJECT: Final = re.compile(
    r"<(?:[\w.]+ object|(?:built-in )?(?:function|(?:bound )?method|class)) (?:[^<>]|<\w+>)*>"
)
"""What Python calls a thing that has no other name."""


def nameless(text: str) -> str:
    """A text without what Python calls its objects, as ``<function f at 0x7f…>``."""
    return _OBJECT.sub("…", text)


def words_of(error: BaseException) -> str:
    """What an error of Python or of a library says, on one line."""
    return nameless(" ".join(str(error)[:1000].split()))[:200]


def printable(text: str, instead: Callable[[str], str] = lambda _: "\ufffd") -> str:
    """A name without what could drive a terminal or reach another line; what stands ``instead`` of that."""
    if text.isprintable():
        return text
    driving = ("Cc", "Cs", "Cf", "Zl", "Zp")
    return "".join(instead(c) if category(c) in driving and c not in JOINERS else c for c in text)


@single_record
class Source:
    """A text with the name it is shown under (a path, ``<stdin>`` or ``<inline>``)."""

    name: str
    text: str

    @cached_property
    def line_starts(self) -> tuple[int, ...]:
        """Offset at which each line begins."""
        return (0, *(i + 1 for i, character in enumerate(self.text) if character == "\n"))

    def place(self, offset: int) -> tuple[int, int]:
        """The (line, column) of an offset, both counted from 1."""
        line = bisect_right(self.line_starts, offset)
        return line, offset - self.line_starts[line - 1] + 1

    def line(self, number: int) -> str:
        """The text of a line, counted from 1, without its newline."""
        start = self.line_starts[number - 1]
        end = self.text.find("\n", start)
        return self.text[start:] if end < 0 else self.text[start:end]

    def span(self, start: int, end: int) -> Span:
        return Span(self, start, end)

    def __repr__(self) -> str:
        return f"Source({self.name!r}, {len(self.text)} characters)"


@record
class Span:
    """The characters ``start`` (included) to ``end`` (excluded) of a source."""

    source: Source
    start: int
    end: int

    @property
    def line(self) -> int:
        return self.source.place(self.start)[0]

    @property
    def column(self) -> int:
        return self.source.place(self.start)[1]

    @property
    def text(self) -> str:
        return self.source.text[self.start : self.end]

    def to(self, other: Span) -> Span:
        """The span from the beginning of this one to the end of ``other``."""
        return Span(self.source, min(self.start, other.start), max(self.end, other.end))

    def __repr__(self) -> str:
        return f"{self.source.name}:{self.line}:{self.column}"
