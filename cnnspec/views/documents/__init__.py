"""Texts for other programs and for pages: CSV, JSON, Markdown, LaTeX, HTML, the report."""

from __future__ import annotations

import json
from itertools import islice
from typing import Any, Final

TABLES: Final = {
    "csv": "cnnspec.views.documents.as_csv",
    "markdown": "cnnspec.views.documents.markdown",
    "latex": "cnnspec.views.documents.latex",
}
"""The formats of a table of layers: each module has ``render(analysis, columns, folded=…)``."""


def indented(document: Any) -> str:
    """JSON, some pieces at a time: ``dumps`` holds each bracket and number of a large network at once."""
    pieces = json.JSONEncoder(indent=2, ensure_ascii=False).iterencode(document)
    return "".join(iter(lambda: "".join(islice(pieces, 10_000)), "")) + "\n"
