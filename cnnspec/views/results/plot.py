"""A figure of results: a drawing, its title, and a line about it."""

from __future__ import annotations

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
