"""What is known of a network before it runs: figures, messages, shares of the cost, memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING, Final

from cnnspec.diagnostics import Diagnostic, Severity
from cnnspec.layers.base import Family, show
from cnnspec.layers.writing import sentence
from cnnspec.views.documents.report.mathml import LAW, equation
from cnnspec.views.documents.report.style import tone
from cnnspec.views.terminal.columns import last_field
from cnnspec.views.terminal.paint import in_bytes
from cnnspec.views.workings import LayerWorking, WorkingLine, board, legend

if TYPE_CHECKING:
    from cnnspec.analysis.report import Analysis, Row


MOST_BARS: Final = 16
"""Layers with a bar each; the others share one."""
PARTS: Final = {
    "parameters": ("weight_bytes", Family.DENSE),
    "activations kept": ("saved_activation_bytes", Family.CONV),
    "gradients, and room": ("backward_bytes", Family.RESAMPLE),
    "gradients of parameters": ("weight_gradient_bytes", Family.NORM),
    "the optimizer's state": ("optimizer_state_bytes", Family.POOL),
}


def shape(sizes: Sequence[int]) -> str:
    return show(tuple(sizes)).replace("x", "×")


def figures(analysis: Analysis, tested: tuple[str, str] | None) -> str:
    """The key figures of a network, large; first of all what tells how good it is, where that is known."""
    totals, network = analysis.totals, analysis.network
    texts = {
        **({f"test {tested[0]}": tested[1]} if tested else {}),
        "input": network.input_text.replace("x", "×") if len(network.inputs) == 1 else network.input_text,
        "output": shape(network.output),
        "layers": f"{len(analysis.rows):,}",
        "parameters": f"{totals.params:,}",
        "multiplies, one input": f"{totals.multiplies:,}",
        "parameters in memory": in_bytes(totals.weight_bytes),
        "peak of activations": in_bytes(totals.peak_activation_bytes),
        "receptive field": last_field(analysis).replace("x", "×"),
    }
    items = "".join(
        f"<div><dt>{name}</dt><dd>{escape(text)}</dd></div>" for name, text in texts.items() if text
    )
    return f'<dl class="figures">{items}</dl>'


def messages(diagnostics: Iterable[Diagnostic]) -> str:
    """Errors and warnings in full, each with its place; notes are left to ``check``."""
    found = [item for item in diagnostics if item.severity is not Severity.NOTE]
    return "".join(map(_message, found))


def _message(item: Diagnostic) -> str:
    place = f"line {item.span.line}: " if item.span else ""
    line = item.span.source.line(item.span.line).strip() if item.span else ""
    text = f"<p><strong>{item.severity}</strong> [{escape(item.code)}] {place}{escape(item.message)}</p>"
    shown = f"<p><code>{escape(line)}</code></p>" if line else ""
    more = "".join(f'<p class="faint">{escape(note)}</p>' for note in item.notes)
    cures = "".join(f"<p>{escape(cure)}</p>" for cure in item.help)
    return f'<div class="message {item.severity}">{text}{shown}{more}{cures}</div>'


def expectations(analysis: Analysis) -> str:
    """The budgets, kept or broken."""
    if not analysis.expectations:
        return ""
    items = "".join(
        f"<li>{'✓' if budget.holds else '✗'} <code>{escape(budget.text)}</code>, it is {budget.actual:,}</li>"
        for budget in analysis.expectations
    )
    return f"<h3>Expectations</h3><ul>{items}</ul>"


# Cost ----------------------------------------------------------------------------


def shares(analysis: Analysis) -> str:
    """A line a layer with bars for parameters, multiplies and output; small ones together."""
    measures: tuple[Callable[[Row], int], ...] = (
        lambda row: row.params,
        lambda row: row.multiplies,
        lambda row: row.activation_bytes,
    )
    sums = [max(sum(map(measure, analysis.rows)), 1) for measure in measures]

    def weight(row: Row) -> float:
        return max(measure(row) / total for measure, total in zip(measures[:2], sums, strict=False))

    large = sorted(analysis.rows, key=weight, reverse=True)[:MOST_BARS]
    shown = [row for row in analysis.rows if row in large and weight(row) > 0]
    others = [row for row in analysis.rows if row not in shown]
    rest = [sum(map(measure, others)) for measure in measures]
    most = [max([*map(measure, shown), total]) or 1 for measure, total in zip(measures, rest, strict=True)]
    named: list[tuple[str, Family | None, list[int]]]
    named = [(row.name, row.node.layer.family, [measure(row) for measure in measures]) for row in shown]
    if others:
        named.append((f"the other {len(others)}" if shown else f"all {len(others)}", None, rest))
    lines = []
    for name, family, values in named:
        texts = (f"{values[0]:,}", f"{values[1]:,}", in_bytes(values[2]))
        lines.append(_bars(name, family, zip(values, most, texts, strict=True)))
    return _bar_table(("layer", "parameters", "multiplies", "output"), lines)


def _bar_table(titles: Sequence[str], lines: Iterable[str]) -> str:
    head = "".join(f'<th scope="col">{title}</th>' for title in titles)
    return f'<table class="share"><thead><tr>{head}</tr></thead><tbody>{"".join(lines)}</tbody></table>'


def _bars(name: str, family: Family | None, bars: Iterable[tuple[int, int, str]]) -> str:
    """A line of bars: size, size of a full one, what it says; the line of the rest has no ``family``."""
    cells = ""
    for size, full, text in bars:
        empty = "" if size else ' class="none"'
        bar = f'<i{empty} style="--part:{100 * size / full:.2f}%"></i>'
        cells += f'<td><span class="bar">{bar}{text}</span></td>'
    kind = "" if family else ' class="rest"'
    color = tone(family or Family.RESHAPE)
    return f'<tr{kind} style="--tone:{color}"><th scope="row">{escape(name)}</th>{cells}</tr>'


# Memory --------------------------------------------------------------------------


def memory(analysis: Analysis) -> str:
    """Memory while the network runs, layer by layer, and the parts of a training step's."""
    totals, training = analysis.totals, analysis.training
    parts = {name: (getattr(training, field), family) for name, (field, family) in PARTS.items()}
    parts = {name: pair for name, pair in parts.items() if pair[0]}
    stack = "".join(
        f'<i style="--tone:{tone(family)};--part:{size}" title="{name}: {in_bytes(size)}"></i>'
        for name, (size, family) in parts.items()
    )
    keys = "".join(
        f'<li style="--tone:{tone(family)}">{name}: {in_bytes(size)}</li>'
        for name, (size, family) in parts.items()
    )
    needed = f"{in_bytes(totals.training_bytes)}, beside {in_bytes(totals.weight_bytes)} of parameters"
    peak = analysis.memory.peak.node.name
    batch = "one input" if analysis.batch == 1 else f"a batch of {analysis.batch:,}"
    return (
        f"<p>While it runs, for {batch}: {in_bytes(totals.activation_bytes)} for all outputs, or "
        f"{in_bytes(totals.peak_activation_bytes)} at most (in {escape(peak)}) where buffers are used again."
        f"</p>{_steps(analysis)}<h3>Training with {escape(training.optimizer)}: {needed}</h3>"
        f'<div class="stack">{stack}</div><ul class="keys">{keys}</ul>'
    )


def _steps(analysis: Analysis) -> str:
    """What is in memory while each layer runs: of many, the layers that hold most."""
    sizes = {node: analysis.memory.step(node.index).live_bytes for node in analysis.network.nodes}
    most = max(sizes.values()) or 1
    large = sorted(sizes, key=lambda node: -sizes[node])[:MOST_BARS]
    lines = [
        _bars(node.name, node.layer.family, [(size, most, in_bytes(size))])
        for node, size in sizes.items()
        if node in large
    ]
    if others := [size for node, size in sizes.items() if node not in large]:
        text = f"at most {in_bytes(max(others))}"
        lines.append(_bars(f"the other {len(others)}", None, [(max(others), most, text)]))
    return _bar_table(("layer", "in memory while it runs"), lines)


def explanations(analysis: Analysis) -> str:
    """The layers in order, equal repeats once; then what they add up to."""
    said = board(analysis, analysis.rows, folded=True)
    totals = "".join(map(_entry, said.totals))
    added = f'<h3>{said.which.capitalize()}</h3><dl class="working">{totals}</dl>' if totals else ""
    return "".join(map(_fold, said.passages)) + added


def _fold(passage: LayerWorking) -> str:
    row = passage.row
    times = f'<p class="where">{escape(passage.times)}</p>' if passage.times else ""
    entries = "".join(map(_entry, passage.entries))
    flow = f"{' + '.join(map(shape, row.inputs))} → {shape(row.output)}"
    return (
        f'<details style="--tone:{tone(row.node.layer.family)}"><summary><b>{escape(row.name)}</b>'
        f'<code>{escape(sentence(row.node.layer))}</code><span class="flow">{flow}</span></summary>'
        f'<dl class="working">{times}{entries}{_where(passage)}</dl></details>\n'
    )


def _entry(entry: WorkingLine) -> str:
    sides = equation(entry.law) if entry.law is not None else []
    written = " ".join(f"<span>{side}</span>" for side in sides)
    note = f'<span class="note">{escape(entry.note)}</span>' if entry.note else ""
    return f"<dt>{escape(entry.what)}</dt><dd>{written}{note}</dd>"


def _where(passage: LayerWorking) -> str:
    """The legend of this layer's symbols."""
    meanings = legend([passage])
    if not meanings:
        return ""
    symbols = "; ".join(
        f"<math>{LAW.name(name)}</math> {escape(meaning)}" for name, meaning in meanings.items()
    )
    return f'<div class="where">where {symbols}</div>'
