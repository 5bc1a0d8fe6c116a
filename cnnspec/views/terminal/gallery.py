"""Samples as tables of text: how many there are of each class, how much each was changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cnnspec.views.results import Gallery
from cnnspec.views.terminal.grid import Column, Line, draw, fit
from cnnspec.views.terminal.paint import Terminal


def counts(names: Sequence[str], parts: Mapping[str, Sequence[int]], paper: Terminal) -> list[str]:
    """Samples of each class, a column a part, and their sums."""
    columns = [Column("class", "class", least=5), *(Column(part, part, right=True) for part in parts)]
    lines = [
        Line({"class": name, **{part: f"{found[n]:,}" for part, found in parts.items()}})
        for n, name in enumerate(names)
    ]
    total = Line({"class": "total", **{part: f"{sum(found):,}" for part, found in parts.items()}})
    return draw(fit(columns, [*lines, total], paper.width), [*lines, total], paper)


def changes(shown: Gallery, paper: Terminal) -> list[str]:
    """Of each sample: the mean change of a pixel, as a share of its range, least and greatest."""
    columns = [
        Column("class", "class", least=5),
        Column("least", "least change", right=True),
        Column("greatest", "greatest change", right=True),
    ]
    lines = []
    for name, (original, *made) in shown.rows:
        shares = [float(abs(one.astype(float) - original).mean()) / 255 for one in made]
        ends = {"least": f"{100 * min(shares):.1f} %", "greatest": f"{100 * max(shares):.1f} %"}
        lines.append(Line({"class": name, **ends}))
    head = [paper.text(shown.title), paper.text("mean change of a pixel; the pictures: -o FILE.png"), ""]
    return [*head, *draw(fit(columns, lines, paper.width), lines, paper)]
