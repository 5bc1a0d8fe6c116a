"""How wide a text is, without a font: the advance widths of Helvetica.

Arial, Liberation Sans and Helvetica share these widths, and the pictures ask for
them first; a tenth of slack covers the other faces a system may put in their place.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

FONT: Final = "'Helvetica Neue', Helvetica, Arial, 'Liberation Sans', sans-serif"
SLACK: Final = 1.08
ROUNDING: Final = 0.01
"""Pixels that sums of widths may be off."""

_REGULAR: Final = {
    278: " !,./:;I[\\]ft·", 333: "()-`r", 222: "ijl", 191: "'", 355: '"', 260: "|", 334: "{}", 469: "^",
    556: "#$0123456789?L_abdeghnopqu", 584: "+<=>~×−±", 500: "Jckvsxyz", 611: "FTZ", 667: "&ABEKPSVXY",
    722: "CDHNRUw", 778: "GOQ", 833: "Mm", 889: "%", 944: "W", 389: "*", 1015: "@", 1000: "…→←↑↓✕",
}  # fmt: skip
_BOLD: Final = {
    278: " ,./I\\ijl·", 333: "!()-:;[]`ft", 238: "'", 474: '"', 280: "|", 389: "*r{}",
    556: "#$0123456789J_acekvsxy", 611: "?FTZLbdghnopqu", 584: "+<=>^~×−±", 500: "z", 667: "EPSVXY",
    722: "&ABCDHKNRU", 778: "GOQw", 833: "M", 889: "%m", 944: "W", 975: "@", 1000: "…→←↑↓✕",
}  # fmt: skip


def _table(rows: dict[int, str]) -> dict[str, int]:
    return {character: width for width, characters in rows.items() for character in characters}


_WIDTHS: Final = {False: _table(_REGULAR), True: _table(_BOLD)}


@lru_cache(maxsize=4096)
def text_width(text: str, size: float, bold: bool = False) -> float:
    """The width of ``text`` in the same unit as ``size``, with some slack."""
    widths = _WIDTHS[bold]
    return sum(widths.get(character, 1000) for character in text) / 1000 * size * SLACK


def wrap(text: str, width: float, size: float, bold: bool = False) -> list[str]:
    """The text in lines no wider than ``width``; a longer word is cut."""
    lines: list[str] = []
    line = ""
    for word in text.split():
        candidate = f"{line} {word}" if line else word
        if line and text_width(candidate, size, bold) > width:
            lines.append(line)
            candidate = word
        line = candidate
        while text_width(line, size, bold) > width and len(line) > 1:
            cut = fitting(line, width, size, bold)
            lines.append(line[:cut])
            line = line[cut:]
    return [*lines, line] if line else lines


def fitting(text: str, width: float, size: float, bold: bool = False) -> int:
    """How many characters of ``text`` fit; at least one."""
    widths, used = _WIDTHS[bold], 0
    for count, character in enumerate(text):
        used += widths.get(character, 1000)
        if used / 1000 * size * SLACK > width:
            return max(1, count)
    return len(text)


def shorten(text: str, width: float, size: float, bold: bool = False) -> str:
    """The text, cut with an ellipsis where it is too wide."""
    if text_width(text, size, bold) <= width + ROUNDING:
        return text
    return text[: fitting(text, width - text_width("…", size, bold), size, bold)] + "…"
