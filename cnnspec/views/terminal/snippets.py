"""Source lines with marks under them: carets stay under what they mean.

Tabs, wide and combining characters are laid out in terminal columns; control
characters never reach the terminal; a line too long for the page is cut
around what is marked.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final
from unicodedata import category, east_asian_width

from cnnspec.records import record
from cnnspec.text import Source, Span
from cnnspec.views.terminal.paint import ASCII, Terminal, wrap

TAB: Final = 4
NARROWEST: Final = 16
"""Columns of source that are always shown, however narrow the page."""
LONGEST: Final = 2_000
"""Characters of a line that are looked at, around what is marked."""


@record
class Annotation:
    """A marked span; the main one has carets and no words."""

    span: Span
    message: str = ""
    main: bool = False
    style: str = "label"
    stroke: str = "-"


@record
class _Placed:
    """A mark on its line, in columns of the shown text."""

    start: int
    end: int
    mark: Annotation

    @property
    def line(self) -> str:
        return self.mark.stroke * (self.end - self.start)


def gutter_of(marks: Sequence[Annotation]) -> int:
    """Columns of the widest line number."""
    return max(len(str(mark.span.line)) for mark in marks)


def snippet(source: Source, marks: Sequence[Annotation], terminal: Terminal, gutter: int) -> list[str]:
    """The marked lines of one source with their numbers; ``…`` stands for lines left out."""
    lines: list[str] = []
    last = 0
    for number in sorted({mark.span.line for mark in marks}):
        if last and number == last + 2:
            lines += _numbered(source, last + 1, [], terminal, gutter)
        elif last and number > last + 2:
            lines.append(terminal.paint(terminal.text("…"), "gutter"))
        here = [mark for mark in marks if mark.span.line == number]
        lines += _numbered(source, number, here, terminal, gutter)
        last = number
    return lines


def edge(terminal: Terminal, gutter: int, text: str = "", number: str = "") -> str:
    """A line of the page behind the gutter's bar."""
    bar = terminal.paint(f"{number:>{gutter}} {terminal.text('│')}", "gutter")
    return f"{bar} {text}" if text else bar


def _numbered(
    source: Source, number: int, marks: list[Annotation], terminal: Terminal, gutter: int
) -> list[str]:
    line = source.line(number)
    begin = source.line_starts[number - 1]
    main = next((mark for mark in marks if mark.main), marks[0] if marks else None)
    left = max(0, min(main.span.start - begin - LONGEST // 2, len(line) - LONGEST)) if main else 0
    text, columns = _cells(line[left : left + LONGEST], terminal)
    placed = sorted((_place(begin + left, mark, columns) for mark in marks), key=_order)
    room = max(NARROWEST, terminal.width - gutter - 3)
    text, placed = _cut(text, placed, room, terminal)
    lines = [edge(terminal, gutter, text.rstrip(), str(number))]
    return lines + [edge(terminal, gutter, row) for row in _rows(placed, room, terminal)]


def _order(placed: _Placed) -> tuple[int, int]:
    return placed.start, placed.end


def _cells(line: str, terminal: Terminal) -> tuple[str, list[int]]:
    """A line as it is shown, and the column at which each character begins."""
    shown, columns, column = [], [], 0
    for character in line:
        columns.append(column)
        text = " " * (TAB - column % TAB) if character == "\t" else _printable(character, terminal)
        shown.append(text)
        column += width_of_shown(character, text)
    return "".join(shown), [*columns, column]


def _printable(character: str, terminal: Terminal) -> str:
    """What stands for a character on this page, with the same width or none."""
    kind = category(character)
    if kind in ("Mn", "Me", "Cf"):
        return character if terminal.unicode and kind != "Cf" else ""
    if kind in ("Cc", "Cs", "Zl", "Zp"):
        return "" if character == "\r" else "�" if terminal.unicode else "?"
    if terminal.unicode or character.isascii():
        return character
    spelt = ASCII.get(character, "?")
    return spelt if len(spelt) == 1 else "?" * width_of_shown(character, character)


def width_of_shown(character: str, text: str) -> int:
    if category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if text == character and east_asian_width(character) in "WF" else len(text)


def _place(begin: int, mark: Annotation, columns: Sequence[int]) -> _Placed:
    """Where a mark stands; one that goes on below its line ends with it, an empty one has one column."""
    places = (max(0, place - begin) for place in (mark.span.start, mark.span.end))
    start, end = (columns[min(place, len(columns) - 1)] for place in places)
    return _Placed(start, max(end, start + 1), mark)


def _cut(text: str, placed: list[_Placed], room: int, terminal: Terminal) -> tuple[str, list[_Placed]]:
    """The part of a long line that has the main mark in it, and the marks moved along."""
    total = sum(width_of_shown(character, character) for character in text)
    if total <= room:
        return text, placed
    main = next((item for item in placed if item.mark.main), placed[0] if placed else None)
    center = (main.start + min(main.end, main.start + room // 2)) // 2 if main else 0
    left = min(max(0, center - room // 2), total - room)
    before = terminal.text("…") if left else ""
    after = terminal.text("…") if left + room < total else ""
    inside = _slice(text, left + len(before), room - len(before) - len(after))
    moved = [_Placed(max(0, item.start - left), min(room, item.end - left), item.mark) for item in placed]
    return before + inside + after, [item for item in moved if item.start < item.end]


def _slice(text: str, left: int, width: int) -> str:
    """``width`` columns of the text from column ``left``; half a wide character becomes a blank."""
    out, column = "", 0
    for character in text:
        wide = width_of_shown(character, character)
        if left <= column and column + wide <= left + width:
            out += character
        elif column < left < column + wide or column < left + width < column + wide:
            out += " "
        column += wide
    return out


def _rows(placed: list[_Placed], room: int, terminal: Terminal) -> list[str]:
    """Rows of marks, each as full as it can be, then what they mean from right to left."""
    rows: list[str] = []
    while placed:
        row, rest = _together(placed)
        rows += _marks_with_words(row, room, terminal)
        placed = rest
    return rows


def _together(placed: list[_Placed]) -> tuple[list[_Placed], list[_Placed]]:
    """The marks that can share a row (the main one first of all), and the others."""
    chosen: list[_Placed] = []
    for item in sorted(placed, key=lambda item: not item.mark.main):
        if all(item.end < other.start or other.end < item.start for other in chosen):
            chosen.append(item)
    return sorted(chosen, key=_order), [item for item in placed if item not in chosen]


def _marks_with_words(row: list[_Placed], room: int, terminal: Terminal) -> list[str]:
    line, painted = "", ""
    for item in row:
        painted += " " * (item.start - len(line)) + terminal.paint(item.line, item.mark.style)
        line += " " * (item.start - len(line)) + item.line
    last = row[-1]
    words = terminal.text(last.mark.message)
    if words and len(line) + 1 + len(words) <= room:
        painted += " " + terminal.paint(words, last.mark.style)
        row = row[:-1]
    return [painted, *_words_below(row, room, terminal)]


def _words_below(row: list[_Placed], room: int, terminal: Terminal) -> list[str]:
    """The words of marks that had no place beside them, each under its mark where it fits there."""
    labelled = [item for item in row if item.mark.message]
    out: list[str] = []
    for n in range(len(labelled) - 1, -1, -1):
        stems = [other.start for other in labelled[:n]]
        words = terminal.text(labelled[n].mark.message)
        indent = min(labelled[n].start, room - len(words) if len(words) <= room else room // 2)
        for part in wrap(words, room - indent):
            lead = _stems([stem for stem in stems if stem < indent], terminal)
            out.append(lead + " " * (indent - len(lead)) + terminal.paint(part, labelled[n].mark.style))
    return out


def _stems(columns: list[int], terminal: Terminal) -> str:
    line = ""
    for column in columns:
        line += " " * (column - len(line)) + terminal.text("│")
    return line


def sentence_at(span: Span) -> str:
    """The one sentence of its line that a place lies in, without a comment."""
    line, column = span.source.line(span.line), span.column - 1
    sentences = re.finditer(r"[^;{}|#]+", line.replace("->", ";;"))
    found = next((part.group() for part in sentences if part.start() <= column < part.end()), line)
    return " ".join(found.split())
