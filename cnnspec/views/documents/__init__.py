"""Texts for other programs and for pages: CSV, JSON, Markdown, LaTeX, HTML, the report."""

from __future__ import annotations

from typing import Final

TABLES: Final = {
    "csv": "cnnspec.views.documents.as_csv",
    "markdown": "cnnspec.views.documents.markdown",
    "latex": "cnnspec.views.documents.latex",
}
"""The formats of a table of layers: each module has ``render(analysis, columns, folded=…)``."""
