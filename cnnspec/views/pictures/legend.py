"""The key under a graph picture: families by colour, or the scale of the heat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cnnspec.views.pictures.font import text_width, wrap
from cnnspec.views.pictures.plan import Plan
from cnnspec.views.pictures.svg import SvgWriter

SIZE: Final = 10.0
SWATCH: Final = 11.0
LINE: Final = 19.0
WORDS_LINE: Final = 14.0
SPACE: Final = 16.0
STOPS: Final = (0, 6, 25, 56, 100)
"""Percent at the five colours of the heat: the scale is a square root."""
FIGURES: Final = {"params": "parameters", "multiplies": "multiplies", "memory": "activation memory"}


@dataclass(frozen=True, slots=True)
class Legend:
    """The entries in lines, then what is to be said in words."""

    lines: list[list[str]]
    words: list[str]

    @property
    def height(self) -> float:
        return LINE * len(self.lines) + WORDS_LINE * len(self.words)


def legend_of(plan: Plan, width: float) -> Legend:
    """The legend of a plan, no wider than ``width``."""
    lines: list[list[str]] = [[]]
    used = 0.0
    for text in _entries(plan):
        need = SWATCH + 6 + text_width(text, SIZE) + SPACE
        if lines[-1] and used + need - SPACE > width:
            lines.append([])
            used = 0.0
        lines[-1].append(text)
        used += need
    return Legend(lines, wrap(_words(plan), width, SIZE))


def _words(plan: Plan) -> str:
    rows = [row for card in plan.cards if card.kind in ("layers", "block") for row in card.rows]
    if not rows:
        return ""
    figure = f"share of the {FIGURES[plan.heat]}" if plan.heat else "parameters"
    stride = "; “/2” is a stride of 2" if any("/" in row.text for row in rows) else ""
    return f"At the right: output shape, {figure}{stride}."


def draw_legend(paper: SvgWriter, plan: Plan, x: float, y: float, legend: Legend) -> None:
    """Draws a legend from (x, y) on."""
    theme = paper.theme
    colors = dict(zip(_entries(plan), _colors(paper, plan), strict=True))
    with paper.group("legend"):
        for n, line in enumerate(legend.lines):
            left, top = x, y + n * LINE
            for text in line:
                fill, edge = colors[text]
                paper.rect(left, top, SWATCH, SWATCH, rx=2.5, fill=fill, stroke=edge, stroke_width=1)
                paper.text(left + SWATCH + 6, top + SWATCH - 1.8, text, size=SIZE, fill=theme.faint)
                left += SWATCH + 6 + text_width(text, SIZE) + SPACE
        for n, text in enumerate(legend.words):
            baseline = y + len(legend.lines) * LINE + 9 + n * WORDS_LINE
            paper.text(x, baseline, text, size=SIZE, fill=theme.faint)


def _entries(plan: Plan) -> list[str]:
    if not plan.heat:
        return [str(family) for family in plan.families]
    return [f"{stop} % of {FIGURES[plan.heat]}" if not stop else f"{stop} %" for stop in STOPS]


def _colors(paper: SvgWriter, plan: Plan) -> list[tuple[str, str]]:
    if not plan.heat:
        tones = [paper.theme.tone(family) for family in plan.families]
        return [(tone.fill, tone.line) for tone in tones]
    return [(paper.theme.heat_at(stop / 100), paper.theme.edge) for stop in STOPS]
