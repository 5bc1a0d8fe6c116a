"""A network held against labelled samples, as tables of text: confusion, classes, mistakes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from cnnspec.views.results import Confusion
from cnnspec.views.terminal.grid import Column, Line, draw, fit
from cnnspec.views.terminal.paint import Terminal, percent

MOST_PAIRS: Final = 10
"""Confusions listed where the page is too narrow for the matrix."""


def confusion(shown: Confusion, paper: Terminal) -> list[str]:
    """The confusion matrix; numbers off the diagonal stand out, zeros are dots."""
    columns = [Column("name", "", least=4)]
    columns += [Column(str(n), name[:6], right=True, rank=1) for n, name in enumerate(shown.names)]
    dot = paper.text("·")[:1].replace("*", ".")
    lines: list[Line] = []
    for n, row in enumerate(shown.counts):
        cells = {str(k): f"{count:,}" if count else dot for k, count in enumerate(row)}
        styles = {str(k): ("good",) if k == n else ("bad",) if row[k] else ("dim",) for k in range(len(row))}
        lines.append(Line({"name": shown.names[n], **cells}, styles))
    fitted = fit(columns, lines, paper.width)
    return draw(fitted, lines, paper) if not fitted.dropped else _likeliest(shown, paper)


def _likeliest(shown: Confusion, paper: Terminal) -> list[str]:
    """Where the matrix does not fit: its largest numbers off the diagonal."""
    pairs = [
        (int(count), n, k)
        for n, row in enumerate(shown.counts)
        for k, count in enumerate(row)
        if n != k and count
    ]
    pairs.sort(key=lambda pair: (-pair[0], pair[1:]))
    arrow = paper.text("→")
    return [f" {shown.names[n]} {arrow} {shown.names[k]}: {count:,}" for count, n, k in pairs[:MOST_PAIRS]]


def classes(rows: Sequence[tuple[str, float, float, int]], paper: Terminal) -> list[str]:
    """Of each class: its name, precision and recall (0 to 1), and how many samples it has."""
    columns = [Column("name", "class", least=4)]
    keys = ("recall", "precision", "images")
    columns += [Column(key, key, right=True, rank=n) for n, key in enumerate(keys)]
    lines = [
        Line({"name": name, "precision": percent(p), "recall": percent(r), "images": f"{n:,}"})
        for name, p, r, n in rows
    ]
    return draw(fit(columns, lines, paper.width), lines, paper)


def mistakes(shown: Sequence[tuple[int, str, str, float]], total: int, paper: Terminal) -> list[str]:
    """Of the surest wrong answers: the sample, what it is, what it was taken for, how surely (0 to 1)."""
    columns = [
        Column("index", "index", right=True), Column("label", "class", least=4, rank=1),
        Column("answer", "taken for", least=4), Column("surely", "surely", right=True, rank=2),
    ]  # fmt: skip
    lines = [
        Line({"index": str(index), "label": label, "answer": answer, "surely": percent(probability)})
        for index, label, answer, probability in shown
    ]
    head = f"the surest of {total:,} mistakes"
    return [head, "", *draw(fit(columns, lines, paper.width), lines, paper)]
