"""What a graph picture shows, before any coordinates: cards and their sizes, links, clusters.

A card is a stack of layers that follow one another with nothing between; a
cluster is a block or a repeat around cards. Sizes follow from the widths of the texts,
so that they are the same for every Graphviz.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from cnnspec.layers.base import Family
from cnnspec.views.pictures.font import text_width

NAME, TEXT, FRAME_TITLE, EDGE_TEXT = 12.0, 10.0, 10.5, 9.5
"""Font sizes in pixels."""
PAD, CELL_PAD, GAP = 10.0, 10.0, 14.0
SIDE_BY_SIDE = 150.0
"""A line of this width is never too wide for a card."""
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
    times: int = 1
    main: bool = True
    """A main row has two lines; a follower (an activation, a norm) has one."""
    share: float | None = None


@dataclass(frozen=True, slots=True)
class Card:
    """A node of the picture; ``kind`` is layers, block, output or fault."""

    key: str
    rows: tuple[CardRow, ...]
    kind: str = "layers"
    message: tuple[str, ...] = ()

    @property
    def family(self) -> Family:
        return self.rows[0].family


@dataclass(frozen=True, slots=True)
class Link:
    """An edge between two cards; ``label`` is the shape it carries, where that is worth saying."""

    tail: str
    head: str
    label: str = ""


@dataclass(slots=True)
class Cluster:
    """A titled cluster; the outermost cluster of a plan has no title and is not drawn."""

    key: str
    title: str
    times: int = 1
    cards: list[str] = field(default_factory=list)
    clusters: list[Cluster] = field(default_factory=list)

    @property
    def heading(self) -> str:
        return f"{self.title} ×{self.times}" if self.times > 1 else self.title

    def walk(self) -> Iterator[Cluster]:
        """This cluster and all clusters within, outermost first."""
        yield self
        for cluster in self.clusters:
            yield from cluster.walk()


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole graph picture without coordinates."""

    title: str
    subtitle: str
    cards: tuple[Card, ...]
    links: tuple[Link, ...]
    root: Cluster
    heat: str | None = None
    """The heated figure, or None when colours tell families."""
    notes: tuple[str, ...] = ()

    @property
    def families(self) -> tuple[Family, ...]:
        """The families that occur, in the order of the catalogue."""
        present = {row.family for card in self.cards if card.kind != "fault" for row in card.rows}
        return tuple(family for family in Family if family in present)


def lines_of(card: Card) -> list[list[CardRow]]:
    """The rows as they stand: the main one, then followers, side by side where there is room."""
    main, *followers = card.rows
    room = max(row_width(main), SIDE_BY_SIDE)
    lines = [[main]]
    for row in followers:
        if len(lines) > 1 and sum(map(row_width, lines[-1])) + row_width(row) <= room:
            lines[-1].append(row)
        else:
            lines.append([row])
    return lines


def line_height(line: list[CardRow]) -> float:
    main = line[0]
    if not main.main:
        return STRIP
    return MAIN_TWO if main.text or main.figure else MAIN_ONE


def cells(line: list[CardRow], width: float) -> list[float]:
    """The widths of a line's rows: what each needs, and an equal part of the rest."""
    needed = list(map(row_width, line))
    rest = (width - sum(needed)) / len(line)
    return [need + rest for need in needed]


def card_height(card: Card) -> float:
    rows = sum(map(line_height, lines_of(card)))
    return rows + (len(card.message) * MESSAGE_LINE + 6 if card.message else 0)


def heading(row: CardRow) -> str:
    return f"{row.name} ×{row.times}" if row.times > 1 else row.name


def row_width(row: CardRow) -> float:
    """What the row's texts need, with their padding."""
    if not row.main:
        return 2 * CELL_PAD + _pair(text_width(row.text, TEXT), text_width(follower_right(row), TEXT), 6)
    top = _pair(text_width(heading(row), NAME, True), text_width(row.shape, NAME - 1))
    below = _pair(text_width(row.text, TEXT), text_width(row.figure, TEXT))
    return 2 * PAD + max(top, below)


def follower_right(row: CardRow) -> str:
    """What stands at the right of a strip: its figure, or the shape when it changes."""
    return " ".join(_right(row))


def _right(row: CardRow) -> list[str]:
    return [text for text in (row.shape, row.figure) if text]


def _pair(left: float, right: float, gap: float = GAP) -> float:
    return left + right + (gap if left and right else 0)


def card_width(card: Card) -> float:
    width = max(sum(map(row_width, line)) for line in lines_of(card))
    for line in card.message:
        width = max(width, 2 * PAD + text_width(line, TEXT))
    return min(max(width, NARROWEST), WIDEST + (60 if card.message else 0))


def sizes(plan: Plan) -> dict[str, tuple[float, float]]:
    """(width, height) of every card; layers of a cluster share one width, so that columns are straight."""
    cards = {card.key: card for card in plan.cards}
    found = {}
    for cluster in plan.root.walk():
        layers = [cards[key] for key in cluster.cards if cards[key].kind in ("layers", "block")]
        common = max(map(card_width, layers), default=NARROWEST)
        for key in cluster.cards:
            width = common if cards[key] in layers else card_width(cards[key])
            found[key] = (width, card_height(cards[key]))
    return found
