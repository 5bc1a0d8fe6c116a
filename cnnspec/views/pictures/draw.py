"""Pictures of a network: ``render`` gives SVG, ``picture`` any format.

Two styles: ``graph`` (cards and edges) and ``volumes`` (feature maps as boxes to scale).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from cnnspec.analysis.compare import Comparison, compare
from cnnspec.analysis.report import analyze
from cnnspec.diagnostics import Diagnostic, LayerError, Severity
from cnnspec.layers.base import Family
from cnnspec.network.graph import Network, Node
from cnnspec.views.pictures.changes import with_changes
from cnnspec.views.pictures.dot import write
from cnnspec.views.pictures.drawing import Arrangement
from cnnspec.views.pictures.font import wrap
from cnnspec.views.pictures.formats import drawio, mermaid, tikz
from cnnspec.views.pictures.graph import draw
from cnnspec.views.pictures.palette import THEMES
from cnnspec.views.pictures.plan import TEXT, Card, CardRow, Cluster, Link, Plan
from cnnspec.views.pictures.planning import EVERYTHING, Choices, Planner
from cnnspec.views.pictures.svg import convert
from cnnspec.views.pictures.volumes.scene import Maps
from cnnspec.views.terminal.snippets import sentence_at

FORMATS: Final = ("svg", "png", "pdf", "tex", "dot", "mmd", "drawio")
STYLES: Final = ("graph", "volumes")
MOST: Final = 3000
"""Cards or solids of one picture."""
MESSAGE_WIDTH: Final = 250.0
MOST_FAULTS: Final = 12
"""Faults drawn; the terminal lists them all."""


@dataclass(frozen=True, slots=True)
class Look:
    """How a picture looks. ``direction`` (TB, LR) and ``columns`` are the graph's."""

    style: str = "graph"
    theme: str = "light"
    direction: str = "TB"
    columns: int | None = None
    scale: float = 2.0
    """Resolution of a PNG, in dots per pixel."""
    choices: Choices = EVERYTHING
    titled: bool = True
    """Whether the name and what the network costs stand above."""
    maps: Maps | None = None
    """Feature maps to show on volumes, of what ``shown`` names."""
    shown: str = ""
    since: Network | None = None
    """An older network: the picture shows what changed since."""


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
    the picture would be too large to look at.
    """
    if look.style == "volumes":
        return _volumes(network, format, look, tuple(diagnostics), name)
    theme = THEMES[look.theme]
    plan = plan_with_faults(name, network, diagnostics, look.choices, _compared(look, network))
    if format in ("dot", "mmd"):
        text = {"dot": write, "mmd": mermaid.write}[format](plan, direction=look.direction, theme=theme)
        return text.encode(errors="replace")
    check_size(len(plan.cards), "cards")
    laid = Arrangement(plan, across=look.direction == "LR").drawing(look.columns)
    if format == "drawio":
        return drawio.write(plan, laid.cards, theme=theme).encode(errors="replace")
    return _saved(draw(plan, laid, theme, look.titled), format, look)


def _compared(look: Look, network: Network | None) -> Comparison | None:
    return compare(analyze(look.since), analyze(network)) if look.since and network else None


def _saved(svg: str, format: str, look: Look) -> bytes:
    """A drawing in a format that shows it as it is: ``svg``, ``png``, ``pdf`` or ``tex``."""
    if format == "tex":
        return tikz.write(svg, THEMES[look.theme]).encode(errors="replace")
    return convert(svg, format, look.scale)


def check_size(count: int, things: str) -> None:
    """Refuses a picture that nobody could look at."""
    if count > MOST:
        raise LayerError(
            "picture-too-large",
            f"this picture would have {count:,} {things}; {MOST:,} can be drawn",
            help=("fold repeats (--fold), or draw blocks as one thing each (--depth 0)",),
        )


def _volumes(
    network: Network | None, format: str, look: Look, diagnostics: tuple[Diagnostic, ...], name: str
) -> bytes:
    from cnnspec.views.pictures.volumes.picture import draw_volumes
    from cnnspec.views.pictures.volumes.solids import solids_of

    if network is not None:
        check_size(len(solids_of(network, look.choices)), "solids")
    svg = draw_volumes(
        network, theme=THEMES[look.theme], choices=look.choices, diagnostics=diagnostics, name=name,
        titled=look.titled, maps=look.maps, shown=look.shown, comparison=_compared(look, network),
    )  # fmt: skip
    return _saved(svg, format, look)


def plan_with_faults(
    name: str, network: Network | None, diagnostics: Iterable[Diagnostic], choices: Choices = EVERYTHING,
    comparison: Comparison | None = None,
) -> Plan:  # fmt: skip
    """The plan of what is known; every error stands, dashed, after the last layer known before it."""
    errors = [item for item in diagnostics if item.severity is Severity.ERROR]
    if network is None:
        return _mark(Plan(name, "", (), (), Cluster("root", "")), errors, None)
    planner = Planner(network, choices)
    plan = planner.plan()
    plan = plan if plan.title else replace(plan, title=name)
    plan = with_changes(plan, planner, comparison) if comparison else plan
    return _mark(plan, errors, planner) if errors else plan


def _mark(plan: Plan, errors: Sequence[Diagnostic], planner: Planner | None) -> Plan:
    cards, links = list(plan.cards), list(plan.links)
    for number, error in enumerate(errors[:MOST_FAULTS]):
        card = _card(f"fault{number}", error)
        cards.append(card)
        plan.root.cards.append(card.key)
        if planner is not None:
            before = last_before(planner.network, error)
            links.append(Link(planner.card_of(before), card.key))
    count = f"{len(errors)} error{'s' * (len(errors) > 1)}"
    subtitle = f"{count} · {plan.subtitle} so far" if plan.subtitle else count
    return replace(plan, cards=tuple(cards), links=tuple(links), subtitle=subtitle)


def last_before(network: Network, error: Diagnostic) -> Node:
    """The last layer known before the place of an error."""
    span = error.span
    if span is None:
        return network.nodes[-1]
    known = [
        node
        for node in network.nodes
        if node.span and node.span.source is span.source and node.span.start < span.start
    ]
    return known[-1] if known else network.nodes[0]


def _card(key: str, error: Diagnostic) -> Card:
    text = sentence_at(error.span) if error.span else error.code
    place = f"line {error.span.line}: {error.code}" if error.span else error.code
    message = wrap(error.message, MESSAGE_WIDTH, TEXT)
    for hint in error.help[:1]:
        message += wrap(f"→ {hint}", MESSAGE_WIDTH, TEXT)
    return Card(key, (CardRow(text, place, "", "", Family.INPUT),), "fault", tuple(message))
