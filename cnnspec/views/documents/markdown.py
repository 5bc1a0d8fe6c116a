"""The table as Markdown (GitHub's pipes), ready for a README or an issue."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cnnspec.views.terminal.columns import DEFAULT, choose, total_text
from cnnspec.views.terminal.grid import Column
from cnnspec.views.terminal.paint import pad, width_of
from cnnspec.views.terminal.rows import flat_rows

if TYPE_CHECKING:
    from cnnspec.analysis.report import Analysis


def render(analysis: Analysis, columns: Sequence[str] = (), *, folded: bool = True) -> str:
    """One line a layer, equal repeats once, and the totals in bold."""
    figures = choose(columns or DEFAULT)
    rows = [[escape(text) for text in row] for row in flat_rows(analysis, figures, folded)]
    rows.append([_strong(total_text(figure, analysis)) for figure in figures])
    return "\n".join(table([figure.title for figure in figures], rows, figures)) + "\n"


def table(titles: Sequence[str], rows: Sequence[Sequence[str]], figures: Sequence[Column]) -> list[str]:
    """A pipe table whose source is aligned too."""
    widths = [max(3, *(width_of(row[n]) for row in (titles, *rows))) for n in range(len(titles))]
    rights = [figure.right for figure in figures]

    def line(cells: Sequence[str]) -> str:
        padded = (pad(cell, width, right) for cell, width, right in zip(cells, widths, rights, strict=True))
        return f"| {' | '.join(padded)} |"

    rule = "|".join(
        f" {'-' * (width - 1)}: " if right else f" {'-' * width} "
        for width, right in zip(widths, rights, strict=True)
    )
    return [line(titles), f"|{rule}|", *map(line, rows)]


def escape(text: str) -> str:
    """Signs that would mean something to Markdown, made plain."""
    for sign in ("\\", "|", "*", "_", "<", "`"):
        text = text.replace(sign, f"\\{sign}")
    return text


def _strong(text: str) -> str:
    return f"**{escape(text)}**" if text else ""
