"""The lines of a table of layers: names in their tree, figures, connections, faults."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from cnnspec.network.graph import Node
from cnnspec.views.terminal.columns import Figure, sum_text
from cnnspec.views.terminal.grid import TAIL, TableRow
from cnnspec.views.terminal.outline import Branch, Section, repeated
from cnnspec.views.terminal.paint import Terminal

if TYPE_CHECKING:
    from cnnspec.analysis.fold import Repeated
    from cnnspec.analysis.report import Analysis, Row
    from cnnspec.diagnostics import Diagnostic
    from cnnspec.text import Span


AFTER = ("output", "receptive-field", "jump", "start")
"""Columns in which a folded section tells how its last turn leaves."""


class Rows:
    """Turns the outline into lines of the table."""

    def __init__(
        self,
        analysis: Analysis,
        figures: Sequence[Figure],
        terminal: Terminal,
        failures: Sequence[Diagnostic] = (),
        *,
        depth: int | None = None,
        tips: bool = False,
    ) -> None:
        """``depth`` opens so many blocks within each other and sums up those inside; None opens all."""
        self.depth, self.level = depth, 0
        self.analysis, self.figures, self.terminal, self.tips = analysis, figures, terminal, tips
        self.faults = [failure.span for failure in failures if failure.span]
        self.begun: set[Branch] = set()
        self.rows = {row.node.index: row for row in analysis.rows}

    def lines(
        self,
        section: Section,
        first: str = "",
        rest: str = "",
        prefix: tuple[str, ...] = (),
        forks: bool = False,
    ) -> list[TableRow]:
        """The lines of a section; ``first`` goes before its first line, ``rest`` before the others.

        ``prefix`` is the path of the block around it, which its names leave out;
        ``forks`` says that its first layer begins a branch, so that what it reads is plain.
        """
        found: list[TableRow] = []
        for item in section.items:
            before, starts = (rest, False) if found else (first, forks)
            if isinstance(item, Section):
                found += self._section(item, before, rest, prefix, starts)
            else:
                found.append(self._row(item, before, prefix, starts))
        return found

    def _section(
        self, section: Section, first: str, rest: str, prefix: tuple[str, ...], forks: bool
    ) -> list[TableRow]:
        if section.branch:
            begins = section.branch not in self.begun
            self.begun.add(section.branch)
            return self.lines(section, first + "├─ ", rest + "│  ", prefix, begins)
        closed = self.depth is not None and self.level >= self.depth
        header = self._header(section, first, prefix, closed)
        if closed:
            return [header]
        self.level += 1
        inside = self.lines(section, rest + "  ", rest + "  ", section.prefix or prefix, forks)
        self.level -= 1
        return [header, *inside]

    def _row(self, node: Node, before: str, prefix: tuple[str, ...], forks: bool) -> TableRow:
        row = self.rows[node.index]
        texts = {figure.key: figure.cell(row, self.analysis) for figure in self.figures}
        texts["layer"] = before + _short(node, prefix)
        if "operation" in texts and node.sharing:
            texts["operation"] += f"{TAIL}{node.sharing}"
        if "operation" in texts and "from" not in texts:
            texts["operation"] += self._connections(node, forks)
        styles: dict[str, tuple[str, ...]] = {"layer": (str(node.layer.family),), "operation": ("dim",)}
        if any(node.span and _holds(node.span, fault) for fault in self.faults):
            texts["layer"] += " ✗"
            styles["layer"] = ("bad",)
        styles |= {key: ("dim",) for key, text in texts.items() if text in {"0", "all", "0 B", "0.0%"}}
        tips = _workings(row) if self.tips else {}
        return TableRow({key: self.terminal.text(text) for key, text in texts.items()}, styles, tips)

    def _connections(self, node: Node, forks: bool) -> str:
        """What a merge, or a layer that does not follow the one above it, reads."""
        if len(node.inputs) == 1 and (forks or node.inputs[0] == node.index - 1):
            return ""
        names = (_seen_from(node, self.analysis.network.nodes[index]) for index in node.inputs)
        return f"{TAIL}← {', '.join(names)}"

    def _header(self, section: Section, before: str, prefix: tuple[str, ...], closed: bool) -> TableRow:
        """The name of a block; when folded or closed, also what all its layers come to."""
        cells = {"layer": before + (".".join(section.prefix[len(prefix) :]) or "repeat")}
        if section.times > 1:
            cells["layer"] += f"{TAIL}{section.label}"
        if closed:
            count = len(section.nodes)
            cells["operation"] = f"{count} layer{'s' if count != 1 else ''}"
        if closed or section.times > 1:
            cells |= self._after(section)
        return TableRow({key: self.terminal.text(text) for key, text in cells.items()}, {"layer": ("bold",)})

    def _after(self, section: Section) -> dict[str, str]:
        """Sums over all turns of a folded section, and what flows out of the last one."""
        last = self.rows[section.nodes[-1].index]
        cells = {}
        for figure in self.figures:
            if figure.sums:
                rows = (self.rows[node.index] for node in section.nodes)
                cells[figure.key] = sum_text(figure, rows, self.analysis)
            elif figure.key in AFTER:
                cells[figure.key] = figure.cell(last, self.analysis)
        return cells


def _short(node: Node, prefix: tuple[str, ...]) -> str:
    """The name within the block around it."""
    return ".".join(node.path[len(prefix) :]) or node.name


def _seen_from(node: Node, other: Node) -> str:
    """The other node's name, without the blocks that both lie in."""
    depth = 0
    for one, two in zip(node.path[:-1], other.path[:-1], strict=False):
        if one != two:
            break
        depth += 1
    return _short(other, other.path[:depth])


def _holds(span: Span, place: Span) -> bool:
    return span.source is place.source and span.start <= place.start and place.end <= span.end


def _workings(row: Row) -> dict[str, str]:
    """For each figure that has a law, the law with the numbers in."""
    counted = {name: getattr(row.laws, name) for name in ("params", "buffers", "multiplies", "additions")}
    tips = {name: f"{law.law()} = {law.worked()}" for name, law in counted.items() if law.value}
    tips["output"] = ", ".join(axis.worked() for axis in row.laws.output)
    return tips


def flat_rows(analysis: Analysis, figures: Sequence[Figure], folded: bool) -> Iterator[list[str]]:
    """Without a tree, names in full: a list of texts a layer; equal repeats once, under the sums of all."""
    repeats, hidden = repeated(analysis.network, growing=True) if folded else ({}, frozenset())
    for row in analysis.rows:
        if row.node.index in repeats:
            yield _sums(analysis, figures, repeats[row.node.index])
        if row.node.index not in hidden:
            yield [figure.cell(row, analysis) for figure in figures]


def _sums(analysis: Analysis, figures: Sequence[Figure], segment: Repeated) -> list[str]:
    nodes = {node.index for node in segment.nodes}
    turns = [row for row in analysis.rows if row.node.index in nodes]
    first = segment.turns[0]
    name = first[0].name if len(first) == 1 else f"{first[0].name} … {first[-1].name}"
    texts = {figure.key: sum_text(figure, turns, analysis) for figure in figures if figure.sums}
    texts["layer"] = f"{name} {segment.label}"
    return [texts.get(figure.key, "") for figure in figures]
