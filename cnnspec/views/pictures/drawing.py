"""A graph as it will be drawn: everything placed, in columns where it is tall."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import log
from typing import Final

from cnnspec.views.pictures.layout import Placer
from cnnspec.views.pictures.placed import Placed, Rect, partition, pieces_of, side_by_side
from cnnspec.views.pictures.plan import Plan
from cnnspec.views.pictures.structure import structure_of
from cnnspec.views.pictures.svg import Point
from cnnspec.views.pictures.u_shape import place_u, rungs_of

MOST: Final = 16
"""Columns."""
TALL, ASPECT = 760.0, 1.55
"""The height that needs no columns, and width over height sought where no size is told."""


@dataclass(frozen=True, slots=True)
class Arrow:
    """One edge: its corners, and the way its head points."""

    tail: str
    head: str
    points: tuple[Point, ...]

    @property
    def tip(self) -> Point:
        return self.points[-1]

    @property
    def toward(self) -> Point:
        (x, y), (a, b) = self.points[-1], self.points[-2]
        return x - a, y - b


@dataclass(slots=True)
class Drawing:
    """Everything placed, in pixels, y downward, from (0, 0) to (width, height)."""

    width: float
    height: float
    cards: dict[str, Rect]
    frames: dict[str, Rect]
    titles: dict[str, Point]
    arrows: list[Arrow] = field(default_factory=list)


class Arrangement:
    """A plan that can be drawn in any number of columns, from top to bottom or, ``across``, left to right."""

    def __init__(self, plan: Plan, across: bool = False) -> None:
        self.across = across
        self.placer = Placer(plan, "right" if across else "down")
        self.links = plan.links
        run = structure_of(plan)
        rungs, bottom = rungs_of(plan, run) if not across else ([], run)
        self.u = place_u(plan, rungs, bottom) if rungs else None
        self.blocks = [self.placer.item(item) for item in run]
        self.pieces = pieces_of(self.blocks)

    def drawing(self, columns: int | None = None) -> Drawing:
        """In so many columns, where it can be cut, or in as many as suit a page."""
        if columns is not None:
            return self._drawn(max(1, columns))
        made = [self._drawn(1)]
        tall = 2 * TALL if self.across else TALL
        if not self.u and (made[0].width if self.across else made[0].height) > tall:
            made += [self._drawn(n) for n in range(2, min(MOST, len(self.pieces)) + 1)]
        return min(made, key=lambda one: abs(log(one.width / (one.height + 110) / ASPECT)))

    def _drawn(self, count: int) -> Drawing:
        page = self.u or side_by_side(partition(self.pieces, count))
        links = [link for link in self.links if link in page.ways]
        arrows = [
            Arrow(link.tail, link.head, _corners([(x + page.left, y) for x, y in page.ways[link]]))
            for link in links
        ]
        moved = Placed(page.left, page.right, page.height)
        moved.take(page, page.left, 0.0)
        made = Drawing(page.left + page.right, page.height, moved.cards, moved.frames, moved.titles, arrows)
        return _transposed(made) if self.across else made


def _corners(points: Sequence[Point]) -> tuple[Point, ...]:
    """The way without the points that lie on a straight line."""
    kept: list[Point] = []
    for point in points:
        if kept and _near(kept[-1], point):
            continue
        if len(kept) > 1 and (_level(kept[-2], kept[-1], point, 0) or _level(kept[-2], kept[-1], point, 1)):
            kept.pop()
        kept.append(point)
    return tuple(kept)


def _near(one: Point, two: Point) -> bool:
    return abs(one[0] - two[0]) + abs(one[1] - two[1]) < 0.01


def _level(one: Point, two: Point, three: Point, axis: int) -> bool:
    return abs(one[axis] - two[axis]) < 0.01 and abs(two[axis] - three[axis]) < 0.01


def _transposed(drawing: Drawing) -> Drawing:
    """With across and down exchanged."""

    def turned(rects: dict[str, Rect]) -> dict[str, Rect]:
        return {key: (y, x, h, w) for key, (x, y, w, h) in rects.items()}

    return Drawing(
        drawing.height, drawing.width, turned(drawing.cards), turned(drawing.frames),
        {key: (y, x) for key, (x, y) in drawing.titles.items()},
        [Arrow(arrow.tail, arrow.head, tuple((y, x) for x, y in arrow.points)) for arrow in drawing.arrows],
    )  # fmt: skip
