"""Advice that the writer has read and does not want: ``# cnnspec: allow CODE``.

Beside a statement the comment silences that line; alone on its line, the whole file.
Several codes may be given. Errors are never silenced. A message knows its place, and
the place knows its text, so the comments of used files are heard as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from cnnspec.diagnostics import Diagnostic, Severity
from cnnspec.text import Source

ALLOW: Final = re.compile(r"#[ \t]*cnnspec:[ \t]*allow[ \t]+([\w\-,\t ]+)")


def silence(diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """The diagnostics that no comment of their own text allows."""
    heard: dict[Source, set[tuple[str, int | None]]] = {}
    kept = []
    for item in diagnostics:
        if item.severity is not Severity.ERROR and item.span is not None:
            source = item.span.source
            if source not in heard:
                heard[source] = _allowed(source)
            allowed = heard[source]
            if (item.code, None) in allowed or (allowed and (item.code, item.span.line) in allowed):
                continue
        kept.append(item)
    return tuple(kept)


def _allowed(source: Source) -> set[tuple[str, int | None]]:
    """(code, line), or (code, None) for the whole file."""
    found: set[tuple[str, int | None]] = set()
    for match in ALLOW.finditer(source.text):
        line, column = source.place(match.start())
        is_alone = not source.line(line)[: column - 1].strip()
        codes = re.split(r"[,\s]+", match[1].strip(", \t"))
        found |= {(code, None if is_alone else line) for code in codes}
    return found
