"""Text to tree: strictly, or as far as it can be read.

Nothing here recurses and every loop is bounded, so any text at all gives a
tree or diagnostics, in time that grows with its length.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from threading import Lock
from typing import Final

from cnnspec.diagnostics import Diagnostic, Diagnostics, Fix, SpecError
from cnnspec.syntax.build import Builder
from cnnspec.syntax.lalr import Parser, Unexpected, make_parser
from cnnspec.syntax.tree import Comment, Spec
from cnnspec.text import Source

LONGEST: Final = 200_000
"""Characters of a spec: some 15,000 layers, read in about a second."""
MOST_ERRORS: Final = 20
_PATIENCE: Final = 250_000
"""Characters read again and again while mending, about a second's worth."""

_HELP: Final = "a sentence is written as in `conv 6 5x5 stride=2`"
MOST_CHECKED: Final = 5_000
"""Characters of a text whose fixes are tried: each costs another reading of it."""

_COMMENTS: Final = re.compile(r'"[^"\n]*"|#[^\n]*')
_lock = Lock()


def parse(source: Source) -> Spec:
    """The tree of a text; raises SpecError with every syntax diagnostic."""
    spec, diagnostics = parse_tolerant(source)
    if diagnostics:
        raise SpecError(diagnostics)
    return spec


def parse_tolerant(source: Source) -> tuple[Spec, tuple[Diagnostic, ...]]:
    """The statements that could be read, and what was wrong with the others."""
    if len(source.text) > LONGEST:
        return Spec((), source.span(0, len(source.text))), (_too_large(source),)
    try:
        source.text.encode()
    except UnicodeEncodeError as error:
        return Spec((), source.span(0, len(source.text))), (_half(source, error.start),)
    with _lock:
        return _read(source)


def comments(source: Source) -> tuple[Comment, ...]:
    """The comments of a text, in order."""
    if "#" not in source.text:
        return ()
    return tuple(
        _comment(source, match.start(), match.end())
        for match in _COMMENTS.finditer(source.text)
        if match[0].startswith("#")
    )


@cache
def parser() -> tuple[Parser, Builder]:
    """The parser and the builder it calls, made once."""
    return make_parser(), Builder()


def _read(source: Source) -> tuple[Spec, tuple[Diagnostic, ...]]:
    reader, builder = parser()
    found = Diagnostics()
    text = source.text
    attempts = max(2, min(MOST_ERRORS, _PATIENCE // (len(text) + 1)))
    spec = Spec((), source.span(0, len(text)))
    for _ in range(attempts):
        builder.begin(source)
        try:
            spec = reader.parse(text, builder)
            break
        except Unexpected as error:
            text = _without_mistake(error, source, text, found)
    found.extend(_offered(problem, text) for problem in builder.problems)
    return _with_comments(spec, source), found.sorted()


def _without_mistake(error: Unexpected, source: Source, text: str, found: Diagnostics) -> str:
    """The text mended, its mistake named; what names mistakes is loaded for the first one."""
    from cnnspec.syntax.errors.diagnose import diagnose
    from cnnspec.syntax.errors.recover import mended

    mistake = diagnose(error, source, text)
    found.add(_offered(mistake, text))
    return mended(text, error, mistake)


def _offered(mistake: Diagnostic, text: str) -> Diagnostic:
    """The mistake with its fix only where the sentence can be read then, or be mended on."""
    fits = len(text) > MOST_CHECKED or all(_fits(fix, text) for fix in mistake.fixes)
    return mistake if fits else replace(mistake, fixes=(), help=mistake.help or (_HELP,))


def _fits(fix: Fix, text: str) -> bool:
    from cnnspec.syntax.errors.diagnose import diagnose
    from cnnspec.syntax.errors.recover import separators

    source = Source("", text[: fix.span.start] + fix.replacement + text[fix.span.end :])
    builder = Builder()
    builder.begin(source)
    try:
        parser()[0].parse(source.text, builder)
    except Unexpected as error:
        after = fix.span.start + len(fix.replacement)
        end = next((mark.start for mark in separators(source.text) if mark.start >= after), len(source.text))
        return error.at > end or bool(diagnose(error, source, source.text).fixes)
    return True


def _with_comments(spec: Spec, source: Source) -> Spec:
    return Spec(spec.statements, spec.span, comments(source))


def _comment(source: Source, start: int, end: int) -> Comment:
    before = source.text[source.text.rfind("\n", 0, start) + 1 : start]
    text = source.text[start:end].rstrip()
    return Comment(text, source.span(start, start + len(text)), alone=not before.strip())


def _half(source: Source, at: int) -> Diagnostic:
    """A text with such a part can be neither written to a file nor shown."""
    message = f"U+{ord(source.text[at]):04X} is half of a character, and no text by itself"
    return Diagnostic("not-text", message, source.span(at, at + 1), help=("take it out",))


def _too_large(source: Source) -> Diagnostic:
    size = len(source.text)
    return Diagnostic(
        "spec-too-large",
        f"the spec is {size:,} characters long; the limit is {LONGEST:,}",
        source.span(0, 0),
        help=("write what repeats with `repeat` or a `block`",),
    )
