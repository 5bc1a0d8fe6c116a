"""Every number with its working, whatever the form: what is said of each layer, and what it comes to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from cnnspec.analysis.explain import TOPICS, AsDense, Explanation, as_dense, explain
from cnnspec.analysis.fold import Repeated
from cnnspec.diagnostics import SpecError
from cnnspec.formula import Formula, Number, Symbol, total
from cnnspec.layers.base import show
from cnnspec.records import record
from cnnspec.views.terminal.outline import repeated

if TYPE_CHECKING:
    from cnnspec.analysis.report import Analysis, Row

COUNTED: Final = ("params", "multiplies", "additions")
"""Topics whose results add up over the layers; they are also the names of the totals."""

USUAL: Final = tuple(topic for topic in TOPICS if topic != "memory")
"""What a whole network is asked; memory is worth its lines for one layer."""

MOST_LAYERS: Final = 5_000
"""Layers that are explained at once."""

MOST_TERMS: Final = 12
"""A sum with more terms than this is not written out."""

SHORTER: Final = {
    "parameters": "params",
    "output, bytes": "output bytes",
    "parameters, bytes": "param bytes",
    "in use while it runs, bytes": "bytes in use",
    "kept in training, bytes": "bytes kept",
    "size": "field size",
    "jump": "field jump",
    "start": "field start",
    "receptive field": "field",
}

SIZES: Final = {"i": "input size", "k": "kernel size"}
"""Symbols that stand for one axis or another."""


@record
class WorkingLine:
    """One line of the board: what, its law and numbers, a remark."""

    what: str
    law: Formula | None
    note: str = ""


@record
class LayerWorking:
    """All that is said about one layer."""

    row: Row
    entries: tuple[WorkingLine, ...]
    symbols: tuple[Symbol, ...]
    dense: tuple[WorkingLine, ...] = ()
    """What a dense layer in its place would store and compute."""
    times: str = ""
    """Said before it where it begins a stretch of several equal ones."""

    @property
    def inputs(self) -> str:
        return " and ".join(map(show, self.row.inputs))

    @property
    def lines(self) -> tuple[WorkingLine, ...]:
        """All entries, with those of the comparison named as such."""
        dense = (replace(entry, what=f"{entry.what} as a dense layer") for entry in self.dense)
        return (*self.entries, *dense)


@record
class Board:
    """What is said of some layers: of each, of all together, and what the symbols mean."""

    network: str
    passages: tuple[LayerWorking, ...]
    totals: tuple[WorkingLine, ...]
    which: str
    """``all layers``: what the totals are of."""
    symbols: dict[str, str]


def board(
    analysis: Analysis, rows: Sequence[Row], about: Sequence[str] = (), *,
    dense: bool = False, brief: bool = True, folded: bool = False,
) -> Board:  # fmt: skip
    """What is to be said of each row ``about`` these topics; without any, of all.

    Raises SpecError for more layers than ``MOST_LAYERS``.

    ``brief`` leaves out what nobody asked for: zeros, memory, and for several
    layers the parts of sums. ``folded`` tells equal repeats once.
    """
    passages: list[LayerWorking] = []
    repeats, hidden = repeated(analysis.network) if folded else ({}, frozenset())
    topics = tuple(about) or (USUAL if brief else tuple(TOPICS))
    told = [row for row in rows if row.node.index not in hidden]
    if len(told) > MOST_LAYERS:
        raise SpecError.of(
            "network-too-large",
            f"{len(told):,} layers would be explained; {MOST_LAYERS:,} are at once",
            "name a layer, a block or a kind of layer, as in: cnnspec explain net.cnn conv1",
        )
    for row in told:
        explained = [explain(analysis, row.name, topic) for topic in topics]
        entries = [entry for one in explained for entry in _entries(one, row)]
        if brief and not about:
            entries = [entry for entry in entries if _is_worth_saying(entry, len(rows) > 1)]
        fully = as_dense(analysis, row.name) if dense else None
        compared = dense_entries(fully) if fully else ()
        symbols = [symbol for one in explained for symbol in one.symbols]
        symbols += [symbol for entry in compared if entry.law for symbol in entry.law.symbols()]
        times = _times(repeats[row.node.index]) if row.node.index in repeats else ""
        passages.append(LayerWorking(row, tuple(entries), tuple(symbols), compared, times))
    totals = _totals(rows, [topic for topic in COUNTED if topic in (about or COUNTED)])
    which = f"{'all' if len(rows) == len(analysis.rows) else 'these'} layers"
    return Board(analysis.network.name, tuple(passages), totals, which, legend(passages))


def _times(segment: Repeated) -> str:
    """``×3: conv2 to relu3, told once``."""
    first = segment.turns[0]
    what = first[0].name if len(first) == 1 else f"{first[0].name} to {first[-1].name}"
    return f"×{segment.times}: {what}; the others are equal but for what they see of the input"


def _entries(explained: Explanation, row: Row) -> list[WorkingLine]:
    unchanged = explained.topic == "shape" and row.inputs == (row.output,)
    if unchanged and all(isinstance(step.law, Symbol) for step in explained.steps):
        return [WorkingLine("shape", None, f"{show(row.output)}, as it flows in")]
    every = len(row.receptive_field.size) if row.receptive_field else 0
    return _joined([WorkingLine(_name(step.what, every), step.law, step.note) for step in explained.steps])


def _name(what: str, axes: int) -> str:
    """The shortest clear name: an axis is named only where the axes differ."""
    short, _, axis = what.partition(" along the ")
    short = SHORTER.get(short, short)
    return (
        f"{short}, {axis.replace(' and the ', ', ')}"
        if axis and axis.count(" and the ") + 1 < axes
        else short
    )


def _is_worth_saying(entry: WorkingLine, among_many: bool) -> bool:
    if entry.law is not None and not entry.law.value:
        return entry.what in ("params", "field start")
    return not (among_many and entry.what.startswith(("weight ", "bias ")))


def _joined(entries: list[WorkingLine]) -> list[WorkingLine]:
    """Neighbours with the same law and numbers (height and width) on one line."""
    joined: list[WorkingLine] = []
    for entry in entries:
        last = joined[-1] if joined else WorkingLine("", None)
        equal = (last.law, last.note) == (entry.law, entry.note)
        if equal and entry.law is not None and not isinstance(entry.law, Symbol):
            joined[-1] = WorkingLine(f"{last.what}, {entry.what}", entry.law, entry.note)
        else:
            joined.append(entry)
    return joined


def legend(workings: Iterable[LayerWorking]) -> dict[str, str]:
    """Each symbol's meaning, once; no axis is named where it stands for several."""
    meanings: dict[str, list[str]] = {}
    told = ((symbol.name, symbol.meaning) for passage in workings for symbol in passage.symbols)
    for name, said in dict.fromkeys(told):
        meaning = SIZES.get(name) or said.partition(" along the ")[0]
        found = meanings.setdefault(name, [])
        if meaning and not any(meaning in other for other in found):
            found[:] = [*(other for other in found if other not in meaning), meaning]
    return {name: " or ".join(found) for name, found in meanings.items() if found and found != [name]}


def _totals(rows: Sequence[Row], topics: Iterable[str]) -> tuple[WorkingLine, ...]:
    """The sum over the layers by topic, its terms written out where they are few; none of a single term."""
    found = []
    for topic in topics:
        terms = [count for row in rows if (count := int(getattr(row, topic)))]
        if len(terms) > 1:
            shown = terms if len(terms) <= MOST_TERMS else [sum(terms)]
            found.append(WorkingLine(topic, total(map(Number, shown))))
    return tuple(found)


def dense_entries(dense: AsDense) -> tuple[WorkingLine, WorkingLine]:
    """What the dense layer would store and compute, beside what the layer does."""
    return (
        WorkingLine("weights", dense.weights, against(int(dense.weights), dense.own_weights)),
        WorkingLine("operations", dense.operations, against(int(dense.operations), dense.own_operations)),
    )


def against(dense: int, own: int) -> str:
    """``against 267,960, 59,733 times fewer``."""
    return f"against {own:,}, {dense / own:,.0f} times fewer" if 0 < own < dense else f"against {own:,}"
