"""Two networks compared: a table for the terminal, and the same as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from cnnspec.layers.base import show
from cnnspec.layers.writing import sentence, value_text
from cnnspec.views.terminal.grid import Column, TableRow, table
from cnnspec.views.terminal.paint import PLAIN, Terminal, folded, grouped, in_bytes, wrap

if TYPE_CHECKING:
    from cnnspec.analysis.compare import Change, Comparison, Pair
    from cnnspec.analysis.report import Row

SCHEMA: Final = "cnnspec/diff/1"

SIGNS: Final = {"same": "", "changed": "~", "added": "+", "removed": "−"}
STYLES: Final = {"same": "dim", "changed": "warning", "added": "good", "removed": "bad"}

COLUMNS: Final = (
    Column("sign", ""),
    Column("layer", "layer", least=16, rank=1, middle=True),
    Column("what", "what differs", least=28, rank=1),
    Column("params", "params", right=True, rank=2),
    Column("multiplies", "multiplies", right=True, rank=3),
)


def render(comparison: Comparison, *, terminal: Terminal = PLAIN, everything: bool = False) -> str:
    """The layers that differ (or all), the totals that differ, and one line that sums up."""
    shown = [pair for pair in comparison.pairs if everything or pair.status != "same"]
    lines: list[str] = []
    if comparison.input:
        lines += [terminal.text(f" input {_from_to(comparison.input)}"), ""]
    if shown:
        cells = [_line(run, terminal) for run in runs_of(shown, everything)]
        lines += [*table(COLUMNS, cells, terminal), ""]
        lines += [folded(f" {terminal.text(line)}", terminal.width) for line in _totals(comparison)] + [""]
    name_one, name_two = comparison.before.network.name, comparison.after.network.name
    names = f"{name_one or 'first'} → {name_two or 'second'}: "
    lines += [terminal.text(f" {line}") for line in wrap(names + comparison.summary, terminal.width - 1)]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _line(run: list[Pair], terminal: Terminal) -> TableRow:
    """One layer, or several of a block together."""
    first, end = run[0], run[-1].after or run[-1].before
    cells = {
        "sign": SIGNS[first.status],
        "layer": _names(first) if len(run) == 1 else ".".join(_block(first)),
        "what": _what(first) if len(run) == 1 or end is None else f"{len(run)} layers => {show(end.output)}",
        "params": _delta(sum(pair.delta("params") for pair in run)),
        "multiplies": _delta(sum(pair.delta("multiplies") for pair in run)),
    }
    shown = {key: terminal.text(text) for key, text in cells.items()}
    return TableRow(shown, dict.fromkeys(cells, (STYLES[first.status],)))


def runs_of(pairs: list[Pair], everything: bool = False) -> list[list[Pair]]:
    """Layers of one block that were all added, or all removed, taken together."""
    runs: list[list[Pair]] = []
    for pair in pairs:
        together = not everything and pair.status in ("added", "removed") and bool(_block(pair))
        last = runs[-1][-1] if runs else None
        if together and last and last.status == pair.status and _block(last) == _block(pair):
            runs[-1].append(pair)
        else:
            runs.append([pair])
    return runs


def _block(pair: Pair) -> tuple[str, ...]:
    """The block that the layer lies in; empty at the top."""
    row = pair.after or pair.before
    assert row is not None
    return row.path[:-1]


def _names(pair: Pair) -> str:
    if pair.before and pair.after and pair.before.name != pair.after.name:
        return f"{pair.before.name} → {pair.after.name}"
    return pair.name


def _what(pair: Pair) -> str:
    if pair.before is None or pair.after is None:
        row = pair.after or pair.before
        assert row is not None
        return f"{sentence(row.node.layer)} => {show(row.output)}"
    shown = [change for change in pair.changes if change.what not in NUMBERS]
    if len(shown) > 1:
        shown = [change for change in shown if change.what != "inputs"]
    return ", ".join(f"{change.what} {_from_to(change)}" for change in shown)


NUMBERS: Final = frozenset(
    {"params", "buffers", "multiplies", "additions", "elementwise", "flops", "activation_bytes"}
)


def _from_to(change: Change) -> str:
    return f"{_value(change.what, change.before)} → {_value(change.what, change.after)}"


def _value(what: str, value: Any) -> str:
    if value is None:
        return "none"
    if what == "inputs":
        return " and ".join(map(show, value))
    return show(value) if what in ("output", "input") else value_text(value, what)


def _delta(difference: int) -> str:
    if not difference:
        return "="
    return ("+" if difference > 0 else "−") + grouped(abs(difference))


def _totals(comparison: Comparison) -> list[str]:
    changed = [change for change in comparison.totals if change.before != change.after]
    width = max((len(change.what) for change in changed), default=0)
    return [f"{change.what.replace('_', ' ').ljust(width)}  {_total(change)}" for change in changed]


def _total(change: Change) -> str:
    number = in_bytes if change.what.endswith("bytes") else grouped
    share = f"  {100 * (change.after - change.before) / change.before:+.1f} %" if change.before else ""
    return f"{number(change.before)} → {number(change.after)}{share.replace('-', '−')}"


def document(comparison: Comparison) -> dict[str, Any]:
    """The comparison as plain dictionaries and lists."""
    return {
        "schema": SCHEMA,
        "before": comparison.before.network.name,
        "after": comparison.after.network.name,
        "same": comparison.is_same,
        "summary": comparison.summary,
        "layers": [_pair(pair) for pair in comparison.pairs],
        "totals": {
            one.what: {"before": one.before, "after": one.after, "delta": one.after - one.before}
            for one in comparison.totals
        },
    }


def _pair(pair: Pair) -> dict[str, Any]:
    return {
        "status": pair.status,
        "before": _row(pair.before),
        "after": _row(pair.after),
        "changes": {change.what: [change.before, change.after] for change in pair.changes},
    }


def _row(row: Row | None) -> dict[str, Any] | None:
    if row is None:
        return None
    return {
        "name": row.name,
        "layer": sentence(row.node.layer),
        "output": list(row.output),
        "params": row.params,
        "multiplies": row.multiplies,
    }
