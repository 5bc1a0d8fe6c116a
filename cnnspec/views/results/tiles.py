"""Small pictures in rows and columns, with words under and beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import ceil, sqrt
from typing import TYPE_CHECKING, Final

import numpy as np

from cnnspec.views.pictures.font import text_width
from cnnspec.views.pictures.palette import Theme
from cnnspec.views.pictures.svg import SvgWriter
from cnnspec.views.results.pixels import address, values
from cnnspec.views.results.plot import LINE, TEXT, Plot

if TYPE_CHECKING:
    from numpy.typing import NDArray

BAR: Final = (12.0, 0.9)
"""Width and height of the scale of colours, in sizes of letters."""
SLIDE: Final = 58.0
"""Lines of 8 points that a slide is high."""
APART: Final = 20.0
FLATTEST: Final = 0.25
"""Height over width that a picture has at least, whatever it is of."""


@dataclass(frozen=True)
class TileGrid:
    """Tiles of one size, in pixels."""

    rows: int
    columns: int
    tile: float
    aspect: float = 1.0
    """Height of a tile over its width."""
    gap: float = 8.0
    lines: int = 0
    """Lines of caption under each tile."""
    captions: Sequence[str] = ()
    """What may stand there: the columns are as wide as the widest."""
    beside: Sequence[str] = ()
    """What stands before the rows."""
    lead: int = 0
    """Columns at the left that stand apart."""

    @cached_property
    def text(self) -> float:
        """The size of letters that is 8 points on a slide, as far as the tiles leave room for it."""
        tiles = self.rows * (self.tile * self.aspect + self.gap + 4) + 70
        fitting = tiles / max(SLIDE - self.rows * self.lines * LINE, 20)
        return max(TEXT, min(fitting, self.tile * (0.3 if self.lines else 0.45)))

    @cached_property
    def left(self) -> float:
        """Room before the first column."""
        return max((text_width(text, self.text) + 12 for text in self.beside), default=0.0)

    @cached_property
    def across(self) -> float:
        """From one tile to the next."""
        words = (text_width(text, self.text, bold=True) for text in self.captions)
        return max(self.tile, *words, 0.0) + self.gap

    @property
    def down(self) -> float:
        return self.tile * self.aspect + self.lines * LINE * self.text + self.gap + (4 if self.lines else 0)

    @property
    def width(self) -> float:
        return self.left + self.columns * self.across - self.gap + (APART if self.lead else 0)

    @property
    def height(self) -> float:
        return self.rows * self.down - self.gap

    def box(self, row: int, column: int, span: int = 1) -> tuple[float, float, float, float]:
        """Left, top, width and height of a tile, or of ``span`` rows and columns of tiles."""
        x = self.left + column * self.across + (self.across - self.gap - self.tile) / 2
        x += APART if self.lead and column >= self.lead else 0
        width = self.tile + (span - 1) * self.across
        return x, row * self.down, width, self.tile * self.aspect + (span - 1) * self.down


def _within(box: tuple[float, float, float, float], aspect: float) -> tuple[float, float, float, float]:
    """The part of a box that a picture fills in its own proportions; a strip is drawn thicker than it is."""
    x, y, width, height = box
    aspect = min(max(aspect, FLATTEST), 1 / FLATTEST)
    wide, high = min(width, height / aspect), min(height, width * aspect)
    return x + (width - wide) / 2, y + (height - high) / 2, wide, high


class Tiles:
    """The drawing of a grid."""

    def __init__(self, grid: TileGrid, theme: Theme) -> None:
        self.grid, self.theme, self.writer = grid, theme, SvgWriter(theme)
        self.width, self.height = grid.width, grid.height
        for row, text in enumerate(grid.beside):
            _, y, _, height = grid.box(row, 0)
            self._word(grid.left - 10, y + height / 2 + 0.35 * grid.text, text, "end")

    def show(
        self, row: int, column: int, pixels: NDArray[np.uint8], about: str,
        *, strong: bool = False, span: int = 1,
    ) -> None:  # fmt: skip
        """Draws a picture; ``about`` appears under the pointer, ``strong`` gives it a strong frame."""
        x, y, width, height = _within(self.grid.box(row, column, span), pixels.shape[0] / pixels.shape[1])
        edge, wide = (self.theme.ink, 1.6) if strong else (self.theme.frame, 0.8)
        with self.writer.group("tile", title=about):
            self.writer.image(x, y, width, height, address(pixels))
            self.writer.rect(x, y, width, height, fill="none", stroke=edge, stroke_width=wide)

    def caption(self, row: int, column: int, *lines: str, color: str | None = None, span: int = 1) -> None:
        """Lines under a tile, the first in bold where it has a ``color``."""
        x, y, width, height = self.grid.box(row, column, span)
        for n, text in enumerate(lines):
            baseline = y + height + 3 + (n + 1) * LINE * self.grid.text - 4
            self._word(x + width / 2, baseline, text, "middle", color if n == 0 else None)

    def heads(self, words: Sequence[str]) -> None:
        """Words over the columns; the rows move down."""
        if not words:
            return
        room, below = LINE * self.grid.text + 4, self.writer
        self.writer = SvgWriter(self.theme)
        self.writer.insert(below, 0, room)
        for column, text in enumerate(words):
            x, _, width, _ = self.grid.box(0, column)
            self._word(x + width / 2, self.grid.text, text, "middle")
        self.height += room

    def key(self, colours: Sequence[tuple[str, tuple[int, int, int]]]) -> None:
        """What colours mean, in lines under the tiles."""
        if not colours:
            return
        size, x, y = self.grid.text, self.grid.left, self.height + 12
        for name, colour in colours:
            needed = 1.8 * size + text_width(name, size)
            if x > self.grid.left and x + needed > self.width:
                x, y = self.grid.left, y + 1.6 * size
            fill = "#" + bytes(colour).hex()
            self.writer.rect(x, y, size, size, fill=fill, stroke=self.theme.frame, stroke_width=0.8)
            self._word(x + 1.4 * size, y + 0.85 * size, name, "start")
            x += needed + size
        self.height = y + 1.4 * size

    def scale(self, low: float, high: float) -> None:
        """The colours of the numbers between ``low`` and ``high``, under the tiles."""
        reach = max(-low, high)
        ends = {"start": -reach, "middle": 0.0, "end": reach} if low < 0 else {"start": 0.0, "end": high}
        shades = values(np.linspace(ends["start"], ends["end"], 65)[None], low, high, self.theme)
        x, y, size = self.grid.left, self.height + 16, self.grid.text
        width, height = (side * size for side in BAR)
        self.writer.image(x, y, width, height, address(shades))
        self.writer.rect(x, y, width, height, fill="none", stroke=self.theme.frame, stroke_width=0.8)
        for anchor, end in ends.items():
            place = x + width * {"start": 0, "middle": 0.5, "end": 1}[anchor]
            self._word(place, y + height + 1.2 * size, f"{end:.3g}".replace("-", "−"), anchor)
        self.width, self.height = max(self.width, x + width), y + height + 1.5 * size

    def _word(self, x: float, y: float, text: str, anchor: str, color: str | None = None) -> None:
        self.writer.text(
            x, y, text, size=self.grid.text, bold=color is not None, fill=color or self.theme.faint,
            anchor=anchor, **{"xml:space": "preserve"} if "  " in text else {},
        )  # fmt: skip

    def figure(self, kind: str, title: str, note: str) -> Plot:
        return Plot(kind, title, note, self.width, self.height, self.writer, self.grid.text)


def arranged(count: int, widest: int = 22) -> tuple[int, int]:
    """(rows, columns) for so many tiles: wider than high."""
    columns = min(widest, count, ceil(sqrt(count * 1.8)))
    for even in range(columns, max(columns - 3, 1), -1):
        if count % even == 0:
            return count // even, even
    return ceil(count / max(columns, 1)), max(columns, 1)
