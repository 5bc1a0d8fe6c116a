"""A figure of results: a drawing, its title, and a line about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from cnnspec.views.pictures.font import text_width, wrap
from cnnspec.views.pictures.svg import SvgWriter

TEXT: Final = 11.0
"""The least size of letters in pixels: 8 points on a full slide, unless the figure is very large."""
LINE: Final = 1.36
"""From one line to the next, in sizes of letters."""
MARGIN: Final = 20.0
NARROWEST: Final = 360.0


@dataclass(frozen=True, slots=True)
class Plot:
    """A drawing that begins at (0, 0); ``kind`` is its class in a page, which sets title and note itself."""

    kind: str
    title: str
    note: str
    width: float
    height: float
    writer: SvgWriter
    text: float = TEXT
    """Size of the letters."""

    def document(self) -> str:
        """The SVG that stands by itself, with its words."""
        whole, large = SvgWriter(self.writer.theme), 1.45 * self.text
        width = max(self.width, NARROWEST, text_width(self.title, large, bold=True))
        y = MARGIN + 0.8 * large
        whole.text(MARGIN, y, self.title, size=large, bold=True)
        for line in wrap(self.note, width, self.text):
            y += LINE * self.text + 4
            whole.text(MARGIN, y, line, size=self.text, fill=self.writer.theme.faint)
        top = y + 1.5 * self.text
        whole.insert(self.writer, MARGIN, top)
        size = (width + 2 * MARGIN, top + self.height + MARGIN)
        about = f"{self.title}: {self.note}" if self.note else self.title
        return whole.document(*size, title=about, kind=self.kind)

    def drawing(self) -> str:
        """The SVG without its words."""
        return self.writer.document(self.width, self.height, title=self.title, kind=self.kind)


def stacked(plots: Sequence[Plot], title: str) -> Plot:
    """Drawings one below the other, each under its title, as one; a single one is given back."""
    first = plots[0]
    if len(plots) == 1:
        return first
    whole, top, width = SvgWriter(first.writer.theme), 0.0, 0.0
    for plot in plots:
        words = f"{plot.title}: {plot.note}"
        whole.text(0, top + plot.text, words, size=plot.text, bold=True)
        whole.insert(plot.writer, 0, top + 2 * plot.text)
        top += plot.height + 5 * plot.text
        width = max(width, plot.width, text_width(words, plot.text, bold=True))
    return Plot(first.kind, title, "", width, top, whole, first.text)
