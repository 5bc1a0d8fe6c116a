"""From the parser's complaint to a named mistake with its place and its cure.

Each rule looks at the scene of the complaint and either names the mistake or
passes; the first that names it is heard. The rules go from the particular to
the general, and the last always answers.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, TypeAlias

from cnnspec.diagnostics import Diagnostic, Fix, Label
from cnnspec.syntax import sentences
from cnnspec.syntax.characters import odd_character
from cnnspec.syntax.keywords import FORMS, else_meant
from cnnspec.syntax.lalr import Unexpected
from cnnspec.syntax.scene import CHARACTER, Scene, open_here
from cnnspec.text import Source

Rule: TypeAlias = Callable[[Scene], Diagnostic | None]

VALUES: Final = frozenset(("NUMBER", "SIZE", "NAME", "STRING", "UNKNOWN", "LPAR", "MINUS", "NOT"))

_OPERATOR: Final = re.compile(r"(//|[-+*%<>]|[=!<>]=|\b(?:and|or|not))$")
_CALL: Final = re.compile(r"(?:[\w.]+[ \t]*:)?\s*[^\W\d]\w*\(")


def diagnose(error: Unexpected, source: Source, text: str) -> Diagnostic:
    """The mistake behind a complaint; ``text`` is the source with earlier mistakes blanked out."""
    scene = Scene(error, source, text)
    return next(found for rule in RULES if (found := rule(scene)))


def _foreign_comment(scene: Scene) -> Diagnostic | None:
    match = re.compile(r"//|/\*|--(?!>)").match(scene.text, scene.at)
    if not match or (scene.said and scene.kind != "TIMES"):
        return None
    span = scene.source.span(scene.at, match.end())
    return scene.fault("foreign-comment", "comments begin with `#`", span, fix=Fix(span, "#", "write #"))


def _call(scene: Scene) -> Diagnostic | None:
    if not _CALL.match(scene.said + scene.found) or scene.kind == "$END":
        return None
    at = scene.start + scene.said.index("(") if "(" in scene.said else scene.at
    return call_parentheses(scene.source, at, scene.word)


def call_parentheses(source: Source, at: int, word: str) -> Diagnostic:
    match = re.compile(r"\(([^()\n]*)\)").match(source.text, at)
    fixes: tuple[Fix, ...] = ()
    if match:
        inside = " ".join(match[1].replace(",", " ").split())
        fixes = (Fix(source.span(at, match.end()), f" {inside}" if inside else "", "leave them out"),)
    return Diagnostic(
        "call-parentheses",
        f"`{word}(…)` is not how a layer is written",
        source.span(at, at + 1),
        help=("a layer has no parentheses and no commas: `conv 6 5x5 stride=2`",),
        fixes=fixes,
    )


def _missing_value(scene: Scene) -> Diagnostic | None:
    match = re.search(r"([^\W\d]\w*)\s*=$", scene.said)
    if not match:
        return None
    name = match[1]
    what = "the constant" if scene.word == "let" else "the option"
    span = scene.source.span(scene.start + match.start(), scene.start + match.end())
    help = f"write its value right after the `=`, or leave `{name}=` out"
    return scene.fault("missing-value", f"{what} `{name}` has no value", span, help)


def _claim(scene: Scene) -> Diagnostic | None:
    if not scene.said.endswith("=>"):
        return None
    help = "a claim is a shape, such as `=> 10x10x16`, or `=> 400` for a vector"
    return scene.fault("claim-not-a-shape", f"`=>` needs a shape, not {scene.shown}", scene.here, help)


def _missing_operand(scene: Scene) -> Diagnostic | None:
    match = _OPERATOR.search(scene.said)
    if not match or scene.kind == CHARACTER:
        return None
    message = f"`{match[0]}` has nothing on its right"
    if scene.kind == "COMPARISON" or scene.found == "=":
        message = f"`{match[0]}` cannot be followed by {scene.shown}"
    return scene.fault("missing-operand", message, scene.last_word, "give it a number or a name")


def _parenthesis(scene: Scene) -> Diagnostic | None:
    if scene.kind == "RPAR" and scene.said.count("(") <= scene.said.count(")"):
        return scene.fault("stray-parenthesis", "this parenthesis was never opened", scene.here, "remove it")
    if scene.said.count("(") <= scene.said.count(")"):
        return None
    if not scene.ended and scene.kind not in ("LBRACE", *VALUES):
        return None
    at = scene.start + _last_open(scene.said)
    span = scene.source.span(at, at + 1)
    return scene.fault(
        "missing-parenthesis", "this parenthesis is never closed", span,
        "numbers in parentheses have commas between them: `padding=(1, 2)`",
        label=Label(scene.here, "`)` or `,` was expected here"),
    )  # fmt: skip


def _last_open(said: str) -> int:
    stack = []
    for n, character in enumerate(said):
        if character == "(":
            stack.append(n)
        elif character == ")" and stack:
            stack.pop()
    return stack[-1]


def _dangling_arrow(scene: Scene) -> Diagnostic | None:
    if scene.said:
        return None
    if scene.mark and scene.mark.text == "->":
        span = scene.source.span(scene.mark.start, scene.mark.end)
        return scene.fault(
            "dangling-arrow", "this arrow leads nowhere", span, "name the layer that comes next, or remove it"
        ) if scene.ended else None  # fmt: skip
    if scene.kind == "_ARROW":
        return scene.fault(
            "dangling-arrow", "this arrow comes from nowhere", scene.here,
            "the first layer of a body has no arrow before it: the input flows in by itself",
        )  # fmt: skip
    return None


def _braces(scene: Scene) -> Diagnostic | None:
    unclosed, suspect = open_here(scene)
    if scene.kind == "RBRACE" and not unclosed:
        return scene.fault("stray-brace", "this brace was never opened", scene.here, "remove it")
    if scene.kind != "$END" or not unclosed:
        return None
    mark = suspect or unclosed[-1]
    span = scene.source.span(mark.start, mark.end)
    return scene.fault("missing-brace", "this brace is never closed", span, "close it with `}`")


def _bar(scene: Scene) -> Diagnostic | None:
    if scene.kind != "BAR":
        return None
    help = "bars separate the paths of a merge: `add { | conv 64 3x3 | }`"
    return scene.fault("bar-outside-merge", "`|` stands outside a merge", scene.here, help)


def _comma(scene: Scene) -> Diagnostic | None:
    if scene.kind != "_COMMA":
        return None
    thousands = re.compile(r"(?<![\w.,])\d{1,3}(?:,\d{3})+(?![\w.])").search(scene.text, max(0, scene.at - 3))
    if thousands and thousands.start() < scene.at < thousands.end():
        span = scene.source.span(thousands.start(), thousands.end())
        fix = Fix(span, thousands[0].replace(",", ""), "write the number without commas")
        help = "thousands may be written with k, millions with M: `10k`, `1.5M`"
        return scene.fault("malformed-number", "numbers have no commas", span, help, fix=fix)
    fix = Fix(scene.here, "", "leave the comma out")
    message = "arguments have no commas between them"
    return scene.fault("comma-between-arguments", message, scene.here, fix=fix)


def _late_argument(scene: Scene) -> Diagnostic | None:
    if scene.kind not in VALUES or not re.search(r"\w[ \t]*=(?![=>])", scene.said) or scene.word in FORMS:
        return None
    help = ["arguments come before the options: `conv 16 5x5 stride=2`"]
    if scene.kind == "NAME":
        help.append(f"if {scene.shown} is the next layer, put `->` before it")
    return scene.fault("argument-after-option", f"{scene.shown} comes after an option", scene.here, *help)


def _chained(scene: Scene) -> Diagnostic | None:
    if scene.kind != "COMPARISON" or not re.search("[=!<>]=|[<>]", scene.said):
        return None
    help = "compare two values at a time: `1 < stride and stride < 4`"
    return scene.fault("chained-comparison", "a comparison cannot be compared again", scene.here, help)


def _arrow_in_recipe(scene: Scene) -> Diagnostic | None:
    if scene.kind != "_ARROW":
        return None
    help = "put each on a line of its own, or `;` between them"
    return scene.fault("arrow-in-recipe", "nothing flows between the sentences of `train`", scene.here, help)


def _character(scene: Scene) -> Diagnostic | None:
    return odd_character(scene) if scene.kind == CHARACTER else None


def _else(scene: Scene) -> Diagnostic | None:
    return else_meant(scene.here) if scene.text[: scene.at].rstrip().endswith("}") else None


def _unexpected(scene: Scene) -> Diagnostic:
    help = []
    if not scene.said:
        help.append("a sentence begins with its word, as in `conv 6 5x5 stride=2`")
    elif "_NEXT" in scene.expected and not scene.ended:
        help.append("the sentence is complete before it; what comes next begins after `->` or on a new line")
    if scene.said and scene.word in FORMS:
        help.append(f"`{scene.word}` is written as in `{FORMS[scene.word]}`")
    return scene.fault("unexpected-word", f"{scene.shown} cannot stand here", scene.here, *help)


RULES: Final[tuple[Rule, ...]] = (
    _foreign_comment,
    _call,
    sentences.use_quotes,
    sentences.bars,
    _braces,
    _dangling_arrow,
    _missing_value,
    _claim,
    sentences.input_size,
    sentences.bare_size,
    sentences.hyphen,
    sentences.label,
    _comma,
    _character,
    _missing_operand,
    _parenthesis,
    _bar,
    sentences.no_braces,
    _chained,
    sentences.body,
    sentences.else_body,
    sentences.let_equals,
    sentences.name_expected,
    sentences.unfinished,
    _late_argument,
    _arrow_in_recipe,
    _else,
    _unexpected,
)
