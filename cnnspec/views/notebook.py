"""What a notebook shows of a network and of a training."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final

from cnnspec.diagnostics import LayerError
from cnnspec.views.documents import html
from cnnspec.views.pictures.planning import EVERYTHING, handier, plan_of

if TYPE_CHECKING:
    from cnnspec.network.graph import Network
    from cnnspec.views.pictures.planning import Choices
    from cnnspec.views.results import Curve

MOST_CARDS: Final = 60
"""Cards of a graph that is shown unasked; blocks are drawn as one card each where there would be more."""


def handy(network: Network | None) -> Choices:
    """Everything, or where that is too much for a page, blocks as one card each."""
    if network is None or len(plan_of(network, EVERYTHING).cards) <= MOST_CARDS:
        return EVERYTHING
    return handier(network, EVERYTHING, MOST_CARDS) or EVERYTHING


def graph(shown: Network) -> str | None:
    """The graph as SVG; None where no Graphviz is there, or the graph is too large to look at."""
    from cnnspec.views.pictures.draw import Look, render
    from cnnspec.views.pictures.engines import NoEngine

    try:
        return render(shown, Look(choices=handy(shown)))
    except (NoEngine, LayerError):
        return None


def network(shown: Network) -> str:
    """The graph, on a ground of its own; the table where it cannot be drawn."""
    drawn = graph(shown)
    if drawn is None:
        return html.render(shown)
    return f'<div style="background: #fff; overflow-x: auto">{drawn[drawn.index("<svg") :]}</div>'


def curves(curve: Curve) -> str | None:
    """Loss and accuracy by epoch as SVG; None before there is an epoch."""
    from cnnspec.views.documents.report.lines import document

    return document([curve]) if curve.epochs else None


def history(curve: Curve, ending: str) -> str:
    """How the training ended, its curves, its epochs."""
    if not curve.epochs:
        return f"<p>no finished epoch ({escape(ending)})</p>"
    from cnnspec.views.terminal.learned import cells

    row = {key: text for key, text in cells(curve).items() if text and key not in ("network", "epochs")}
    told = ", ".join(f"{key} {text}" for key, text in row.items())
    count = f"{len(curve.epochs)} epoch{'s' * (len(curve.epochs) > 1)}"
    return f"<div><p>{count}, {escape(ending)}: {escape(told)}</p>{curves(curve)}</div>"
