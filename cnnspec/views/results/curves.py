"""Training curves: loss and accuracy by epoch, of one run or several, and a table of what came of them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from math import ceil, floor, log10
from typing import Final

from cnnspec.layers.base import Family
from cnnspec.views.pictures.font import shorten, text_width
from cnnspec.views.pictures.palette import Theme
from cnnspec.views.pictures.svg import SvgWriter, number
from cnnspec.views.results import TrainingCurve
from cnnspec.views.results.plot import TEXT, Plot
from cnnspec.views.terminal.paint import compact
from cnnspec.views.terminal.results import cells, columns_of

WIDTH, HEIGHT = 400.0, 240.0
LEFT, RIGHT, TOP, BOTTOM = 50.0, 14.0, 34.0, 36.0
"""Room around the lines of a panel."""
ROW: Final = 22.0
LONGEST: Final = 220.0
"""Pixels of a network's name."""
SERIES: Final = (
    Family.CONV, Family.POOL, Family.NORM, Family.DENSE, Family.MERGE, Family.ACTIVATION, Family.RESAMPLE,
)  # fmt: skip
"""Whose colours lines take, in this order."""
MARKS: Final = ("m-3 0a3 3 0 1 0 6 0a3 3 0 1 0-6 0z", "m-2.8-2.8h5.6v5.6h-5.6z", "m0-3.8l3.6 6.2h-7.2z")
"""A dot, a square, a triangle: curves of one run differ from others by shape too."""
DIAMOND: Final = "m0-5.5l5.5 5.5-5.5 5.5-5.5-5.5z"
DASHES: Final = "5 4"
MARKED: Final = 30
"""Epochs up to which each is marked."""


def curves(shown: Sequence[TrainingCurve], theme: Theme) -> Plot:
    """Both panels, and under them a line of figures for each run."""
    both = panels(shown, theme)
    width = max(both.width, _table(SvgWriter(theme), shown, 0.0, 0.0))
    _table(both.writer, shown, both.height + 12, width)
    height = both.height + 12 + ROW * (len(shown) + 1)
    return Plot("curves", "Training", "", width, height, both.writer)


def panels(shown: Sequence[TrainingCurve], theme: Theme) -> Plot:
    """Loss and, where there is one, accuracy side by side."""
    writer, whats = SvgWriter(theme), measures(shown)
    for n, what in enumerate(whats):
        writer.insert(panel(shown, what, theme).writer, n * WIDTH, 0)
    names = ", ".join(curve.name for curve in shown)
    return Plot("curves", f"{' and '.join(whats)} by epoch: {names}", "", len(whats) * WIDTH, HEIGHT, writer)


def measures(shown: Sequence[TrainingCurve]) -> list[str]:
    """What there are curves of."""
    return ["loss", *(["accuracy"] if any(curve.accuracy for curve in shown) else [])]


def panel(shown: Sequence[TrainingCurve], what: str, theme: Theme) -> Plot:
    """``loss`` or ``accuracy`` by epoch: training solid, validation dashed, the test a diamond."""
    names = ", ".join(curve.name for curve in shown)
    return Plot("curves", f"{what} by epoch: {names}", "", WIDTH, HEIGHT, _Panel(shown, what, theme).writer)


class _Panel:
    def __init__(self, shown: Sequence[TrainingCurve], what: str, theme: Theme) -> None:
        self.what, self.theme, self.writer = what, theme, SvgWriter(theme)
        names = (what, f"validation_{what}")
        values: list[float] = [value for curve in shown for name in names for value in getattr(curve, name)]
        values += [tested for curve in shown if (tested := getattr(curve, f"test_{what}")) is not None]
        ticks = nice_ticks(min(values), max(values))
        self.low, self.high = min(ticks[0], *values), max(ticks[-1], *values)
        self.last = max(curve.epochs[-1] for curve in shown)
        self._axes(ticks)
        self._key(shown)
        for n, curve in enumerate(shown):
            self._line(curve, color_of(n, theme), MARKS[n % len(MARKS)])

    def x(self, epoch: float) -> float:
        return LEFT + 10 + (epoch - 1) / (max(self.last, 2) - 1) * (WIDTH - LEFT - RIGHT - 20)

    def y(self, value: float) -> float:
        return HEIGHT - BOTTOM - (value - self.low) / ((self.high - self.low) or 1) * (HEIGHT - TOP - BOTTOM)

    def _axes(self, ticks: Sequence[float]) -> None:
        faint = self.theme.faint
        self.writer.text(LEFT, 14, self.what, size=TEXT, bold=True, **{"class": "title"})
        for tick in ticks:
            y = self.y(tick)
            self.writer.line((LEFT, y), (WIDTH - RIGHT, y), stroke=self.theme.frame, stroke_width=0.8)
            text = f"{100 * tick:.6g} %" if self.what == "accuracy" else f"{tick:.6g}"
            self.writer.text(LEFT - 6, y + 4, text, size=TEXT, fill=faint, anchor="end")
        step = next(step for n in count() for step in (10**n, 2 * 10**n, 5 * 10**n) if 8 * step >= self.last)
        for epoch in sorted({1, *range(step, self.last + 1, step)}):
            y = HEIGHT - BOTTOM + 17
            self.writer.text(self.x(epoch), y, str(epoch), size=TEXT, fill=faint, anchor="middle")
        self.writer.text(
            (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 3, "epoch", size=TEXT, fill=faint, anchor="middle"
        )

    def _key(self, shown: Sequence[TrainingCurve]) -> None:
        """What the strokes mean, at the right over the lines."""
        words = ["training"]
        words += ["validation"] if any(curve.validation_loss for curve in shown) else []
        words += ["test"] if any(curve.test_accuracy is not None for curve in shown) else []
        x, faint = WIDTH - RIGHT, self.theme.faint
        for word in reversed(words):
            self.writer.text(x, 14, word, size=TEXT, fill=faint, anchor="end")
            x -= text_width(word, TEXT) + 28
            if word == "test":
                self.writer.path(f"M{number(x + 13)} 10{DIAMOND}", fill=faint)
            else:
                dashes = DASHES if word == "validation" else None
                self.writer.line((x, 10), (x + 20, 10), stroke=faint, stroke_width=2, stroke_dasharray=dashes)
            x -= 12

    def _line(self, curve: TrainingCurve, color: str, mark: str) -> None:
        for name, style in ((self.what, ""), (f"validation_{self.what}", "dashed")):
            values = getattr(curve, name)
            places = [(self.x(e), self.y(v)) for e, v in zip(curve.epochs, values, strict=bool(values))]
            if places:
                self.writer.polyline(
                    places, fill="none", stroke=color, stroke_width=2, stroke_linejoin="round",
                    stroke_dasharray=DASHES if style else None, **{"class": style},
                )  # fmt: skip
            if not style and len(places) <= MARKED:
                for place, epoch, value in zip(places, curve.epochs, values, strict=True):
                    self._mark(place, mark, color, f"{curve.name}, epoch {epoch}: {compact(value)}")
        tested = getattr(curve, f"test_{self.what}")
        if tested is not None:
            place = (self.x(curve.epochs[-1]), self.y(tested))
            self._mark(place, DIAMOND, color, f"{curve.name}, test: {compact(tested)}")

    def _mark(self, place: tuple[float, float], mark: str, color: str, about: str) -> None:
        edge = self.theme.page if mark == DIAMOND else None
        with self.writer.group("mark", title=about):
            self.writer.path(f"M{number(place[0])} {number(place[1])}{mark}", fill=color, stroke=edge)


def color_of(number: int, theme: Theme) -> str:
    """The colour of the curve so numbered, from 0."""
    return theme.tone(SERIES[number % len(SERIES)]).line


def nice_ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Round numbers from at most ``low`` to at least ``high``."""
    spread = (high - low) or abs(high) or 1.0
    rough = spread / (most - 1)
    power = 10.0 ** floor(log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)
    first, last = floor(low / step + 1e-9), ceil(high / step - 1e-9)
    return [round(n * step, 12) for n in range(first, max(last, first + 1) + 1)]


def _table(writer: SvgWriter, shown: Sequence[TrainingCurve], top: float, width: float) -> float:
    """Names with the strokes of their lines, figures below their titles; gives the width it needs."""
    rows = [cells(curve) for curve in shown]
    rows = [{**row, "network": shorten(row["network"], LONGEST, TEXT)} for row in rows]
    keys = columns_of(rows)
    rows = [{key: row.get(key, "") for key in keys} for row in rows]
    needs = [max(text_width(text, TEXT) for text in (key, *(row[key] for row in rows))) for key in keys]
    needs[0] += 28
    needed = sum(needs) + 16 * (len(keys) - 1)
    gap = 16 + max(0.0, width - needed) / max(len(keys) - 1, 1)
    x = -gap
    for key, need in zip(keys, needs, strict=True):
        x += gap + need
        for n, text in enumerate((key, *(row[key] for row in rows))):
            y = top + n * ROW + 14
            fill = writer.theme.ink if n else writer.theme.faint
            if key != "network":
                writer.text(x, y, text, size=TEXT, fill=fill, anchor="end")
            elif n:
                color = color_of(n - 1, writer.theme)
                writer.line((0, y - 4), (20, y - 4), stroke=color, stroke_width=2)
                writer.path(f"M10 {number(y - 4)}{MARKS[(n - 1) % len(MARKS)]}", fill=color)
                writer.text(28, y, text, size=TEXT, fill=fill)
    return needed
