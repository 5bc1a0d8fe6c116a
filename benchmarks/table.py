"""The one table of all benchmarks, in Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

HEADS = ("what", "cnnspec", "beside", "", "ratio", "best", "pinned", "best")


@dataclass(frozen=True)
class Ratio:
    """How many times as fast we are, by medians and by the best rounds."""

    median: float
    best: float


@dataclass(frozen=True)
class Entry:
    """One line: figures of the free setting, ratios of both settings."""

    what: str
    ours: str
    rival: str = ""
    theirs: str = ""
    ratios: Mapping[str, Ratio] = field(default_factory=dict)

    @property
    def cells(self) -> tuple[str, ...]:
        return (
            self.what,
            self.ours,
            self.rival,
            self.theirs,
            *self._figures("free"),
            *self._figures("pinned"),
        )

    def _figures(self, setting: str) -> tuple[str, str]:
        found = self.ratios.get(setting)
        return (f"{found.median:.2f}", f"{found.best:.2f}") if found else ("", "")


def markdown(entries: list[Entry]) -> Iterator[str]:
    """The table's lines; columns are aligned for reading as text too."""
    rows = [HEADS, *(entry.cells for entry in entries)]
    widths = [max(len(row[n]) for row in rows) for n in range(len(HEADS))]
    yield _line(rows[0], widths)
    yield (
        "|"
        + "|".join(
            "-" * (width + 1) + (":" if n in (1, 3, 4, 5, 6, 7) else "-") for n, width in enumerate(widths)
        )
        + "|"
    )
    for row in rows[1:]:
        yield _line(row, widths)


def _line(row: tuple[str, ...], widths: list[int]) -> str:
    cells = [
        text.ljust(width) if n in (0, 2) else text.rjust(width)
        for n, (text, width) in enumerate(zip(row, widths, strict=True))
    ]
    return f"| {' | '.join(cells)} |"
