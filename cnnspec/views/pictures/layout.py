"""Places the cards and frames of a graph, and leads its edges between them.

A run goes down from step to step, straight below one another; parallel paths stand side by side in the
order of the spec; what skips steps takes a lane beside them, inside their frame. All edges are level
and upright lines, and none passes a card or a title.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from cnnspec.views.pictures.channel import Pin, Ways, route
from cnnspec.views.pictures.font import text_width
from cnnspec.views.pictures.placed import Placed, partition, pieces_of, side_by_side, stack
from cnnspec.views.pictures.plan import FRAME_TITLE, Link, Plan
from cnnspec.views.pictures.structure import Framed, Item, Parallel, Run

APART: Final = 22.0
"""Between parallel paths."""
WHOLE: Final = 1400.0
"""Pixels of height beyond which what a frame holds stands in columns."""
PAD: Final = 10.0
"""Between a frame and what it holds."""
TITLE: Final = 20.0
"""Height of a frame's title."""
CLOSE: Final = 14.0
"""The same over edges that spread, which leave room above them."""
TITLE_INDENT: Final = 10.0


class Placer:
    """Builds blocks; ``way`` is where a run goes: down, up (to be turned over), right (to be transposed)."""

    def __init__(self, plan: Plan, way: str = "down") -> None:
        self.way = way
        self.into: dict[str, list[Link]] = {}
        self.out: dict[str, list[Link]] = {}
        for link in plan.links:
            self.into.setdefault(link.head, []).append(link)
            self.out.setdefault(link.tail, []).append(link)
        self.sizes = plan.sizes()

    def item(self, item: Item) -> Placed:
        if isinstance(item, str):
            return self._card(item)
        return self._fork(item) if isinstance(item, Parallel) else self._framed(item)

    def run(self, run: Run) -> Placed:
        return stack([self.item(item) for item in run])

    def _card(self, key: str) -> Placed:
        width, height = self.sizes[key][:: -1 if self.way == "right" else 1]
        coming, leaving = self.into.get(key, []), self.out.get(key, [])
        ways: Ways = {link: [(0.0, 0.0)] for link in coming}
        return Placed(
            width / 2, width / 2, height, _pins(coming), _pins(leaving),
            {key: (-width / 2, 0.0, width, height)},
            ways=ways | {link: [(0.0, height)] for link in leaving},
        )  # fmt: skip

    # Side by side ------------------------------------------------------------------

    def _fork(self, fork: Parallel) -> Placed:
        blocks = [self.run(path) if path else _passing(fork.skips) for path in fork.paths]
        height = max(block.height for block in blocks)
        axes, x = [], 0.0
        for block in blocks:
            axes.append(x + block.left)
            x += block.left + block.right + APART
        axis = self._axis(fork, blocks, axes, x - APART)
        made = Placed(axis, x - APART - axis, height)
        for block, at in zip(blocks, axes, strict=True):
            dx, rest = at - axis, height - block.height
            made.take(block, dx, 0.0)
            made.tops += [(x + dx, links) for x, links in block.tops]
            made.feet += [(x + dx, links) for x, links in block.feet]
            if rest:
                made.lead(
                    {link: [(x, block.height), (x, height)] for x, links in block.feet for link in links}, dx
                )
        return made

    def _axis(self, fork: Parallel, blocks: Sequence[Placed], axes: Sequence[float], width: float) -> float:
        """The longest of two paths, or the way on from heads, stays straight; several spread evenly."""
        longest = max(range(len(blocks)), key=lambda n: blocks[n].height)
        others = [block.height for n, block in enumerate(blocks) if n != longest]
        goes_on = [n for n, block in enumerate(blocks) if block.feet]
        if len(goes_on) == 1 < len(blocks):
            return axes[goes_on[0]]
        if len(blocks) == 2 and max(others) < blocks[longest].height:
            return axes[longest]
        return width / 2

    # Frames ------------------------------------------------------------------------

    def _framed(self, framed: Framed) -> Placed:
        cluster, run = framed.cluster, self._inside(framed.run)
        inside = self._entered(run)
        heading = text_width(cluster.heading, FRAME_TITLE, True) + 2 * TITLE_INDENT
        spreads = inside.height > run.height
        above = (CLOSE if spreads else TITLE) if cluster.heading and self.way == "down" else PAD
        below = TITLE if cluster.heading and self.way == "up" else PAD
        left, right = inside.left + PAD, inside.right + PAD
        if self.way == "right":
            left += TITLE - PAD if cluster.heading else 0
            above = max(above, (heading - inside.height) / 2)
            below = max(below, above)
            title = (-left + 15, TITLE_INDENT)
        else:
            left, right, x = _beside(heading, left, right, inside.tops if self.way == "down" else inside.feet)
            title = (x, 15.0) if self.way == "down" else (x, above + inside.height + below - 15.0)
        made = Placed(left, right, above + inside.height + below)
        made.frames[cluster.key] = (-left, 0.0, left + right, made.height)
        made.titles[cluster.key] = title
        made.lead({link: [(x, 0.0)] for x, links in inside.tops for link in links})
        made.take(inside, 0.0, above)
        made.lead({link: [(x, made.height)] for x, links in inside.feet for link in links})
        made.tops, made.feet = inside.tops, inside.feet
        return made

    def _inside(self, run: Run) -> Placed:
        blocks = [self.item(item) for item in run]
        columns = round(sum(block.height for block in blocks) / WHOLE + 0.5)
        return side_by_side(partition(pieces_of(blocks), columns)) if columns > 1 else stack(blocks)

    def _entered(self, inside: Placed) -> Placed:
        """What comes from one card enters a frame at one place."""
        pins: dict[str, list[Pin]] = {}
        for x, links in inside.tops:
            for tail in {link.tail for link in links}:
                pins.setdefault(tail, []).append((x, frozenset(one for one in links if one.tail == tail)))
        if all(len(several) == 1 for several in pins.values()):
            return inside
        entries: list[Pin] = [
            (_nearest_axis([x for x, _ in several]), frozenset().union(*(links for _, links in several)))
            for several in pins.values()
        ]
        height, ways = route(entries, inside.tops)
        made = Placed(inside.left, inside.right, height + inside.height, entries, inside.feet)
        made.lead(ways)
        made.take(inside, 0.0, height)
        return made


def _passing(links: Iterable[Link]) -> Placed:
    return Placed(6.0, 6.0, 0.0, _pins(links), _pins(links), ways={link: [(0.0, 0.0)] for link in links})


def _pins(links: Iterable[Link]) -> list[Pin]:
    """One pin on the axis for all of these, where there are some."""
    return [(0.0, found)] if (found := frozenset(links)) else []


def _nearest_axis(places: Sequence[float]) -> float:
    return min(max(0.0, min(places)), max(places))


def _beside(heading: float, left: float, right: float, pins: Sequence[Pin]) -> tuple[float, float, float]:
    """(left, right, x of the title): left of where edges enter, or right of them, widened where needed."""
    if heading <= 2 * TITLE_INDENT:
        return left, right, -left + TITLE_INDENT
    low = min((x for x, _ in pins), default=right)
    high = max((x for x, _ in pins), default=-left)
    if not pins:
        return left, max(right, heading - left), -left + TITLE_INDENT
    if heading <= left + low:
        return left, right, -left + TITLE_INDENT
    if heading <= right - high:
        return left, right, high + TITLE_INDENT
    return left, high + heading, high + TITLE_INDENT
