"""Pictures of a network: ``render`` gives SVG, ``picture`` any format.

Two styles: ``graph`` (cards and edges) and ``volumes`` (feature maps as boxes to scale).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from cnnspec.diagnostics import Diagnostic
from cnnspec.network.graph import Network
from cnnspec.views.pictures.dot import write
from cnnspec.views.pictures.drawing import Arrangement
from cnnspec.views.pictures.fitting import Subject, check_size, fit
from cnnspec.views.pictures.formats import OUTLINES, drawio, mermaid, tikz
from cnnspec.views.pictures.look import Look
from cnnspec.views.pictures.palette import THEMES
from cnnspec.views.pictures.sizes import fitted
from cnnspec.views.pictures.svg import convert

PLAIN: Final = Look()


def render(network: Network, look: Look = PLAIN) -> str:
    """The network as an SVG document."""
    return picture(network, "svg", look).decode()


def picture(
    network: Network | None,
    format: str = "svg",
    look: Look = PLAIN,
    *,
    diagnostics: Iterable[Diagnostic] = (),
    name: str = "network",
) -> bytes:
    """The picture in one of FORMATS.

    ``diagnostics`` of a spec with errors are drawn where they belong; then ``network``
    may be partial, or None. Raises NoConverter where a tool is missing, and LayerError where
    the picture would be too large to look at, or ``look.size`` too small for any.
    """
    subject = Subject(network, tuple(diagnostics), name)
    if format in OUTLINES:
        return outline(subject, format, look)
    return saved(fit(subject, look).drawn(), format, look)


def saved(svg: str, format: str, look: Look) -> bytes:
    """A drawing in a format that shows it as it is: ``svg``, ``png``, ``pdf`` or ``tex``."""
    if format == "tex":
        return tikz.write(svg, THEMES[look.theme]).encode(errors="replace")
    return convert(fitted(svg, look.size) if look.size and look.is_scaled else svg, format, look.scale)


def outline(subject: Subject, format: str, look: Look) -> bytes:
    """All cards and edges in one of OUTLINES."""
    theme, plan = THEMES[look.theme], subject.plan(look, look.choices)
    if format == "drawio":
        check_size(len(plan.cards), "cards")
        laid = Arrangement(plan, across=look.direction == "LR").drawing(look.columns)
        return drawio.write(plan, laid.cards, theme=theme).encode(errors="replace")
    text = {"dot": write, "mmd": mermaid.write}[format](plan, direction=look.direction, theme=theme)
    return text.encode(errors="replace")
