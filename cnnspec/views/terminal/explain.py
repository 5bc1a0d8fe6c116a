"""Every number with its working, set out as on a blackboard: law, numbers in, result."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cnnspec.analysis.explain import TOPICS, AsDense, Explanation, as_dense, explain
from cnnspec.analysis.fold import Repeated
from cnnspec.formula import Formula, Symbol
from cnnspec.layers.base import show
from cnnspec.layers.writing import sentence
from cnnspec.views.terminal.outline import repeated
from cnnspec.views.terminal.paint import PLAIN, Terminal, width_of, wrap

if TYPE_CHECKING:
    from cnnspec.analysis.report import Analysis, Row

COUNTED: Final = ("params", "multiplies", "additions")
"""Topics whose results add up over the layers; they are also the names of the totals."""

USUAL: Final = tuple(topic for topic in TOPICS if topic != "memory")
"""What a whole network is asked; memory is worth its lines for one layer."""

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

LEAST_ROOM: Final = 24
"""Columns a working needs beside its name; with fewer it goes below."""

DENSE: Final = "if every output value weighed every input value (dense):"

SIZES: Final = {"i": "input size", "k": "kernel size"}
"""Symbols that stand for one axis or another."""


@dataclass(frozen=True, slots=True)
class WorkingLine:
    """One line of the board: what, its law and numbers, a remark."""

    what: str
    law: Formula | None
    note: str = ""


@dataclass(frozen=True, slots=True)
class LayerWorking:
    """All that is said about one layer."""

    row: Row
    entries: tuple[WorkingLine, ...]
    symbols: tuple[Symbol, ...]
    dense: AsDense | None = None
    times: str = ""
    """Said before it where it begins a stretch of several equal ones."""


def workings(
    analysis: Analysis,
    rows: Sequence[Row],
    about: Sequence[str] = (),
    *,
    dense: bool = False,
    brief: bool = True,
    folded: bool = False,
) -> Iterator[LayerWorking]:
    """What is to be said of each row ``about`` these topics; without any, of all.

    ``brief`` leaves out what nobody asked for: zeros, memory, and for several
    layers the parts of sums. ``folded`` tells equal repeats once.
    """
    repeats, hidden = repeated(analysis.network) if folded else ({}, frozenset())
    topics = tuple(about) or (USUAL if brief else tuple(TOPICS))
    for row in rows:
        if row.node.index in hidden:
            continue
        explained = [explain(analysis, row.name, topic) for topic in topics]
        entries = [entry for one in explained for entry in _entries(one, row)]
        if brief and not about:
            entries = [entry for entry in entries if _is_worth_saying(entry, len(rows) > 1)]
        symbols = [symbol for one in explained for symbol in one.symbols]
        fully = as_dense(analysis, row.name) if dense else None
        if fully:
            symbols += [*fully.weights.symbols(), *fully.operations.symbols()]
        times = _times(repeats[row.node.index]) if row.node.index in repeats else ""
        yield LayerWorking(row, tuple(entries), tuple(symbols), fully, times)


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
    for passage in workings:
        for symbol in passage.symbols:
            meaning = SIZES.get(symbol.name) or symbol.meaning.partition(" along the ")[0]
            found = meanings.setdefault(symbol.name, [])
            if meaning and not any(meaning in other for other in found):
                found[:] = [*(other for other in found if other not in meaning), meaning]
    return {name: " or ".join(found) for name, found in meanings.items() if found and found != [name]}


def total(rows: Sequence[Row], topic: str) -> list[str]:
    """``156 + 2,416 + …`` and ``61,706``: the sides of a sum; none when there is nothing to add."""
    terms = [count for row in rows if (count := int(getattr(row, topic)))]
    if topic not in COUNTED or len(terms) < 2:
        return []
    written = " + ".join(f"{term:,}" for term in terms)
    return [written, f"{sum(terms):,}"] if len(terms) <= MOST_TERMS else [f"{sum(terms):,}"]


# Text ----------------------------------------------------------------------------


def render(
    analysis: Analysis,
    rows: Sequence[Row],
    about: Sequence[str] = (),
    *,
    dense: bool = False,
    folded: bool = False,
    terminal: Terminal = PLAIN,
) -> str:
    """The passages one under the other, sums of what adds up, and the legend."""
    found = list(workings(analysis, rows, about, dense=dense, folded=folded))
    lines: list[str] = []
    for passage in found:
        if passage.times:
            lines += [
                terminal.paint(line, "dim")
                for line in wrap(terminal.text(passage.times), terminal.width, "  ")
            ]
        lines += [*_passage(passage, terminal), ""]
    lines += _totals(rows, about, "all" if len(rows) == len(analysis.rows) else "these", terminal)
    return "\n".join((*lines, *_legend(legend(found), terminal))).rstrip("\n") + "\n"


def _passage(passage: LayerWorking, terminal: Terminal) -> list[str]:
    row = passage.row
    inputs = " and ".join(map(show, row.inputs))
    words = [
        row.name,
        terminal.text(sentence(row.node.layer)),
        terminal.text(f"{inputs} → {show(row.output)}"),
    ]
    lines = _heading(words, str(row.node.layer.family), terminal)
    lines += _board(passage.entries, terminal)
    if passage.dense:
        lines += ["", f"  {terminal.paint(DENSE, 'dim')}"]
        lines += _board(dense_entries(passage.dense), terminal)
    return lines


def _heading(words: Sequence[str], family: str, terminal: Terminal) -> list[str]:
    """Name, operation and shapes on one line where they fit, else each on its own."""
    name, *rest = words
    name = terminal.paint(name, "bold", family)
    if width_of("   ".join(words)) <= terminal.width:
        return ["   ".join((name, *rest))]
    return [name, *(f"  {line}" for word in rest for line in wrap(word, terminal.width - 2, "  "))]


def _board(entries: Sequence[WorkingLine], terminal: Terminal) -> list[str]:
    widest = max((width_of(terminal.text(entry.what)) for entry in entries), default=0)
    return [
        line
        for entry in entries
        for line in _format_equation(entry.what, equation(entry.law), entry.note, terminal, widest)
    ]


def _totals(rows: Sequence[Row], about: Sequence[str], which: str, terminal: Terminal) -> list[str]:
    sums = {topic: total(rows, topic) for topic in COUNTED if topic in (about or COUNTED)}
    lines = [
        line
        for topic, sides in sums.items()
        if sides and len(rows) > 1
        for line in _format_equation(topic, sides, "", terminal, len("multiplies"))
    ]
    return [terminal.paint(f"{which} layers", "bold"), *lines, ""] if lines else []


def dense_entries(dense: AsDense) -> tuple[WorkingLine, WorkingLine]:
    """What the dense layer would store and compute, beside what the layer does."""
    return (
        WorkingLine("weights", dense.weights, against(int(dense.weights), dense.own_weights)),
        WorkingLine("operations", dense.operations, against(int(dense.operations), dense.own_operations)),
    )


def against(dense: int, own: int) -> str:
    """``against 267,960, 59,733 times fewer``."""
    return f"against {own:,}, {dense / own:,.0f} times fewer" if 0 < own < dense else f"against {own:,}"


def equation(law: Formula | None) -> list[str]:
    """Law, numbers and result: the sides of the equation, repeated ones left out."""
    if law is None:
        return []
    result = law.worked().rpartition(" = ")[2]
    numbers = law.worked().removesuffix(f" = {result}")
    return list(dict.fromkeys((law.law(), numbers, result)))


def _format_equation(
    what: str, sides: Sequence[str], note: str, terminal: Terminal, widest: int
) -> list[str]:
    """One equation: on one line where it fits, else each side under the first."""
    head = "  " + terminal.text(what).ljust(widest) + "  "
    above = terminal.width - len(head) < LEAST_ROOM
    indent = "    " if above else " " * len(head)
    room = max(terminal.width - len(indent), LEAST_ROOM)
    lines = _sides([terminal.text(side) for side in sides], room)
    if note:
        lines = _with_note(lines, terminal.text(note), room, terminal)
    first, *rest = lines or [""]
    if above:
        return [terminal.paint(head.rstrip(), "dim"), *(indent + line for line in (first, *rest))]
    return [terminal.paint(head, "dim") + first, *(indent + line for line in rest)]


def _sides(sides: list[str], room: int) -> list[str]:
    if not sides or width_of(" = ".join(sides)) <= room:
        return [" = ".join(sides)] if sides else []
    lines = [f"= {side}" if number else side for number, side in enumerate(sides)]
    return [piece for line in lines for piece in wrap(line, room, "  ")]


def _with_note(lines: list[str], note: str, room: int, terminal: Terminal) -> list[str]:
    """The remark behind the last line where it fits, else under it."""
    if not lines:
        return wrap(note, room)
    if width_of(lines[-1]) + width_of(note) + 4 <= room:
        return [*lines[:-1], f"{lines[-1]}  {terminal.paint(f'({note})', 'dim')}"]
    return [*lines, *(terminal.paint(line, "dim") for line in wrap(f"({note})", room))]


def _legend(meanings: dict[str, str], terminal: Terminal) -> list[str]:
    if not meanings:
        return []
    widest = max(width_of(terminal.text(name)) for name in meanings)
    lines = [terminal.paint("where", "dim")]
    for name, meaning in meanings.items():
        head = f"  {terminal.text(name).ljust(widest)}  "
        first, *rest = wrap(terminal.text(meaning), max(terminal.width - len(head), LEAST_ROOM))
        lines.append(head + terminal.paint(first, "dim"))
        lines += [" " * len(head) + terminal.paint(line, "dim") for line in rest]
    return lines
