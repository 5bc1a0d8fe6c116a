"""The table of a network for the terminal: one line a layer, totals, budgets."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING

from cnnspec.analysis.conventions import convention_of
from cnnspec.views.terminal.columns import DEFAULT, Figure, choose, total_text
from cnnspec.views.terminal.grid import TableRow, table
from cnnspec.views.terminal.outline import outline
from cnnspec.views.terminal.paint import PLAIN, Terminal, hanging, in_bytes
from cnnspec.views.terminal.rows import Rows
from cnnspec.views.terminal.snippets import sentence_at

if TYPE_CHECKING:
    from cnnspec.analysis.report import Analysis, JudgedExpectation
    from cnnspec.diagnostics import Diagnostic

MOST_FAILURES = 100
"""Places of failure that are marked and shown below the rows."""
LONGEST_SENTENCE = 200
LABEL = 12
"""Width of the words before the totals."""


def render(
    analysis: Analysis,
    *,
    terminal: Terminal = PLAIN,
    columns: Sequence[str] = (),
    folded: bool = True,
    depth: int | None = None,
    failures: Sequence[Diagnostic] = (),
) -> str:
    """The table as text; ``failures`` are marked where they broke the network off.

    ``depth`` opens so many blocks within each other; None opens all.
    """
    failures = failures[:MOST_FAILURES]
    lines = _heading(analysis, terminal)
    figures = choose(columns or _usual(analysis))
    rows = Rows(analysis, figures, terminal, failures, depth=depth).lines(outline(analysis.network, folded))
    lines += _layers(analysis, terminal, figures, rows, failures, bool(columns))
    if not failures:
        lines.append("")
        for label, text in facts(analysis).items():
            lines += hanging(f" {label.ljust(LABEL)}", text, terminal, "dim")
    if analysis.expectations and not failures:
        judged = [expectation(item) for item in analysis.expectations]
        lines += ["", *(f" {terminal.paint(terminal.text(text), style)}" for style, text in judged)]
    return "\n".join(lines) + "\n"


def heading(analysis: Analysis) -> list[str]:
    """What stands above the table: the name, if there is one, the input, how many layers, the batch."""
    network = analysis.network
    count = len(network.layers)
    words = [
        f"{'inputs' if len(network.inputs) > 1 else 'input'} {network.input_text}",
        f"{count} layer{'s' if count != 1 else ''}",
    ]
    if analysis.batch != 1:
        words.append(f"batch N = {analysis.batch}")
    return [network.name, *words] if network.name else words


def _heading(analysis: Analysis, terminal: Terminal) -> list[str]:
    first, *words = heading(analysis)
    first = terminal.paint(first, "bold") if analysis.network.name else first
    return [" " + terminal.text(" · ").join([first, *words]), ""]


def _layers(
    analysis: Analysis,
    terminal: Terminal,
    figures: Sequence[Figure],
    rows: Sequence[TableRow],
    failures: Sequence[Diagnostic],
    chosen: bool,
) -> list[str]:
    """The table itself; columns that were ``chosen`` stay, however narrow the page."""
    lines = [*rows, TableRow(rule=True)]
    lines += [_broken_off(failure, analysis, terminal) for failure in failures] or [
        _total(analysis, figures, terminal)
    ]
    if not analysis.rows:
        lines = [line for line in lines if not line.rule]
        return [" " + "  ".join(line.cells.values()) for line in lines]
    return table(figures, lines, terminal, keep_all=chosen, option="--columns")


def _usual(analysis: Analysis) -> tuple[str, ...]:
    """The usual columns; counting like another tool adds that tool's figure."""
    return DEFAULT if analysis.convention == "cnnspec" else (*DEFAULT[:-1], "flops", DEFAULT[-1])


def _total(analysis: Analysis, figures: Sequence[Figure], terminal: Terminal) -> TableRow:
    cells = {figure.key: terminal.text(total_text(figure, analysis)) for figure in figures}
    return TableRow(cells, dict.fromkeys(cells, ("bold",)))


def _broken_off(failure: Diagnostic, analysis: Analysis, terminal: Terminal) -> TableRow:
    """A place where the network could not be built; it may lie in a file that is used."""
    cells = {"layer": "✗"}
    if failure.span:
        source, own = failure.span.source, analysis.network.nodes[0].span
        file = "line " if own is None or own.source.name == source.name else f"{PurePath(source.name).name}:"
        cells = {
            "layer": f"✗ {file}{failure.span.line}",
            "operation": sentence_at(failure.span)[:LONGEST_SENTENCE],
        }
    return TableRow(
        {key: terminal.text(text) for key, text in cells.items()},
        dict.fromkeys(("layer", "operation"), ("bad",)),
    )


def facts(analysis: Analysis) -> dict[str, str]:
    """What is told under the table: parameters, operations, memory, another tool's figure."""
    totals = analysis.totals
    params = f"{totals.params:,}"
    if totals.frozen:
        params += f" = {totals.trainable:,} trainable + {totals.frozen:,} frozen"
    params += f" · {in_bytes(totals.weight_bytes)} as float32"
    if totals.buffers:
        params += f" · {totals.buffers:,} buffers beside them"
    convention = convention_of(analysis.convention)
    own = convention.name == "cnnspec"
    operations = (
        f"{totals.multiplies:,} multiplies + {totals.additions:,} additions + {totals.elementwise:,} others"
    )
    if own:
        operations += f" = {totals.flops:,} flops"
    peak = in_bytes(totals.peak_activation_bytes)
    memory = (
        f"{in_bytes(totals.activation_bytes)} for all outputs · {peak} at the peak when buffers are reused"
        f" · {in_bytes(totals.training_bytes)} to train with {analysis.training.optimizer}"
    )
    texts = {"params": params, "operations": operations, "memory": memory}
    if not own:
        texts[convention.name] = f"{totals.flops:,} {convention.figure}: {analysis.rule}"
    elif analysis.exclude_padding:
        texts["counted"] = analysis.rule
    return texts


def expectation(item: JudgedExpectation) -> tuple[str, str]:
    """A budget's style and its line: ``✓ expect params <= 62k (61,706)``."""
    actual = f"{item.actual:,}" if item.actual is not None else "unknown"
    mark = "✓" if item.holds else "✗"
    return "good" if item.holds else "bad", f"{mark} expect {item.text} ({actual})"
