"""An input map with the window on it: boxed, what lies in the padding beyond a dashed edge."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from cnnspec.teaching.symbols import Array

AROUND: Final = 2
"""Rows and columns that are shown on either side of the window."""
Span = tuple[int, int]
"""First and last place of an axis."""


class Grid:
    """Characters at places: rows and columns of cells with room for lines between some of them."""

    def __init__(self, rows: Span, columns: Span, width: int, lines: Sequence[set[int]]) -> None:
        self.width = width
        self.y = _places(rows, 1, lines[0], 1)
        self.x = _places(columns, width + 1, lines[1], 2)
        self.text = [[" "] * (self.x[columns[1] + 1] + 2) for _ in range(self.y[rows[1] + 1] + 1)]

    def put(self, row: int, column: int, text: str) -> None:
        start = self.x[column] + self.width - len(text)
        self.text[self.y[row]][start : start + len(text)] = text

    def box(self, rows: Span, columns: Span, strokes: str, drawn: Sequence[bool] = (True,) * 4) -> None:
        """A frame around these cells; ``strokes`` are ─ │ and the corners, ``drawn`` its four sides."""
        flat, upright, corners = strokes[0], strokes[1], strokes[2:]
        above, below, before, after = drawn
        top, bottom = self.y[rows[0]] - 1, self.y[rows[1]] + 1
        left, right = self.x[columns[0]] - 2, self.x[columns[1]] + self.width + 1
        for y in [top] * above + [bottom] * below:
            self.text[y][max(0, left + 1) : right] = flat * (right - max(0, left + 1))
        for x in [left] * before + [right] * after:
            for y in range(max(0, top + 1), bottom):
                self.text[y][x] = upright
        ends = ((above and before, top, left), (above and after, top, right),
                (below and before, bottom, left), (below and after, bottom, right))  # fmt: skip
        for (meets, y, x), corner in zip(ends, corners, strict=True):
            if meets:
                self.text[y][x] = corner

    def lines(self) -> list[str]:
        found = ["".join(line).rstrip() for line in self.text]
        while found and not found[-1]:
            found.pop()
        return found[1:] if found and not found[0] else found


def _places(span: Span, step: int, lines: set[int], room: int) -> dict[int, int]:
    """Where each cell of an axis begins; a line before a cell needs room."""
    found, at = {}, room if span[0] in lines else 0
    for n in range(span[0], span[1] + 2):
        at += room if n in lines and n > span[0] else 0
        found[n] = at
        at += step
    return found


def draw(values: Array, texts: Sequence[str], taps: Sequence[tuple[int, ...]], padding: str) -> list[str]:
    """The lines of one channel, rows x columns; ``texts`` are its numbers; ``taps`` the window's places."""
    sizes = values.shape
    window = [(min(tap[axis] for tap in taps), max(tap[axis] for tap in taps)) for axis in (0, 1)]
    shown = [
        (min(start, max(0, start - AROUND)), max(end, min(size - 1, end + AROUND)))
        for (start, end), size in zip(window, sizes, strict=True)
    ]
    outside = [start < 0 or end >= size for (start, end), size in zip(window, sizes, strict=True)]
    edges = [{0, size} if any(outside) else set() for size in sizes]
    width = max(map(len, [*texts, padding]))
    lines = [{start, end + 1} | edge for (start, end), edge in zip(window, edges, strict=True)]
    grid = Grid(shown[0], shown[1], width, lines)
    read = set(taps)
    for row in range(shown[0][0], shown[0][1] + 1):
        for column in range(shown[1][0], shown[1][1] + 1):
            inside = all(a <= n <= b for n, (a, b) in zip((row, column), window, strict=True))
            if inside and (row, column) not in read:
                grid.put(row, column, "·")
            elif 0 <= row < sizes[0] and 0 <= column < sizes[1]:
                grid.put(row, column, texts[row * sizes[1] + column])
            elif (row, column) in read:
                grid.put(row, column, padding)
    if any(outside):
        visible = [(max(0, a), min(size - 1, b)) for (a, b), size in zip(shown, sizes, strict=True)]
        drawn = [
            edge for (a, b), size in zip(visible, sizes, strict=True) for edge in (a == 0, b == size - 1)
        ]
        grid.box(visible[0], visible[1], "┄┆┌┐└┘", drawn)
    grid.box(window[0], window[1], "─│┌┐└┘")
    return grid.lines()
