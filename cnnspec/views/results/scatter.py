"""Predicted numbers against true ones: a panel a column, the diagonal where they would be equal."""

from __future__ import annotations

from typing import Final

import numpy as np

from cnnspec.layers.base import Family
from cnnspec.views.pictures.font import shorten
from cnnspec.views.pictures.palette import Theme
from cnnspec.views.pictures.svg import SvgWriter, number
from cnnspec.views.results import Scatter
from cnnspec.views.results.curves import nice_ticks
from cnnspec.views.results.plot import TEXT, Plot

SIDE: Final = 300.0
LEFT, RIGHT, TOP, BOTTOM = 56.0, 14.0, 34.0, 40.0
"""Room around the dots of a panel."""
MOST_DOTS: Final = 1500
"""Samples of a panel; of more, every second, third … is shown."""
MOST_PANELS: Final = 6
IN_A_ROW: Final = 3


def scatter(shown: Scatter, theme: Theme) -> Plot:
    """All columns, up to some."""
    count = min(len(shown.names), MOST_PANELS)
    writer, columns = SvgWriter(theme), min(count, IN_A_ROW)
    for n in range(count):
        writer.insert(_panel(shown, n, theme), (n % columns) * SIDE, (n // columns) * SIDE)
    cut = f", the first {count} of {len(shown.names)} columns" if count < len(shown.names) else ""
    note = f"{len(shown.truths):,} samples; on the line the two are equal{cut}"
    height = SIDE * (1 + (count - 1) // columns)
    return Plot("scatter", "Predicted against true", note, columns * SIDE, height, writer)


def _panel(shown: Scatter, column: int, theme: Theme) -> SvgWriter:
    writer, faint = SvgWriter(theme), theme.faint
    step = -(-len(shown.truths) // MOST_DOTS)
    truths, answers = (values[::step, column].astype(float) for values in (shown.truths, shown.answers))
    known = np.isfinite(truths) & np.isfinite(answers)
    truths, answers = truths[known], answers[known]
    both = np.concatenate([truths, answers]) if len(truths) else np.zeros(1)
    ticks = nice_ticks(float(both.min()), float(both.max()), 5)
    low, high = ticks[0], ticks[-1]

    def x(value: float) -> float:
        return LEFT + (value - low) / (high - low) * (SIDE - LEFT - RIGHT)

    def y(value: float) -> float:
        return SIDE - BOTTOM - (value - low) / (high - low) * (SIDE - TOP - BOTTOM)

    for tick in ticks:
        for ends in (((x(low), y(tick)), (x(high), y(tick))), ((x(tick), y(low)), (x(tick), y(high)))):
            writer.line(*ends, stroke=theme.frame, stroke_width=0.8)
        writer.text(LEFT - 6, y(tick) + 4, f"{tick:.6g}", size=TEXT, fill=faint, anchor="end")
        writer.text(x(tick), SIDE - BOTTOM + 16, f"{tick:.6g}", size=TEXT, fill=faint, anchor="middle")
    writer.line((x(low), y(low)), (x(high), y(high)), stroke=faint, stroke_width=1, stroke_dasharray="5 4")
    dots = "".join(
        f"M{number(x(t) - 2)} {number(y(a))}a2 2 0 1 0 4 0a2 2 0 1 0-4 0z"
        for t, a in zip(truths, answers, strict=True)
    )
    writer.path(dots or "M0 0", fill=theme.tone(Family.CONV).line, opacity=0.55)
    title = shorten(shown.names[column], SIDE - LEFT - RIGHT, TEXT)
    writer.text(LEFT, 14, title, size=TEXT, bold=True)
    if shown.figures:
        writer.text(SIDE - RIGHT, 14, shown.figures[column], size=TEXT, fill=faint, anchor="end")
    middle = (x(low) + x(high)) / 2
    writer.text(middle, SIDE - 8, "true", size=TEXT, fill=faint, anchor="middle")
    turn = f"rotate(-90 {number(TEXT)} {number((TOP + SIDE - BOTTOM) / 2)})"
    writer.text(
        TEXT, (TOP + SIDE - BOTTOM) / 2, "predicted", size=TEXT, fill=faint, anchor="middle", transform=turn
    )
    return writer
