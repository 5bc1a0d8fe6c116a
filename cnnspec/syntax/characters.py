"""Characters and numbers that the language does not have, and what was meant by them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final
from unicodedata import name as name_of

from cnnspec.diagnostics import Diagnostic, Fix
from cnnspec.syntax.scene import Scene
from cnnspec.text import Span

MEANT: Final[dict[str, str]] = {
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
_CAPITAL: Final = re.compile(r"(\d+|\?)([xX×*](\d+|\?))+")
_HALF: Final = re.compile(r"(\d+[x×])+$")


def odd_character(scene: Scene) -> Diagnostic:
    """A character that cannot stand here, or nowhere."""
    character = scene.text[scene.at]
    for rule in _RULES:
        found = rule(scene, character)
        if found:
            return found
    return _meant(scene, character)


def _quote(scene: Scene, character: str) -> Diagnostic | None:
    if character not in "\"“”'":
        return None
    end = scene.text.find("\n", scene.at)
    end = len(scene.source.text) if end < 0 else end
    rest = scene.text[scene.at + 1 : end]
    if character == '"' or not any(mark in rest for mark in "\"“”'"):
        span = scene.source.span(scene.at, end)
        return scene.fault(
            "unclosed-quote", "this quotation is not closed", span, 'end it with `"` on the same line'
        )
    return None


def _number(scene: Scene, character: str) -> Diagnostic | None:
    match = _NUMBER.match(scene.text, scene.at)
    if not match or not (character.isdigit() or character in ".?"):
        return None
    written = match[0]
    span = scene.source.span(scene.at, match.end())
    return scene.fault(
        "malformed-number", f"`{written}` is neither a number nor a size", span, _number_help(written),
        fix=_number_fix(span, written),
    )  # fmt: skip


def _number_help(written: str) -> str:
    if _HALF.fullmatch(written):
        return f"a size has a number on both sides of its x: `{written}{written.rstrip('x×')}`"
    return "numbers look like `3`, `0.01`, `5e-4`, `62k`, `1.5M`; sizes like `5x5`; names begin with a letter"


def _number_fix(span: Span, written: str) -> Fix | None:
    if not _CAPITAL.fullmatch(written):
        return None
    return Fix(span, re.sub("[X×*]", "x", written), "write the size with a small x")


def _path(scene: Scene, character: str) -> Diagnostic | None:
    """``data own/split``: a path without its quotes."""
    if character not in "/\\~." or scene.owner[0] != "train" or not re.match(r"data\b", scene.said):
        return None
    start = scene.at - len(re.split(r"[^\w.~-]", scene.text[: scene.at])[-1])
    written = scene.text[start : scene.at] + re.split(r"[\s;}]", scene.text[scene.at :], maxsplit=1)[0]
    span = scene.source.span(start, start + len(written))
    fix = Fix(span, f'"{written}"', f'write "{written}"')
    message = f"{_called(character)} has no meaning here; a path stands in quotes"
    return scene.fault("odd-character", message, span, fix=fix)


def _in_recipe(scene: Scene, character: str) -> Diagnostic | None:
    """``epochs = 5``, ``optimizer: adam``."""
    if character not in "=:" or scene.owner[0] != "train" or not re.fullmatch(r"\w+", scene.said):
        return None
    span = scene.source.span(scene.at, scene.at + 1)
    message = f"the setting `{scene.said}` has no `{character}` after it"
    fix = Fix(span, "", "leave it out")
    return scene.fault("setting-with-sign", message, span, "as in `epochs 5`", fix=fix)


def _equals(scene: Scene, character: str) -> Diagnostic | None:
    if character != "=":
        return None
    span = scene.source.span(scene.at, scene.at + 1)
    if re.fullmatch(r"[^\W\d]\w*", scene.said):
        fix = Fix(scene.source.span(scene.start, scene.start), "let ", "begin it with let")
        message = f"`{scene.said} =` reads like a constant, but has no `let`"
        help = "constants are written `let width = 64`"
        return scene.fault("constant-without-let", message, scene.first_word, help, fix=fix)
    if scene.word in ("if", "expect") or "COMPARISON" in scene.expected:
        fix = Fix(span, "==", "compare with ==")
        return scene.fault("single-equals", "`=` gives a value; it does not compare", span, fix=fix)
    return None


def _colon(scene: Scene, character: str) -> Diagnostic | None:
    name = re.search(r"([^\W\d]\w*)$", scene.said)
    if character != ":" or not name:
        return None
    if not re.fullmatch(r"[\w.]+", scene.said):
        span = scene.source.span(scene.at, scene.at + 1)
        fix = Fix(span, "=", f"write {name[0]}=")
        return scene.fault("colon-for-equals", "options take `=`, not `:`", span, fix=fix)
    return None


def _meant(scene: Scene, character: str) -> Diagnostic:
    span = scene.source.span(scene.at, scene.at + 1)
    if character not in MEANT:
        return scene.fault("odd-character", f"{_called(character)} has no meaning here", span)
    instead = MEANT[character]
    said = "a blank" if instead == " " else f"`{instead}`"
    fix = Fix(span, instead, f"write {said} instead")
    return scene.fault("odd-character", f"{_called(character)} has no meaning here", span, fix=fix)


def _called(character: str) -> str:
    if character.isascii() and character.isprintable():
        return f"`{character}`"
    official = name_of(character, "").lower()
    shown = f"`{character}` " if character.isprintable() and not character.isspace() else ""
    return f"{shown}(U+{ord(character):04X}{', ' + official if official else ''})"


_RULES: Final[tuple[Callable[[Scene, str], Diagnostic | None], ...]] = (
    _quote,
    _path,
    _number,
    _in_recipe,
    _equals,
    _colon,
)
