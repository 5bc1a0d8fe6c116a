"""A sweep as parallel coordinates: an axis a setting, the last one the figure; a line a trial."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import count, pairwise
from math import floor, log10
from typing import Final, NamedTuple

from cnnspec.layers.base import Family
from cnnspec.views.pictures.font import shorten, text_width
from cnnspec.views.pictures.palette import Theme, mix
from cnnspec.views.pictures.svg import SvgWriter
from cnnspec.views.results import Sweep, SweptTrial
from cnnspec.views.results.curves import nice_ticks
from cnnspec.views.results.plot import TEXT, Plot

HEIGHT, TOP, BOTTOM = 280.0, 34.0, 14.0
APART: Final = 150.0
"""Pixels between two axes, at least."""
LONGEST: Final = 150.0
"""Pixels of a value's text."""
TICKS: Final = 6
DECADES: Final = 10.0
"""A list of numbers whose greatest is as many times its least stands on a logarithmic axis."""
NUMBER: Final = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?")


class CoordinateAxis(NamedTuple):
    """Where values stand: the share of the way up (0 to 1) of one, and what is written beside the axis."""

    title: str
    place: Callable[[SweptTrial], float]
    ticks: tuple[tuple[float, str], ...]

    @property
    def width(self) -> float:
        """Of what is written at the left of it."""
        return max(text_width(text, TEXT) for _, text in self.ticks) + 12


def parallel(shown: Sweep, theme: Theme) -> Plot:
    """The trials that have a figure; the best one stands out, the worse ones are the fainter."""
    trials = [one for one in shown.trials if one.figure is not None]
    axes = [*(_axis_of(setting, trials) for setting in shown.settings), _figure_axis(shown, trials)]
    writer, places = SvgWriter(theme), _places(axes)
    best, worst = theme.tone(Family.CONV).line, theme.frame
    for x in places:
        writer.line((x, _y(1)), (x, _y(0)), stroke=theme.edge, stroke_width=1.2)
    for rank, one in reversed(list(enumerate(trials))):
        points = [(x, _y(axis.place(one))) for x, axis in zip(places, axes, strict=True)]
        colour = mix(best, worst, rank / max(1, len(trials) - 1) * 0.75)
        _line(writer, points, one, theme.tone(Family.POOL).line if rank == 0 else colour, rank == 0)
    for x, axis in zip(places, axes, strict=True):
        _write_axis(writer, x, axis, axis is axes[-1])
    missing = len(shown.trials) - len(trials)
    note = f"{len(trials)} trials; the best: {trials[0].name}, {shown.figure} {trials[0].told}"
    note += f"; {missing} without a figure {'are' if missing > 1 else 'is'} left out" if missing else ""
    width = places[-1] + max(text_width(axes[-1].title, TEXT, bold=True) / 2, axes[-1].width)
    return Plot("sweep", f"Sweep of {shown.name}", note, width, HEIGHT, writer)


def _places(axes: Sequence[CoordinateAxis]) -> list[float]:
    """The x of each axis: what is written beside it has room."""
    places = [max(axes[0].width, text_width(axes[0].title, TEXT, bold=True) / 2)]
    for before, axis in pairwise(axes):
        titles = (
            text_width(before.title, TEXT, bold=True) + text_width(axis.title, TEXT, bold=True)
        ) / 2 + 16
        places.append(places[-1] + max(APART, axis.width * (axis is not axes[-1]) + 60, titles))
    return places


def _y(share: float) -> float:
    return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)


def _line(
    writer: SvgWriter, points: Sequence[tuple[float, float]], one: SweptTrial, colour: str, is_best: bool
) -> None:
    values = ", ".join(f"{name} {value}" for name, value in one.values.items())
    with writer.group("trial", title=f"{one.name}: {values}: {one.told}"):
        writer.polyline(
            points, fill="none", stroke=colour, stroke_width=3 if is_best else 1.6, stroke_linejoin="round"
        )
        for x, y in points:
            radius = 4 if is_best else 2.6
            writer.add("circle", None, cx=x, cy=y, r=radius, fill=colour)


def _write_axis(writer: SvgWriter, x: float, axis: CoordinateAxis, is_last: bool) -> None:
    """What stands over and beside an axis: at its left, of the last one at its right."""
    theme, side = writer.theme, 1 if is_last else -1
    writer.text(x, 14, axis.title, size=TEXT, bold=True, anchor="middle", **{"class": "title"})
    for share, text in axis.ticks:
        y, need = _y(share), text_width(text, TEXT) + 2
        writer.line((x + 4 * side, y), (x, y), stroke=theme.edge, stroke_width=1.2)
        writer.rect(x + 7 if is_last else x - 7 - need, y - 8, need, 15, fill=theme.page, opacity=0.8)
        writer.text(x + 7 * side, y + 4, text, size=TEXT, anchor="start" if is_last else "end")


def _axis_of(setting: str, trials: Sequence[SweptTrial]) -> CoordinateAxis:
    """Of a setting: numbers to scale, by logarithm where they span powers of ten; words in their order."""
    texts = list(dict.fromkeys(one.values.get(setting, "") for one in trials))
    if all(map(NUMBER.fullmatch, texts)):
        return _scale(setting, texts, lambda one: float(one.values[setting]))
    places = {text: (n + 0.5) / len(texts) for n, text in enumerate(reversed(texts))}
    ticks = tuple((place, shorten(text, LONGEST, TEXT)) for text, place in places.items())
    return CoordinateAxis(setting, lambda one: places[one.values.get(setting, "")], ticks)


def _scale(title: str, texts: Sequence[str], value: Callable[[SweptTrial], float]) -> CoordinateAxis:
    numbers = sorted(set(map(float, texts)))
    by_logarithm = numbers[0] > 0 and numbers[-1] >= DECADES * numbers[0]
    turned: Callable[[float], float] = log10 if by_logarithm else float
    low, high = turned(numbers[0]), turned(numbers[-1])

    def share(number: float) -> float:
        return 0.5 if high == low else (turned(number) - low) / (high - low)

    if len(numbers) <= TICKS:
        marks = {float(text): text for text in texts}
    else:
        marks = {tick: f"{tick:g}" for tick in _round(numbers[0], numbers[-1], by_logarithm)}
    return CoordinateAxis(
        title, lambda one: share(value(one)), tuple((share(mark), text) for mark, text in marks.items())
    )


def _round(low: float, high: float, by_logarithm: bool) -> list[float]:
    """Round numbers between two ends, which are numbers of the axis themselves."""
    if not by_logarithm:
        return [tick for tick in nice_ticks(low, high, TICKS) if low <= tick <= high]
    powers = (10.0**n for n in count(floor(log10(low))))
    found = []
    for power in powers:
        if power > high:
            break
        found += [
            power * step for step in ((1, 2, 5) if high / low < 1000 else (1,)) if low <= power * step <= high
        ]
    return found


def _figure_axis(shown: Sweep, trials: Sequence[SweptTrial]) -> CoordinateAxis:
    """Of the figure: the better end is up."""
    values = [one.figure for one in trials if one.figure is not None]
    ticks = nice_ticks(min(values), max(values), TICKS)
    low, high = ticks[0], ticks[-1]

    def share(value: float) -> float:
        up = (value - low) / (high - low)
        return 1 - up if shown.lower_is_better else up

    texts = [f"{100 * tick:.6g} %" if shown.as_percents else f"{tick:.6g}" for tick in ticks]
    marks = tuple((share(tick), text) for tick, text in zip(ticks, texts, strict=True))
    return CoordinateAxis(shown.figure, lambda one: share(one.figure or 0.0), marks)
