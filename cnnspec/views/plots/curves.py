"""Training curves, one run or several on one page, with a table of what came of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from cnnspec.views.pictures.font import text_width
from cnnspec.views.plots.sheet import EDGE, HEAD, headings
from cnnspec.views.plots.style import TEXT, Ink
from cnnspec.views.results import Curve
from cnnspec.views.terminal.learned import COLUMNS, cells

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH, PLOT = 7.6, 2.5
ROW: Final = 0.24
MARKED: Final = 30
"""Epochs up to which each is marked by a dot."""


def curves(shown: Sequence[Curve], ink: Ink) -> Figure:
    """Loss and accuracy by epoch, and the table; validation is dashed."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    table = ROW * (len(shown) + 1) + 0.3
    height = EDGE + HEAD + 0.2 + PLOT + 0.5 + table
    figure = Figure(figsize=(WIDTH, height))
    headings(figure, ink, "Training", _said(shown))
    wide = (WIDTH - 2 * EDGE - 1.2) / 2
    bottom = (table + 0.5) / height
    for number, what in enumerate(("loss", "accuracy")):
        left = (EDGE + 0.4 + number * (wide + 0.8)) / WIDTH
        axes = figure.add_axes((left, bottom, wide / WIDTH, PLOT / height))
        for n, curve in enumerate(shown):
            _draw(axes, curve, what, ink, ink.line(n))
        axes.set_title(what, loc="left", fontsize=TEXT, color=ink.theme.faint)
        axes.set_xlabel("epoch")
        last = max(curve.epochs[-1] for curve in shown)
        axes.set_xlim(1 - 0.04 * last, last + 0.04 * last)
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1))
        if what == "accuracy":
            axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g} %"))
    _table(figure, shown, ink, table)
    return figure


def _said(shown: Sequence[Curve]) -> str:
    parts = ["lines: training"]
    if any(curve.validation_loss for curve in shown):
        parts.append("dashes: validation")
    if any(curve.test_accuracy is not None for curve in shown):
        parts.append("diamonds: test")
    return ", ".join(parts)


def _draw(axes: Axes, curve: Curve, what: str, ink: Ink, color: str) -> None:
    marker = "o" if len(curve.epochs) <= MARKED else ""
    axes.plot(curve.epochs, getattr(curve, what), color=color, marker=marker, label=curve.name)
    if checked := getattr(curve, f"validation_{what}"):
        axes.plot(curve.epochs, checked, color=color, linestyle=(0, (3, 2)))
    tested = getattr(curve, f"test_{what}")
    if tested is not None:
        axes.plot(
            [curve.epochs[-1]], [tested], "D", color=color, markersize=7, markeredgecolor=ink.theme.page
        )


def _places(shown: Sequence[Curve], columns: Sequence[str], width: float) -> list[float]:
    """Inches to the name's left end, and to the right ends of the figures, spaced by what they hold."""
    widths = [max(text_width(text, TEXT) for text in (key, *(cells(curve)[key] for curve in shown))) / 72
              for key in columns]  # fmt: skip
    widths[0] += 0.25
    gap = (width - 2 * EDGE - sum(widths)) / max(len(columns) - 1, 1)
    ends, x = [EDGE + 0.25], EDGE + widths[0]
    for wide in widths[1:]:
        x += gap + wide
        ends.append(x)
    return ends


def _table(figure: Figure, shown: Sequence[Curve], ink: Ink, height: float) -> None:
    """Names in the colours of their lines, figures below their titles."""
    from matplotlib.lines import Line2D

    width, whole = figure.get_size_inches()
    columns = [key for key in COLUMNS if any(cells(curve)[key] for curve in shown)]
    xs = _places(shown, columns, width)
    for row in range(len(shown) + 1):
        y = (height - 0.2 - ROW * row) / whole
        texts = {key: key for key in COLUMNS} if row == 0 else cells(shown[row - 1])
        for n, (key, x) in enumerate(zip(columns, xs, strict=True)):
            figure.text(
                x / width, y, "" if row == 0 and n == 0 else texts[key], va="center",
                ha="right" if n else "left", fontsize=TEXT,
                color=ink.theme.faint if row == 0 else ink.theme.ink,
            )  # fmt: skip
        if row:
            x = EDGE / width
            figure.add_artist(Line2D([x, x + 0.16 / width], [y, y], color=ink.line(row - 1), linewidth=3))
