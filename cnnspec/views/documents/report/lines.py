"""Training curves as a small SVG whose colours are the page's."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from math import ceil, floor, log10
from typing import Final

from cnnspec.layers.base import Family
from cnnspec.views.pictures.palette import DARK, LIGHT
from cnnspec.views.results import Curve
from cnnspec.views.terminal.paint import compact

WIDTH, HEIGHT = 380.0, 230.0
LEFT, RIGHT, TOP, BOTTOM = 52.0, 16.0, 30.0, 34.0
SERIES: Final = (Family.CONV, Family.POOL, Family.NORM, Family.DENSE, Family.MERGE, Family.ACTIVATION)
MARKED: Final = 30
"""Epochs up to which each is marked by a dot."""

STYLE: Final = """\
.curves text { font: 11px system-ui, sans-serif; fill: var(--faint, #5f6b7c) }
.curves .title { font-weight: 600; fill: var(--ink, #1d2430) }
.curves .grid { stroke: var(--frame, #c9d0da); stroke-width: 1; stroke-opacity: .6 }
.curves polyline { fill: none; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round }
.curves .dashed { stroke-dasharray: 5 4 }
"""


def series(number: int, dark: bool = False) -> str:
    """The colour of the curve so numbered."""
    return (DARK if dark else LIGHT).tone(SERIES[number % len(SERIES)]).line


def variables(dark: bool = False) -> str:
    """The colours of curves as variables of a page."""
    return ";".join(f"--s{n}:{series(n, dark)}" for n in range(len(SERIES)))


def panels(shown: Sequence[Curve]) -> str:
    """Loss and accuracy, each an SVG that takes its colours from the page around it."""
    return panel(shown, "loss") + panel(shown, "accuracy")


def document(shown: Sequence[Curve]) -> str:
    """Both panels as one SVG that stands by itself, for light and dark surroundings."""
    first, second = _body(shown, "loss"), _body(shown, "accuracy")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="curves" width="{2 * WIDTH:.0f}" '
        f'height="{HEIGHT:.0f}" viewBox="0 0 {2 * WIDTH:.0f} {HEIGHT:.0f}">'
        f"<style>{STYLE}.curves {{ {variables()} }}</style>"
        f'<g>{first}</g><g transform="translate({WIDTH:.0f} 0)">{second}</g></svg>'
    )


def panel(shown: Sequence[Curve], what: str) -> str:
    """One figure by epoch; solid for training, dashed for validation, a diamond for the test."""
    names = ", ".join(curve.name for curve in shown)
    return (
        f'<svg class="curves" role="img" aria-label="{what} by epoch: {escape(names)}" '
        f'viewBox="0 0 {WIDTH:.0f} {HEIGHT:.0f}">{_body(shown, what)}</svg>'
    )


def _body(shown: Sequence[Curve], what: str) -> str:
    values = [value for curve in shown for value in _values(curve, what)]
    ticks = nice(min(values), max(values))
    last = max(curve.epochs[-1] for curve in shown)
    frame = Frame(min(ticks[0], *values), max(ticks[-1], *values), 1, max(last, 2))
    parts = [f'<text class="title" x="{LEFT:.0f}" y="14">{what}</text>']
    for tick in ticks:
        y = frame.y(tick)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        label = f"{100 * tick:.6g} %" if what == "accuracy" else f"{tick:.6g}"
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{label}</text>')
    below = f'y="{HEIGHT - BOTTOM + 18}" text-anchor="middle"'
    parts += [f'<text x="{frame.x(epoch):.1f}" {below}>{epoch}</text>' for epoch in _epochs(last)]
    parts.append(f'<text x="{WIDTH - RIGHT}" y="{HEIGHT - 2}" text-anchor="end">epoch</text>')
    parts += [_line(curve, what, frame, f"var(--s{n % len(SERIES)})") for n, curve in enumerate(shown)]
    return "".join(parts)


class Frame:
    """Where a value lies on the panel."""

    def __init__(self, low: float, high: float, first: int, last: int) -> None:
        self.low, self.high, self.first, self.last = low, high, first, last

    def x(self, epoch: float) -> float:
        share = (epoch - self.first) / (self.last - self.first)
        return LEFT + 10 + share * (WIDTH - LEFT - RIGHT - 20)

    def y(self, value: float) -> float:
        share = (value - self.low) / ((self.high - self.low) or 1)
        return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)


def _values(curve: Curve, what: str) -> list[float]:
    tested = getattr(curve, f"test_{what}")
    trained, checked = getattr(curve, what), getattr(curve, f"validation_{what}")
    return [*trained, *checked, *([] if tested is None else [tested])]


def _line(curve: Curve, what: str, frame: Frame, color: str) -> str:
    parts = []
    for name, style in ((what, ""), (f"validation_{what}", "dashed")):
        values = getattr(curve, name)
        places = [(frame.x(e), frame.y(v)) for e, v in zip(curve.epochs, values, strict=bool(values))]
        if places:
            points = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
            parts.append(f'<polyline class="{style}" points="{points}" style="stroke:{color}"/>')
        if not style and len(places) <= MARKED:
            parts += [
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" style="fill:{color}">'
                f"<title>{escape(curve.name)}, epoch {epoch}: {compact(value)}</title></circle>"
                for (x, y), epoch, value in zip(places, curve.epochs, values, strict=True)
            ]
    tested = getattr(curve, f"test_{what}")
    if tested is not None:
        x, y = frame.x(curve.epochs[-1]), frame.y(tested)
        parts.append(
            f'<path d="M{x:.1f} {y - 5.5:.1f}l5.5 5.5-5.5 5.5-5.5-5.5z" style="fill:{color}">'
            f"<title>{escape(curve.name)}, test: {compact(tested)}</title></path>"
        )
    return "".join(parts)


def nice(low: float, high: float, most: int = 6) -> list[float]:
    """Round numbers from at most ``low`` to at least ``high``."""
    spread = (high - low) or abs(high) or 1.0
    rough = spread / (most - 1)
    power = 10.0 ** floor(log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)
    first, last = floor(low / step + 1e-9), ceil(high / step - 1e-9)
    return [round(n * step, 12) for n in range(first, max(last, first + 1) + 1)]


def _epochs(last: int) -> list[int]:
    step = max(1, ceil(last / 8))
    return list(range(1, last + 1, step))
