"""Diagnostics for other programs: JSON, GitHub's workflow commands, SARIF 2.1.0."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

from cnnspec.diagnostics import Diagnostic, Severity
from cnnspec.text import Span

SARIF_SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
_GITHUB: Final = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"}


def to_json(diagnostics: Iterable[Diagnostic]) -> list[dict[str, Any]]:
    """One object a diagnostic, ready for ``json.dumps``; lines and columns count from 1, ends excluded."""
    return [
        {
            "code": item.code,
            "severity": str(item.severity),
            "message": item.message,
            "place": _place(item.span),
            "labels": [{"place": _place(each.span), "message": each.message} for each in item.labels],
            "notes": list(item.notes),
            "help": list(item.help),
            "fixes": [
                {"place": _place(each.span), "replacement": each.replacement, "message": each.message}
                for each in item.fixes
            ],
        }
        for item in diagnostics
    ]


def to_github(diagnostics: Iterable[Diagnostic]) -> str:
    """Workflow commands, one a line: GitHub shows them beside the lines of a change."""
    return "\n".join(_workflow_command(item) for item in diagnostics)


def to_sarif(diagnostics: Iterable[Diagnostic]) -> dict[str, Any]:
    """A SARIF 2.1.0 log with one run, ready for ``json.dumps``."""
    items = tuple(diagnostics)
    codes = sorted({item.code for item in items})
    driver = {
        "name": "cnnspec",
        "version": _version(),
        "rules": [{"id": code, "helpUri": f"urn:cnnspec:why:{code}"} for code in codes],
    }
    results = [_result(item, codes.index(item.code)) for item in items]
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return {"$schema": SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}


def _version() -> str:
    try:
        return version("cnnspec")
    except PackageNotFoundError:
        return "0"


def _place(span: Span | None) -> dict[str, Any] | None:
    if span is None:
        return None
    names = ("line", "column", "end_line", "end_column")
    return {"file": span.source.name, **_edges(span, names), "start": span.start, "end": span.end}


def _edges(span: Span, names: Iterable[str]) -> dict[str, int]:
    """First line and column, last line and column, under these names."""
    return dict(zip(names, (span.line, span.column, *span.source.place(span.end)), strict=True))


def _workflow_command(item: Diagnostic) -> str:
    properties: dict[str, str | int] = {"title": f"cnnspec {item.code}"}
    if item.span:
        end_line, end = item.span.source.place(item.span.end)
        edges = {"line": item.span.line, "endLine": end_line, "col": item.span.column, "endColumn": end}
        properties = {"file": item.span.source.name, **edges, **properties}
    given = ",".join(f"{key}={_escaped(str(value), property=True)}" for key, value in properties.items())
    return f"::{_GITHUB[item.severity]} {given}::{_escaped(_text(item))}"


def _text(item: Diagnostic) -> str:
    return "\n".join((item.message, *item.notes, *(f"help: {help}" for help in item.help)))


def _escaped(text: str, property: bool = False) -> str:
    text = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return text.replace(":", "%3A").replace(",", "%2C") if property else text


def _result(item: Diagnostic, rule: int) -> dict[str, Any]:
    result: dict[str, Any] = {"ruleId": item.code, "ruleIndex": rule, "level": str(item.severity)}
    result["message"] = {"text": _text(item)}
    if item.span:
        result["locations"] = [_location(item.span)]
    if item.labels:
        result["relatedLocations"] = [
            {"id": n, **_location(label.span), "message": {"text": label.message}}
            for n, label in enumerate(item.labels, 1)
        ]
    fixes = [_sarif_fix(fix.span, fix.replacement, fix.message) for fix in item.fixes]
    return {**result, "fixes": fixes} if fixes else result


def _location(span: Span) -> dict[str, Any]:
    return {"physicalLocation": {"artifactLocation": _artifact(span), "region": _region(span)}}


def _artifact(span: Span) -> dict[str, str]:
    from urllib.parse import quote

    return {"uri": quote(span.source.name.replace("\\", "/"))}


def _region(span: Span) -> dict[str, int]:
    return _edges(span, ("startLine", "startColumn", "endLine", "endColumn"))


def _sarif_fix(span: Span, replacement: str, message: str) -> dict[str, Any]:
    change = {"deletedRegion": _region(span), "insertedContent": {"text": replacement}}
    return {
        "description": {"text": message},
        "artifactChanges": [{"artifactLocation": _artifact(span), "replacements": [change]}],
    }
