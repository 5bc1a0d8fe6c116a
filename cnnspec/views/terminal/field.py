"""What one unit sees of the input: its rows and columns, and a small picture in characters."""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from cnnspec.diagnostics import LayerError
from cnnspec.layers.base import AXES, AXIS_NAMES, show, spatial
from cnnspec.views.terminal.paint import PLAIN, Terminal, wrap

if TYPE_CHECKING:
    from cnnspec.analysis.field import Field

SCHEMA: Final = "cnnspec/field/1"
TALLEST: Final = 24
"""Lines of the picture; a line stands for several rows of a larger input."""
MOST_LISTED: Final = 1_000_000
"""Rows, or columns, that JSON lists."""

LINES: Final = {"d": "slices", "h": "rows", "w": "columns"}


def render(field: Field, *, terminal: Terminal = PLAIN) -> str:
    """Rows and columns in words, then the picture (for one or two spatial axes)."""
    who, *axes = _words(field)
    lines = wrap(who, terminal.width, "    ")
    lines += ["  " + line for axis in axes for line in wrap(axis, terminal.width - 2, "    ")] + [""]
    if len(field.pixels) <= 2:
        lines += [*_picture(field, spatial(field.input.output), terminal)]
    return "\n".join(terminal.text(line).rstrip() for line in lines).rstrip() + "\n"


def document(field: Field) -> dict[str, Any]:
    """The field as plain dictionaries and lists; last pixels are included.

    Raises LayerError where there are too many pixels to list.
    """
    if max(map(len, field.pixels)) > MOST_LISTED:
        raise LayerError(
            "field-too-large",
            f"{field.node.name} sees more than {MOST_LISTED:,} positions along an axis, too many to list",
            help=("print it as text, which tells the first and the last",),
        )
    return {
        "schema": SCHEMA,
        "layer": field.node.name,
        "at": list(field.position),
        "input": list(field.input.output),
        "pixels": [list(seen) for seen in field.pixels],
        "unclipped": [list(span) if span else None for span in field.unclipped],
    }


def to_json(field: Field) -> str:
    return json.dumps(document(field), ensure_ascii=False) + "\n"


def _words(field: Field) -> list[str]:
    place = f" at {','.join(map(str, field.position))}" if field.position else ""
    who = f"{field.node.name}{place} ({field.node.word}, {show(field.node.output)})"
    name = "" if field.input.name == "input" else f"{field.input.name} "
    lines = [f"{who} sees of the input {name}{show(field.input.output)}:"]
    names = AXES[len(field.pixels)]
    for name, seen, span in zip(names, field.pixels, field.unclipped, strict=True):
        lines.append(f"{LINES[name].ljust(8)} {_runs(seen)}{_beyond(span, seen, name)}")
    return lines


def _runs(seen: Sequence[int]) -> str:
    """``0 to 13 (14)``, or with holes ``1, 4, 7 (3)``."""
    if not seen:
        return "none"
    first, last = seen[0], seen[-1]
    if last - first + 1 == len(seen):
        return f"{first} to {last} ({len(seen)})" if last > first else f"{first} (1)"
    listed = ", ".join(map(str, seen[:12])) + (" …" if len(seen) > 12 else "")
    return f"{listed} ({len(seen)} of {first} to {last})"


def _beyond(span: tuple[int, int] | None, seen: Sequence[int], name: str) -> str:
    """How far the window reaches past the edge, onto padding."""
    if span is None or not seen or (span[0] >= seen[0] and span[1] <= seen[-1]):
        return ""
    return f", the window reaches from {span[0]} to {span[1]} along the {AXIS_NAMES[name]}"


def _picture(field: Field, sizes: tuple[int, ...], terminal: Terminal) -> list[str]:
    columns, width = field.pixels[-1], sizes[-1]
    rows, height = (field.pixels[0], sizes[0]) if len(sizes) == 2 else ((0,), 1)
    across = max(1, -(-width // max(8, terminal.width - 6)), -(-height // TALLEST) // 2)
    down = max(1, -(-height // TALLEST), across * 2 if across > 1 else 1)
    seen_columns, seen_rows = _cells(columns, width, across), _cells(rows, height, down)
    full, empty = ("█", "·") if terminal.unicode else ("#", ".")
    lines = [
        "  " + "".join(full if row and column else empty for column in seen_columns) for row in seen_rows
    ]
    if across > 1 or down > 1:
        words = f"one character stands for {down} rows and {across} column{'s' * (across > 1)}"
        lines += ["", *wrap(words, terminal.width)]
    return lines


def _cells(seen: Sequence[int], size: int, each: int) -> list[bool]:
    """Whether anything is seen in each piece of ``each`` positions; the work does not grow with the map."""
    starts = range(0, size, each)
    places = [bisect_left(seen, start) for start in starts]
    return [
        place < len(seen) and seen[place] < start + each for place, start in zip(places, starts, strict=True)
    ]
