"""Placed parts of a graph and how they are put together: below one another, or in columns.

What skips steps takes a lane beside them. All edges are level and upright lines.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from cnnspec.diagnostics import LayerError
from cnnspec.views.pictures.channel import STRAIGHT, Pin, Ways, route
from cnnspec.views.pictures.plan import Link
from cnnspec.views.pictures.svg import Point

Rect: TypeAlias = tuple[float, float, float, float]
"""Left, top, width, height."""

LANE, BESIDE = 11.0, 16.0
"""From lane to lane, and from a card to a lane."""
GUTTER: Final = 40.0
"""Between columns, with the edge that leads from the foot of one to the top of the next."""
PASSAGE: Final = 16.0
"""Room for that edge above and below the columns."""

MOST_LINES: Final = 100_000
"""Steps that lines lead to or past, each counted once a line."""


@dataclass(slots=True)
class Placed:
    """Something placed around its axis (x = 0), from y = 0 to ``height``, with where edges come and go."""

    left: float
    right: float
    height: float
    tops: list[Pin] = field(default_factory=list)
    feet: list[Pin] = field(default_factory=list)
    cards: dict[str, Rect] = field(default_factory=dict)
    frames: dict[str, Rect] = field(default_factory=dict)
    titles: dict[str, Point] = field(default_factory=dict)
    """Frame -> where its title begins, on the baseline."""
    ways: Ways = field(default_factory=dict)

    def take(self, other: Placed, dx: float, dy: float) -> None:
        """Takes over what another block holds, moved by (dx, dy)."""
        moved = _mover(dx, dy)
        self.cards.update((key, (x + dx, y + dy, w, h)) for key, (x, y, w, h) in other.cards.items())
        self.frames.update((key, (x + dx, y + dy, w, h)) for key, (x, y, w, h) in other.frames.items())
        self.titles.update((key, moved(point)) for key, point in other.titles.items())
        self.lead(other.ways, dx, dy)

    def lead(self, ways: Ways, dx: float = 0.0, dy: float = 0.0) -> None:
        """Leads edges further along these points."""
        moved = _mover(dx, dy)
        for link, points in ways.items():
            self.ways.setdefault(link, []).extend(map(moved, points))

    def upside_down(self) -> Placed:
        """The same, running upward."""
        high = self.height

        def turned(rects: dict[str, Rect]) -> dict[str, Rect]:
            return {key: (x, high - y - h, w, h) for key, (x, y, w, h) in rects.items()}

        return Placed(
            self.left, self.right, high, self.tops, self.feet, turned(self.cards), turned(self.frames),
            {key: (x, high - y) for key, (x, y) in self.titles.items()},
            {link: [(x, high - y) for x, y in points] for link, points in self.ways.items()},
        )  # fmt: skip


def _mover(dx: float, dy: float) -> Callable[[Point], Point]:
    return lambda point: (point[0] + dx, point[1] + dy)


@dataclass(slots=True)
class Lane:
    """An upright line beside the steps from ``start`` + 1 to ``end`` - 1 of a run."""

    start: int
    end: int
    ends: dict[Link, int]
    """Each edge with the step it leads to."""
    left: bool = False
    x: float = 0.0

    def links_after(self, step: int) -> frozenset[Link]:
        return frozenset(link for link, end in self.ends.items() if end > step)


def stack(blocks: Sequence[Placed]) -> Placed:
    """Blocks below one another on one axis, with lanes beside them for what skips some."""
    lanes = _lanes(blocks)
    made = Placed(
        max([block.left for block in blocks] + [-lane.x + 4 for lane in lanes if lane.left]),
        max([block.right for block in blocks] + [lane.x + 4 for lane in lanes if not lane.left]),
        0.0,
    )
    made.tops = [*blocks[0].tops, *((lane.x, lane.links_after(-1)) for lane in lanes if lane.start < 0)]
    made.lead({link: [(lane.x, 0.0)] for lane in lanes if lane.start < 0 for link in lane.ends})
    y = 0.0
    for n, block in enumerate(blocks):
        if n:
            height, ways = route(*_pins(blocks, lanes, n))
            made.lead(ways, 0.0, y)
            y += height
        made.take(block, 0.0, y)
        y += block.height
    made.height = y
    last = len(blocks) - 1
    leaving = [lane for lane in lanes if lane.start < last and lane.end > last]
    made.feet = [*blocks[-1].feet, *((lane.x, lane.links_after(last)) for lane in leaving)]
    made.lead({link: [(lane.x, y)] for lane in leaving for link in lane.links_after(last)})
    return made


def _pins(blocks: Sequence[Placed], lanes: Sequence[Lane], n: int) -> tuple[list[Pin], list[Pin]]:
    """The upper and lower pins of the channel before block ``n``."""
    running = [lane for lane in lanes if lane.start < n - 1 and lane.end >= n]
    going = [lane for lane in lanes if lane.start < n and lane.end > n]
    upper = [*blocks[n - 1].feet, *((lane.x, lane.links_after(n - 1)) for lane in running)]
    lower = [*blocks[n].tops, *((lane.x, lane.links_after(n)) for lane in going)]
    return upper, lower


def _lanes(blocks: Sequence[Placed]) -> list[Lane]:
    """A lane for each card that is read beyond the next block, the short ones nearest."""
    starts = {link: n for n, block in enumerate(blocks) for _, links in block.feet for link in links}
    ends = {link: n for n, block in enumerate(blocks) for _, links in block.tops for link in links}
    found: dict[tuple[str, int], Lane] = {}
    for link in dict.fromkeys([*starts, *ends]):
        start, end = starts.get(link, -1), ends.get(link, len(blocks))
        if end - start > 1:
            lane = found.setdefault((link.tail, start), Lane(start, end, {}))
            lane.ends[link] = end
            lane.end = max(lane.end, end)
    check_lines(sum(lane.end - lane.start for lane in found.values()))
    arriving = dict[int, list[Link]]()
    for link, end in ends.items():
        arriving.setdefault(end, []).append(link)
    for lane in found.values():
        lane.left = any(
            _comes_first(link, end, starts, arriving.get(end, ())) for link, end in lane.ends.items()
        )
    placed: list[Lane] = []
    for lane in sorted(found.values(), key=lambda lane: lane.end - lane.start):
        passed = blocks[lane.start + 1 : lane.end]
        reach = max(block.left if lane.left else block.right for block in passed) + BESIDE
        met = [abs(other.x) for other in placed if other.left == lane.left and _share(other, lane)]
        lane.x = max([reach, *(x + LANE for x in met)]) * (-1 if lane.left else 1)
        placed.append(lane)
    return placed


def check_lines(count: int) -> None:
    """Refuses a picture with more lines beside its steps than anybody could follow, all steps together."""
    if count > MOST_LINES:
        raise LayerError(
            "picture-too-large",
            f"lines of this picture would pass steps {count:,} times; {MOST_LINES:,} can be drawn",
            help=("fold repeats (--fold), or draw blocks as one thing each (--depth 0)",),
        )


def _comes_first(link: Link, end: int, starts: dict[Link, int], arriving: Sequence[Link]) -> bool:
    """Whether a skip is read before what comes straight from the step above, in the order of the spec."""
    straight = [one for one in arriving if one.head == link.head and starts.get(one) == end - 1]
    return bool(straight) and all(link.order < one.order for one in straight)


def _share(one: Lane, other: Lane) -> bool:
    """Whether two lanes pass a channel together."""
    return one.start < other.end and other.start < one.end


# Columns ---------------------------------------------------------------------------


def pieces_of(blocks: Sequence[Placed]) -> list[list[Placed]]:
    """The smallest runs that can stand in a column: between them a single tensor passes."""
    spans: dict[Link, list[int]] = {}
    for n, block in enumerate(blocks):
        for _, links in (*block.feet, *block.tops):
            for link in links:
                spans.setdefault(link, []).append(n)
    check_lines(sum(max(ends) - min(ends) for ends in spans.values()))
    passing: list[set[Link]] = [set() for _ in blocks]
    for link, ends in spans.items():
        for n in range(min(ends), max(ends)):
            passing[n].add(link)
    pieces: list[list[Placed]] = [[]]
    for n, block in enumerate(blocks):
        pieces[-1].append(block)
        heads = {link for below in blocks[n + 1 : n + 2] for _, links in below.tops for link in links}
        if heads and len({link.tail for link in passing[n]}) == 1 and passing[n] <= heads:
            pieces.append([])
    return pieces


def partition(pieces: Sequence[Sequence[Placed]], count: int) -> list[Placed]:
    """The pieces in order in at most ``count`` columns whose tallest is as low as can be."""
    heights = [sum(block.height + STRAIGHT for block in piece) for piece in pieces]
    low, high = max(heights), sum(heights)
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (low, middle) if len(_filled(heights, middle)) <= count else (middle, high)
    return [stack([block for n in column for block in pieces[n]]) for column in _filled(heights, high)]


def _filled(heights: Sequence[float], limit: float) -> list[list[int]]:
    columns: list[list[int]] = []
    used = 0.0
    for n, height in enumerate(heights):
        if columns and used + height <= limit + 0.01:
            columns[-1].append(n)
            used += height
        else:
            columns.append([n])
            used = height
    return columns


def extent_of(columns: Sequence[Placed]) -> tuple[float, float]:
    """The width and height of columns side by side."""
    width = sum(column.left + column.right for column in columns) + GUTTER * (len(columns) - 1)
    return width, max(column.height for column in columns) + 2 * PASSAGE * (len(columns) > 1)


def side_by_side(columns: Sequence[Placed]) -> Placed:
    """Columns from left to right, on the axis of the first, edges from the foot of one up to the next."""
    if len(columns) == 1:
        return columns[0]
    height = max(block.height for block in columns) + 2 * PASSAGE
    page, x = Placed(columns[0].left, 0.0, height), 0.0
    page.lead({link: [(at, 0.0), (at, PASSAGE)] for at, links in columns[0].tops for link in links})
    below: list[Placed | None] = [*columns[1:], None]
    for one, two in zip(columns, below, strict=True):
        page.take(one, x, PASSAGE)
        page.right = x + one.right
        foot = PASSAGE + one.height
        if two is None:
            page.lead({link: [(x + at, foot), (x + at, height)] for at, links in one.feet for link in links})
            page.tops, page.feet = columns[0].tops, [(x + at, links) for at, links in one.feet]
            break
        gutter, to = x + one.right + GUTTER / 2, x + one.right + GUTTER + two.left
        for start, leaving in one.feet:
            for end, coming in two.tops:
                way = [(x + start, foot), (x + start, foot + 8), (gutter, foot + 8),
                       (gutter, 4.0), (to + end, 4.0), (to + end, PASSAGE)]  # fmt: skip
                page.lead(dict.fromkeys(leaving & coming, way))
        x = to
    return page
