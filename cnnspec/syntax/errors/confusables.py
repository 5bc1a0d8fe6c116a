"""Characters and numbers that the language does not have, and what was meant by them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final
from unicodedata import name as name_of

from cnnspec.diagnostics import Diagnostic, Fix
from cnnspec.syntax.errors.context import ErrorContext
from cnnspec.syntax.keywords import FORMS, WITH_BODY

CONFUSABLES: Final[dict[str, str]] = {
    **dict.fromkeys("“”„‟«»'‘’`´", '"'),
    **dict.fromkeys("−–—‐‑", "-"),
    **dict.fromkeys("→⟶⇨➔➜", "->"),
    **dict.fromkeys("⇒⟹", "=>"),
    **dict.fromkeys("·∙⋅∗", "*"),
    **dict.fromkeys("[⟨（", "("),
    **dict.fromkeys("]⟩）", ")"),
    **dict.fromkeys("\u00a0\u2002\u2003\u2009\u202f\u3000\u200b\u2060", " "),
    "≤": "<=", "≥": ">=", "≠": "!=", "/": "//", "÷": "//", "&": "and", "!": "not",
    "╳": "x", "✕": "x", "✖": "x", "х": "x", "：": ":", "；": ";", "，": ",", "＝": "=", "｛": "{", "｝": "}",
}  # fmt: skip
"""Character -> what to write instead."""

_NUMBER: Final = re.compile(r"[\w.×?]+")
_LAYER: Final = re.compile(r"[ \t]*[^\W\d]\w*[ \t]+[\d?]")
"""What looks like a layer with its first value."""
_CAPITAL: Final = re.compile(r"(\d+|\?)([xX×*](\d+|\?))+")
_LIST: Final = re.compile(r"\[[1-9]\d*([ \t]*,[ \t]*[1-9]\d*)*\]")
_LAST: Final = re.compile(r"(?<!\w)\d*([^\W\d]\w*)$")
_HALF: Final = re.compile(r"(\d+[x×])+$")


_QUOTED: Final = re.compile("[“”„‟«»‘’`´'](?P<inside>[^\"\\n“”„‟«»‘’`´']+)[“”„‟«»‘’`´']")


def foreign_quotes(context: ErrorContext) -> Diagnostic | None:
    """``use “blocks.cnn”``, as text programs write it; ``padding='same'``."""
    match = _QUOTED.match(context.text, context.at)
    if match is None or context.said.endswith("=>"):
        return None
    span = context.source.span(context.at, match.end())
    instead = f'"{match["inside"]}"'
    fix = Fix(span, instead, f"write {instead}")
    what = _called(context.text[context.at])
    return context.fault("odd-character", f'{what} is no quotation mark here; `"` is', span, fix=fix)


def odd_character(context: ErrorContext) -> Diagnostic:
    """A character that cannot stand here, or nowhere."""
    character = context.text[context.at]
    return next(found for rule in _RULES if (found := rule(context, character)))


def _quote(context: ErrorContext, character: str) -> Diagnostic | None:
    if character not in "\"“”'":
        return None
    end = context.text.find("\n", context.at)
    end = len(context.source.text) if end < 0 else end
    rest = context.text[context.at + 1 : end]
    if character == '"' or not any(mark in rest for mark in "\"“”'"):
        span = context.source.span(context.at, end)
        return context.fault(
            "unclosed-quote", "this quotation is not closed", span, 'end it with `"` on the same line'
        )
    return None


def _list(context: ErrorContext, character: str) -> Diagnostic | None:
    """``stride=[2,2]``."""
    match = _LIST.match(context.text, context.at)
    if not match:
        return None
    size = "x".join(re.findall(r"\d+", match[0]))
    fix = Fix(context.source.span(context.at, match.end()), size, f"write {size}")
    place = context.source.span(context.at, context.at + 1)
    return context.fault("odd-character", f"{_called(character)} has no meaning here", place, fix=fix)


def _number(context: ErrorContext, character: str) -> Diagnostic | None:
    match = _NUMBER.match(context.text, context.at)
    if not match or not (character.isdigit() or character in ".?"):
        return None
    written, span, fix = match[0], context.source.span(context.at, match.end()), None
    help = "numbers look like `3`, `0.01`, `5e-4`, `62k`, `1.5M`; sizes like `5x5`; names begin with a letter"
    if _HALF.fullmatch(written):
        help = f"a size has a number on both sides of its x: `{written}{written.rstrip('x×')}`"
    if _CAPITAL.fullmatch(written):
        fix = Fix(span, re.sub("[X×*]", "x", written), "write the size with a small x")
    message = f"`{written}` is neither a number nor a size"
    return context.fault("malformed-number", message, span, help, fix=fix)


def _path(context: ErrorContext, character: str) -> Diagnostic | None:
    """``data own/split``: a path without its quotes."""
    if character not in "/\\~." or context.owner[0] != "train" or not re.match(r"data\b", context.said):
        return None
    start = context.at - len(re.split(r"[^\w.~-]", context.text[: context.at])[-1])
    written = (
        context.text[start : context.at] + re.split(r"[\s;}]", context.text[context.at :], maxsplit=1)[0]
    )
    span = context.source.span(start, start + len(written))
    fix = Fix(span, f'"{written}"', f'write "{written}"')
    message = f"{_called(character)} has no meaning here; a path stands in quotes"
    return context.fault("odd-character", message, span, fix=fix)


def _in_recipe(context: ErrorContext, character: str) -> Diagnostic | None:
    """``epochs = 5``, ``optimizer: adam``."""
    if character not in "=:" or context.owner[0] != "train" or not re.fullmatch(r"\w+", context.said):
        return None
    span = context.source.span(context.at, context.at + 1)
    message = f"the setting `{context.said}` has no `{character}` after it"
    fix = Fix(span, "", "leave it out")
    return context.fault("setting-with-sign", message, span, "as in `epochs 5`", fix=fix)


def _equals(context: ErrorContext, character: str) -> Diagnostic | None:
    if character != "=":
        return None
    span = context.source.span(context.at, context.at + 1)
    if re.fullmatch(r"[^\W\d]\w*", context.said) and _LAYER.match(context.text, context.at + 1):
        name, end = context.said, context.start + len(context.said)
        fix = Fix(context.source.span(end, context.at + 1), ":", f"write {name}:")
        message = f"a layer is labelled with a colon: `{name}: …`"
        return context.fault("constant-without-let", message, context.first_word, fix=fix)
    if re.fullmatch(r"[^\W\d]\w*", context.said):
        given = re.search(rf"\blet\s+{context.said}\s*=", context.text[: context.start])
        anew = given is None or context.owner[0] == "repeat"
        fix = Fix(context.source.span(context.start, context.start), "let ", "begin it with let")
        message = f"`{context.said} =` reads like a constant, but has no `let`"
        help = "constants are written `let width = 64`" + ("" if anew else ", and given once")
        return context.fault(
            "constant-without-let", message, context.first_word, help, fix=fix if anew else None
        )
    if context.word in ("if", "expect") or "COMPARISON" in context.expected:
        message = "`=` gives a value; it does not compare"
        if context.word not in ("if", "expect"):
            return context.fault("single-equals", message, span, "an option has one value, as in `stride=2`")
        return context.fault("single-equals", message, span, fix=Fix(span, "==", "compare with =="))
    return None


def _colon(context: ErrorContext, character: str) -> Diagnostic | None:
    if character == ":" and context.word in WITH_BODY and "LBRACE" in context.expected:
        message = f"`{context.word}` needs braces around what it holds"
        return context.fault("missing-body", message, context.here, f"as in `{FORMS[context.word]}`")
    name = _LAST.search(context.said) if character == ":" else None
    if not name:
        return None
    if not re.fullmatch(r"[\w.]+", context.said):
        span = context.source.span(context.at, context.at + 1)
        fix = Fix(span, "=", f"write {name[1]}=")
        return context.fault("colon-for-equals", "options take `=`, not `:`", span, fix=fix)
    return None


def _meant(context: ErrorContext, character: str) -> Diagnostic:
    span = context.source.span(context.at, context.at + 1)
    if character not in CONFUSABLES or (character == "/" and not context.said):
        return context.fault("odd-character", f"{_called(character)} has no meaning here", span)
    instead = CONFUSABLES[character]
    said = "a blank" if instead == " " else f"`{instead}`"
    fix = Fix(span, instead, f"write {said} instead")
    return context.fault("odd-character", f"{_called(character)} has no meaning here", span, fix=fix)


def _called(character: str) -> str:
    if character.isascii() and character.isprintable():
        return f"`{character}`"
    official = name_of(character, "").lower()
    shown = f"`{character}` " if character.isprintable() and not character.isspace() else ""
    return f"{shown}(U+{ord(character):04X}{', ' + official if official else ''})"


_RULES: Final[tuple[Callable[[ErrorContext, str], Diagnostic | None], ...]] = (
    _list,
    _quote,
    _path,
    _number,
    _in_recipe,
    _equals,
    _colon,
    _meant,
)
