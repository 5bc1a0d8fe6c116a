"""A tall picture in columns: cut where one edge alone passes, and set the pieces side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import log
from typing import Final, TypeAlias

from cnnspec.views.pictures.curves import Point, below, xy
from cnnspec.views.pictures.engines import Laid

Rect: TypeAlias = tuple[float, float, float, float]

TALL: Final = 760.0
"""Pixels of height below which a picture stays in one column."""
ASPECT: Final = 1.55
"""Width over height that columns aim at: between a page on its side and a slide."""
LOWER: Final = 0.65
"""Columns are worth it when the tallest has at most this part of the whole height."""
WHOLE: Final = 1400.0
"""Pixels of height beyond which a frame may go on in the next column."""
OPENING: Final = 26.0
"""What a frame that goes on takes above the first card, for its title."""
GUTTER: Final = 44.0
PASSAGE: Final = 24.0
"""Room above and below the columns for the arrows from one to the next."""
MOST: Final = 16
LABEL: Final = 38.0
"""Half of what an edge's label may take."""


@dataclass(slots=True)
class Arrow:
    """One edge: an SVG path that leads to a run of cubic Beziers, and where its head points."""

    tail: str
    head: str
    lead: str
    points: tuple[Point, ...]
    tip: Point

    @property
    def commands(self) -> str:
        curves = "".join(
            "C" + " ".join(map(xy, self.points[n : n + 3])) for n in range(1, len(self.points), 3)
        )
        return (self.lead or f"M{xy(self.points[0])}") + curves

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
    frames: dict[str, list[Rect]]
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


def arrange(laid: Laid, columns: int | None = None) -> Drawing:
    """The laid out graph, in as many columns as suit it (or as asked for, where it can be cut)."""
    pieces = _pieces(laid)
    if columns is None:
        parts = _best(laid, pieces) if laid.height > TALL else [pieces]
    else:
        parts = _partition(pieces, max(1, columns))
    return _set_side_by_side(laid, [Piece(part[0].top, part[-1].bottom) for part in parts])


def _pieces(laid: Laid) -> list[Piece]:
    """The smallest pieces: between them nothing lies, and a single edge passes."""
    whole = [rect for rect in laid.frames.values() if rect[3] <= WHOLE]
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


def _is_clean(laid: Laid, y: float) -> bool:
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


def _best(laid: Laid, pieces: list[Piece]) -> list[list[Piece]]:
    """The columns whose shape suits a page best; one column unless that makes it much lower."""
    candidates = [_partition(pieces, count) for count in range(2, min(MOST, len(pieces)) + 1)]
    candidates = [parts for parts in candidates if _tallest(parts) < LOWER * laid.height]
    candidates.append([pieces])
    return min(candidates, key=lambda parts: abs(log(_aspect(laid, parts) / ASPECT)))


def _aspect(laid: Laid, parts: list[list[Piece]]) -> float:
    spans = [_extent(laid, Piece(part[0].top, part[-1].bottom)) for part in parts]
    width = sum(right - left for left, right in spans) + GUTTER * (len(parts) - 1)
    return width / _tallest(parts)


def _tallest(parts: list[list[Piece]]) -> float:
    return max(part[-1].bottom - part[0].top for part in parts)


def _extent(laid: Laid, piece: Piece) -> Point:
    """Left and right end of what lies in a piece."""
    lefts, rights = [], []
    for left, top, width, height in (*laid.cards.values(), *laid.frames.values()):
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


def _set_side_by_side(laid: Laid, parts: Sequence[Piece]) -> Drawing:
    place = _Place(laid, parts)
    drawing = Drawing(
        place.width, place.height,
        {key: place.rect(rect) for key, rect in laid.cards.items()},
        {key: place.slices(rect) for key, rect in laid.frames.items()},
    )  # fmt: skip
    for tail, head, points, tip in laid.splines:
        start, end = (place.column(laid.cards[key][1]) for key in (tail, head))
        moved = [place.point(point, end) for point in points]
        point = place.point(tip, end) if tip else moved[-1]
        if start == end:
            drawing.arrows.append(Arrow(tail, head, "", tuple(moved), point))
        else:
            drawing.arrows.append(_over(drawing, place, (tail, head), (start, end), moved, point))
    for (tail, head), point in laid.labels.items():
        start, end = (place.column(laid.cards[key][1]) for key in (tail, head))
        if start == end:
            drawing.labels[tail, head] = place.point(point, end)
    return drawing


class _Place:
    """Where a point of the tall picture goes."""

    def __init__(self, laid: Laid, parts: Sequence[Piece]) -> None:
        self.parts = parts
        self.torn = [rect for rect in laid.frames.values() if self._is_torn(rect)]
        self.openings = OPENING * max(map(self._nesting, self.torn), default=0)
        self.room = PASSAGE + self.openings if len(parts) > 1 else 0.0
        self.lefts: list[float] = []
        self.shifts: list[Point] = []
        right = 0.0
        for part in parts:
            start, end = _extent(laid, part)
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

    def _is_torn(self, rect: Rect) -> bool:
        _, top, _, height = rect
        return sum(top < part.bottom and top + height > part.top for part in self.parts) > 1

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
    left, r = place.lefts[columns[1]] - GUTTER / 2, 8.0
    rest = below(points, place.room - 2)
    if _is_open(drawing, head, tip):
        rest = [(tip[0], tip[1] - 7)]
    lead = (
        f"M{xy(start)}V{low - r:.2f}q0 {r} {r} {r}H{left - r:.2f}q{r} 0 {r} {-r}"
        f"V{high + r:.2f}q0 {-r} {r} {-r}H{rest[0][0] - r:.2f}q{r} 0 {r} {r}V{rest[0][1]:.2f}"
    )
    return Arrow(tail, head, lead, tuple(rest), tip)
