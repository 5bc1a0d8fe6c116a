"""What is placed: boxes with their labels, arrows, arcs, and how far it all reaches."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf, log
from typing import Final, TypeAlias

from cnnspec.views.pictures.changes import counts_text
from cnnspec.views.pictures.font import shorten, text_width
from cnnspec.views.pictures.svg import Point
from cnnspec.views.pictures.volumes.solids import Solid
from cnnspec.views.pictures.volumes.words import operations_text, shapes_text

DIMENSIONS, OPERATION = 10.5, 9.5
"""Font sizes of the two lines under a solid."""
LINE: Final = 13.0
ARC: Final = 9.0
"""How far the shortcut of a block rises over it."""
HALO: Final = 10.0
"""Pixels between neighbouring labels."""
MOST_LINES, WIDEST = 3, 260.0
"""Lines that tell what solids do, and what one of them may take at most."""
BETWEEN: Final = re.compile(r", (?![^(]*\))")
"""Where such a line may be broken: not within brackets."""
MILD: Final = 0.995
"""An exponent above this is told as "to scale"."""


SEEN: Final = 0.0005
"""The smallest share that is told."""
STRIP: Final = 2
"""The length of the shape of a map with one axis and channels."""
AXES: Final = {
    3: ("maps: height and (foreshortened) width", "thickness"),
    2: ("strips, which are maps of one axis: length (downward)", "thickness"),
    4: ("maps: depth (left to right), height and (foreshortened) width", ""),
}
"""Length of a shape -> what is drawn of its axes, and of its channels."""


Maps: TypeAlias = Mapping[int, Callable[[int], Sequence[str]]]
"""Layer by its place in the network -> so many of its feature maps, as addresses of pictures."""


@dataclass(slots=True)
class Box:
    """A placed solid: its front face from (x, y), t wide and h high, slanting (dx, dy) to the upper right."""

    solid: Solid
    x: float
    y: float
    t: float
    h: float
    dx: float
    dy: float

    @property
    def right(self) -> float:
        return self.x + self.t + self.dx

    @property
    def top(self) -> float:
        return self.y - self.dy

    @property
    def bottom(self) -> float:
        return self.y + self.h

    @property
    def axis(self) -> float:
        return (self.top + self.bottom) / 2

    @property
    def middle(self) -> float:
        return (self.x + self.right) / 2

    def side(self, u: float, v: float, *, left: bool = False) -> Point:
        """A point of the right face, or the hidden left one: u along it (0 near, 1 far), v down."""
        return self.x + (0 if left else self.t) + u * self.dx, self.y + v * self.h - u * self.dy


@dataclass(slots=True)
class BoxLabel:
    """Lines of text, each with its kind, around ``x``; ``y`` is the first baseline."""

    x: float
    y: float
    lines: list[tuple[str, str]]
    anchor: str = "middle"

    @property
    def left(self) -> float:
        return self.x - label_width(self.lines) * {"middle": 0.5, "start": 0, "end": 1}[self.anchor]


@dataclass(slots=True)
class Wire:
    """A connection drawn as a path of points with rounded corners, or one S-curve; an arrow at its end."""

    ends: tuple[int, int]
    points: list[Point]
    curved: bool = False
    text: str = ""


@dataclass(frozen=True, slots=True)
class Brace:
    """A repeat that is drawn once: from ``left`` to ``right``, under everything it holds."""

    left: float
    right: float
    y: float
    text: str


@dataclass(slots=True)
class VolumeLayout:
    """A whole volume picture without colours."""

    boxes: dict[int, Box] = field(default_factory=dict)
    labels: list[BoxLabel] = field(default_factory=list)
    wires: list[Wire] = field(default_factory=list)
    cones: list[tuple[int, int]] = field(default_factory=list)
    fans: list[tuple[int, int]] = field(default_factory=list)
    braces: list[Brace] = field(default_factory=list)
    told: set[int] = field(default_factory=set)
    """The repeats that labels tell of; the others get a brace."""
    sheets: bool = False
    shown: dict[int, Sequence[str]] = field(default_factory=dict)
    """Pictures on the solids: on each sheet of a stack, on the front of a bar, on a right face."""

    def add_braces(self) -> None:
        """A brace for each repeat of several solids that no label counts, the innermost first."""
        depths = {
            turns: depth
            for box in self.boxes.values()
            for depth, turns in enumerate(box.solid.turns)
            if turns.key not in self.told
        }
        for turns in sorted(depths, key=lambda turns: -depths[turns]):
            boxes = [box for box in self.boxes.values() if turns in box.solid.turns]
            left, right = min(box.x for box in boxes), max(box.right for box in boxes)
            top, low = min(box.top for box in boxes), max(box.bottom for box in boxes)
            under = [low, *(brace.y + LINE for brace in self.braces if left <= brace.left <= right)]
            under += [
                label.y + LINE * (len(label.lines) - 1)
                for label in self.labels
                if left <= label.x <= right and top < label.y < low + 4 * LINE
            ]
            self.braces.append(Brace(left, right, max(under) + 11, f"×{turns.times}"))

    def bounds(self) -> tuple[float, float, float, float]:
        """(left, top, right, bottom) of everything."""
        xs, ys = [], []
        for box in self.boxes.values():
            xs += [box.x, box.right]
            ys += [box.top - (ARC if box.solid.shortcut else 0), box.bottom]
        for brace in self.braces:
            ys.append(brace.y + LINE)
        for label in self.labels:
            xs += [label.left, label.left + label_width(label.lines)]
            ys += [label.y - 10, label.y - 10 + LINE * len(label.lines)]
        for wire in self.wires:
            xs += [x for x, _ in wire.points]
            ys += [y for _, y in wire.points]
        return min(xs), min(ys), max(xs), max(ys)


def label_width(lines: Iterable[tuple[str, str]]) -> float:
    small = {"operation": (OPERATION, False)}
    return max((text_width(text, *small.get(kind, (DIMENSIONS, True))) for kind, text in lines), default=0.0)


def lines_of(solids: Sequence[Solid], room: float = inf) -> list[tuple[str, str]]:
    """The label under solids that stand together: the names they were given, dimensions, what made them."""
    first = solids[0]
    if first.sign:
        told = (first.sign if first.sign.isalpha() else "", f"×{first.times}" if first.times > 1 else "")
        return [("operation", text) for text in told if text]
    names = [name for solid in solids if (name := solid.result or solid.name)]
    name = f"{names[0]} … {names[-1]}" if len(names) > 1 else "".join(names)
    lines = [("name", name), ("dimensions", shapes_text(solids))]
    lines += [("operation", line) for line in wrapped(operations_text(solids), room)]
    flat = f"flatten {solids[-1].flat}" if solids[-1].flat else ""
    lines += [("operation", line) for line in (flat, told_text(solids))]
    return [line for line in lines if line[1]]


def wrapped(operations: str, room: float) -> list[str]:
    """What solids do in a few lines; the last is shortened where all of it is too much."""
    lines: list[str] = []
    for part in BETWEEN.split(operations):
        longer = f"{lines[-1]}, {part}" if lines else part
        if lines and len(lines) < MOST_LINES and text_width(longer, OPERATION) > room:
            lines[-1:] = [f"{lines[-1]},", part]
        else:
            lines[-1:] = [longer]
    return [shorten(line, max(room, WIDEST), OPERATION) for line in lines]


def told_text(solids: Sequence[Solid]) -> str:
    """The share of the heated figure, or what changed, of solids that stand together."""
    shares = [solid.share for solid in solids if solid.share is not None]
    if shares:
        return f"{100 * sum(shares):.1f} %" if sum(shares) >= SEEN else ""
    return counts_text([pair for solid in solids for pair in solid.pairs or ()])


@dataclass(frozen=True, slots=True)
class Power:
    """Pixels = ``most`` · (size / ``largest``) ^ ``exponent``."""

    most: float
    largest: float
    exponent: float
    several: bool = False
    """Whether there are different sizes to tell apart."""

    def __call__(self, size: float) -> float:
        return self.most * float((size / self.largest) ** self.exponent)

    @property
    def description(self) -> str:
        return "to scale" if self.exponent > MILD else f"as size^{self.exponent:.2f}"

    @property
    def about_vectors(self) -> str:
        """The end of the note: how vectors are drawn, where there are several."""
        return f"; vectors {self.description.replace('size', 'length')}." if self.several else "."


def power(sizes: Sequence[float], most: float, least: float) -> Power:
    """The gentlest compression that draws the smallest with ``least`` pixels, the largest with ``most``."""
    if not sizes:
        return Power(most, 1, 1)
    least = min(least, most)
    ratio = max(sizes) / min(sizes)
    exponent = 1.0 if ratio <= most / least else log(most / least) / log(ratio)
    return Power(most, max(sizes), exponent, ratio > 1)


@dataclass(frozen=True, slots=True)
class Scale:
    """Sizes in pixels of maps' sides, of channels, of vectors; ``slant`` is the oblique share of a width."""

    side: Power
    channel: Power
    length: Power
    slant: tuple[float, float]

    def box(self, solid: Solid) -> tuple[float, float, float, float]:
        """(thickness, height, slant to the right, slant upward)."""
        if solid.sign:
            return 18.0, 18.0, 0.0, 0.0
        if solid.is_vector:
            return 9.0, self.length(solid.shape[-1]), 5.0, 4.0
        if len(solid.shape) == STRIP:
            return self.channel(solid.shape[1]), self.side(solid.shape[0]), 0.0, 0.0
        *depth, height, width, channels = solid.shape
        across, up = (self.side(width) * share for share in self.slant)
        return self.side(depth[0]) if depth else self.channel(channels), self.side(height), across, up

    def note(self, solids: Sequence[Solid]) -> str:
        """What the drawing says about itself, true of every axis there is."""
        ranks = {len(solid.shape) for solid in solids if solid.is_map}
        sides, channels = self.side.description, self.channel.description.replace("size", "channels")
        told = [
            f"{what} {sides}, " + (f"{thick} {channels}" if thick else "channels are told, not drawn")
            for rank, (what, thick) in AXES.items() if rank in ranks
        ]  # fmt: skip
        if not told:
            return f"Vectors: length {self.length.description.replace('size', 'length')}."
        told[0] = told[0][0].upper() + told[0][1:]
        return "; ".join(told) + self.length.about_vectors


def scale_for(
    solids: Sequence[Solid],
    *,
    most: float,
    least: float,
    thick: tuple[float, float],
    slant: tuple[float, float],
) -> Scale:
    """The scale of a picture: sides between ``least`` and ``most`` pixels, thickness within ``thick``."""
    maps = [solid for solid in solids if solid.is_map]
    sides = [float(size) for solid in maps for size in solid.shape[:-1]]
    channels = [float(solid.shape[-1]) for solid in maps]
    lengths = [float(solid.shape[-1]) for solid in solids if solid.is_vector]
    thickest = max(thick[0] + 1, min(thick[1], 4 + 2.6 * max(channels, default=1.0) ** 0.5))
    longest = min(most * 0.74, 24 + 12 * max(lengths, default=1.0) ** 0.5)
    return Scale(
        power(sides, most, least), power(channels, thickest, thick[0]), power(lengths, longest, 24.0), slant
    )
