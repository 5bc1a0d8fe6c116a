"""Pictures of a network: ``render`` gives SVG, ``picture`` any format.

Two styles: ``graph`` (cards and edges, laid out by Graphviz) and ``volumes``
(feature maps as boxes to scale, drawn without Graphviz).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from cnnspec.diagnostics import Diagnostic, LayerError
from cnnspec.network.graph import Network
from cnnspec.views.pictures import dot, engines
from cnnspec.views.pictures.convert import can_convert, convert
from cnnspec.views.pictures.faults import plan_with_faults
from cnnspec.views.pictures.graph import draw
from cnnspec.views.pictures.palette import THEMES
from cnnspec.views.pictures.plan import Plan
from cnnspec.views.pictures.planning import EVERYTHING, Choices

FORMATS: Final = ("svg", "png", "pdf", "dot")
STYLES: Final = ("graph", "volumes")
MOST: Final = 3000
"""Cards or solids of one picture."""


@dataclass(frozen=True, slots=True)
class Look:
    """How a picture looks. ``direction`` (TB, LR), ``columns`` and ``engine`` are the graph's."""

    style: str = "graph"
    theme: str = "light"
    direction: str = "TB"
    columns: int | None = None
    engine: str | None = None
    scale: float = 2.0
    """Dots a pixel, of a PNG."""
    choices: Choices = EVERYTHING


PLAIN: Final = Look()


def render(network: Network, look: Look = PLAIN) -> str:
    """The network as an SVG document. Raises NoEngine where a graph needs a Graphviz that is not there."""
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
    may be partial, or None. Raises NoEngine and NoConverter where a tool is missing, and
    Misfit where the picture would be too large to look at.
    """
    if look.style == "volumes":
        return _volumes(network, format, look, tuple(diagnostics), name)
    plan = plan_with_faults(name, network, diagnostics, look.choices)
    return _graph(plan, format, look)


def graph_as_dot(plan: Plan, look: Look = PLAIN) -> str:
    """A plan as DOT text, in the look's direction and colours."""
    return dot.write(plan, direction=look.direction, theme=THEMES[look.theme])


def _graph(plan: Plan, format: str, look: Look) -> bytes:
    if format == "dot":
        return graph_as_dot(plan, look).encode(errors="replace")
    check_size(len(plan.cards), "cards")
    engine = engines.choose(look.engine)
    if format != "svg" and not can_convert():
        return engines.run(graph_as_dot(plan, look), format, engine)
    svg = draw(plan, engine=engine, direction=look.direction, theme=THEMES[look.theme], columns=look.columns)
    return svg.encode(errors="replace") if format == "svg" else convert(svg, format, look.scale)


def check_size(count: int, things: str) -> None:
    """Refuses a picture that nobody could look at and no engine lay out in a minute."""
    if count > MOST:
        raise LayerError(
            "picture-too-large",
            f"this picture would have {count:,} {things}; {MOST:,} can be drawn",
            help=("fold repeats (--fold), or draw blocks as one thing each (--depth 0)",),
        )


def _volumes(
    network: Network | None, format: str, look: Look, diagnostics: tuple[Diagnostic, ...], name: str
) -> bytes:
    from cnnspec.views.pictures.volumes.sheet import draw_volumes
    from cnnspec.views.pictures.volumes.solids import solids_of

    if network is not None:
        check_size(len(solids_of(network, look.choices)), "solids")
    svg = draw_volumes(
        network, theme=THEMES[look.theme], choices=look.choices, diagnostics=diagnostics, name=name
    )
    return svg.encode(errors="replace") if format == "svg" else convert(svg, format, look.scale)
