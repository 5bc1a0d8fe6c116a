"""Diagnostics for people to read: what is wrong, where, why, and the cure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from cnnspec.diagnostics import Diagnostic, Fix, Severity
from cnnspec.text import Source, printable
from cnnspec.views.terminal.paint import Terminal, wrap
from cnnspec.views.terminal.snippets import Annotation, edge, gutter_of, snippet

STYLES: Final = {Severity.ERROR: "bad", Severity.WARNING: "warning", Severity.NOTE: "note"}
NARROWEST: Final = 40
MOST: Final = 100
"""Messages told in full; nobody reads more, and a broken generator makes tens of thousands."""
WIDTH_IN_PYTHON: Final = 100


def render_text(
    diagnostics: Iterable[Diagnostic],
    *,
    color: bool,
    width: int,
    unicode: bool,
    concise: bool = False,
    summary: bool = True,
) -> str:
    """The diagnostics in their order, an empty line between two, without a newline at the end.

    Of more than ``MOST`` the others are only counted. ``concise`` gives one line each,
    ``file:line:column: error[code]: message``, and all of them.
    ``summary`` ends several with their count, and names the pages that tell more.
    """
    items = tuple(diagnostics)
    terminal = Terminal(max(width, NARROWEST), color, unicode)
    if concise:
        return "\n".join(_concise(item, terminal) for item in items)
    parts = ["\n".join(_lines(item, terminal)) for item in items[:MOST]]
    if len(items) > MOST:
        parts.append(terminal.text(f"… and {len(items) - MOST:,} more, not shown"))
    if summary and items:
        parts.append("\n".join(_summary(items, terminal)))
    return "\n\n".join(parts)


def as_exception(diagnostics: Iterable[Diagnostic]) -> str:
    """What Python shows of a SpecError, below a traceback or in a notebook."""
    return render_text(diagnostics, color=False, width=WIDTH_IN_PYTHON, unicode=True)


def _concise(item: Diagnostic, terminal: Terminal) -> str:
    span = item.span
    where = f"{span.source.name}:{span.line}:{span.column}: " if span else ""
    head = terminal.paint(f"{item.severity}[{item.code}]", STYLES[item.severity])
    return terminal.text(_clean(where)) + head + terminal.text(_clean(f": {item.message}"))


def _lines(item: Diagnostic, terminal: Terminal) -> list[str]:
    marks = _marks(item)
    gutter = gutter_of(marks) if marks else 1
    lines = _headline(item, terminal)
    for n, source in enumerate(_sources(marks)):
        here = [mark for mark in marks if mark.span.source is source]
        lines.append(_corner(here[0], terminal, gutter, first=n == 0))
        lines.append(edge(terminal, gutter))
        lines += snippet(source, here, terminal, gutter)
    words = _words(item, terminal, gutter)
    lines += [edge(terminal, gutter)] if marks and words else []
    return lines + words


def _headline(item: Diagnostic, terminal: Terminal) -> list[str]:
    head = f"{item.severity}[{item.code}]"
    first, *rest = wrap(terminal.text(_clean(f"{head}: {item.message}")), terminal.width, "    ")
    bold = terminal.paint(first[len(head) :], "bold") if len(first) > len(head) else ""
    return [
        terminal.paint(head, STYLES[item.severity]) + bold,
        *(terminal.paint(line, "bold") for line in rest),
    ]


def _marks(item: Diagnostic) -> list[Annotation]:
    if item.span is None:
        return []
    labels = [Annotation(label.span, _clean(label.message)) for label in item.labels]
    return [Annotation(item.span, main=True, style=STYLES[item.severity], stroke="^"), *labels]


def _sources(marks: Sequence[Annotation]) -> list[Source]:
    """The sources in order of first mention; the main mark's is the first."""
    return list({id(mark.span.source): mark.span.source for mark in marks}.values())


def _corner(mark: Annotation, terminal: Terminal, gutter: int, first: bool) -> str:
    sign = ("┌─" if first else "├─") if terminal.unicode else ("-->" if first else ":::")
    name = terminal.text(_clean(mark.span.source.name))
    indent = " " * (gutter + 1 if terminal.unicode else gutter)
    return f"{indent}{terminal.paint(sign, 'gutter')} {name}:{mark.span.line}:{mark.span.column}"


def _words(item: Diagnostic, terminal: Terminal, gutter: int) -> list[str]:
    lines: list[str] = []
    for note in item.notes:
        lines += _format_note("note", "note", note, terminal, gutter)
    for help in item.help:
        lines += _format_note("help", "good", help, terminal, gutter)
    for fix in item.fixes:
        lines += _fix(fix, terminal, gutter)
    return lines


def _format_note(word: str, style: str, text: str, terminal: Terminal, gutter: int) -> list[str]:
    """``= note: …``, wrapped; lines of the text itself stay lines."""
    lead = f"{' ' * (gutter + 1)}= {word}: "
    room = terminal.width - len(lead)
    parts = [part for line in terminal.text(_clean(text)).split("\n") for part in wrap(line, room)]
    painted = lead.replace(word, terminal.paint(word, style))
    return [(painted if n == 0 else " " * len(lead)) + part for n, part in enumerate(parts)]


def _fix(fix: Fix, terminal: Terminal, gutter: int) -> list[str]:
    """The cured line with what is new marked."""
    lines = _format_note("fix", "good", fix.message, terminal, gutter)
    source = fix.span.source
    if "\n" in fix.span.text or "\n" in fix.replacement:
        return lines
    text = source.text[: fix.span.start] + fix.replacement + source.text[fix.span.end :]
    cured = Source(source.name, text)
    if not fix.replacement:
        return lines
    place = cured.span(fix.span.start, fix.span.start + len(fix.replacement))
    new = Annotation(place, style="good", stroke="+")
    return [*lines, edge(terminal, gutter), *snippet(cured, [new], terminal, gutter)]


def _summary(items: Sequence[Diagnostic], terminal: Terminal) -> list[str]:
    codes = list(dict.fromkeys(item.code for item in items))
    more = f"more about it: cnnspec why {codes[0]}"
    if len(items) == 1:
        return wrap(more, terminal.width, "    ")
    if len(codes) > 1:
        more = "more about each: cnnspec why CODE"
    return wrap(f"{_counted(items)}; {more}", terminal.width, "    ")


def _counted(items: Sequence[Diagnostic]) -> str:
    counts = [(severity, sum(item.severity is severity for item in items)) for severity in Severity]
    return ", ".join(f"{n} {severity}{'s' if n > 1 else ''}" for severity, n in counts if n)


def _clean(text: str) -> str:
    """The text without control characters: what a spec says must not drive the terminal."""
    return "\n".join(map(printable, text.split("\n")))
