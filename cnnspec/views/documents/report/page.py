"""The whole report: one HTML file that needs nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from html import escape
from typing import TYPE_CHECKING

from cnnspec.diagnostics import Diagnostic, LayerError
from cnnspec.resources import VERSION
from cnnspec.views.documents import html
from cnnspec.views.documents.report import sections
from cnnspec.views.documents.report.sections import explanations
from cnnspec.views.documents.report.style import Colors, sheet
from cnnspec.views.pictures.draw import Look, picture
from cnnspec.views.pictures.engines import NoEngine
from cnnspec.views.pictures.planning import readable_choices
from cnnspec.views.terminal.outline import repeated

if TYPE_CHECKING:
    from cnnspec.analysis.report import Analysis
    from cnnspec.document import Document
    from cnnspec.views.documents.report.learned import Learned

MOST_EXPLAINED, MOST_PRINTED = 1000, 40
"""Layers whose workings are written out, and are printed unless asked otherwise; equal repeats count once."""


def render(
    document: Document, *, batch: int = 1, learned: Learned | None = None, workings: bool = True
) -> str:
    """The page; bytes are for ``batch`` samples. A spec with errors gets its messages, and what is known."""
    colors, analysis, name = Colors(), document.analyze(batch=batch), escape(document.title)
    diagnostics = tuple(dict.fromkeys((*document.diagnostics, *(analysis.findings if analysis else ()))))
    parts = {
        "Messages": sections.messages(diagnostics),
        "Picture": _pictures(document, diagnostics, colors),
        **(_known(analysis) if analysis else {}),
        "What it learned": _learned(learned, colors) if learned else "",
        "Workings": _explained(analysis) if analysis and workings else "",
        "The spec": _changes(learned) + f"<pre>{escape(document.source.text.strip())}</pre>",
    }
    parts = {title: body for title, body in parts.items() if body}
    body = "\n".join(
        f'<section id="{_anchor(title)}">\n<h2>{title}</h2>\n{text}\n</section>'
        for title, text in parts.items()
    )
    links = "".join(f'<a href="#{_anchor(title)}">{title}</a>' for title in parts)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{name}</title>\n<style>\n{sheet(colors)}</style>\n</head>\n<body>\n"
        f"<header><h1>{name}</h1>{_standing(document, analysis, learned)}<nav>{links}</nav></header>\n"
        f"<main>\n{body}\n</main>\n<footer>{_footer(analysis)}</footer>\n</body>\n</html>\n"
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
        "Layers": f'<div class="scroll">{html.render(analysis, named=False)}</div>',
        "Cost": sections.shares(analysis) + sections.expectations(analysis),
        "Memory": sections.memory(analysis),
    }


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


def _pictures(document: Document, diagnostics: Sequence[Diagnostic], colors: Colors) -> str:
    looks = [
        Look(choices=readable_choices(document.network), titled=False),
        *([Look("volumes", titled=False)] if document.network else []),
    ]
    return "".join(_drawn(document, diagnostics, look, colors) for look in looks)


def _drawn(document: Document, diagnostics: Sequence[Diagnostic], look: Look, colors: Colors) -> str:
    """One picture for light and dark; a line where it cannot be drawn here."""
    light, dark = (replace(look, theme=theme) for theme in ("light", "dark"))
    try:
        in_light, in_dark = (
            picture(document.network, "svg", one, diagnostics=diagnostics, name=document.title).decode()
            for one in (light, dark)
        )
    except NoEngine as missing:
        return f'<p class="note">The graph is not drawn: {escape(str(missing))}</p>'
    except LayerError as fault:
        return f'<p class="note">{escape(fault.message)}</p>'
    return f'<div class="picture">{colors.both(in_light, in_dark, f"{look.style}-")}</div>\n'
