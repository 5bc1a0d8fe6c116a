"""How text is put on a page: colour or none, Unicode or ASCII, and how wide it is.

Layout works on bare text; colour is added last, so it never changes a width.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from unicodedata import east_asian_width

from cnnspec.records import record
from cnnspec.text import printable

STYLES: Final[dict[str, str]] = {
    "bold": "1", "dim": "2", "good": "32", "bad": "1;31", "warning": "33", "note": "36", "label": "34",
    "gutter": "34", "input": "1", "conv": "34", "dense": "35", "pool": "36", "activation": "33",
    "norm": "32", "dropout": "90", "reshape": "90", "resample": "36", "merge": "31",
    "attention": "35", "arithmetic": "33",
}  # fmt: skip
"""Style -> ANSI codes; the layer families have a colour each, as have the parts of messages."""

ASCII: Final[dict[str, str]] = {
    " · ": ", ", "├─": "|-", "└─": "`-", "│": "|", "─": "-", "━": "=", "×": "x", "·": "*", "−": "-",
    "→": "->", "←": "<-", "…": "...", "⌊": "floor(", "⌋": ")", "⌈": "ceil(", "⌉": ")", "≤": "<=",
    "≥": ">=", "≠": "!=", "≈": "~", "✓": "ok", "✗": "FAILS", "•": "-", "▸": ">", "∞": "inf", "Σ": "sum",
    "∈": "in", "²": "^2", "³": "^3", "⁶": "^6", "é": "e", "’": "'", "“": '"', "”": '"',
}  # fmt: skip
"""What stands for a character that the stream cannot show."""
WIDEST: Final = 88
"""Columns of running text that are still read with ease."""
NARROWEST: Final = 16
"""Columns of text that are left beside a head, however narrow the page."""
_STYLE: Final = re.compile(r"\x1b\[[\d;]*m")
_LINE: Final = re.compile("([\n\t])")
_LINE_OR_STYLE: Final = re.compile(r"([\n\t]|\x1b\[(?:[012]|3[1-6]|90)(?:;(?:[12]|3[1-6]|90))*m)")
"""What ``paint`` writes, and nothing that hides or moves text."""
_CODE: Final = re.compile(r"`([^`]+)`")
_ITEM: Final = re.compile(r"(?:[-*]|\d+\.) ")


def harmless(text: str, color: bool = False) -> str:
    """Lines without what could drive a terminal; our own styles stay where it takes ``color``."""
    if text.replace("\n", "").isprintable():
        return text
    parts = (_LINE_OR_STYLE if color else _LINE).split(text)
    parts[::2] = map(printable, parts[::2])
    return "".join(parts)


@record
class Terminal:
    """What the page can show: its width in columns, colour, Unicode."""

    width: int = 100
    color: bool = False
    unicode: bool = True

    def text(self, text: str) -> str:
        """The text in characters this page can show; do this before measuring."""
        return text if self.unicode else to_ascii(text)

    def paint(self, text: str, *styles: str) -> str:
        """The text in a style, where the page takes colour."""
        codes = ";".join(STYLES[style] for style in styles if style in STYLES)
        return f"\x1b[{codes}m{text}\x1b[0m" if self.color and codes and text.strip() else text

    def rule(self, width: int, character: str = "─") -> str:
        return self.text(character) * width


PLAIN: Final = Terminal()


def to_ascii(text: str) -> str:
    """The text with signs spelt in ASCII: ``floor((28 + 2*2 - 5)/1) + 1``."""
    if text.isascii():
        return text
    for sign, spelt in ASCII.items():
        text = text.replace(sign, spelt)
    return text.encode("ascii", "replace").decode()


def width_of(text: str) -> int:
    """Columns the text takes on a terminal: East Asian wide characters take two."""
    return len(text) if text.isascii() else sum(map(_WIDTHS.__getitem__, text))


class _Widths(dict[str, int]):
    """Of each character its columns; those of signs that are common here are looked up once."""

    def __missing__(self, character: str) -> int:
        width = 2 if east_asian_width(character) in "WF" else 1
        if character < "\u3000":
            self[character] = width
        return width


_WIDTHS: Final = _Widths()


def pad(text: str, width: int, right: bool = False) -> str:
    """The text filled up to a width with blanks; ``right`` aligns it to the right."""
    blanks = " " * (width - width_of(text))
    return blanks + text if right else text + blanks


def cut(text: str, width: int, terminal: Terminal, *, middle: bool = False) -> str:
    """The text with an ellipsis at its end, or in its ``middle``, where it does not fit."""
    if width_of(text) <= width:
        return text
    mark = terminal.text("…")
    room = max(0, width - len(mark))
    behind = _first(text[::-1], room // 2)[::-1] if middle else ""
    before = _first(text, room - width_of(behind))
    return (before if middle else before.rstrip()) + mark + behind


def _first(text: str, width: int) -> str:
    """As much of the text as fits."""
    text = text[:width]  # a character takes a column at least
    while text and width_of(text) > width:
        text = text[:-1]
    return text


def folded(text: str, width: int) -> str:
    """The lines of a text, those that are too long broken at blanks and set in where they go on.

    A command stays in one piece, so that it can be copied.
    """
    lines: list[str] = []
    for line in text.split("\n"):
        bare = line.lstrip()
        indent = " " * (len(line) - len(bare))
        fits = width_of(_STYLE.sub("", line)) <= width or bare.startswith("cnnspec ")
        lines += [line] if fits else [indent + part for part in wrap(bare, width - len(indent), "  ")]
    return "\n".join(lines)


def wrap(text: str, width: int, indent: str = "") -> list[str]:
    """Lines of at most ``width`` columns, broken at blanks; later lines begin with ``indent``."""
    lines: list[str] = []
    line = ""
    for word in text.split(" "):
        longer = f"{line} {word}" if line else word
        if line and width_of(longer) > width:
            lines.append(line)
            line = indent + word
        else:
            line = longer
    return [*lines, line]


def hanging(head: str, text: str, terminal: Terminal, *styles: str) -> list[str]:
    """A head in a style with its text beside it, later lines under the first."""
    first, *rest = wrap(terminal.text(text), max(terminal.width - len(head), NARROWEST))
    return [terminal.paint(head, *styles) + first, *(" " * len(head) + line for line in rest)]


def listed(meanings: Mapping[str, str], terminal: Terminal) -> list[str]:
    """Words with what they mean beside them; below them, where there is little room."""
    longest = max(map(len, meanings), default=0) + 2
    lines: list[str] = []
    for word, meaning in meanings.items():
        if terminal.width - longest >= 30:
            lines += hanging(word.ljust(longest), meaning, terminal, "bold")
        else:
            lines += [terminal.paint(word, "bold"), *hanging(" " * 4, meaning, terminal)]
    return lines


def grouped(number: int) -> str:
    """``61,706``."""
    return f"{number:,}"


def percent(share: float, digits: int = 2) -> str:
    """``12.35 %``; with one digit ``12.3 %``."""
    return f"{100 * share:.{digits}f} %"


def compact(value: float) -> str:
    """A loss: ``0.0312``; ``1.2e+35`` where it is out of all measure."""
    return f"{value:.4f}" if abs(value) < 1e4 else f"{value:.3g}"


def in_bytes(count: int) -> str:
    """``246.8 kB``: powers of 1000, as in MB = 10^6; below 1 kB the exact number."""
    if count < 1000:
        return f"{count} B"
    value = float(count)
    for unit in ("kB", "MB", "GB", "TB"):
        value /= 1000
        if value < 999.95:
            return f"{value:.1f} {unit}"
    return f"{value:,.1f} TB"


def render_page(markdown: str, terminal: Terminal) -> str:
    """The page's text; code stays as it is, everything else is wrapped."""
    lines: list[str] = []
    paragraph: list[str] = []
    code = False
    for line in [*markdown.splitlines(), ""]:
        if line.startswith(("```", "#")) or not line.strip() or code:
            lines += _paragraph(paragraph, terminal)
            paragraph = []
        if line.startswith("```"):
            code = not code
        elif code:
            lines.append(f"    {terminal.text(line)}".rstrip())
        elif line.startswith("#"):
            lines.append(terminal.paint(terminal.text(line.lstrip("# ")), "bold"))
        elif line.strip():
            if _ITEM.match(line):
                lines += _paragraph(paragraph, terminal)
                paragraph = []
            paragraph.append(line.strip())
        elif lines and lines[-1]:
            lines.append("")
    return "\n".join(lines).rstrip("\n")


def _paragraph(parts: list[str], terminal: Terminal) -> list[str]:
    if not parts:
        return []
    indent = "  " if _ITEM.match(parts[0]) else ""
    lines = wrap(terminal.text(" ".join(parts)), min(terminal.width, WIDEST), indent)
    if not terminal.color:
        return lines
    return [_CODE.sub(lambda match: terminal.paint(match[1], "label"), line) for line in lines]
