"""A laid out graph as it will be drawn: set in columns, with the edges from one to the next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Final, TypeAlias, TypeVar

from cnnspec.views.pictures.engines import GraphLayout
from cnnspec.views.pictures.svg import Point, below, curved, rounded

T = TypeVar("T")
Rect: TypeAlias = tuple[float, float, float, float]
"""Left, top, width, height."""

OPENING: Final = 26.0
"""What a frame that goes on takes above the first card, for its title."""
GUTTER: Final = 44.0
PASSAGE: Final = 24.0
"""Room above and below the columns for the arrows from one to the next."""
LABEL: Final = 38.0
"""Half of what an edge's label may take."""


@dataclass(slots=True)
class Arrow:
    """One edge: a way with corners that leads to a run of cubic Beziers, and where its head points."""

    tail: str
    head: str
    lead: tuple[Point, ...]
    points: tuple[Point, ...]
    tip: Point

    @property
    def commands(self) -> str:
        """The SVG path."""
        return rounded((*self.lead, self.points[0])) + curved(self.points)

    @property
    def toward(self) -> Point:
        """The direction of the head."""
        before = self.points[-1]
        if before == self.tip and len(self.points) > 1:
            before = self.points[-2]
        return self.tip[0] - before[0], self.tip[1] - before[1]


@dataclass(slots=True)
class Drawing:
    """Everything placed, in pixels, y downward, from (0, 0) to (width, height)."""

    width: float
    height: float
    cards: dict[str, Rect]
    clusters: dict[str, list[Rect]]
    """A frame that goes on in another column has a part in each."""
    arrows: list[Arrow] = field(default_factory=list)
    labels: dict[tuple[str, str], Point] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of the picture between two cuts."""

    top: float
    bottom: float

    def holds(self, y: float) -> bool:
        return self.top <= y <= self.bottom


def extent_of(laid: GraphLayout, piece: Piece) -> Point:
    """Left and right end of what lies in a piece."""
    lefts, rights = [], []
    for left, top, width, height in (*laid.cards.values(), *laid.clusters.values()):
        if top < piece.bottom and top + height > piece.top:
            lefts.append(left)
            rights.append(left + width)
    for _, _, points, _ in laid.splines:
        inside = [x for x, y in points if piece.holds(y)]
        lefts += inside
        rights += inside
    for (tail, _), (x, y) in laid.labels.items():
        if piece.holds(laid.cards[tail][1]) and piece.holds(y):
            lefts.append(x - LABEL)
            rights.append(x + LABEL)
    return min(lefts), max(rights)


def set_side_by_side(laid: GraphLayout, parts: Sequence[Piece]) -> Drawing:
    place = _Place(laid, parts)
    drawing = Drawing(
        place.width,
        place.height,
        {key: place.rect(rect) for key, rect in laid.cards.items()},
        {key: place.slices(rect) for key, rect in laid.clusters.items()},
    )
    for tail, head, points, tip in laid.splines:
        start, end = (place.column(laid.cards[key][1]) for key in (tail, head))
        moved = [place.point(point, end) for point in points]
        point = place.point(tip, end) if tip else moved[-1]
        if start == end:
            drawing.arrows.append(Arrow(tail, head, (), tuple(moved), point))
        else:
            drawing.arrows.append(_over(drawing, place, (tail, head), (start, end), moved, point))
    for (tail, head), point in laid.labels.items():
        start, end = (place.column(laid.cards[key][1]) for key in (tail, head))
        if start == end:
            drawing.labels[tail, head] = place.point(point, end)
    return drawing


class _Place:
    """Where a point of the tall picture goes."""

    def __init__(self, laid: GraphLayout, parts: Sequence[Piece]) -> None:
        self.parts = parts
        self.torn = [
            rect for rect in laid.clusters.values()
            if sum(rect[1] < part.bottom and rect[1] + rect[3] > part.top for part in parts) > 1
        ]  # fmt: skip
        self.openings = OPENING * max(map(self._nesting, self.torn), default=0)
        self.room = PASSAGE + self.openings if len(parts) > 1 else 0.0
        self.lefts: list[float] = []
        self.shifts: list[Point] = []
        right = 0.0
        for part in parts:
            start, end = extent_of(laid, part)
            self.lefts.append(right)
            self.shifts.append((right - start, self.room - part.top))
            right += end - start + GUTTER
        self.width = right - GUTTER
        self.height = max(part.bottom - part.top for part in parts) + 2 * self.room

    def column(self, y: float) -> int:
        return max((n for n, part in enumerate(self.parts) if part.top - 0.5 <= y), default=0)

    def point(self, point: Point, column: int) -> Point:
        dx, dy = self.shifts[column]
        return point[0] + dx, point[1] + dy

    def rect(self, rect: Rect) -> Rect:
        x, y = self.point(rect[:2], self.column(rect[1]))
        return x, y, rect[2], rect[3]

    def slices(self, rect: Rect) -> list[Rect]:
        """The parts of a frame, one a column that it reaches."""
        if rect not in self.torn:
            return [self.rect(rect)]
        x, top, width, height = rect
        margin = OPENING * self._nesting(rect)
        found = []
        for n, part in enumerate(self.parts):
            start, end = max(top, part.top - margin), min(top + height, part.bottom + margin * 0.4)
            if top < part.bottom and top + height > part.top:
                found.append((*self.point((x, start), n), width, end - start))
        return found

    def foot(self, column: int) -> float:
        """The lower end of a column."""
        return self.parts[column].bottom + self.shifts[column][1] + self.openings * 0.4

    def _nesting(self, rect: Rect) -> int:
        """How many torn frames lie one within another from this one inward."""
        x, top, width, height = rect
        return 1 + max(
            (
                self._nesting(other) for other in self.torn
                if other != rect and x <= other[0] and other[0] + other[2] <= x + width
                and top <= other[1] and other[1] + other[3] <= top + height
            ),
            default=0,
        )  # fmt: skip


def _is_open(drawing: Drawing, head: str, tip: Point) -> bool:
    """Whether a card can be reached straight from the top of its column."""
    x, top = tip
    beside = (rect for key, rect in drawing.cards.items() if key != head)
    return not any(left - 6 < x < left + w + 6 and card_top < top for left, card_top, w, _ in beside)


def _over(
    drawing: Drawing,
    place: _Place,
    ends: tuple[str, str],
    columns: tuple[int, int],
    points: Sequence[Point],
    tip: Point,
) -> Arrow:
    """From the foot of one column through the gutter to the top of the next, then along the curve."""
    tail, head = ends
    x, y, w, h = drawing.cards[tail]
    start = (x + w / 2, y + h)
    low, high = place.foot(columns[0]) + 10, PASSAGE - 14
    left = place.lefts[columns[1]] - GUTTER / 2
    rest = below(points, place.room - 2)
    if _is_open(drawing, head, tip):
        rest = [(tip[0], tip[1] - 7)]
    lead = (start, (start[0], low), (left, low), (left, high), (rest[0][0], high))
    return Arrow(tail, head, lead, tuple(rest), tip)


def transposed(it: T) -> T:
    """With across and down exchanged: a point, a rectangle, or whatever is made of some."""
    if isinstance(it, Arrow | Drawing | GraphLayout):
        held: Any = {each.name: transposed(getattr(it, each.name)) for each in fields(it)}
        if not isinstance(it, Arrow):
            held["width"], held["height"] = held["height"], held["width"]
        return type(it)(**held)
    if isinstance(it, dict):
        return type(it)((key, transposed(value)) for key, value in it.items())
    if isinstance(it, tuple) and it and all(isinstance(part, float) for part in it):
        across, down, *size = it
        return type(it)((down, across, *reversed(size)))
    return type(it)(map(transposed, it)) if isinstance(it, tuple | list) else it
