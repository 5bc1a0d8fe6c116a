"""How large a picture will be where it is shown, and how small its smallest text is there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import inf
from typing import Final

from cnnspec.diagnostics import LayerError

LEAST: Final = 8.0
"""Points of the smallest text that is still read with ease."""
POINTS: Final = {"in": 72.0, "cm": 72 / 2.54, "mm": 72 / 25.4, "pt": 1.0, "px": 0.75}
"""Unit -> points; a pixel is that of CSS."""


@dataclass(frozen=True, slots=True)
class Room:
    """Room for a picture in points; ``bare`` is without title and legend, which a caption takes over."""

    name: str
    width: float
    height: float
    bare: bool = False

    @property
    def words(self) -> str:
        """``a slide (900x430 pt)``."""
        sides = "x".join(f"{side:.4g}" for side in (self.width, self.height) if side < inf)
        return f"{self.name} ({sides} pt)"


SIZES: Final = {
    "slide": Room("a slide", 900, 430),
    "paper": Room("a paper's text width", 504, 324, bare=True),
    "column": Room("a column of a paper", 252, 648, bare=True),
    "poster": Room("a poster", 1728, 1296),
    "page": Room("a page", 453, 648),
}
"""What is left of a 16:9 slide below its title; 7 x 4.5 in and 3.5 x 9 in, as two-column papers have them;
24 x 18 in of a poster; what margins leave of both A4 and letter."""


@dataclass(frozen=True, slots=True)
class Measured:
    """An SVG's own width, height and smallest text, in its own units."""

    width: float
    height: float
    smallest: float

    def factor(self, size: Room) -> float:
        """What its units are scaled by to fill a size."""
        return min(size.width / self.width, size.height / self.height)

    def text_at(self, size: Room) -> float:
        """Points of its smallest text when it fills a size."""
        return self.smallest * self.factor(size)


def measure(svg: str) -> Measured:
    """Reads the measures of one of our pictures from what it draws."""
    sides = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg)
    assert sides
    texts = re.findall(r'font-size="([\d.]+)"', svg)
    return Measured(float(sides[1]), float(sides[2]), min(map(float, texts), default=inf))


def fitted(svg: str, size: Room) -> str:
    """The same picture, as large as the size allows when it is shown as it is."""
    found = measure(svg)
    scale = found.factor(size) / POINTS["px"]
    wide, high = f'width="{found.width * scale:.2f}"', f'height="{found.height * scale:.2f}"'
    return re.sub(r'width="[\d.]+" height="[\d.]+"', f"{wide} {high}", svg, count=1)


def size_of(shown: str | None, width: str | None, height: str | None) -> Room:
    """The size of ``--for`` with a width and a height of its own, such as ``8.5cm``; a slide's unless told.

    Raises LayerError where a length is none.
    """
    known = SIZES[shown or "slide"]
    if width is None and height is None:
        return known
    rest = (known.width, known.height) if shown else (inf, inf)
    sides = (_points("--width", width) or rest[0], _points("--height", height) or rest[1])
    return Room("this size", *sides, bare=bool(shown) and known.bare)


def _points(option: str, text: str | None) -> float | None:
    if text is None:
        return None
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?|\.\d+)\s*(in|cm|mm|pt|px)\s*", text.lower())
    if found is None or not 0 < float(found[1]) * POINTS[found[2]] < 100_000:
        raise LayerError(
            "not-a-length", f"{option} {text} is no length",
            help=(f"a number and one of {', '.join(POINTS)}: {option} 12cm",),
        )  # fmt: skip
    return float(found[1]) * POINTS[found[2]]
