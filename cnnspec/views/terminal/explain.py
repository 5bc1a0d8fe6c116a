"""Every number with its working, set out as on a blackboard: law, numbers in, result."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from cnnspec.formula import Formula
from cnnspec.layers.base import show
from cnnspec.layers.writing import sentence
from cnnspec.views.terminal.paint import PLAIN, Terminal, hanging, width_of, wrap
from cnnspec.views.workings import Board, LayerWorking, WorkingLine

LEAST_ROOM: Final = 24
"""Columns a working needs beside its name; with fewer it goes below."""

DENSE: Final = "if every output value weighed every input value (dense):"


def render(board: Board, terminal: Terminal = PLAIN) -> str:
    """The passages one under the other, sums of what adds up, and the legend."""
    lines: list[str] = []
    for passage in board.passages:
        times = wrap(terminal.text(passage.times), terminal.width, "  ") if passage.times else []
        lines += [terminal.paint(line, "dim") for line in times]
        lines += [*_passage(passage, terminal), ""]
    if board.totals:
        lines += [terminal.paint(board.which, "bold"), *_board(board.totals, terminal, len("multiplies")), ""]
    return "\n".join((*lines, *_legend(board.symbols, terminal))).rstrip("\n") + "\n"


def _passage(passage: LayerWorking, terminal: Terminal) -> list[str]:
    row = passage.row
    flow = terminal.text(f"{passage.inputs} → {show(row.output)}")
    words = [row.name, terminal.text(sentence(row.node.layer)), flow]
    lines = _heading(words, str(row.node.layer.family), terminal)
    lines += _board(passage.entries, terminal)
    if passage.dense:
        lines += ["", f"  {terminal.paint(DENSE, 'dim')}"]
        lines += _board(passage.dense, terminal)
    return lines


def _heading(words: Sequence[str], family: str, terminal: Terminal) -> list[str]:
    """Name, operation and shapes on one line where they fit, else each on its own."""
    name, *rest = words
    name = terminal.paint(name, "bold", family)
    if width_of("   ".join(words)) <= terminal.width:
        return ["   ".join((name, *rest))]
    return [name, *(f"  {line}" for word in rest for line in wrap(word, terminal.width - 2, "  "))]


def _board(entries: Sequence[WorkingLine], terminal: Terminal, least: int = 0) -> list[str]:
    """The equations with their names in a column of its own, ``least`` wide."""
    widest = max((width_of(terminal.text(entry.what)) for entry in entries), default=0)
    return [line for entry in entries for line in _format_equation(entry, terminal, max(widest, least))]


def equation(law: Formula | None) -> list[str]:
    """Law, numbers and result: the sides of the equation, repeated ones left out."""
    if law is None:
        return []
    worked = law.worked()
    result = worked.rpartition(" = ")[2]
    numbers = worked.removesuffix(f" = {result}")
    return list(dict.fromkeys((law.law(), numbers, result)))


def _format_equation(entry: WorkingLine, terminal: Terminal, widest: int) -> list[str]:
    """One equation: on one line where it fits, else each side under the first."""
    head = "  " + terminal.text(entry.what).ljust(widest) + "  "
    above = terminal.width - len(head) < LEAST_ROOM
    indent = "    " if above else " " * len(head)
    room = max(terminal.width - len(indent), LEAST_ROOM)
    lines = _sides([terminal.text(side) for side in equation(entry.law)], room)
    if entry.note:
        lines = _with_note(lines, terminal.text(entry.note), room, terminal)
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
        lines += hanging(f"  {terminal.text(name).ljust(widest)}  ", meaning, terminal)
    return lines
