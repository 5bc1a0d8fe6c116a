"""The table's rows without a tree, under their full names: for pages that do not keep blanks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from cnnspec.views.terminal.columns import Figure
from cnnspec.views.terminal.outline import repeated

if TYPE_CHECKING:
    from cnnspec.analysis.fold import Repeated
    from cnnspec.analysis.report import Analysis


def rows(analysis: Analysis, figures: Sequence[Figure], folded: bool) -> Iterator[list[str]]:
    """One list of texts a layer; equal repeats once, under a line with the sums of all turns."""
    repeats, hidden = repeated(analysis.network) if folded else ({}, frozenset())
    for row in analysis.rows:
        if row.node.index in repeats:
            yield _sums(analysis, figures, repeats[row.node.index])
        if row.node.index not in hidden:
            yield [figure.cell(row, analysis) for figure in figures]


def _sums(analysis: Analysis, figures: Sequence[Figure], segment: Repeated) -> list[str]:
    nodes = {node.index for node in segment.nodes}
    turns = [row for row in analysis.rows if row.node.index in nodes]
    texts = []
    for figure in figures:
        values = (figure.of(row, analysis) for row in turns)
        summed = sum(value for value in values if isinstance(value, int)) if figure.sums else None
        texts.append(figure.text(summed) if figure.sums else "")
        if figure.key == "layer":
            texts[-1] = f"{_first_turn(segment)} ×{segment.times}"
    return texts


def _first_turn(segment: Repeated) -> str:
    """The layers of the first turn, first and last."""
    first = segment.turns[0]
    return first[0].name if len(first) == 1 else f"{first[0].name} … {first[-1].name}"
