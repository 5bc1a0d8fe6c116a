"""Encoder-decoder networks as a U: down on the left, up on the right, long skips level between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from cnnspec.views.pictures.channel import BELOW, STRAIGHT, Pin
from cnnspec.views.pictures.layout import Placer
from cnnspec.views.pictures.placed import Placed
from cnnspec.views.pictures.plan import Card, Plan
from cnnspec.views.pictures.structure import Parallel, Run, cards_of
from cnnspec.views.pictures.svg import Point

BETWEEN: Final = 56.0
"""Between the arms, or at either side of what stands on a skip."""
LEVEL: Final = 26.0
"""Height of the channel with a level skip."""
TURN: Final = 12.0


@dataclass(frozen=True, slots=True)
class Rung:
    """One level: what leads down to a skip, the card that stands on it, what leads up from it."""

    left: Run
    bridge: str | None
    right: Run


def rungs_of(plan: Plan, run: Run) -> tuple[list[Rung], Run]:
    """The levels of a U from the top down, and its bottom; no levels where a network is none."""
    cards = {card.key: card for card in plan.cards}
    whole, rungs = run, list[Rung]()
    sizes: list[int] = []
    while (found := _outermost(plan, run, 2 if rungs else 3)) is not None:
        rung, run = found
        size = _pixels(cards, rung)
        if sizes and size >= sizes[-1]:
            break
        rungs.append(rung)
        sizes.append(size)
    return (rungs, run) if len(rungs) > 1 and _is_u(plan, rungs, run) else ([], whole)


def _is_u(plan: Plan, rungs: Sequence[Rung], bottom: Run) -> bool:
    """Whether all edges lead along the arms, or level from one to the other."""
    runs = [*(rung.left for rung in rungs), bottom, *(rung.right for rung in reversed(rungs))]
    home = {key: n for n, run in enumerate(runs) for item in run for key in cards_of(item)}
    bridges = {rung.bridge: n for n, rung in enumerate(rungs) if rung.bridge}
    last = len(runs) - 1
    for link in plan.links:
        one = home.get(link.tail, bridges.get(link.tail, 0))
        two = home.get(link.head, last - bridges.get(link.head, 0))
        if two - one > 1 and two != last - one:
            return False
    return True


def _outermost(plan: Plan, run: Run, least: int) -> tuple[Rung, Run] | None:
    """The longest skip of a run, over ``least`` steps, as a rung with what it skips; a card may lie on it."""
    for n, item in enumerate(run):
        if 0 < n < len(run) - 1 and isinstance(item, Parallel) and len(item.paths) == 2:
            short, long = sorted(item.paths, key=len)
            if len(short) == 1 and isinstance(short[0], str) and len(long) > 2:
                return Rung(run[:n], short[0], run[n + 1 :]), long
    home = {key: n for n, item in enumerate(run) for key in cards_of(item)}
    skips = [
        (home[link.tail], home[link.head]) for link in plan.links if {link.tail, link.head} <= home.keys()
    ]
    start, end = max(skips, key=lambda ends: ends[1] - ends[0], default=(0, 0))
    return (Rung(run[: start + 1], None, run[end:]), run[start + 1 : end]) if end - start >= least else None


def _pixels(cards: Mapping[str, Card], rung: Rung) -> int:
    """Pixels of the map that a skip carries."""
    last = [*cards_of(rung.left[-1])][-1]
    shapes = [row.shape for row in cards[last].rows if row.shape]
    sides = shapes[-1].split("×")[:-1] if shapes else []
    size = 1
    for side in sides:
        size *= int(side)
    return size


def place_u(plan: Plan, rungs: Sequence[Rung], bottom: Run) -> Placed:
    """The U; its two arms are aligned at the lower end of each level."""
    return _U(plan, rungs, bottom).block()


class _U:
    def __init__(self, plan: Plan, rungs: Sequence[Rung], bottom: Run) -> None:
        self.rungs, self.sizes = rungs, plan.sizes()
        down, up = Placer(plan, "down"), Placer(plan, "up")
        heights = [down.item(item).height + STRAIGHT for item in bottom]
        turn = min(
            range(1, len(heights)), key=lambda n: (max(sum(heights[:n]), sum(heights[n:])), -n), default=1
        )
        self.lefts = [down.run(run) for run in [*(rung.left for rung in rungs), bottom[:turn]]]
        rights = [*(up.run(rung.right) for rung in rungs)]
        rights.append(up.run(bottom[turn:]) if bottom[turn:] else _nothing(self.lefts[-1].feet))
        self.rights = [block.upside_down() for block in rights]
        self.bridges = {rung.bridge: down.item(rung.bridge) for rung in rungs if rung.bridge}
        self.page = Placed(0.0, 0.0, 0.0)

    def block(self) -> Placed:
        lefts, rights, page = self.lefts, self.rights, self.page
        room = max([2 * block.right + BETWEEN for block in self.bridges.values()], default=0.0) + BETWEEN
        one, inner = max(block.left for block in lefts), max(block.right for block in lefts)
        two = one + inner + room + max(block.left for block in rights)
        floors = self._floors()
        tops = [floor + self._level(n) for n, floor in enumerate(floors)]
        lowest = tops[-1] + max(lefts[-1].height, rights[-1].height)
        floors.append(tops[-1] + lefts[-1].height)
        for n, block in enumerate(lefts):
            if n:
                end = (one, floors[n] - block.height)
                self._join(lefts[n - 1].feet, block.tops, (one, floors[n - 1]), end, end[1] - BELOW)
            page.take(block, one, floors[n] - block.height)
        for n, rung in enumerate(self.rungs):
            self._skip(
                rung, n, (one, floors[n]), (one + inner + room / 2, two), floors[n] + self._level(n) / 2
            )
        floors[-1] = tops[-1] + rights[-1].height
        self._join(lefts[-1].feet, rights[-1].tops, (one, tops[-1] + lefts[-1].height), (two, floors[-1]),
                   lowest + TURN)  # fmt: skip
        for n in reversed(range(len(rights))):
            page.take(rights[n], two, floors[n] - rights[n].height)
            if n:
                start, end = (two, floors[n] - rights[n].height), (two, floors[n - 1])
                self._join(rights[n].feet, rights[n - 1].tops, start, end, end[1] + BELOW)
        page.right, page.height = two + max(block.right for block in rights), lowest + TURN
        return page

    def _floors(self) -> list[float]:
        """The lower end of each level."""
        found, y = [], 0.0
        for n, (left, right) in enumerate(zip(self.lefts[:-1], self.rights, strict=False)):
            found.append(y + max(left.height, right.height))
            y = found[-1] + self._level(n)
        return found

    def _level(self, n: int) -> float:
        bridge = self.rungs[n].bridge
        return self.bridges[bridge].height + 14 if bridge else LEVEL

    def _skip(self, rung: Rung, n: int, start: Point, places: tuple[float, float], y: float) -> None:
        """From the left arm to the right one, level, through the card on the way."""
        middle, end = places[0], (places[1], start[1])
        left, right = self.lefts[n].feet, self.rights[n].tops
        if rung.bridge is None:
            self._join(left, right, start, end, y)
            return
        card = self.bridges[rung.bridge]
        self.page.take(replace(card, ways={}), middle, y - card.height / 2)
        self._join(left, [(-card.left, links) for _, links in card.tops], start, (middle, y), y)
        self._join([(card.right, links) for _, links in card.feet], right, (middle, y), end, y)

    def _join(self, upper: Sequence[Pin], lower: Sequence[Pin], start: Point, end: Point, y: float) -> None:
        """Leads what two rows of pins share from the one to the other, across at ``y``."""
        for up, leaving in upper:
            for low, coming in lower:
                one, two = (start[0] + up, start[1]), (end[0] + low, end[1])
                way = [one, (one[0], y), (two[0], y), two]
                self.page.lead(dict.fromkeys(leaving & coming, way))


def _nothing(pins: Sequence[Pin]) -> Placed:
    """Where a bottom is a single step: its edges alone go up."""
    return Placed(0.0, 0.0, 0.0, [*pins], [*pins])
