"""Run folders as tables: the trials of a sweep, a list of runs, runs side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from cnnspec.views.terminal.grid import Column, TableRow, table
from cnnspec.views.terminal.paint import Terminal, hanging, width_of

if TYPE_CHECKING:
    from cnnspec.views.results import Sweep


def sweep(shown: Sweep, terminal: Terminal) -> list[str]:
    """The trials of a sweep, one a line, the best first; why a trial has no figure stands in its place."""
    figure = shown.figure or "figure"
    columns = [_text("trial", 7), *(_text(setting, 4, n) for n, setting in enumerate(shown.settings, 1))]
    last = len(columns)
    columns += [_number(figure), _number("epochs", last), _number("seconds", last + 1)]
    lines = []
    for one in shown.trials:
        cells = {"trial": one.name, **one.values, figure: terminal.text(one.told or _short(one.why))}
        cells |= {"epochs": str(one.epochs), "seconds": f"{one.seconds:.1f}"}
        lines.append(TableRow(cells, {} if one.told else {figure: ("bad",)}))
    failed = [one for one in shown.trials if " " in one.why]
    told = [line for one in failed for line in hanging(f" {one.name}: ", one.why, terminal)]
    return [*table(columns, lines, terminal), *([""] if told else []), *told]


def _short(why: str) -> str:
    """A reason in a word: a longer one stands under the table."""
    return "failed" if " " in why else why


def runs(rows: Sequence[Mapping[str, str]], terminal: Terminal) -> list[str]:
    """Run folders, a line each: run, figure, standing, epochs, size, when, network, data."""
    columns = [
        _text("run", 8), _text("figure", 8), Column("standing", "standing", rank=1), _number("epochs", 2),
        _number("size", 4), Column("when", "when", rank=5), _text("network", 6, 3), _text("data", 4, 6),
    ]  # fmt: skip
    styles = {"damaged": ("bad",)}
    return table(
        columns, [TableRow({**row}, {"standing": styles.get(row["standing"], ())}) for row in rows], terminal
    )


def side_by_side(
    names: Sequence[str], rows: Mapping[str, Sequence[str]], figures: Sequence[str], terminal: Terminal
) -> list[str]:
    """Runs as columns under their names; three or more, where that is too wide, as lines with ``figures``
    before all else.
    """
    least = 10 if len(names) < 3 else None
    across = [Column("what", "", least=least)]
    across += [Column(str(n), name, least=least, middle=True) for n, name in enumerate(names)]
    lines = [
        TableRow({"what": what, **{str(n): terminal.text(text) for n, text in enumerate(texts)}})
        for what, texts in rows.items()
    ]
    page = table(across, lines, terminal)
    if len(names) < 3 or max(map(width_of, page)) <= terminal.width:
        return page
    order = {what: n for n, what in enumerate(dict.fromkeys([*figures, *rows]))}
    columns = [_text("run", 8), *(_text(what, 4, rank) for what, rank in order.items())]
    each = [
        TableRow({"run": name, **{what: terminal.text(texts[n]) for what, texts in rows.items()}})
        for n, name in enumerate(names)
    ]
    return table(columns, each, terminal)


def _text(title: str, least: int, rank: int = 0) -> Column:
    return Column(title, title, least=least, rank=rank, middle=True)


def _number(title: str, rank: int = 0) -> Column:
    return Column(title, title, right=True, rank=rank)
