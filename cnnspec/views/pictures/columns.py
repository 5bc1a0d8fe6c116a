"""A tall picture in columns: cut where one edge alone passes, and set the pieces side by side."""

from __future__ import annotations

from math import log
from typing import Final

from cnnspec.views.pictures.drawing import (
    GUTTER,
    Drawing,
    Piece,
    extent_of,
    set_side_by_side,
    transposed,
)
from cnnspec.views.pictures.engines import GraphLayout

LOWER: Final = 0.65
"""Columns are worth it when the tallest has at most this part of the whole height."""
WHOLE: Final = 1400.0
"""Pixels of height beyond which a frame may go on in the next column."""
MOST: Final = 16
AROUND: Final = 110.0
"""What the title and the legend add."""


DOWN: Final = (760.0, 1.55)
"""The height that needs no columns; width over height sought, between a page on its side and a slide."""
ACROSS: Final = (1500.0, 1 / 2.0)
"""The same for rows of a picture from left to right, seen turned."""


def arrange(laid: GraphLayout, columns: int | None = None, *, across: bool = False) -> Drawing:
    """The laid out graph in as many columns as suit it, or as asked for where it can be cut.

    With ``across`` it runs from left to right, and the columns are rows.
    """
    laid = transposed(laid) if across else laid
    tall, aspect = ACROSS if across else DOWN
    pieces = _pieces(laid)
    if columns is None:
        parts = _best(laid, pieces, aspect) if laid.height > tall else [pieces]
    else:
        parts = _partition(pieces, max(1, columns))
    drawing = set_side_by_side(laid, [Piece(part[0].top, part[-1].bottom) for part in parts])
    return transposed(drawing) if across else drawing


def _pieces(laid: GraphLayout) -> list[Piece]:
    """The smallest pieces: between them nothing lies, and a single edge passes."""
    whole = [rect for rect in laid.clusters.values() if rect[3] <= WHOLE]
    spans = sorted((top, top + h) for _, top, _, h in (*laid.cards.values(), *whole))
    runs: list[list[float]] = []
    for top, bottom in spans:
        if runs and top <= runs[-1][1]:
            runs[-1][1] = max(runs[-1][1], bottom)
        else:
            runs.append([top, bottom])
    pieces = [Piece(*runs[0])]
    for top, bottom in runs[1:]:
        middle = (pieces[-1].bottom + top) / 2
        if _is_clean(laid, middle):
            pieces.append(Piece(top, bottom))
        else:
            pieces[-1] = Piece(pieces[-1].top, bottom)
    return pieces


def _is_clean(laid: GraphLayout, y: float) -> bool:
    """Whether a single tensor passes here, on however many edges."""
    ends = {(tail, head) for tail, head, _, _ in laid.splines}
    tails = {tail for tail, head in ends if laid.cards[tail][1] < y < laid.cards[head][1]}
    return len(tails) == 1


def _partition(pieces: list[Piece], count: int) -> list[list[Piece]]:
    """The pieces in order in at most ``count`` columns whose tallest is as low as can be."""
    low, high = max(p.bottom - p.top for p in pieces), pieces[-1].bottom - pieces[0].top
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (low, middle) if len(_filled(pieces, middle)) <= count else (middle, high)
    return _filled(pieces, high)


def _filled(pieces: list[Piece], limit: float) -> list[list[Piece]]:
    columns: list[list[Piece]] = []
    for piece in pieces:
        if columns and piece.bottom - columns[-1][0].top <= limit:
            columns[-1].append(piece)
        else:
            columns.append([piece])
    return columns


def _best(laid: GraphLayout, pieces: list[Piece], aspect: float) -> list[list[Piece]]:
    """The columns whose shape suits a page best; one column unless that makes it much lower."""
    candidates = [_partition(pieces, count) for count in range(2, min(MOST, len(pieces)) + 1)]
    candidates = [parts for parts in candidates if _tallest(parts) < LOWER * laid.height]
    candidates.append([pieces])

    def off(parts: list[list[Piece]]) -> float:
        spans = [extent_of(laid, Piece(part[0].top, part[-1].bottom)) for part in parts]
        width = sum(right - left for left, right in spans) + GUTTER * (len(parts) - 1)
        return abs(log(width / (_tallest(parts) + AROUND) / aspect))

    return min(candidates, key=off)


def _tallest(parts: list[list[Piece]]) -> float:
    return max(part[-1].bottom - part[0].top for part in parts)
