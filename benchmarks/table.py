"""The one table of all benchmarks, in Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import isnan, nan

HEADS = ("work", "cnnspec", "beside", "ratio", "spread", "pinned", "spread", "others")
TEXT = ("work", "beside")
"""Columns of words; all others are figures, and stand to the right."""


BUSY = 0.2
"""Cores that others may take before a row is marked: its rounds were disturbed."""


@dataclass(frozen=True)
class Ratio:
    """How many times as fast we are, by medians, and between which bounds half of the rounds lie."""

    median: float
    low: float
    high: float
    others: float = 0.0
    """Cores that other programs kept busy meanwhile; NaN where nothing tells."""


@dataclass(frozen=True)
class Entry:
    """One line: figures of the free setting, ratios of both settings."""

    work: str
    ours: str
    rival: str = ""
    theirs: str = ""
    ratios: Mapping[str, Ratio] = field(default_factory=dict)

    @property
    def cells(self) -> tuple[str, ...]:
        beside = ": ".join(filter(None, (self.rival, self.theirs)))
        both = (*self._figures("free"), *self._figures("pinned"))
        return (self.work, self.ours, beside, *both, self._others())

    def _figures(self, setting: str) -> tuple[str, str]:
        found = self.ratios.get(setting)
        return (f"{found.median:.2f}", f"{found.low:.2f}–{found.high:.2f}") if found else ("", "")

    def _others(self) -> str:
        taken = max((found.others for found in self.ratios.values()), default=nan)
        return "" if isnan(taken) else f"{taken:.1f}{' busy' * (taken > BUSY)}"


def counted(number: int, what: str) -> str:
    """``1 worker``, ``2 workers``."""
    return f"{number} {what}{'s' if number != 1 else ''}"


def markdown(entries: list[Entry]) -> Iterator[str]:
    """The table's lines, without columns that hold nothing; aligned for reading as text too."""
    columns = list(zip(HEADS, *(entry.cells for entry in entries), strict=True))
    shown = [column for column in columns if any(column[1:])]
    padded = [list(_padded(column)) for column in shown]
    yield from (f"| {' | '.join(row)} |" for row in zip(*padded, strict=True))


def _padded(column: tuple[str, ...]) -> Iterator[str]:
    """A column's head, the rule that says where its cells stand, and its cells."""
    text, width = column[0] in TEXT, max(map(len, column))
    yield column[0].ljust(width) if text else column[0].rjust(width)
    yield "-" * width if text else "-" * (width - 1) + ":"
    for cell in column[1:]:
        yield cell.ljust(width) if text else cell.rjust(width)
