"""Hatching: strokes that tell faces apart whose greys are alike."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil
from typing import Final

from cnnspec.views.pictures.palette import Tone
from cnnspec.views.pictures.placed import Rect
from cnnspec.views.pictures.svg import Point, SvgWriter, xy

APART: Final = 6.0
"""Pixels from one stroke to the next."""


def draw_hatching(writer: SvgWriter, rect: Rect, tone: Tone) -> None:
    """Draws the strokes of a family over a face of it."""
    strokes = "".join(f"M{xy(a)}L{xy(b)}" for kind in tone.hatch for a, b in _strokes(kind, rect))
    if strokes:
        writer.path(strokes, fill="none", stroke=tone.line, stroke_width=0.7, stroke_opacity=0.5)


def _strokes(kind: str, rect: Rect) -> Iterator[tuple[Point, Point]]:
    """The strokes of one direction within a rectangle, ``APART`` apart."""
    x, y, w, h = rect
    reach = {"|": w, "-": h, ".": h}.get(kind, w + h)
    for n in range(1, ceil(reach / APART)):
        at = n * APART
        if kind == "|":
            yield (x + at, y), (x + at, y + h)
        elif kind == "-":
            yield (x, y + at), (x + w, y + at)
        elif kind == ".":
            yield from (((x + a, y + at), (x + a + 1, y + at)) for a in _places(w))
        else:
            a, b = (max(0.0, at - h), min(h, at)), (min(w, at), max(0.0, at - w))
            ends = [(across, h - up if kind == "\\" else up) for across, up in (a, b)]
            yield (x + ends[0][0], y + ends[0][1]), (x + ends[1][0], y + ends[1][1])


def _places(width: float) -> Iterator[float]:
    return (n * APART for n in range(1, ceil(width / APART)))
