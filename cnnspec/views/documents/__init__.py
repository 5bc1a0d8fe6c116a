"""Texts for other programs and for pages: CSV, JSON, Markdown, LaTeX, HTML, the report."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

TABLES: Final = {
    "csv": "cnnspec.views.documents.as_csv",
    "markdown": "cnnspec.views.documents.markdown",
    "latex": "cnnspec.views.documents.latex",
}
"""The formats of a table of layers: each module has ``render(analysis, columns, folded=…)``."""


def indented(document: Any) -> str:
    """JSON, some pieces at a time: ``dumps`` holds each bracket and number of a large network at once.

    Of an object's entries, an iterator is a list whose items are made as they are written.
    """
    if isinstance(document, dict) and any(isinstance(value, Iterator) for value in document.values()):
        return "".join(_entries(document))
    pieces = json.JSONEncoder(indent=2, ensure_ascii=False).iterencode(document)
    return "".join(iter(lambda: "".join(islice(pieces, 10_000)), "")) + "\n"


def _entries(document: dict[str, Any]) -> Iterator[str]:
    between = "{"
    for key, value in document.items():
        yield f"{between}\n  {json.dumps(key)}: "
        yield from _items(value) if isinstance(value, Iterator) else [_set_in(value, 2)]
        between = ","
    yield "\n}\n"


def _items(values: Iterator[Any]) -> Iterator[str]:
    between = "["
    for value in values:
        yield f"{between}\n    {_set_in(value, 4)}"
        between = ","
    yield "[]" if between == "[" else "\n  ]"


def _set_in(value: Any, by: int) -> str:
    """The JSON of a value, its lines but the first set in; texts hold no line ends of their own."""
    return json.dumps(value, indent=2, ensure_ascii=False).replace("\n", "\n" + " " * by)
