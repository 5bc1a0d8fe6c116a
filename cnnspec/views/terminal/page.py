"""A page of Markdown for the terminal: headings, paragraphs, lists, code. No more is needed."""

from __future__ import annotations

import re
from typing import Final

from cnnspec.views.terminal.paint import Terminal, wrap

WIDEST: Final = 88
"""Columns of running text that are still read with ease."""
_CODE: Final = re.compile(r"`([^`]+)`")
_ITEM: Final = re.compile(r"(?:[-*]|\d+\.) ")


def render_page(markdown: str, paper: Terminal) -> str:
    """The page's text; code stays as it is, everything else is wrapped."""
    lines: list[str] = []
    paragraph: list[str] = []
    code = False
    for line in [*markdown.splitlines(), ""]:
        if line.startswith(("```", "#")) or not line.strip() or code:
            lines += _paragraph(paragraph, paper)
            paragraph = []
        if line.startswith("```"):
            code = not code
        elif code:
            lines.append(f"    {paper.text(line)}".rstrip())
        elif line.startswith("#"):
            lines.append(paper.paint(paper.text(line.lstrip("# ")), "bold"))
        elif line.strip():
            if _ITEM.match(line):
                lines += _paragraph(paragraph, paper)
                paragraph = []
            paragraph.append(line.strip())
        elif lines and lines[-1]:
            lines.append("")
    return "\n".join(lines).rstrip("\n")


def _paragraph(parts: list[str], paper: Terminal) -> list[str]:
    if not parts:
        return []
    indent = "  " if _ITEM.match(parts[0]) else ""
    lines = wrap(paper.text(" ".join(parts)), min(paper.width, WIDEST), indent)
    if not paper.color:
        return lines
    return [_CODE.sub(lambda match: paper.paint(match[1], "label"), line) for line in lines]
