"""The confusion matrix, drawn."""

from __future__ import annotations

from math import ceil
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cnnspec.layers.base import Family
from cnnspec.views.pictures.font import text_width
from cnnspec.views.pictures.palette import Theme, rgb
from cnnspec.views.pictures.svg import SvgWriter, number
from cnnspec.views.results import Confusion
from cnnspec.views.results.pixels import address
from cnnspec.views.results.plot import TEXT, Plot

MOST_CLASSES: Final = 60
"""Classes whose counts can be written into the matrix."""
CELL: Final = (36.0, 72.0)
"""Pixels of a cell where counts are written in: of many classes, of few."""
LARGEST: Final = 1150.0
"""Pixels of a matrix of more classes."""
LONGEST: Final = 16
"""Characters of a class's name."""


def confusion(shown: Confusion, theme: Theme, data: str = "") -> Plot:
    """True classes down, predicted ones across; right answers blue, wrong ones red."""
    return _Matrix(shown, theme).figure(data)


class _Matrix:
    def __init__(self, shown: Confusion, theme: Theme) -> None:
        self.shown, self.theme, self.writer = shown, theme, SvgWriter(theme)
        self.size = len(shown.names)
        self.colors = _colors(shown.counts, theme)
        few, many = max(CELL[0], min(CELL[1], 10 * CELL[0] / self.size)), LARGEST / self.size
        self.cell = few if self.size <= MOST_CLASSES else many
        self.text = max(TEXT, min(18.0, self.size * self.cell / 64))
        self.names = [name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…" for name in shown.names]
        room = max(text_width(name, self.text) for name in self.names)
        self.is_slanted = room > self.cell - 4
        self.left = 2.1 * self.text + room
        self.top = 2.1 * self.text + (room * 0.72 + 6 if self.is_slanted else 1.4 * self.text)
        self.right = room * 0.72 if self.is_slanted else 0.0

    def figure(self, data: str) -> Plot:
        end = self.size * self.cell
        self._names()
        if self.size > MOST_CLASSES:
            self.writer.image(self.left, self.top, end, end, address(self.colors))
        else:
            self._cells()
        self.writer.rect(
            self.left, self.top, end, end, fill="none", stroke=self.theme.frame, stroke_width=0.8
        )
        wrong = self.shown.samples - int(self.shown.counts.trace())
        note = f"{100 * self.shown.accuracy:.2f} % of {self.shown.samples:,} right, {wrong:,} wrong"
        of = f" of {self.shown.counted}" if self.shown.counted != "samples" else ""
        title = f"Confusion matrix{of}{f' ({data})' if data else ''}"
        width, height = self.left + end + self.right, self.top + end + 2
        return Plot("confusion", title, note, width, height, self.writer, self.text)

    def _names(self) -> None:
        """The classes at both sides; of very many, every second, third …"""
        middle, low = self.size * self.cell / 2, 0.35 * self.text
        self._word(self.left + middle, self.text, "predicted class", "middle")
        self._word(self.text, self.top + middle, "true class", "middle", -90)
        for n in range(0, self.size, ceil(1.3 * self.text / self.cell)):
            at = (n + 0.5) * self.cell
            self._word(self.left - 8, self.top + at + low, self.names[n], "end")
            if self.is_slanted:
                self._word(self.left + at + low / 2, self.top - 8, self.names[n], "start", -45)
            else:
                self._word(self.left + at, self.top - 8, self.names[n], "middle")

    def _word(self, x: float, y: float, text: str, anchor: str, turn: int = 0) -> None:
        turned = f"rotate({turn} {number(x)} {number(y)})" if turn else None
        self.writer.text(x, y, text, size=self.text, fill=self.theme.faint, anchor=anchor, transform=turned)

    def _cells(self) -> None:
        names, totals = self.shown.names, self.shown.counts.sum(1)
        for (row, column), count in np.ndenumerate(self.shown.counts):
            if not count:
                continue
            x, y = self.left + column * self.cell, self.top + row * self.cell
            part = f"{count:,} of {totals[row]:,} ({100 * count / totals[row]:.1f} %)"
            with self.writer.group("cell", title=f"{names[row]} predicted as {names[column]}: {part}"):
                self.writer.rect(
                    x, y, self.cell, self.cell, fill="#" + self.colors[row, column].tobytes().hex()
                )
                text = f"{count:,}" if count < 10_000 else f"{count / 1000:.0f}k"
                strong = row == column and count / totals[row] > 0.5
                self.writer.text(
                    x + self.cell / 2, y + self.cell / 2 + 4, text, size=TEXT, anchor="middle",
                    fill=self.theme.page if strong else self.theme.ink,
                )  # fmt: skip


def _colors(counts: NDArray[Any], theme: Theme) -> NDArray[np.uint8]:
    """Of each cell, (classes, classes, 3): the larger a part of its class, the stronger."""
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    right = np.eye(len(counts), dtype=bool)
    worst = max(float(shares[~right].max(initial=0)), 1e-9)
    strength = np.where(right, 0.08 + 0.72 * shares, 0.65 * np.sqrt(shares / worst))[..., None]
    tone = np.where(right[..., None], rgb(theme.tone(Family.CONV).line), rgb(theme.fault.line))
    page = np.array(rgb(theme.page))
    return np.asarray(np.rint(page + (tone - page) * strength), np.uint8)
