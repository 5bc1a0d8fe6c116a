"""Small pictures in rows and columns, measured in inches: nothing is left to an automatic layout."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, sqrt
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from cnnspec.views.pictures.font import text_width
from cnnspec.views.plots.style import SMALL, TEXT, TITLE, Ink

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

EDGE: Final = 0.3
HEAD: Final = 0.5
"""Room for the title and the line below it."""
FOOT: Final = 0.1
LINE: Final = 0.15
"""Height of a line of caption."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Tiles of one size; ``lines`` of caption under each, ``left`` room before the first column."""

    rows: int
    columns: int
    tile: float = 0.6
    gap: float = 0.08
    lines: int = 0
    left: float = 0.0
    aspect: float = 1.0
    """Height of a tile over its width."""

    @property
    def width(self) -> float:
        return self.left + self.columns * (self.tile + self.gap) - self.gap + 2 * EDGE

    @property
    def pitch(self) -> float:
        return self.tile * self.aspect + self.gap + self.lines * LINE

    @property
    def height(self) -> float:
        return EDGE + HEAD + self.rows * self.pitch + FOOT + EDGE / 2


class Sheet:
    """A figure with a title, a line below it, and tiles."""

    def __init__(self, grid: Grid, ink: Ink, title: str, subtitle: str) -> None:
        from matplotlib.figure import Figure

        self.grid, self.ink = grid, ink
        self.width = max(grid.width, room_for(title, subtitle))
        self.figure: Figure = Figure(figsize=(self.width, grid.height))
        headings(self.figure, ink, title, subtitle)

    def tile(self, row: int, column: int, *, rows: int = 1, columns: int = 1) -> Axes:
        """The axes of a tile, or of several together, without ticks."""
        grid = self.grid
        wide = columns * (grid.tile + grid.gap) - grid.gap
        high = (rows - 1) * grid.pitch + grid.tile * grid.aspect
        left = EDGE + grid.left + column * (grid.tile + grid.gap)
        top = EDGE + HEAD + row * grid.pitch
        axes = self.figure.add_axes(
            (
                left / self.width,
                1 - (top + high) / grid.height,
                wide / self.width,
                high / grid.height,
            )
        )
        axes.set_xticks([])
        axes.set_yticks([])
        axes.grid(False)
        for spine in axes.spines.values():
            spine.set_visible(True)
            spine.set_color(self.ink.theme.frame)
            spine.set_linewidth(0.5)
        return axes

    def caption(self, axes: Axes, *lines: str, color: str | None = None, bold: bool = False) -> None:
        """Lines below a tile, the first in ``color``."""
        high = self.grid.tile * self.grid.aspect
        for number, text in enumerate(lines):
            axes.text(
                0.5, -(number * LINE + 0.04) / high, text, transform=axes.transAxes, ha="center", va="top",
                fontsize=SMALL, color=(color if number == 0 and color else self.ink.theme.faint),
                fontweight="bold" if bold and number == 0 else "normal",
            )  # fmt: skip

    def beside(self, axes: Axes, text: str) -> None:
        """A word in the room before the first column."""
        axes.text(
            -0.12, 0.5, text, transform=axes.transAxes, ha="right", va="center",
            fontsize=TEXT, color=self.ink.theme.faint,
        )  # fmt: skip


def room_for(title: str, subtitle: str) -> float:
    """Inches that the headings need."""
    points = max(text_width(title, TITLE, bold=True), text_width(subtitle, TEXT))
    return points / 72 + 2 * EDGE


def headings(figure: Figure, ink: Ink, title: str, subtitle: str) -> None:
    """The title and the line below it, at the upper left."""
    width, height = figure.get_size_inches()
    left = EDGE / width
    figure.text(left, 1 - EDGE * 0.8 / height, title, fontsize=TITLE, fontweight="bold", va="top")
    figure.text(
        left, 1 - (EDGE * 0.8 + 0.22) / height, subtitle, fontsize=TEXT, color=ink.theme.faint, va="top"
    )


def arranged(count: int, widest: int = 16) -> tuple[int, int]:
    """(rows, columns) for so many tiles: wider than high."""
    columns = min(widest, count, ceil(sqrt(count * 1.8)))
    for even in range(columns, max(columns - 3, 1), -1):
        if count % even == 0:
            return count // even, even
    return ceil(count / max(columns, 1)), max(columns, 1)


def show_picture(axes: Axes, ink: Ink, image: NDArray[Any]) -> None:
    """A sample as the network saw it: colours, or ink on the page."""
    if image.shape[2] == 3:
        axes.imshow(image, interpolation="nearest", aspect="auto")
    else:
        grey = image.mean(2)
        top = 255 if image.dtype == np.uint8 else max(float(grey.max()), 1e-9)
        axes.imshow(grey, cmap=ink.ramp, vmin=0, vmax=top, interpolation="nearest", aspect="auto")


def show_values(axes: Axes, ink: Ink, values: NDArray[Any], low: float, high: float) -> None:
    """Numbers (height, width): signed ones around the page's colour, others from the page to ink."""
    if low < 0:
        reach = max(-low, high)
        axes.imshow(values, cmap=ink.signed, vmin=-reach, vmax=reach, interpolation="nearest", aspect="auto")
    else:
        top = high or 1.0
        axes.imshow(values, cmap=ink.ramp, vmin=0, vmax=top, interpolation="nearest", aspect="auto")
