"""A page: a drawing with its title, and with the legend below it or at its right."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from cnnspec.views.pictures.font import text_width, wrap
from cnnspec.views.pictures.hatching import draw_hatching
from cnnspec.views.pictures.palette import Theme, Tone
from cnnspec.views.pictures.svg import Point, SvgWriter, number

MARGIN, BARE = 20.0, 8.0
"""Around a page, and around one without title and legend."""
TITLE, SUBTITLE = 16.0, 11.0
HEAD: Final = 46.0
"""Height of the title."""
BELOW, BESIDE = 18.0, 30.0
"""From the drawing to what stands below it, or at its right."""
NARROWEST: Final = 200.0
"""Width of a title or a legend, at least."""
SIZE: Final = 10.0
"""Font size of a legend."""
SWATCH: Final = 11.0
LINE: Final = 19.0
WORDS_LINE: Final = 14.0
SPACE: Final = 16.0

Drawer: TypeAlias = Callable[[SvgWriter, float, float, float], float]
"""Draws something from (x, y) on, so wide; gives where it ends."""


@dataclass(frozen=True, slots=True)
class Surround:
    """What stands around a drawing: a title and a legend, above and below it, or both ``beside`` it."""

    titled: bool = True
    legend: bool = True
    beside: bool = False


class PicturePage:
    """Where things stand around a drawing of some ``width`` and ``height``; ``legend`` says what it means."""

    def __init__(
        self, title: str, subtitle: str, width: float, height: float, surround: Surround, theme: Theme,
        legend: Drawer | None,
    ) -> None:  # fmt: skip
        self.title, self.subtitle, self.theme, self.legend = title, subtitle, theme, legend
        self.titled = surround.titled and bool(title)
        margin = MARGIN if self.titled or legend else BARE
        head = HEAD if self.titled else 0.0
        words = max(text_width(title, TITLE, True), text_width(subtitle, SUBTITLE)) if self.titled else 0.0
        least = max(words, NARROWEST if self.titled or legend else 0.0)
        if surround.beside:
            self.panel, inner = least, width + BESIDE + least
            self.place: Point = (margin, margin)
            self.corner: Point = (margin + width + BESIDE, margin)
            self.below = margin + head
        else:
            self.panel = inner = max(width, least)
            self.place = (margin + (inner - width) / 2, margin + head)
            self.corner = (margin, margin)
            self.below = margin + head + height + (BELOW if legend else 0.0)
        end = self._legend(SvgWriter(theme))
        self.size = inner + 2 * margin, max(end, self.place[1] + height) + margin

    def document(self, contents: Callable[[SvgWriter], None]) -> str:
        """The SVG; ``contents`` draws the drawing from its upper left corner on."""
        writer = SvgWriter(self.theme)
        if self.titled:
            draw_title(writer, *self.corner, self.title, self.subtitle)
        with writer.group("drawing", transform=f"translate({number(self.place[0])} {number(self.place[1])})"):
            contents(writer)
        self._legend(writer)
        return writer.document(*self.size, title=f"{self.title}: {self.subtitle}")

    def _legend(self, writer: SvgWriter) -> float:
        return self.legend(writer, self.corner[0], self.below, self.panel) if self.legend else 0.0


def draw_title(writer: SvgWriter, x: float, y: float, title: str, subtitle: str) -> None:
    """The name, and what the network costs, from an upper left corner on."""
    writer.text(x, y + 13, title, size=TITLE, bold=True)
    writer.text(x, y + 30, subtitle, size=SUBTITLE, fill=writer.theme.faint)


def draw_legend(
    entries: Mapping[str, Tone], words: str, writer: SvgWriter, x: float, y: float, width: float
) -> float:
    """Draws swatches with their names, then the words, from (x, y) on; gives where they end."""
    faint, left = writer.theme.faint, x
    with writer.group("legend"):
        for text, tone in entries.items():
            need = SWATCH + 6 + text_width(text, SIZE)
            if left > x and left + need > x + width:
                left, y = x, y + LINE
            writer.rect(left, y, SWATCH, SWATCH, rx=2.5, fill=tone.fill, stroke=tone.line, stroke_width=1)
            draw_hatching(writer, (left, y, SWATCH, SWATCH), tone)
            writer.text(left + SWATCH + 6, y + SWATCH - 1.8, text, size=SIZE, fill=faint)
            left += need + SPACE
        y += LINE if entries else 0
        for line in wrap(words, width, SIZE):
            writer.text(x, y + 9, line, size=SIZE, fill=faint)
            y += WORDS_LINE
    return y
