"""Cubic Bezier splines: cutting them, and writing them as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TypeAlias

Point: TypeAlias = tuple[float, float]


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


def xy(point: Point) -> str:
    return f"{point[0]:.2f} {point[1]:.2f}"
