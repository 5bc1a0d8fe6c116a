"""What a graph picture shows, before any coordinates: cards and their sizes, links, clusters.

A card is a stack of layers that follow one another with nothing between; a
cluster is a block or a repeat around cards. Sizes follow from the widths of the texts,
so that they are the same on every machine.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from cnnspec.layers.base import Family
from cnnspec.views.pictures.font import text_width

NAME, TEXT, FRAME_TITLE = 12.0, 10.0, 10.5
"""Font sizes in pixels."""
PAD, GAP = 10.0, 14.0
SIDE_BY_SIDE = 150.0
"""A line of this width is never too wide for a card."""
MUCH: Final = 1.4
"""Times wider than the middle one of its cluster."""
NARROWEST, WIDEST = 92.0, 290.0
MAIN_TWO, MAIN_ONE, STRIP = 40.0, 26.0, 19.0
"""Heights of a main row with two lines, with one, and of a follower."""
MESSAGE_LINE = 13.0


@dataclass(frozen=True, slots=True)
class CardRow:
    """One layer in a card. ``share`` is its part of the heated figure, or None."""

    name: str
    text: str
    shape: str
    figure: str
    family: Family
    tooltip: str = ""
    layer: str = ""
    """The full name of the layer, or of the block, that it shows."""
    about: str = ""
    """What that layer does, in a sentence."""
    times: int = 1
    growth: str = ""
    """Where turns grow, from how many channels to how many."""
    main: bool = True
    """A main row has two lines; a follower (an activation, a norm) has one."""
    share: float | None = None
    status: str = ""
    """Where two networks are compared: same, changed, added or removed."""

    @property
    def heading(self) -> str:
        return f"{self.name} ×{self.times}{self.growth}" if self.times > 1 else self.name

    @property
    def right(self) -> str:
        """What stands at the right of a strip: the shape where it changes, and its figure."""
        return " ".join(filter(None, (self.shape, self.figure)))

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """Its lines, each as what stands at the left and at the right."""
        if not self.main:
            return ((self.text, self.right),)
        return ((self.heading, self.shape), (self.text, self.figure))[: 1 + bool(self.text or self.figure)]

    @property
    def width(self) -> float:
        """What the row's texts need, with their padding."""
        if not self.main:
            return 2 * PAD + _pair(text_width(self.text, TEXT), text_width(self.right, TEXT), 8)
        top = _pair(text_width(self.heading, NAME, True), text_width(self.shape, NAME - 1))
        below = _pair(text_width(self.text, TEXT), text_width(self.figure, TEXT))
        return 2 * PAD + max(top, below)

    @property
    def height(self) -> float:
        if not self.main:
            return STRIP
        return MAIN_TWO if self.text or self.figure else MAIN_ONE


@dataclass(frozen=True, slots=True)
class Card:
    """A node of the picture; ``kind`` is layers, block, output, removed or fault."""

    key: str
    rows: tuple[CardRow, ...]
    kind: str = "layers"
    message: tuple[str, ...] = ()

    @property
    def is_dashed(self) -> bool:
        """Whether it is not there: a fault, or what another network had."""
        return self.kind in ("fault", "removed")

    @property
    def is_column(self) -> bool:
        """Whether it is as wide as the others of its cluster."""
        return self.kind in ("layers", "block")

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The lines of all rows."""
        return [pair for row in self.rows for pair in row.pairs]

    @property
    def lines(self) -> list[list[CardRow]]:
        """The rows as they stand: the main one, then followers, side by side where there is room."""
        main, *followers = self.rows
        room = max(main.width, SIDE_BY_SIDE)
        lines = [[main]]
        for row in followers:
            if len(lines) > 1 and sum(one.width for one in lines[-1]) + row.width <= room:
                lines[-1].append(row)
            else:
                lines.append([row])
        return lines

    @property
    def width(self) -> float:
        needed = [sum(row.width for row in line) for line in self.lines]
        needed += [2 * PAD + text_width(line, TEXT) for line in self.message]
        least = 56.0 if self.kind == "output" else NARROWEST
        return min(max(*needed, least), WIDEST + (60 if self.message else 0))

    @property
    def height(self) -> float:
        rows = sum(line[0].height for line in self.lines)
        return rows + (len(self.message) * MESSAGE_LINE + 6 if self.message else 0)


@dataclass(frozen=True, slots=True)
class Link:
    """An edge between two cards; ``order`` counts what the head reads before it, as the spec has it."""

    tail: str
    head: str
    order: int = 0


@dataclass(slots=True)
class Cluster:
    """A titled cluster; the outermost cluster of a plan has no title and is not drawn."""

    key: str
    title: str
    times: int = 1
    cards: list[str] = field(default_factory=list)
    clusters: list[Cluster] = field(default_factory=list)
    growth: str = ""

    @property
    def heading(self) -> str:
        return f"{self.title} ×{self.times}{self.growth}" if self.times > 1 else self.title

    def walk(self) -> Iterator[Cluster]:
        """This cluster and all clusters within, outermost first."""
        yield self
        for cluster in self.clusters:
            yield from cluster.walk()


def hottest_of(shares: Iterable[float | None]) -> float:
    """The largest share, or 1 where there is none."""
    return max((share or 0.0 for share in shares), default=0.0) or 1.0


@dataclass(frozen=True)
class Plan:
    """A whole graph picture without coordinates."""

    title: str
    subtitle: str
    cards: tuple[Card, ...]
    links: tuple[Link, ...]
    root: Cluster
    heat: str | None = None
    """The heated figure, or None when colours tell families."""
    inset: Plan | None = None
    """One of its folded blocks with all its layers, drawn beside it."""

    @cached_property
    def hottest(self) -> float:
        """The largest share of a row, where the scale of the heat ends."""
        return hottest_of(row.share for row in self.shown)

    @property
    def is_comparison(self) -> bool:
        """Whether it shows what changed between two networks."""
        return any(row.status for card in self.cards for row in card.rows)

    @property
    def shown(self) -> list[CardRow]:
        """The rows of all cards but those of faults."""
        cards = (*self.cards, *(self.inset.cards if self.inset else ()))
        return [row for card in cards if card.kind != "fault" for row in card.rows]

    def sizes(self) -> dict[str, tuple[float, float]]:
        """(width, height) of every card; layers of a cluster share one width, so columns are straight.

        Only what is much wider than most of them has a width of its own.
        """
        cards = {card.key: card for card in self.cards}
        found = {}
        for cluster in self.root.walk():
            inside = [cards[key] for key in cluster.cards]
            widths = sorted(card.width for card in inside if card.is_column)
            usual = MUCH * widths[len(widths) // 2] if widths else 0.0
            common = max((width for width in widths if width <= usual), default=NARROWEST)
            for card in inside:
                width = max(common, card.width) if card.is_column else card.width
                found[card.key] = (width, card.height)
        return found


def _pair(left: float, right: float, gap: float = GAP) -> float:
    return left + right + (gap if left and right else 0)
