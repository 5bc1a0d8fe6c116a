"""Cutting a broken statement out of a text, so that reading can go on after it.

What is cut is overwritten with spaces: every place stays where it was.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from typing import Final

from cnnspec.diagnostics import Diagnostic
from cnnspec.records import record
from cnnspec.syntax.lalr import END, Unexpected

_SEPARATORS: Final = re.compile(r'"[^"\n]*"|#[^\n]*|->|[\n;{}|]')
"""What stands between statements; strings and comments are matched to be passed over."""


_ELSE: Final = re.compile(r"\s*else\b[^\n;{}|]*\{")


@record
class Separator:
    text: str
    start: int

    @property
    def end(self) -> int:
        return self.start + len(self.text)


def place_of(error: Unexpected, text: str) -> int:
    """The offset of the character that could not be read; the text's length at its end."""
    if error.kind == END:
        return len(text)
    return error.at - 1 if cut_arrow(text, error.at) else error.at


def cut_arrow(text: str, at: int) -> bool:
    """Whether an arrow was read as a minus, where no arrow could be."""
    return at > 0 and text.startswith("->", at - 1)


def separators(text: str) -> list[Separator]:
    """The marks between statements, in order."""
    return [Separator(m[0], m.start()) for m in _SEPARATORS.finditer(text) if m[0][0] not in '"#']


def mended(text: str, error: Unexpected, mistake: Diagnostic) -> str:
    """The text without what could not be read, so that the next complaint is about something else.

    Some mistakes need only a sign put in or taken out; otherwise the statement goes.
    """
    at, found = place_of(error, text), separators(text)
    unclosed = open_braces(found)
    if at >= len(text.rstrip()) and unclosed:
        return text + "\n" + "}" * len(unclosed)
    span = mistake.span
    if span is not None and mistake.code in _INSTEAD:
        return text[: span.start] + _INSTEAD[mistake.code] + text[span.end :]
    cured = _cured(text, mistake)
    if cured is not None and cured != text:
        return cured
    if mistake.code == "misspelt-keyword" and span is not None:
        at = span.start
    at = _skip_space(text, at)
    if mistake.code == "branch-without-bar" and text[at - 1].isspace():
        return text[: at - 1] + "|" + text[at:]
    if mistake.code == "unexpected-word" and "_NEXT" in error.expected:
        return _cut_after(text, at, found)
    start, end = _region(text, at, found)
    if (kept := _input_kept(text[start:end])) is not None:
        return text[:start] + kept + text[end:]
    shorter = _blank(text, start, end)
    return shorter if shorter != text else _blank(text, len(text[:at].rstrip()) - 1, at)


_INPUT: Final = re.compile(
    r"(?P<before>\s*)input\b\W*(?:[a-z_]+\W+)?(?P<sizes>\d+(?:\s*[x×*,]+\s*\d+)*)(?=x?(?:[^\w.?]|$))",
    re.IGNORECASE,
)
"""An input with sizes that can be read, whatever else is wrong with it."""


def _input_kept(statement: str) -> str | None:
    """A broken input with its word and its sizes alone, in as many characters; None without sizes."""
    match = _INPUT.match(statement)
    if match is None or "\n" in statement.strip():
        return None
    kept = f"{match['before']}input {'x'.join(re.findall('[0-9]+', match['sizes']))}"
    return kept.ljust(len(statement)) if kept != statement.rstrip() and len(kept) <= len(statement) else None


def _cut_after(text: str, at: int, found: list[Separator]) -> str:
    """The text with a sentence ended where it was complete; a word after it begins the next one."""
    if text[at].isalpha() and text[at - 1] == " " and not re.match(r"\w+[ \t]*=", text[at:]):
        return text[: at - 1] + ";" + text[at:]
    after = bisect_left(found, at, key=lambda mark: mark.start)
    end = found[after].start if after < len(found) else len(text)
    return _blank(text, at, max(end, at + 1))


def _cured(text: str, mistake: Diagnostic) -> str | None:
    """The text with the mistake's fix applied where there is room for it, so that no place moves."""
    if mistake.code not in _CURABLE or not mistake.fixes or mistake.fixes[0].replacement in _PAIRED:
        return None
    fix = mistake.fixes[0]
    start, end, word = fix.span.start, fix.span.end, fix.replacement
    more = len(word) - (end - start)
    blanks = len(text[end:]) - len(text[end:].lstrip(" ")) - word[-1:].isalnum()
    if more > max(0, blanks):
        return None
    return text[:start] + word.ljust(end - start) + text[end + max(0, more) :]


_INSTEAD: Final = {
    "stray-brace": ";",
    "stray-parenthesis": " ",
    "bar-outside-merge": ";",
    "dangling-arrow": "  ",
    "arrow-in-recipe": "; ",
}
"""What is put in the place of the sign that is the mistake: as many characters."""


_CURABLE: Final = frozenset(
    ("comma-between-arguments", "foreign-comment", "hyphen-in-name", "malformed-number", "misspelt-keyword",
     "odd-character", "setting-with-sign", "single-equals", "spaced-size")
)  # fmt: skip
"""Mistakes whose fix is surely what was meant."""
_PAIRED: Final = ('"', "(", ")")
"""Signs that are of no use without their other one."""


def open_braces(found: list[Separator]) -> list[Separator]:
    """The braces that nothing closes, outermost first."""
    stack: list[Separator] = []
    for mark in found:
        if mark.text == "{":
            stack.append(mark)
        elif mark.text == "}" and stack:
            stack.pop()
    return stack


def _region(text: str, at: int, found: list[Separator]) -> tuple[int, int]:
    """The broken statement with the arrow that leads to it, or else the one that leads from it."""
    after = bisect_left(found, at, key=lambda mark: mark.start)
    before = bisect_right(found, at, key=lambda mark: mark.end) - 1
    start = found[before].end if before >= 0 else 0
    end = found[after].start if after < len(found) else len(text)
    opening = _brace_below(text, found, after)
    if opening is not None and text[start:end].strip():
        after = _closing_of_all(text, found, opening)
        end = found[after].end if after < len(found) else len(text)
        after += 1
    leading = before >= 0 and found[before].text == "->"
    if leading:
        return found[before].start, end
    if not text[start:end].strip():
        return at, at + (2 if text.startswith("->", at) else 1)
    following = _next_arrow(text, found, after)
    return start, following if following is not None else end


def _brace_below(text: str, found: list[Separator], after: int) -> int | None:
    """The opening brace that ends the region, on its line or the lines below."""
    begin = found[after].start if after < len(found) else len(text)
    after = _past_newlines(found, after)
    if after == len(found) or found[after].text != "{" or text[begin : found[after].start].strip():
        return None
    return after


def _past_newlines(found: list[Separator], after: int) -> int:
    while after < len(found) and found[after].text == "\n":
        after += 1
    return after


def _skip_space(text: str, at: int) -> int:
    """Past the blanks with which an arrow's or a newline's token may begin."""
    while at < len(text) and text[at] in " \t\r\f":
        at += 1
    return min(at, len(text) - 1)


def _closing(found: list[Separator], opening: int) -> int:
    depth = 0
    for n in range(opening, len(found)):
        depth += {"{": 1, "}": -1}.get(found[n].text, 0)
        if depth == 0:
            return n
    return len(found)


def _closing_of_all(text: str, found: list[Separator], opening: int) -> int:
    """The brace that closes a body, and those of the ``else`` that follow it."""
    closing = _closing(found, opening)
    while closing < len(found):
        match = _ELSE.match(text, found[closing].end)
        if match is None:
            break
        closing = _closing(found, bisect_left(found, match.end() - 1, key=lambda mark: mark.start))
    return closing


def _next_arrow(text: str, found: list[Separator], after: int) -> int | None:
    """The end of the arrow right after the region, newlines between."""
    after = _past_newlines(found, after)
    return found[after].end if after < len(found) and found[after].text == "->" else None


def _blank(text: str, start: int, end: int) -> str:
    kept = "".join("\n" if character == "\n" else " " for character in text[start:end])
    return text[:start] + kept + text[end:]
