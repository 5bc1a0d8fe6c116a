"""The whole report: one HTML file that needs nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import TYPE_CHECKING, Final

import cnnspec
from cnnspec.diagnostics import Diagnostic, LayerError, Severity
from cnnspec.views.documents import html
from cnnspec.views.documents.report import sections
from cnnspec.views.documents.report.sections import explanations
from cnnspec.views.documents.report.style import Colors, sheet
from cnnspec.views.pictures.draw import Look, picture
from cnnspec.views.pictures.engines import NoEngine
from cnnspec.views.pictures.planning import readable
from cnnspec.views.terminal.outline import repeated

if TYPE_CHECKING:
    from cnnspec.analysis.report import Analysis
    from cnnspec.network.graph import Network
    from cnnspec.views.documents.report.learned import Learned

MOST_EXPLAINED: Final = 1000
"""Layers whose workings are written out; equal repeats count once."""


@dataclass(frozen=True, eq=False)
class Subject:
    """What a report is about; ``analysis`` is None where nothing of the spec could be built."""

    name: str
    text: str
    analysis: Analysis | None
    diagnostics: Sequence[Diagnostic] = ()
    learned: Learned | None = None

    @property
    def failed(self) -> bool:
        return self.analysis is None or any(item.severity is Severity.ERROR for item in self.diagnostics)


def render(subject: Subject) -> str:
    """The page. A spec with errors gets its messages, and all that is known."""
    colors = Colors()
    parts = {
        "Messages": sections.messages(subject.diagnostics),
        "Picture": _pictures(subject, colors),
        **(_known(subject.analysis) if subject.analysis else {}),
        "What it learned": _learned(subject.learned, colors) if subject.learned else "",
        **(_explained(subject.analysis) if subject.analysis else {}),
        "The spec": f"<pre>{escape(subject.text.strip())}</pre>",
    }
    parts = {title: body for title, body in parts.items() if body}
    body = "\n".join(f'<h2 id="{_anchor(title)}">{title}</h2>\n{text}' for title, text in parts.items())
    links = "".join(f'<a href="#{_anchor(title)}">{title}</a>' for title in parts)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(subject.name)}</title>\n<style>\n{sheet(colors)}</style>\n</head>\n<body>\n"
        f"<header><h1>{escape(subject.name)}</h1>{_standing(subject)}<nav>{links}</nav></header>\n"
        f"{body}\n<footer>{_footer(subject)}</footer>\n</body>\n</html>\n"
    )


def _anchor(title: str) -> str:
    return title.lower().replace(" ", "-")


def _standing(subject: Subject) -> str:
    """The figures; before them, that the spec has errors."""
    errors = sum(item.severity is Severity.ERROR for item in subject.diagnostics)
    told = f"{errors} error{'s' * (errors > 1)}; what is known so far" if errors else ""
    return (f'<p class="faint">{told}</p>' if told else "") + (
        sections.figures(subject.analysis) if subject.analysis else ""
    )


def _known(analysis: Analysis) -> dict[str, str]:
    return {
        "Layers": f'<div class="scroll">{html.render(analysis)}</div>',
        "Cost": sections.shares(analysis) + sections.expectations(analysis),
        "Memory": sections.memory(analysis),
    }


def _learned(learned: Learned, colors: Colors) -> str:
    from cnnspec.views.documents.report.learned import section

    return section(learned, colors)


def _explained(analysis: Analysis) -> dict[str, str]:
    _, hidden = repeated(analysis.network)
    if len(analysis.rows) - len(hidden) > MOST_EXPLAINED:
        return {"Workings": "<p>Too many layers to write out; <code>cnnspec explain</code> tells each.</p>"}
    return {"Workings": explanations(analysis)}


def _footer(subject: Subject) -> str:
    rule = f"Counted: {escape(subject.analysis.rule)}. " if subject.analysis else ""
    return f"<p>{rule}Made by cnnspec {escape(cnnspec.__version__)}.</p>"


# Pictures ------------------------------------------------------------------------


def _pictures(subject: Subject, colors: Colors) -> str:
    network = subject.analysis.network if subject.analysis else None
    graph = _drawn(subject, network, Look(choices=readable(network)), colors)
    volumes = _drawn(subject, network, Look("volumes"), colors) if network else ""
    return graph + volumes


def _drawn(subject: Subject, network: Network | None, look: Look, colors: Colors) -> str:
    """One picture for light and dark; a line where it cannot be drawn here."""
    light, dark = (replace(look, theme=theme) for theme in ("light", "dark"))
    try:
        in_light, in_dark = (
            picture(network, "svg", one, diagnostics=subject.diagnostics, name=subject.name).decode()
            for one in (light, dark)
        )
    except NoEngine as missing:
        return f'<p class="note">The graph is not drawn: {escape(str(missing))}</p>'
    except LayerError as fault:
        return f'<p class="note">{escape(fault.message)}</p>'
    return f'<div class="picture">{colors.both(in_light, in_dark, f"{look.style}-")}</div>\n'
