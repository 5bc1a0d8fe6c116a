"""The table as a fragment of HTML, for notebooks and reports: no script, no outside file, light or dark."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final

from cnnspec.layers.base import Family
from cnnspec.network.graph import Network
from cnnspec.views.pictures.palette import LIGHT
from cnnspec.views.terminal.columns import DEFAULT, Figure, choose, total_text
from cnnspec.views.terminal.grid import TAIL, TableRow
from cnnspec.views.terminal.outline import outline
from cnnspec.views.terminal.paint import PLAIN
from cnnspec.views.terminal.rows import Rows
from cnnspec.views.terminal.table import expectation, facts, heading

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cnnspec.analysis.report import Analysis

CLASS: Final = "cnnspec-table"

_TABLE: Final = f".{CLASS}" * 3
"""The class three times over: JupyterLab aligns, pads and wraps the cells of all tables with more weight."""

STYLE: Final = f"""\
{_TABLE} {{
  font: 13px/1.5 system-ui, sans-serif; border-collapse: collapse; margin: .5em 0; table-layout: auto
}}
{_TABLE} caption {{ text-align: left; padding: .3em .6em; font-weight: 600 }}
{_TABLE} th, {_TABLE} td {{
  padding: .15em .8em; text-align: left; border: 0; background: none; white-space: nowrap;
  line-height: 1.5; vertical-align: baseline
}}
{_TABLE} th {{ font-weight: 400 }}
{_TABLE} thead th {{ font-weight: 600; border-bottom: 1px solid rgba(128, 128, 128, .6) }}
{_TABLE} .number {{ text-align: right; font-variant-numeric: tabular-nums }}
{_TABLE} .layer {{
  white-space: pre; font-family: ui-monospace, monospace; border-left: 4px solid transparent
}}
{_TABLE} .operation, {_TABLE} .nothing {{ opacity: .75 }}
{_TABLE} tfoot td {{ font-weight: 600; border-top: 1px solid rgba(128, 128, 128, .6) }}
{_TABLE} tfoot .facts td {{ font-weight: 400; border: 0; white-space: normal; opacity: .85 }}
"""


def render(
    subject: Analysis | Network, columns: Sequence[str] = (), *, folded: bool = True, named: bool = True
) -> str:
    """The table of a network or an analysis, with its name unless not ``named``; tooltips show workings."""
    if isinstance(subject, Network):
        from cnnspec.analysis.report import analyze

        subject = analyze(subject)
    figures = choose(columns or DEFAULT)
    rows = Rows(subject, figures, PLAIN, tips=True)
    body = "\n".join(_row(line, figures) for line in rows.lines(outline(subject.network, folded)))
    heads = "".join(f'<th scope="col"{_class(figure)}>{escape(figure.title)}</th>' for figure in figures)
    sums = "".join(f"<td{_class(figure)}>{escape(total_text(figure, subject))}</td>" for figure in figures)
    under = [f"{label}: {text}" for label, text in facts(subject).items()]
    under += [expectation(item)[1] for item in subject.expectations]
    below = "".join(
        f'<tr class="facts"><td colspan="{len(figures)}">{escape(text)}</td></tr>' for text in under
    )
    words = heading(subject)[0 if named or not subject.network.name else 1 :]
    caption = escape(" · ".join(words))
    return (
        f'<style>{STYLE}</style>\n<table class="{CLASS}">\n<caption>{caption}</caption>\n'
        f"<thead><tr>{heads}</tr></thead>\n<tbody>\n{body}\n</tbody>\n"
        f"<tfoot><tr>{sums}</tr>{below}</tfoot>\n</table>\n"
    )


def _row(line: TableRow, figures: Sequence[Figure]) -> str:
    return f"<tr>{''.join(_cell(line, figure) for figure in figures)}</tr>"


def _cell(line: TableRow, figure: Figure) -> str:
    text = line.cells.get(figure.key, "").replace(TAIL, " ")
    styles = line.styles.get(figure.key, ())
    tip = line.tips.get(figure.key, "")
    attributes = _class(figure, "nothing" if "dim" in styles and figure.key != "operation" else "")
    if figure.key == "layer":
        attributes += _family_mark(styles)
        text = f"<strong>{escape(text)}</strong>" if "bold" in styles else escape(text)
    else:
        text = escape(text)
    title = f' title="{escape(tip)}"' if tip else ""
    if figure.key == "layer":
        return f'<th scope="row"{attributes}{title}>{text}</th>'
    return f"<td{attributes}{title}>{text}</td>"


def _class(figure: Figure, more: str = "") -> str:
    names = ["number" if figure.right else figure.key, *([more] if more else [])]
    return f' class="{" ".join(names)}"'


def _family_mark(styles: Sequence[str]) -> str:
    families = [Family(style) for style in styles if style in set(Family)]
    return f' style="border-left-color: {LIGHT.tone(families[0]).line}"' if families else ""
