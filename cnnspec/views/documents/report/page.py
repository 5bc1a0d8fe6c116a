"""The whole report: one HTML file that needs nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from html import escape
from typing import TYPE_CHECKING

from cnnspec.analysis.several import side_by_side
from cnnspec.diagnostics import Diagnostic, LayerError
from cnnspec.resources import VERSION
from cnnspec.views import several
from cnnspec.views.documents import html
from cnnspec.views.documents.report import sections
from cnnspec.views.documents.report.sections import explanations
from cnnspec.views.documents.report.style import Colors, sheet
from cnnspec.views.pictures.draw import picture
from cnnspec.views.pictures.look import Look
from cnnspec.views.pictures.sizes import SIZES
from cnnspec.views.terminal.outline import repeated

if TYPE_CHECKING:
    from cnnspec.analysis.report import Analysis
    from cnnspec.document import Document
    from cnnspec.network.graph import Network
    from cnnspec.views.documents.report.learned import Learned

MOST_EXPLAINED, MOST_PRINTED = 1000, 40
"""Layers whose workings are written out, and are printed unless asked otherwise; equal repeats count once."""


def render(
    document: Document, *, batch: int = 1, learned: Learned | None = None, workings: bool = True
) -> str:
    """The page; bytes are for ``batch`` samples. A spec with errors gets its messages, and what is known."""
    colors, analysis = Colors(), document.analyze(batch=batch)
    diagnostics = tuple(dict.fromkeys((*document.diagnostics, *(analysis.findings if analysis else ()))))
    parts = {
        "Messages": sections.messages(diagnostics),
        "Picture": _pictures(document.network, document.title, diagnostics, colors),
        **(_known(analysis) if analysis else {}),
        "What it learned": _learned(learned, colors) if learned else "",
        "Workings": _explained(analysis) if analysis and workings else "",
        "The spec": _changes(learned) + f"<pre>{escape(document.source.text.strip())}</pre>",
    }
    standing = _standing(document, analysis, learned)
    return _page(document.title, standing, parts, _footer(analysis), colors)


def render_several(networks: Sequence[tuple[str, Network]], *, batch: int = 1) -> str:
    """One page about several networks with their names: side by side, then each by itself."""
    colors, found = Colors(), side_by_side(networks, batch=batch)
    parts = {"Side by side": several.as_html(found)}
    for n, one in enumerate(found.contenders):
        pictures = _pictures(one.analysis.network, one.name, (), colors, f"{n}-")
        parts[one.name] = sections.figures(one.analysis, None) + pictures + _layers(one.analysis)
    return _page(" · ".join(list(parts)[1:]), "", parts, _footer(found.contenders[0].analysis), colors)


def _page(title: str, standing: str, parts: Mapping[str, str], footer: str, colors: Colors) -> str:
    """The whole page of its parts by their titles; those that are empty are left out."""
    shown = {escape(name): body for name, body in parts.items() if body}
    body = "\n".join(
        f'<section id="{_anchor(name)}">\n<h2>{name}</h2>\n{text}\n</section>' for name, text in shown.items()
    )
    links = "".join(f'<a href="#{_anchor(name)}">{name}</a>' for name in shown)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{sheet(colors)}</style>\n</head>\n<body>\n"
        f"<header><h1>{escape(title)}</h1>{standing}<nav>{links}</nav></header>\n"
        f"<main>\n{body}\n</main>\n<footer>{footer}</footer>\n</body>\n</html>\n"
    )


def _anchor(title: str) -> str:
    return title.lower().replace(" ", "-")


def _standing(document: Document, analysis: Analysis | None, learned: Learned | None) -> str:
    """The figures; before them, that the spec has errors."""
    errors = len(document.errors)
    status = f"{errors} error{'s' * (errors > 1)}; what is known so far" if errors else ""
    return (f'<p class="faint">{status}</p>' if status else "") + (
        sections.figures(analysis, learned.figure if learned else None) if analysis else ""
    )


def _known(analysis: Analysis) -> dict[str, str]:
    return {
        "Layers": _layers(analysis),
        "Cost": sections.shares(analysis) + sections.expectations(analysis),
        "Memory": sections.memory(analysis),
    }


def _layers(analysis: Analysis) -> str:
    return f'<div class="scroll">{html.render(analysis, named=False)}</div>'


def _learned(learned: Learned, colors: Colors) -> str:
    from cnnspec.views.documents.report.learned import section

    return section(learned, colors)


def _explained(analysis: Analysis) -> str:
    """Every layer's workings; on paper only those of few layers, unless the reader asks for all."""
    _, hidden = repeated(analysis.network)
    count = len(analysis.rows) - len(hidden)
    if count > MOST_EXPLAINED:
        return "<p>Too many layers to write out; <code>cnnspec explain</code> tells each.</p>"
    checked = " checked" if count <= MOST_PRINTED else ""
    switch = f'<label class="switch"><input type="checkbox" id="on-paper"{checked}> print them too</label>'
    return f"{switch}\n{explanations(analysis)}"


def _changes(learned: Learned | None) -> str:
    """What the options of the training changed: the recipe below does not say it."""
    return f'<p class="note">{escape(learned.changes)}</p>' if learned and learned.changes else ""


def _footer(analysis: Analysis | None) -> str:
    rule = f"Counted: {escape(analysis.rule)}. " if analysis else ""
    return f"<p>{rule}Made by cnnspec {escape(VERSION)}.</p>"


# Pictures ------------------------------------------------------------------------


def _pictures(
    network: Network | None, name: str, diagnostics: Sequence[Diagnostic], colors: Colors, prefix: str = ""
) -> str:
    """The graph and the volumes, their ids behind a ``prefix``."""
    looks = {
        "graph": Look(titled=False, size=SIZES["slide"]),
        **({"volumes": Look("volumes", titled=False, size=SIZES["slide"])} if network else {}),
    }

    def draw(look: Look) -> bytes:
        return picture(network, "svg", look, diagnostics=diagnostics, name=name)

    return "".join(_drawn(draw, look, colors, f"{prefix}{style}-") for style, look in looks.items())


def _drawn(draw: Callable[[Look], bytes], look: Look, colors: Colors, prefix: str) -> str:
    """One picture for light and dark; a line where it cannot be drawn here."""
    try:
        in_light, in_dark = (draw(replace(look, theme=theme)).decode() for theme in ("light", "dark"))
    except LayerError as fault:
        return f'<p class="note">{escape(fault.message)}</p>'
    return f'<div class="picture">{colors.both(in_light, in_dark, prefix)}</div>\n'
