"""Arrays as grids that can be read: aligned numbers, channels side by side, large maps cut."""

from __future__ import annotations

from collections.abc import Sequence
from math import floor
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cnnspec.records import record
from cnnspec.views.terminal.paint import PLAIN, Terminal, pad, width_of

Array: TypeAlias = NDArray[Any]

MOST_ROWS: Final = 16
MOST_COLUMNS: Final = 16
MOST_CHANNELS: Final = 8
"""What is shown of a large map unless all of it is asked for."""

GAP: Final = 4


@record
class NumberFormat:
    """How numbers are written: at most so many decimals, rounded or cut."""

    decimals: int = 4
    cut: bool = False

    def texts(self, values: Array) -> list[str]:
        """All numbers with the fewest decimals that tell them apart from their rounding."""
        flat = [self._kept(float(value)) for value in np.ravel(values)]
        places = next(
            (n for n in range(self.decimals + 1) if all(_whole(value * 10**n) for value in flat)),
            self.decimals,
        )
        return [f"{value:.{places}f}" for value in flat]

    def _kept(self, value: float) -> float:
        if not np.isfinite(value):
            return value
        scale = 10**self.decimals
        if not self.cut:
            return round(value, self.decimals) + 0.0
        steps = floor(abs(value) * scale + 1e-4)
        return float(np.copysign(steps / scale, value)) if steps else 0.0


def _whole(value: float) -> bool:
    return not np.isfinite(value) or abs(value - round(value)) < 1e-6


def render(
    values: Array,
    *,
    terminal: Terminal = PLAIN,
    writing: NumberFormat | None = None,
    full: bool = False,
    indent: str = "  ",
) -> list[str]:
    """The lines of one sample's map (height x width x channels), row of channels (1 axis) or vector."""
    writing = writing or NumberFormat()
    if values.ndim == 1:
        return _vector(values, terminal, writing, indent, full)
    if values.ndim == 2:
        values = values[None]
    if values.ndim == 4:
        lines = []
        for depth, part in enumerate(values):
            lines += [f"{indent}depth {depth}", *_channels(part, terminal, writing, full, indent)]
        return lines
    return _channels(values, terminal, writing, full, indent)


def _vector(values: Array, terminal: Terminal, writing: NumberFormat, indent: str, full: bool) -> list[str]:
    shown = values if full else values[: MOST_ROWS * MOST_COLUMNS // 2]
    texts = writing.texts(shown)
    widest = max(map(len, texts))
    each = max(1, (terminal.width - len(indent) + 1) // (widest + 1))
    lines = [
        indent + " ".join(text.rjust(widest) for text in texts[start : start + each])
        for start in range(0, len(texts), each)
    ]
    left = len(values) - len(shown)
    return [*lines, *([f"{indent}{terminal.text('…')} and {left:,} more"] if left else [])]


def _channels(values: Array, terminal: Terminal, writing: NumberFormat, full: bool, indent: str) -> list[str]:
    rows, columns, count = values.shape
    kept = values if full else values[:MOST_ROWS, :MOST_COLUMNS, :MOST_CHANNELS]
    texts = np.array(writing.texts(kept), dtype=object).reshape(kept.shape)
    widest, dots = max(map(len, texts.ravel())), terminal.text("…")
    room = terminal.width - len(indent)
    if not full and kept.shape[1] * (widest + 1) - 1 > room:
        kept = kept[:, : max(1, (room - len(dots)) // (widest + 1))]
        texts = texts[:, : kept.shape[1]]
    more = f" {dots}" if kept.shape[1] < columns else ""
    blocks = []
    for channel in range(kept.shape[2]):
        block = [f"channel {channel}"] if count > 1 else []
        block += [" ".join(text.rjust(widest) for text in row) + more for row in texts[..., channel]]
        blocks.append(block + [dots] * (kept.shape[0] < rows))
    lines, left = _side_by_side(blocks, terminal, indent), count - kept.shape[2]
    return [*lines, *([f"{indent}{dots} and {left:,} more channels"] if left else [])]


def _side_by_side(blocks: Sequence[list[str]], terminal: Terminal, indent: str) -> list[str]:
    """Blocks in rows as wide as the page, an empty line between the rows."""
    widths = [max(map(width_of, block)) for block in blocks]
    lines: list[str] = []
    start = 0
    while start < len(blocks):
        end, used = start + 1, widths[start]
        while end < len(blocks) and used + GAP + widths[end] <= terminal.width - len(indent):
            used += GAP + widths[end]
            end += 1
        lines += [""] if lines else []
        lines += [
            (indent + (" " * GAP).join(map(pad, row, widths[start:end]))).rstrip()
            for row in zip(*blocks[start:end], strict=True)
        ]
        start = end
    return lines
