"""The one table of all benchmarks, in Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

HEADS = ("work", "cnnspec", "beside", "ratio", "best", "pinned", "best")
TEXT = ("work", "beside")
"""Columns of words; all others are figures, and stand to the right."""


@dataclass(frozen=True)
class Ratio:
    """How many times as fast we are, by medians and by the best rounds."""

    median: float
    best: float


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
        return (self.work, self.ours, beside, *self._figures("free"), *self._figures("pinned"))

    def _figures(self, setting: str) -> tuple[str, str]:
        found = self.ratios.get(setting)
        return (f"{found.median:.2f}", f"{found.best:.2f}") if found else ("", "")


def counted(number: int, what: str) -> str:
    """``1 worker``, ``2 workers``."""
    return f"{number} {what}{'s' if number != 1 else ''}"


def markdown(entries: list[Entry]) -> Iterator[str]:
    """The table's lines; columns are aligned for reading as text too."""
    rows = [HEADS, *(entry.cells for entry in entries)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rule = ["-" * width + ("-" if head in TEXT else ":") for head, width in zip(HEADS, widths, strict=True)]
    yield _line(HEADS, widths)
    yield f"|-{'|-'.join(rule)}|"
    for row in rows[1:]:
        yield _line(row, widths)


def _line(row: tuple[str, ...], widths: list[int]) -> str:
    cells = [
        text.ljust(width) if head in TEXT else text.rjust(width)
        for head, text, width in zip(HEADS, row, widths, strict=True)
    ]
    return f"| {' | '.join(cells)} |"
