"""Every number with its working, set out as on a blackboard: law, numbers in, result."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cnnspec.analysis.explain import TOPICS, AsDense, Explanation, Step, as_dense, explain
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
class Entry:
    """One line of the board: what, its law and numbers, a remark."""

    what: str
    law: Formula | None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Passage:
    """All that is said about one layer."""

    row: Row
    entries: tuple[Entry, ...]
    symbols: tuple[Symbol, ...]
    dense: AsDense | None = None
    times: str = ""
    """Said before it where it begins a stretch of several equal ones."""


def passages(
    analysis: Analysis,
    rows: Sequence[Row],
    about: Sequence[str] = (),
    *,
    dense: bool = False,
    brief: bool = True,
    folded: bool = False,
) -> Iterator[Passage]:
    """What is to be said of each row ``about`` these topics; without any, of all.

    ``brief`` leaves out what nobody asked for: zeros, memory, and for several
    layers the parts of sums. ``folded`` tells equal repeats once.
    """
    repeats, hidden = repeated(analysis.network) if folded else ({}, frozenset())
    topics = tuple(about) or (USUAL if brief else tuple(TOPICS))
    for row in rows:
        if row.node.index in hidden:
            continue
        told = [explain(analysis, row.name, topic) for topic in topics]
        entries = [entry for one in told for entry in _entries(one, row)]
        if brief and not about:
            entries = [entry for entry in entries if _is_worth_saying(entry, len(rows) > 1)]
        symbols = [symbol for one in told for symbol in one.symbols]
        fully = as_dense(analysis, row.name) if dense else None
        if fully:
            symbols += [*fully.weights.symbols(), *fully.operations.symbols()]
        times = _times(repeats[row.node.index]) if row.node.index in repeats else ""
        yield Passage(row, tuple(entries), tuple(symbols), fully, times)


def _times(segment: Repeated) -> str:
    """``×3: conv2 to relu3, told once``."""
    first = segment.turns[0]
    what = first[0].name if len(first) == 1 else f"{first[0].name} to {first[-1].name}"
    return f"×{segment.times}: {what}; the others are equal but for what they see of the input"


def _entries(told: Explanation, row: Row) -> list[Entry]:
    if told.topic == "shape" and row.inputs == (row.output,) and all(_is_plain(step) for step in told.steps):
        return [Entry("shape", None, f"{show(row.output)}, as it flows in")]
    every = len(row.receptive_field.size) if row.receptive_field else 0
    return _joined([Entry(_name(step.what, every), step.law, step.note) for step in told.steps])


def _name(what: str, axes: int) -> str:
    """The shortest clear name: an axis is named only where the axes differ."""
    short, _, axis = what.partition(" along the ")
    short = SHORTER.get(short, short)
    return (
        f"{short}, {axis.replace(' and the ', ', ')}"
        if axis and axis.count(" and the ") + 1 < axes
        else short
    )


def _is_worth_saying(entry: Entry, among_many: bool) -> bool:
    if entry.law is not None and not entry.law.value:
        return entry.what in ("params", "field start")
    return not (among_many and entry.what.startswith(("weight ", "bias ")))


def _is_plain(step: Step) -> bool:
    return isinstance(step.law, Symbol)


def _joined(entries: list[Entry]) -> list[Entry]:
    """Neighbours with the same law and numbers (height and width) on one line."""
    joined: list[Entry] = []
    for entry in entries:
        last = joined[-1] if joined else Entry("", None)
        told = (last.law, last.note) == (entry.law, entry.note)
        if told and entry.law is not None and not isinstance(entry.law, Symbol):
            joined[-1] = Entry(f"{last.what}, {entry.what}", entry.law, entry.note)
        else:
            joined.append(entry)
    return joined


def legend(found: Iterable[Passage]) -> dict[str, str]:
    """Each symbol's meaning, once; no axis is named where it stands for several."""
    meanings: dict[str, list[str]] = {}
    for passage in found:
        for symbol in passage.symbols:
            meaning = SIZES.get(symbol.name) or symbol.meaning.partition(" along the ")[0]
            told = meanings.setdefault(symbol.name, [])
            if meaning and not any(meaning in other for other in told):
                told[:] = [*(other for other in told if other not in meaning), meaning]
    return {name: " or ".join(told) for name, told in meanings.items() if told and told != [name]}


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
    paper: Terminal = PLAIN,
) -> str:
    """The passages one under the other, sums of what adds up, and the legend."""
    found = list(passages(analysis, rows, about, dense=dense, folded=folded))
    lines: list[str] = []
    for passage in found:
        if passage.times:
            lines += [paper.paint(line, "dim") for line in wrap(paper.text(passage.times), paper.width, "  ")]
        lines += [*_passage(passage, paper), ""]
    lines += _totals(rows, about, "all" if len(rows) == len(analysis.rows) else "these", paper)
    return "\n".join((*lines, *_legend(legend(found), paper))).rstrip("\n") + "\n"


def _passage(passage: Passage, paper: Terminal) -> list[str]:
    row = passage.row
    inputs = " and ".join(map(show, row.inputs))
    words = [row.name, paper.text(sentence(row.node.layer)), paper.text(f"{inputs} → {show(row.output)}")]
    lines = _heading(words, str(row.node.layer.family), paper)
    lines += _board(passage.entries, paper)
    if passage.dense:
        lines += ["", f"  {paper.paint(DENSE, 'dim')}"]
        lines += _board(dense_entries(passage.dense), paper)
    return lines


def _heading(words: Sequence[str], family: str, paper: Terminal) -> list[str]:
    """Name, operation and shapes on one line where they fit, else each on its own."""
    name, *rest = words
    name = paper.paint(name, "bold", family)
    if width_of("   ".join(words)) <= paper.width:
        return ["   ".join((name, *rest))]
    return [name, *(f"  {line}" for word in rest for line in wrap(word, paper.width - 2, "  "))]


def _board(entries: Sequence[Entry], paper: Terminal) -> list[str]:
    widest = max((width_of(paper.text(entry.what)) for entry in entries), default=0)
    return [
        line
        for entry in entries
        for line in _written(entry.what, equation(entry.law), entry.note, paper, widest)
    ]


def _totals(rows: Sequence[Row], about: Sequence[str], which: str, paper: Terminal) -> list[str]:
    sums = {topic: total(rows, topic) for topic in COUNTED if topic in (about or COUNTED)}
    lines = [
        line
        for topic, sides in sums.items()
        if sides and len(rows) > 1
        for line in _written(topic, sides, "", paper, len("multiplies"))
    ]
    return [paper.paint(f"{which} layers", "bold"), *lines, ""] if lines else []


def dense_entries(dense: AsDense) -> tuple[Entry, Entry]:
    """What the dense layer would store and compute, beside what the layer does."""
    return (
        Entry("weights", dense.weights, against(int(dense.weights), dense.own_weights)),
        Entry("operations", dense.operations, against(int(dense.operations), dense.own_operations)),
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


def _written(what: str, sides: Sequence[str], note: str, paper: Terminal, widest: int) -> list[str]:
    """One equation: on one line where it fits, else each side under the first."""
    head = "  " + paper.text(what).ljust(widest) + "  "
    above = paper.width - len(head) < LEAST_ROOM
    indent = "    " if above else " " * len(head)
    room = max(paper.width - len(indent), LEAST_ROOM)
    lines = _sides([paper.text(side) for side in sides], room)
    if note:
        lines = _noted(lines, paper.text(note), room, paper)
    first, *rest = lines or [""]
    if above:
        return [paper.paint(head.rstrip(), "dim"), *(indent + line for line in (first, *rest))]
    return [paper.paint(head, "dim") + first, *(indent + line for line in rest)]


def _sides(sides: list[str], room: int) -> list[str]:
    if not sides or width_of(" = ".join(sides)) <= room:
        return [" = ".join(sides)] if sides else []
    lines = [f"= {side}" if number else side for number, side in enumerate(sides)]
    return [piece for line in lines for piece in wrap(line, room, "  ")]


def _noted(lines: list[str], note: str, room: int, paper: Terminal) -> list[str]:
    """The remark behind the last line where it fits, else under it."""
    if not lines:
        return wrap(note, room)
    if width_of(lines[-1]) + width_of(note) + 4 <= room:
        return [*lines[:-1], f"{lines[-1]}  {paper.paint(f'({note})', 'dim')}"]
    return [*lines, *(paper.paint(line, "dim") for line in wrap(f"({note})", room))]


def _legend(meanings: dict[str, str], paper: Terminal) -> list[str]:
    if not meanings:
        return []
    widest = max(width_of(paper.text(name)) for name in meanings)
    lines = [paper.paint("where", "dim")]
    for name, meaning in meanings.items():
        head = f"  {paper.text(name).ljust(widest)}  "
        first, *rest = wrap(paper.text(meaning), max(paper.width - len(head), LEAST_ROOM))
        lines.append(head + paper.paint(first, "dim"))
        lines += [" " * len(head) + paper.paint(line, "dim") for line in rest]
    return lines
