"""Advice that the writer has read and does not want: ``# cnnspec: allow CODE``.

Beside a statement the comment silences that line; alone on its line, the file.
Several codes may be given. Errors are never silenced.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from cnnspec.diagnostics import Diagnostic, Severity
from cnnspec.syntax.tree import Comment

ALLOW: Final = re.compile(r"#\s*cnnspec:\s*allow\s+([\w\-,\s]+)")


def silence(diagnostics: Iterable[Diagnostic], comments: Iterable[Comment]) -> tuple[Diagnostic, ...]:
    """The diagnostics that no comment allows."""
    allowed = _allowed(comments)
    return tuple(item for item in diagnostics if not _is_allowed(item, allowed))


def _allowed(comments: Iterable[Comment]) -> set[tuple[str, str, int | None]]:
    """(code, name of the source, line or None for the whole file)."""
    found = set()
    for comment in comments:
        match = ALLOW.match(comment.span.text)
        if match:
            line = None if comment.alone else comment.span.line
            name = comment.span.source.name
            found |= {(code, name, line) for code in re.split(r"[,\s]+", match[1].strip())}
    return found


def _is_allowed(item: Diagnostic, allowed: set[tuple[str, str, int | None]]) -> bool:
    if item.severity is Severity.ERROR or not allowed:
        return False
    if item.span is None:
        return any(code == item.code for code, _, line in allowed if line is None)
    name = item.span.source.name
    return not allowed.isdisjoint({(item.code, name, None), (item.code, name, item.span.line)})
