"""Sentences of a spec in order, and equal runs of them as repeats."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from cnnspec.layers.base import Shape
from cnnspec.records import record

LEAST_SAVED: Final = 3
"""Layers that a repeat must save."""


MOST_LINES: Final = 1_000
"""Lines in which runs are looked for together."""


LONGEST_UNIT: Final = 40
"""Sentences in a run that is looked for again."""


@record
class SpecLine:
    """One sentence of the spec, and how it joins the one before."""

    text: str
    layers: int
    follows: bool = False
    fixed: bool = False
    """Whether it names another layer or has a name that another one needs."""
    label: str = ""
    before: Shape = ()
    after: Shape = ()
    """What flows in and out."""
    begins: int = 1
    """How gladly a person would begin a unit with it."""
    turned: str = ""
    """The same where a way around a branch stands on its other side; a sum has no order."""

    @property
    def is_free(self) -> bool:
        return not (self.fixed or self.label)


def full_text(line: SpecLine) -> str:
    return f"{line.label}: {line.text}" if line.label else line.text


def joined(lines: list[SpecLine]) -> Iterator[str]:
    """Lines of text; activations, norms and dropout behind the layer they follow."""
    row: list[str] = []
    for line in lines:
        if row and not (line.follows and not line.label):
            yield " -> ".join(row)
            row = []
        row.append(full_text(line))
    yield " -> ".join(row)


def repeated(lines: list[SpecLine]) -> list[SpecLine]:
    """The same with runs of equal lines as repeats, the one that saves most first."""
    if len(lines) > MOST_LINES:
        return [*repeated(lines[:MOST_LINES]), *repeated(lines[MOST_LINES:])]
    best = max(_runs(lines), default=None)
    if best is None:
        return lines
    _, _, start, size, count = best
    start = -start
    unit = lines[start : start + size]
    body = " -> ".join(line.text for line in repeated(unit))
    layers = sum(line.layers for line in unit) * count
    line = SpecLine(f"repeat {count} {{ {body} }}", layers, fixed=True)
    return [*repeated(lines[:start]), line, *repeated(lines[start + size * count :])]


def _runs(lines: list[SpecLine]) -> Iterator[tuple[int, int, int, int, int]]:
    """(layers saved, how well it begins, −start, size, count) of every run that is worth a repeat."""
    texts = [line.text if line.is_free else None for line in lines]
    for size in range(1, min(LONGEST_UNIT, len(lines) // 2) + 1):
        start = 0
        while start + 2 * size <= len(lines):
            if texts[start] is None or texts[start] != texts[start + size]:
                start += 1
                continue
            unit, count = texts[start : start + size], 1
            while None not in unit and texts[start + size * count : start + size * (count + 1)] == unit:
                count += 1
            saved = sum(line.layers for line in lines[start : start + size]) * (count - 1)
            if saved >= LEAST_SAVED:
                end, more = start + size * count, 0
                while more < size - 1 and end + more < len(texts) and texts[end + more] == unit[more]:
                    more += 1
                for place in range(start, start + more + 1):
                    yield saved, lines[place].begins, -place, size, count
                start += size * (count - 1)
            start += 1
