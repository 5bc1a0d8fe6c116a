"""What a graph picture shows, before any coordinates: cards, links, frames.

A card is a stack of layers that follow one another with nothing between; a
frame is a block or a repeat around cards. The plan is what golden tests compare.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from cnnspec.layers.base import Family


@dataclass(frozen=True, slots=True)
class Row:
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
    rows: tuple[Row, ...]
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
class Frame:
    """A titled cluster; the outermost frame of a plan has no title and is not drawn."""

    key: str
    title: str
    times: int = 1
    cards: list[str] = field(default_factory=list)
    frames: list[Frame] = field(default_factory=list)

    @property
    def heading(self) -> str:
        return f"{self.title} ×{self.times}" if self.times > 1 else self.title

    def walk(self) -> Iterator[Frame]:
        """This frame and all frames within, outermost first."""
        yield self
        for frame in self.frames:
            yield from frame.walk()


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole graph picture without coordinates."""

    title: str
    subtitle: str
    cards: tuple[Card, ...]
    links: tuple[Link, ...]
    root: Frame
    heat: str | None = None
    """The heated figure, or None when colours tell families."""
    notes: tuple[str, ...] = ()

    @property
    def families(self) -> tuple[Family, ...]:
        """The families that occur, in the order of the catalogue."""
        present = {row.family for card in self.cards if card.kind != "fault" for row in card.rows}
        return tuple(family for family in Family if family in present)
