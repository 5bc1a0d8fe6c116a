"""The layers as CSV (RFC 4180): bare numbers, one line a layer, no totals."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from cnnspec.views.terminal.columns import choose

if TYPE_CHECKING:
    from cnnspec.analysis.report import Analysis

DEFAULT: Final = (
    "layer", "kind", "line", "from", "input", "output", "params", "trainable", "frozen", "buffers",
    "multiplies", "additions", "elementwise", "flops", "memory", "receptive-field", "jump", "start",
)  # fmt: skip


def render(analysis: Analysis, columns: Sequence[str] = (), *, folded: bool = False) -> str:
    """The rows with a line of column names before them, repeats written out whatever ``folded`` says.

    Memory is in bytes; a cell is empty where nothing is known.
    """
    figures = choose(columns or DEFAULT)
    page = io.StringIO()
    writer = csv.writer(page, lineterminator="\n")
    writer.writerow(figure.key for figure in figures)
    for row in analysis.rows:
        writer.writerow(figure.of(row, analysis) for figure in figures)
    return page.getvalue()
