"""A graph as it will be drawn: everything placed, in columns where it is tall."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from math import log
from typing import Final

from cnnspec.views.pictures.layout import Placer
from cnnspec.views.pictures.placed import Placed, Rect, extent_of, partition, pieces_of, side_by_side, stack
from cnnspec.views.pictures.plan import Plan
from cnnspec.views.pictures.structure import structure_of
from cnnspec.views.pictures.svg import Point
from cnnspec.views.pictures.u_shape import place_u, rungs_of

MOST: Final = 16
"""Columns."""
APART: Final = 48.0
"""From a picture to its inset."""
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


@dataclass(frozen=True, slots=True)
class Sheet:
    """A drawing's size, and how it is made."""

    width: float
    height: float
    drawn: Callable[[], Drawing]


class Arrangement:
    """A plan that can be drawn in any number of columns, from top to bottom or, ``across``, left to right."""

    def __init__(self, plan: Plan, across: bool = False) -> None:
        self.across = across
        self.placer = Placer(plan, "right" if across else "down")
        self.inset = stack(Arrangement(plan.inset, across).blocks) if plan.inset else None
        run = structure_of(plan)
        rungs, bottom = rungs_of(plan, run) if not across else ([], run)
        self.u = place_u(plan, rungs, bottom) if rungs else None
        self.blocks: list[Placed] = [self.placer.item(item) for item in run]
        self.pieces = pieces_of(self.blocks)

    def sheets(self, columns: int | None = None) -> Iterator[Sheet]:
        """As a U, where it is one, else in one column and more, or in as many as are told."""
        if self.u is not None and columns is None:
            yield self._sheet([self.u])
            return
        for count in range(1, min(MOST, len(self.pieces)) + 1) if columns is None else [max(1, columns)]:
            stacked = partition(self.pieces, count)
            if columns is None and len(stacked) < count:
                return
            yield self._sheet(stacked)

    def drawing(self, columns: int | None = None) -> Drawing:
        """The one that suits a page best, where no size is told."""
        first, *others = self.sheets(columns)
        if (first.width / 2 if self.across else first.height) > TALL:
            first = min([first, *others], key=lambda one: abs(log(one.width / (one.height + 110) / ASPECT)))
        return first.drawn()

    def _sheet(self, columns: Sequence[Placed]) -> Sheet:
        width, height = extent_of(columns)
        if inner := self.inset:
            width, height = width + APART + inner.left + inner.right, max(height, inner.height)
        width, height = (height, width) if self.across else (width, height)
        return Sheet(width, height, lambda: self._drawn(side_by_side(columns)))

    def _drawn(self, page: Placed) -> Drawing:
        made = Placed(0.0, page.left + page.right, page.height)
        made.take(page, page.left, 0.0)
        if other := self.inset:
            made.take(other, made.right + APART + other.left, 0.0)
            made.right += APART + other.left + other.right
            made.height = max(made.height, other.height)
        arrows = [Arrow(link.tail, link.head, _corners(way)) for link, way in made.ways.items()]
        drawn = Drawing(made.right, made.height, made.cards, made.frames, made.titles, arrows)
        return _transposed(drawn) if self.across else drawn


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
