"""Several networks side by side: one line each, and in words who has how many times more."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping
from html import escape
from typing import Any, Final

from cnnspec.analysis.several import FIGURES, Contender, SideBySide
from cnnspec.views.documents import as_json, html, indented, latex, markdown
from cnnspec.views.terminal.columns import last_field
from cnnspec.views.terminal.grid import Column, TableRow, table
from cnnspec.views.terminal.paint import PLAIN, Terminal, grouped, hanging, in_bytes

SCHEMA: Final = "cnnspec/comparison/1"

COLUMNS: Final[Mapping[Column, Callable[[Contender], str]]] = {
    Column("network", "network", least=10, middle=True): lambda one: one.name,
    Column("input", "input", least=8, rank=4): lambda one: one.analysis.network.input_text,
    Column("layers", "layers", True, rank=3): lambda one: grouped(len(one.analysis.rows)),
    Column("params", "params", True): lambda one: grouped(one.analysis.totals.params),
    Column("multiplies", "multiplies", True, rank=1): lambda one: grouped(one.analysis.totals.multiplies),
    Column("memory", "peak memory", True, rank=2): lambda one: in_bytes(_peak(one)),
    Column("receptive-field", "field", True, rank=3): lambda one: last_field(one.analysis),
}  # fmt: skip
"""What a line tells of a network; the receptive field is that of its last map."""

JUDGED: Final[Mapping[str, tuple[str, str, Callable[[int], str]]]] = {
    "params": ("parameters", "fewer", grouped),
    "multiplies": ("multiplies", "fewer", grouped),
    "peak_activation_bytes": ("memory at the peak", "less", in_bytes),
}
"""A total in words: what it counts, what a smaller one is called, how it is written."""

EQUAL: Final = 1.05
"""Up to this ratio two figures are about the same."""


def render(found: SideBySide, *, terminal: Terminal = PLAIN) -> str:
    """The table, and under it the comparison in words."""
    lines = [
        TableRow({column.key: terminal.text(text) for column, text in zip(COLUMNS, cells, strict=True)})
        for cells in _cells(found)
    ]
    told = [line for sentence in sentences(found) for line in hanging(" ", sentence, terminal)]
    return "\n".join([*table(list(COLUMNS), lines, terminal), "", *told]) + "\n"


def as_markdown(found: SideBySide) -> str:
    rows = [[markdown.escape(cell) for cell in cells] for cells in _cells(found)]
    lines = markdown.table([column.title for column in COLUMNS], rows, list(COLUMNS))
    told = [f"- {markdown.escape(sentence)}" for sentence in sentences(found)]
    return "\n".join([*lines, "", *told, ""])


def as_latex(found: SideBySide) -> str:
    return latex.tabular(list(COLUMNS), _cells(found))


def as_csv(found: SideBySide) -> str:
    """Bare numbers, memory in bytes; a line a network."""
    page = io.StringIO()
    writer = csv.DictWriter(
        page, ["network", "input", "layers", *as_json.TOTALS], extrasaction="ignore", lineterminator="\n"
    )
    writer.writeheader()
    for one in found.contenders:
        writer.writerow({**_facts(one), "input": one.analysis.network.input_text})
    return page.getvalue()


def as_html(found: SideBySide) -> str:
    """A fragment: the table, and the comparison in words."""
    marks = [' class="number"' * column.right for column in COLUMNS]
    heads = "".join(f"<th{mark}>{column.title}</th>" for mark, column in zip(marks, COLUMNS, strict=True))
    rows = [
        "".join(f"<td{mark}>{escape(cell)}</td>" for mark, cell in zip(marks, cells, strict=True))
        for cells in _cells(found)
    ]
    told = "".join(f"<li>{escape(sentence)}</li>" for sentence in sentences(found))
    return (
        f'<table class="{html.CLASS}">\n<thead><tr>{heads}</tr></thead>\n'
        f"<tbody>{''.join(f'<tr>{row}</tr>' for row in rows)}</tbody>\n</table>\n<ul>{told}</ul>\n"
    )


def to_json(found: SideBySide) -> str:
    """The totals of each network, and the sentences."""
    networks = [{**_facts(one), **_heads(one)} for one in found.contenders]
    return indented({"schema": SCHEMA, "networks": networks, "sentences": list(sentences(found))})


FORMS: Final[Mapping[str, Callable[[SideBySide], str]]] = {
    "json": to_json, "csv": as_csv, "markdown": as_markdown, "latex": as_latex,
}  # fmt: skip


def _cells(found: SideBySide) -> list[list[str]]:
    return [[text(one) for text in COLUMNS.values()] for one in found.contenders]


def _peak(one: Contender) -> int:
    return one.analysis.totals.peak_activation_bytes


def _facts(one: Contender) -> dict[str, Any]:
    analysis = one.analysis
    return {
        "network": one.name,
        **as_json.input_of(analysis.network),
        "layers": len(analysis.rows),
        **{name: getattr(analysis.totals, name) for name in as_json.TOTALS},
    }


def _heads(one: Contender) -> dict[str, Any]:
    return {"side_heads": list(one.heads), "without_side_heads": dict(one.main)} if one.heads else {}


# In words ------------------------------------------------------------------------


def sentences(found: SideBySide) -> tuple[str, ...]:
    """Who has most of what, how many times less the others have, and what side heads come to."""
    told = [_most(found, figure) for figure in FIGURES]
    return tuple(filter(None, [*told, *map(_without_heads, found.contenders)]))


def _most(found: SideBySide, figure: str) -> str:
    first, *others = found.ranked(figure)
    what, smaller, text = JUDGED[figure]
    most = getattr(first.analysis.totals, figure)
    if not others or not most:
        return ""
    told = [f"{one.name} {_beside(most, getattr(one.analysis.totals, figure), smaller)}" for one in others]
    once = f" times {smaller}"
    for n in [n for n, item in enumerate(told) if item.endswith(once)][1:]:
        told[n] = told[n].replace(" has ", " ").removesuffix(f" {smaller}")
    return f"Most {what}: {first.name} with {text(most)}; {', '.join(told)}."


def _beside(most: int, own: int, smaller: str) -> str:
    if not own:
        return "has none"
    if most / own > EQUAL:
        return f"has {times(most / own)} times {smaller}"
    return f"has {'' if most == own else 'about '}as {'many' if smaller == 'fewer' else 'much'}"


def times(ratio: float) -> str:
    """``2.3`` or ``27``: as many digits as a comparison needs."""
    return f"{ratio:.1f}" if round(ratio, 1) < 10 else f"{round(ratio):,}"


def _without_heads(one: Contender) -> str:
    if not one.heads:
        return ""
    heads = f"side head{'s' * (len(one.heads) > 1)} {' and '.join(one.heads)}"
    counts = f"{one.main['params']:,} parameters and {one.main['multiplies']:,} multiplies"
    return f"Without its {heads}, which only training uses, {one.name} has {counts}."
