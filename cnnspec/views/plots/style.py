"""How plots look, in one place: the colours of the pictures, one typeface, no lines without a meaning."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from cnnspec.diagnostics import LayerError
from cnnspec.layers.base import Family
from cnnspec.views.pictures.palette import THEMES, Theme, mix

if TYPE_CHECKING:
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

FORMATS: Final = ("png", "svg", "pdf")
DOTS: Final = 200
"""Dots an inch, of a PNG."""
FONTS: Final = ("Helvetica Neue", "Helvetica", "Arial", "Liberation Sans", "DejaVu Sans")
SERIES: Final = (
    Family.CONV, Family.POOL, Family.NORM, Family.DENSE, Family.MERGE, Family.ACTIVATION, Family.RESAMPLE,
)  # fmt: skip
"""Whose colours lines take, in this order."""
TITLE, TEXT, SMALL = 11.0, 8.5, 7.0


def check_matplotlib() -> None:
    """Raises LayerError where matplotlib is missing."""
    if find_spec("matplotlib") is None:
        raise LayerError(
            "no-plotting",
            "this picture is drawn with matplotlib, which is not installed",
            help=("pip install 'cnnspec[plot]'", "without -o the same is printed as a table"),
        )


@dataclass(frozen=True, slots=True)
class Ink:
    """The colours of one plot."""

    theme: Theme

    def line(self, number: int) -> str:
        """The colour of a series, counted from 0."""
        return self.theme.tone(SERIES[number % len(SERIES)]).line

    @property
    def ramp(self) -> Colormap:
        """From the page to full ink: what is 0 is not there."""
        return self._map(self.theme.page, self.theme.ink)

    @property
    def blues(self) -> Colormap:
        return self._map(self.theme.page, self.line(0))

    @property
    def reds(self) -> Colormap:
        return self._map(self.theme.page, self.theme.fault.line)

    @property
    def signed(self) -> Colormap:
        """Orange below 0, the page at 0, blue above."""
        dark = mix(self.line(0), self.theme.ink, 0.35)
        return self._map(
            mix(self.line(1), self.theme.ink, 0.25), self.line(1), self.theme.page, self.line(0), dark
        )

    def _map(self, *colors: str) -> Colormap:
        from matplotlib.colors import LinearSegmentedColormap

        return LinearSegmentedColormap.from_list("cnnspec", colors)


def render(draw: Callable[[Ink], Figure], format: str = "svg", theme: str = "light") -> bytes:
    """What ``draw`` makes, as one of FORMATS; the same drawing gives the same bytes.

    Raises LayerError where matplotlib is missing.
    """
    check_matplotlib()
    ink = Ink(THEMES[theme])
    with _styled(ink.theme):
        figure = draw(ink)
        page = io.BytesIO()
        when: dict[str, Any] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(format, {})
        figure.savefig(page, format=format, dpi=DOTS, metadata=when)
    return page.getvalue()


@contextmanager
def _styled(theme: Theme) -> Iterator[None]:
    import matplotlib

    fonts = logging.getLogger("matplotlib.font_manager")
    before = fonts.level
    fonts.setLevel(logging.ERROR)
    try:
        with matplotlib.rc_context(_settings(theme)):
            yield
    finally:
        fonts.setLevel(before)


def _settings(theme: Theme) -> Any:
    """Of matplotlib; a class named ``$a$`` stays text."""
    return {
        "font.family": "sans-serif", "font.sans-serif": list(FONTS), "font.size": TEXT,
        "figure.facecolor": theme.page, "savefig.facecolor": theme.page, "axes.facecolor": theme.page,
        "text.color": theme.ink, "axes.labelcolor": theme.faint, "axes.titlecolor": theme.ink,
        "axes.edgecolor": theme.frame, "xtick.color": theme.frame, "ytick.color": theme.frame,
        "xtick.labelcolor": theme.faint, "ytick.labelcolor": theme.faint,
        "axes.spines.top": False, "axes.spines.right": False, "axes.spines.left": False,
        "axes.grid": True, "axes.grid.axis": "y", "grid.color": theme.frame, "grid.linewidth": 0.5,
        "axes.axisbelow": True, "xtick.major.size": 3, "ytick.major.size": 0,
        "lines.linewidth": 1.8, "lines.solid_capstyle": "round", "lines.markersize": 4.5,
        "legend.frameon": False, "svg.fonttype": "none", "svg.hashsalt": "cnnspec", "pdf.fonttype": 42,
        "text.parse_math": False,
    }  # fmt: skip
