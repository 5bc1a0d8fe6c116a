"""Tables of text that fit any width: columns shrink, then go, and numbers are never broken."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field

from cnnspec.records import record
from cnnspec.views.terminal.paint import Terminal, cut, pad, width_of, wrap

TAIL = "\t"
"""Separates the end of a cell that should survive when the cell is cut."""

GAP = 2
MARGIN = 1


@record
class Column:
    """``least``: the narrowest a text column may be cut to; None is never cut.

    ``rank``: where not all fit, the highest rank goes first; rank 0 always stays.
    ``middle``: a cell is cut in its middle, as names are told apart by both their ends.
    """

    key: str
    title: str
    right: bool = False
    least: int | None = None
    rank: int = 0
    middle: bool = False


@record
class TableRow:
    """One line of the table: a cell a column key; a rule is a line without cells."""

    cells: dict[str, str] = field(default_factory=dict)
    styles: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    tips: Mapping[str, str] = field(default_factory=dict)
    """What a page with tooltips says about a cell."""
    rule: bool = False


@record
class Fitted:
    """The columns that fit with their widths, and those left out."""

    columns: tuple[tuple[Column, int], ...]
    dropped: tuple[Column, ...]

    @property
    def width(self) -> int:
        return total(width for _, width in self.columns)


def table(
    columns: Sequence[Column], lines: Sequence[TableRow], terminal: Terminal,
    *, keep_all: bool = False, option: str = "",
) -> list[str]:  # fmt: skip
    """The table as wide as the page, and what of it had no room; an ``option`` takes the keys of columns."""
    fitted = fit(columns, lines, terminal.width, keep_all)
    drawn = draw(fitted, lines, terminal)
    if fitted.dropped:
        names = ", ".join(column.key if option else column.title for column in fitted.dropped)
        note = f"no room for {names}{f'; see {option}' if option else ''}"
        drawn += [terminal.paint(f" {line}", "dim") for line in wrap(terminal.text(note), terminal.width - 1)]
    return drawn


def fit(columns: Sequence[Column], lines: Sequence[TableRow], width: int, keep_all: bool = False) -> Fitted:
    """Chooses columns and widths for a page of ``width``; ``keep_all`` only shrinks."""
    natural = {column.key: _natural(column, lines) for column in columns}
    kept = list(columns)
    widths = _shrink(kept, natural, width, also_first=keep_all)
    while widths is None and not keep_all and any(column.rank for column in kept):
        kept.remove(max(kept, key=lambda column: column.rank))
        widths = _shrink(kept, natural, width)
    widths = widths or _shrink(kept, natural, width, also_first=True)
    widths = widths or {column.key: _least(column, natural) for column in kept}
    return Fitted(
        tuple((column, widths[column.key]) for column in kept),
        tuple(column for column in columns if column not in kept),
    )


def draw(fitted: Fitted, lines: Sequence[TableRow], terminal: Terminal) -> list[str]:
    """The table's lines: titles, a rule, the lines."""
    titles = TableRow(
        {column.key: column.title for column, _ in fitted.columns},
        {column.key: ("bold",) for column, _ in fitted.columns},
    )
    everything = (titles, TableRow(rule=True), *lines)
    return [_draw_line(fitted, line, terminal) for line in everything]


def total(widths: Iterable[int]) -> int:
    """The width of a table with columns of these widths."""
    found = list(widths)
    return sum(found) + GAP * (len(found) - 1) + 2 * MARGIN


def _draw_line(fitted: Fitted, line: TableRow, terminal: Terminal) -> str:
    if line.rule:
        return terminal.paint(terminal.rule(fitted.width), "dim")
    cells = []
    for column, width in fitted.columns:
        text = pad(_cut_cell(line.cells.get(column.key, ""), width, column, terminal), width, column.right)
        cells.append(terminal.paint(text, *line.styles.get(column.key, ())))
    return (" " * MARGIN + (" " * GAP).join(cells)).rstrip()


def _cut_cell(text: str, width: int, column: Column, terminal: Terminal) -> str:
    """The cell cut to a width, its head first and its tail after that."""
    head, _, tail = text.partition(TAIL)
    if not tail or width_of(text) <= width:
        return cut(text.replace(TAIL, " "), width, terminal, middle=column.middle)
    tail = cut(tail, max(width - width_of(head) - 1, width * 2 // 3), terminal)
    return f"{cut(head, width - width_of(tail) - 1, terminal, middle=column.middle)} {tail}"


def _natural(column: Column, lines: Sequence[TableRow]) -> int:
    return max(width_of(column.title), *(width_of(line.cells.get(column.key, "")) for line in lines), 0)


def _least(column: Column, natural: dict[str, int]) -> int:
    if column.least is None:
        return natural[column.key]
    return min(natural[column.key], max(column.least, width_of(column.title)))


def _shrink(
    columns: Sequence[Column], natural: dict[str, int], width: int, also_first: bool = False
) -> dict[str, int] | None:
    """Widths that fit, taking from the columns that may be cut; None when even that is too wide.

    Columns of rank 0 are cut only as a last resort: sooner does another go.
    """
    widths = {column.key: natural[column.key] for column in columns}
    excess = total(widths.values()) - width
    soft = [column for column in columns if column.least is not None and (column.rank or also_first)]
    for column in sorted(soft, key=lambda column: -column.rank):
        taken = min(max(excess, 0), widths[column.key] - _least(column, natural))
        widths[column.key] -= taken
        excess -= taken
    return widths if excess <= 0 else None
