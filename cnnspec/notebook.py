"""What a notebook shows: pictures of networks, tables of analyses, curves of trainings."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from cnnspec.diagnostics import LayerError
from cnnspec.views.documents import html

if TYPE_CHECKING:
    from cnnspec.network.graph import Network
    from cnnspec.training.history import History


def network_svg(network: Network) -> str | None:
    """The graph as SVG; None where it is too large to look at."""
    from cnnspec.views.pictures.draw import render
    from cnnspec.views.pictures.look import Look
    from cnnspec.views.pictures.sizes import SIZES

    try:
        return render(network, Look(size=SIZES["slide"]))
    except LayerError:
        return None


def network_html(network: Network) -> str:
    """The graph, on a ground of its own; the table where it cannot be drawn."""
    drawn = network_svg(network)
    if drawn is None:
        return html.render(network)
    return f'<div style="background: #fff; overflow-x: auto">{drawn[drawn.index("<svg") :]}</div>'


def history_svg(history: History) -> str | None:
    """Loss and accuracy by epoch; None before there is an epoch."""
    from cnnspec.training.inspection import curve_of
    from cnnspec.views.pictures.palette import LIGHT
    from cnnspec.views.results.curves import panels

    return panels([curve_of(history.rows, "training")], LIGHT).drawing() if history.rows else None


def history_html(history: History) -> str:
    """How the training ended, and its curves."""
    from cnnspec.training.inspection import curve_of
    from cnnspec.views.terminal.results import cells

    if not history.rows:
        return f"<p>no finished epoch ({escape(history.ending)})</p>"
    row = cells(curve_of(history.rows, "training"))
    figures = [f"{key} {text}" for key, text in row.items() if text and key not in ("network", "epochs")]
    count = f"{len(history.rows)} epoch{'s' * (len(history.rows) > 1)}"
    words = f"{count}, {escape(history.ending)}: {escape(', '.join(figures))}"
    return f"<div><p>{words}</p>{history_svg(history)}</div>"
