"""Texts for other programs and for pages: CSV, JSON, Markdown, LaTeX, HTML, the report."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, Final

TABLES: Final = {
    "csv": "cnnspec.views.documents.as_csv",
    "markdown": "cnnspec.views.documents.markdown",
    "latex": "cnnspec.views.documents.latex",
}
"""The formats of a table of layers: each module has ``render(analysis, columns, folded=…)``."""


def indented(document: Any) -> str:
    """JSON with two spaces a level, piece by piece: the encoder of Python's library takes twice as long.

    Of an object's entries, an iterator is a list whose items are made as they are written.
    """
    return "".join(_entries(document) if isinstance(document, dict) else [_text(document, "\n"), "\n"])


def _entries(document: dict[str, Any]) -> Iterator[str]:
    between = "{"
    for key, value in document.items():
        yield f"{between}\n  {_leaf(key)}: "
        yield from _items(value) if isinstance(value, (list, tuple, Iterator)) else [_text(value, "\n  ")]
        between = ","
    yield "{}\n" if between == "{" else "\n}\n"


def _items(values: Iterable[Any]) -> Iterator[str]:
    between, line = "[", "\n    "
    for value in values:
        yield f"{between}{line}{_text(value, line)}"
        between = ","
    yield "[]" if between == "[" else "\n  ]"


def _text(value: Any, line: str) -> str:
    """The JSON of a value that stands in a ``line`` set in so far."""
    inner = f"{line}  "
    if isinstance(value, dict):
        parts, around = [f"{_leaf(key)}: {_text(each, inner)}" for key, each in value.items()], "{}"
    elif isinstance(value, (list, tuple)):
        parts, around = [_text(each, inner) for each in value], "[]"
    else:
        return str(value) if type(value) is int else _leaf(value)
    return f"{around[0]}{inner}{f',{inner}'.join(parts)}{line}{around[1]}" if parts else around


_leaf: Final = json.JSONEncoder(ensure_ascii=False).encode
