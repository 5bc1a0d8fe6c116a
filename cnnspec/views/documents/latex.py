"""The table as LaTeX with booktabs: paste it into a report."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

from cnnspec.views.terminal.columns import DEFAULT, choose, total_text
from cnnspec.views.terminal.grid import Column
from cnnspec.views.terminal.rows import flat_rows

if TYPE_CHECKING:
    from cnnspec.analysis.report import Analysis

SIGNS: Final = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
    "{": r"\{", "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "←": r"$\leftarrow$", "→": r"$\rightarrow$",
    "↓": r"$\downarrow$", "×": r"$\times$", "·": r"$\cdot$", "−": "$-$", "±": r"$\pm$", "≤": r"$\leq$",
    "≥": r"$\geq$", "²": "$^2$", "ε": r"$\epsilon$", "…": r"\ldots{}", "“": "``", "”": "''",
}  # fmt: skip

SIZE: Final = re.compile(r"(?<=\d)x(?=\d)")


def render(analysis: Analysis, columns: Sequence[str] = (), *, folded: bool = True) -> str:
    """A ``tabular`` environment; it needs ``\\usepackage{booktabs}``."""
    figures = choose(columns or DEFAULT)
    return tabular(
        figures,
        flat_rows(analysis, figures, folded),
        [total_text(figure, analysis) for figure in figures],
    )


def tabular(columns: Sequence[Column], rows: Iterable[Sequence[str]], total: Sequence[str] = ()) -> str:
    """Rows of texts under their titles, and a last one below a rule."""
    lines = ["  \\midrule", _line(total)] if total else []
    return "\n".join(
        (
            "% needs \\usepackage{booktabs}",
            f"\\begin{{tabular}}{{{''.join('r' if column.right else 'l' for column in columns)}}}",
            "  \\toprule",
            f"  {' & '.join(escape(column.title) for column in columns)} \\\\",
            "  \\midrule",
            *map(_line, rows),
            *lines,
            "  \\bottomrule",
            "\\end{tabular}",
            "",
        )
    )


def _line(row: Sequence[str]) -> str:
    return f"  {' & '.join(map(cell, row))} \\\\"


def cell(text: str) -> str:
    """Text for a cell: signs escaped, ``28x28x6`` with multiplication signs, ``61{,}706`` in one piece."""
    text = SIZE.sub("×", text)
    return re.sub(r"(?<=\d),(?=\d{3})", "{,}", escape(text))


def escape(text: str) -> str:
    return "".join(SIGNS.get(sign, sign) for sign in text)
