"""The table of a network for the terminal: one line a layer, totals, budgets."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from cnnspec.analysis.conventions import convention_of
from cnnspec.layers.base import show
from cnnspec.network.graph import Node
from cnnspec.views.columns import DEFAULT, Figure, choose, total_text
from cnnspec.views.grid import TAIL, Column, Line, draw, fit
from cnnspec.views.outline import Section, outline
from cnnspec.views.paint import PLAIN, Paper, in_bytes, wrap

if TYPE_CHECKING:
    from cnnspec.analysis.report import Analysis
    from cnnspec.diagnostics import Diagnostic
    from cnnspec.text import Span

AFTER = ("output", "receptive-field", "jump", "start")
"""Columns in which a folded section tells how its last turn leaves."""

LABEL = 12
"""Width of the words before the totals."""


def render(
    analysis: Analysis,
    *,
    paper: Paper = PLAIN,
    columns: Sequence[str] = (),
    folded: bool = True,
    failures: Sequence[Diagnostic] = (),
) -> str:
    """The table as text; ``failures`` are marked where they broke the network off."""
    lines = _heading(analysis, paper)
    lines += _layers(analysis, paper, columns, folded, failures)
    if not failures:
        lines += ["", *_summary(analysis, paper)]
    if analysis.expectations and not failures:
        lines += ["", *_expectations(analysis, paper)]
    return "\n".join(lines) + "\n"


def _heading(analysis: Analysis, paper: Paper) -> list[str]:
    network = analysis.network
    count = len(network.layers)
    facts = [f"input {show(network.input)}", f"{count} layer{'s' if count != 1 else ''}"]
    if analysis.batch != 1:
        facts.append(f"batch N = {analysis.batch}")
    name = [paper.paint(network.name, "bold")] if network.name else []
    return [" " + paper.text(" · ").join([*name, *facts]), ""]


def _layers(
    analysis: Analysis,
    paper: Paper,
    names: Sequence[str],
    folded: bool,
    failures: Sequence[Diagnostic],
) -> list[str]:
    figures = choose(names or _usual(analysis))
    rows = Rows(analysis, figures, paper, failures)
    lines = [*rows.lines(outline(analysis.network, folded)), Line(rule=True)]
    lines += [_broken_off(failure, paper) for failure in failures] or [_total(analysis, figures, paper)]
    if not analysis.rows:
        lines = [line for line in lines if not line.rule]
        return [" " + "  ".join(line.cells.values()) for line in lines]
    fitted = fit([_column(figure) for figure in figures], lines, paper.width, keep_all=bool(names))
    drawn = draw(fitted, lines, paper)
    if fitted.dropped:
        missing = ", ".join(column.key for column in fitted.dropped)
        drawn += [paper.paint(line, "dim") for line in _noted(f"no room for {missing}; see --columns", paper)]
    return drawn


def _usual(analysis: Analysis) -> tuple[str, ...]:
    """The usual columns; counting like another tool adds that tool's figure."""
    return DEFAULT if analysis.convention == "cnnspec" else (*DEFAULT[:-1], "flops", DEFAULT[-1])


def _noted(text: str, paper: Paper) -> list[str]:
    return [f" {line}" for line in wrap(paper.text(text), paper.width - 1)]


def _column(figure: Figure) -> Column:
    return Column(figure.key, figure.title, figure.right, figure.least, figure.rank)


class Rows:
    """Turns the outline into lines of the table."""

    def __init__(
        self, analysis: Analysis, figures: Sequence[Figure], paper: Paper, failures: Sequence[Diagnostic] = ()
    ) -> None:
        self.analysis, self.figures, self.paper = analysis, figures, paper
        self.faults = [failure.span for failure in failures if failure.span]
        self.rows = {row.node.index: row for row in analysis.rows}

    def lines(
        self, section: Section, first: str = "", rest: str = "", prefix: tuple[str, ...] = ()
    ) -> list[Line]:
        """The lines of a section; ``first`` goes before its first line, ``rest`` before the others.

        ``prefix`` is the path of the block around it, which its names leave out.
        """
        found: list[Line] = []
        for item in section.items:
            before = rest if found else first
            if isinstance(item, Section):
                found += self._section(item, before, rest, prefix)
            else:
                found.append(self._row(item, before, prefix))
        return found

    def _section(self, section: Section, first: str, rest: str, prefix: tuple[str, ...]) -> list[Line]:
        if section.limb:
            return self.lines(section, first + "├─ ", rest + "│  ", prefix)
        header = self._header(section, first, prefix)
        return [header, *self.lines(section, rest + "  ", rest + "  ", section.prefix or prefix)]

    def _row(self, node: Node, before: str, prefix: tuple[str, ...]) -> Line:
        row = self.rows[node.index]
        texts = {figure.key: figure.text(figure.of(row, self.analysis)) for figure in self.figures}
        texts["layer"] = before + _short(node, prefix)
        if "operation" in texts and "from" not in texts:
            texts["operation"] += self._connections(node)
        styles: dict[str, tuple[str, ...]] = {"layer": (str(node.layer.family),), "operation": ("dim",)}
        if any(node.span and _holds(node.span, fault) for fault in self.faults):
            texts["layer"] += " ✗"
            styles["layer"] = ("bad",)
        styles |= {key: ("dim",) for key, text in texts.items() if text in {"0", "all", "0 B", "0.0%"}}
        return Line({key: self.paper.text(text) for key, text in texts.items()}, styles)

    def _connections(self, node: Node) -> str:
        """What a merge, or a layer that does not follow the one above it, reads."""
        if len(node.inputs) == 1 and node.inputs[0] == node.index - 1:
            return ""
        if len(node.inputs) == 1 and self._is_first_of_limb(node):
            return ""
        names = (_seen_from(node, self.analysis.network.nodes[index]) for index in node.inputs)
        return f"{TAIL}← {', '.join(names)}"

    def _is_first_of_limb(self, node: Node) -> bool:
        return len(self.analysis.network.readers[node.inputs[0]]) > 1

    def _header(self, section: Section, before: str, prefix: tuple[str, ...]) -> Line:
        """The name of a block; when folded, also what all its turns come to."""
        title = before + (".".join(section.prefix[len(prefix) :]) or "repeat")
        cells = (
            {"layer": f"{title}  ×{section.times}", **self._after(section)}
            if section.times > 1
            else {"layer": title}
        )
        return Line({key: self.paper.text(text) for key, text in cells.items()}, {"layer": ("bold",)})

    def _after(self, section: Section) -> dict[str, str]:
        """Sums over all turns of a folded section, and what flows out of the last one."""
        last = self.rows[section.nodes[-1].index]
        cells = {}
        for figure in self.figures:
            if figure.sums:
                cells[figure.key] = figure.text(self._sum(figure, section.nodes))
            elif figure.key in AFTER:
                cells[figure.key] = figure.text(figure.of(last, self.analysis))
        return cells

    def _sum(self, figure: Figure, nodes: Sequence[Node]) -> int:
        values = (figure.of(self.rows[node.index], self.analysis) for node in nodes)
        return sum(value for value in values if isinstance(value, int))


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


def _total(analysis: Analysis, figures: Sequence[Figure], paper: Paper) -> Line:
    cells = {figure.key: paper.text(total_text(figure, analysis)) for figure in figures}
    return Line(cells, dict.fromkeys(cells, ("bold",)))


def _holds(span: Span, place: Span) -> bool:
    return span.source is place.source and span.start <= place.start and place.end <= span.end


def _broken_off(failure: Diagnostic, paper: Paper) -> Line:
    """A place where the network could not be built."""
    cells = {"layer": "✗"}
    if failure.span:
        cells = {"layer": f"✗ line {failure.span.line}", "operation": _sentence_at(failure.span)}
    return Line(
        {key: paper.text(text) for key, text in cells.items()},
        dict.fromkeys(("layer", "operation"), ("bad",)),
    )


def _sentence_at(span: Span) -> str:
    """The one sentence of its line that a place lies in."""
    line, column = span.source.line(span.line), span.column - 1
    found = ""
    for sentence in re.finditer(r"[^;{}|]+", line.replace("->", ";;")):
        if sentence.start() <= column < sentence.end():
            found = sentence.group()
    return (found or line).strip()


def _summary(analysis: Analysis, paper: Paper) -> list[str]:
    totals = analysis.totals
    params = f"{totals.params:,}"
    if totals.frozen:
        params += f" = {totals.trainable:,} trainable + {totals.frozen:,} frozen"
    params += f" · {in_bytes(totals.weight_bytes)} as float32"
    if totals.buffers:
        params += f" · {totals.buffers:,} buffers beside them"
    convention = convention_of(analysis.convention)
    operations = (
        f"{totals.multiplies:,} multiplies + {totals.additions:,} additions + {totals.elementwise:,} others"
    )
    if convention.counts is None:
        operations += f" = {totals.flops:,} flops"
    peak = in_bytes(totals.peak_activation_bytes)
    memory = (
        f"{in_bytes(totals.activation_bytes)} for all outputs · {peak} at the peak when buffers are reused"
        f" · {in_bytes(totals.training_bytes)} to train"
    )
    facts = {"params": params, "operations": operations, "memory": memory}
    if convention.counts is not None:
        facts[convention.name] = f"{totals.flops:,} {convention.figure}: {analysis.rule}"
    elif analysis.exclude_padding:
        facts["counted"] = analysis.rule
    return [line for label, text in facts.items() for line in _labelled(label, text, paper)]


def _labelled(label: str, text: str, paper: Paper) -> list[str]:
    first, *rest = wrap(paper.text(text), max(paper.width - LABEL - 1, 16))
    return [f" {paper.paint(label.ljust(LABEL), 'dim')}{first}", *(" " * (LABEL + 1) + line for line in rest)]


def _expectations(analysis: Analysis, paper: Paper) -> list[str]:
    lines = []
    for item in analysis.expectations:
        mark, style = ("✓", "good") if item.holds else ("✗", "bad")
        actual = f"{item.actual:,}" if item.actual is not None else "unknown"
        lines.append(f" {paper.paint(paper.text(mark), style)} expect {item.text} ({actual})")
    return lines
