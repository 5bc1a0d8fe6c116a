"""A picture for other programs: TikZ from the drawing, Mermaid and draw.io from the plan."""

from typing import Final

FORMATS: Final = ("svg", "png", "pdf", "tex", "dot", "mmd", "drawio")
OUTLINES: Final = {"dot": "DOT", "mmd": "Mermaid", "drawio": "draw.io"}
"""Formats that hold cards and edges, all of them, which other programs lay out or change."""
