"""Ways with rounded corners and cubic Bezier splines: cutting them, and writing them as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final, TypeAlias

from cnnspec.views.pictures.svg import number

Point: TypeAlias = tuple[float, float]

CORNER: Final = 8.0
"""The radius of a corner."""


def below(points: Sequence[Point], y: float) -> list[Point]:
    """What remains of a spline from where it first comes to ``y`` on, setting out straight down."""
    for n in range(0, len(points) - 1, 3):
        a, b, c, d = points[n : n + 4]
        if d[1] < y:
            continue
        low, high = 0.0, 1.0
        for _ in range(30):
            middle = (low + high) / 2
            low, high = (middle, high) if _split((a, b, c, d), middle)[0][1] < y else (low, middle)
        first, _, *rest = _split((a, b, c, d), low)
        return [first, (first[0], first[1] + (d[1] - first[1]) / 3), *rest, *points[n + 4 :]]
    return [points[-1]]


def _split(curve: Sequence[Point], t: float) -> list[Point]:
    """The part of a cubic Bezier after ``t`` (de Casteljau)."""
    tail, level = [curve[3]], list(curve)
    while len(level) > 1:
        level = [(p[0] + (q[0] - p[0]) * t, p[1] + (q[1] - p[1]) * t) for p, q in pairwise(level)]
        tail.append(level[-1])
    return tail[::-1]


def curved(points: Sequence[Point]) -> str:
    """The SVG of a run of Beziers, from its first point on, where the pen already is."""
    return "".join("C" + " ".join(map(xy, points[n : n + 3])) for n in range(1, len(points), 3))


def rounded(points: Sequence[Point]) -> str:
    """The SVG of a way along points, its corners rounded."""
    path = f"M{xy(points[0])}"
    for n in range(1, len(points) - 1):
        before, at, after = points[n - 1 : n + 2]
        r = min(CORNER, _length(before, at) / 2, _length(at, after) / 2)
        path += f"L{xy(_toward(at, before, r))}Q{xy(at)} {xy(_toward(at, after, r))}"
    return path + f"L{xy(points[-1])}" if len(points) > 1 else path


def turned(point: Point) -> Point:
    """With across and down exchanged."""
    return point[1], point[0]


def _length(one: Point, two: Point) -> float:
    return abs(one[0] - two[0]) + abs(one[1] - two[1])


def _toward(start: Point, end: Point, distance: float) -> Point:
    length = _length(start, end) or 1.0
    return (
        start[0] + (end[0] - start[0]) * distance / length,
        start[1] + (end[1] - start[1]) * distance / length,
    )


def xy(point: Point) -> str:
    """A point as SVG writes it."""
    return f"{number(point[0])} {number(point[1])}"
