"""From the parser's complaint to a named mistake with its place and its cure.

Each rule looks at what surrounds the complaint and either names the mistake or
passes; the first that names it is heard. The rules go from the particular to
the general, and the last always answers.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, TypeAlias

from cnnspec.diagnostics import Diagnostic, Fix, Label
from cnnspec.syntax.errors import sentences
from cnnspec.syntax.errors.confusables import foreign_quotes, odd_character
from cnnspec.syntax.errors.context import CHARACTER, ErrorContext, open_here
from cnnspec.syntax.keywords import FORMS, else_meant
from cnnspec.syntax.lalr import Unexpected
from cnnspec.text import Source

Rule: TypeAlias = Callable[[ErrorContext], Diagnostic | None]


def told(code: str, message: str, help: str, when: Callable[[ErrorContext], object]) -> Rule:
    """A mistake that lies where reading stopped; its words may speak of the context, ``{0.word}``."""

    def rule(context: ErrorContext) -> Diagnostic | None:
        if not when(context):
            return None
        return context.fault(code, message.format(context), context.here, help.format(context))

    return rule


VALUES: Final = frozenset(("NUMBER", "SIZE", "NAME", "STRING", "UNKNOWN", "LPAR", "MINUS", "NOT"))

WITHOUT_BODY: Final = ("network", "input", "expect", "use", "from", "let")
# A word at the end is looked for where words begin: from each of its letters it would take ages.
_NO_VALUE: Final = re.compile(r"(?<!\w)\d*([^\W\d]\w*)\s*=$")
_PERCENT: Final = re.compile(r"(?<!\d)(\d+(?:\.\d+)?)[ \t]*%$")
_OPERATOR: Final = re.compile(r"(//|[-+*%<>]|[=!<>]=|\b(?:and|or|not))$")
_CALL: Final = re.compile(r"(?:[\w.]+[ \t]*:)?\s*[^\W\d]\w*\(")


def diagnose(error: Unexpected, source: Source, text: str) -> Diagnostic:
    """The mistake behind a complaint; ``text`` is the source with earlier mistakes blanked out."""
    context = ErrorContext(error, source, text)
    return next(found for rule in RULES if (found := rule(context)))


def _foreign_comment(context: ErrorContext) -> Diagnostic | None:
    match = re.compile(r"//|/\*|--(?!>)").match(context.text, context.at)
    if not match or (context.said and context.kind != "TIMES" and match[0] != "/*"):
        return None
    span = context.source.span(context.at, match.end())
    fix: Fix | None = Fix(span, "#", "write #")
    if match[0] == "/*":
        line = re.compile(r"/\*([^\n]*?)\*/[ \t]*$", re.MULTILINE).match(context.text, context.at)
        whole = context.source.span(context.at, line.end()) if line else span
        fix = Fix(whole, f"#{line[1].rstrip()}", "write #") if line else None
    help = "a comment runs to the end of its line"
    return context.fault(
        "foreign-comment", "comments begin with `#`", span, *(() if fix else (help,)), fix=fix
    )


def _call(context: ErrorContext) -> Diagnostic | None:
    if not _CALL.match(context.said + context.found) or context.kind == "$END":
        return None
    at = context.start + context.said.index("(") if "(" in context.said else context.at
    return call_parentheses(context.source, at, context.word)


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


def _missing_value(context: ErrorContext) -> Diagnostic | None:
    match = _NO_VALUE.search(context.said)
    if not match or context.found == "[":
        return None
    name = match[1]
    what = "the constant" if context.word == "let" else "the option"
    span = context.source.span(context.start + match.start(1), context.start + match.end())
    help = f"write its value right after the `=`, or leave `{name}=` out"
    return context.fault("missing-value", f"{what} `{name}` has no value", span, help)


def _missing_operand(context: ErrorContext) -> Diagnostic | None:
    match = _OPERATOR.search(context.said)
    if not match or context.kind == CHARACTER:
        return None
    message = f"`{match[0]}` has nothing on its right"
    if percent := _PERCENT.search(context.said):
        span = context.source.span(context.start + percent.start(), context.start + percent.end())
        part = f"{float(percent[1]) / 100:g}"
        help, fix = f"{percent[0]} is a part of 1: {part}", Fix(span, part, f"write {part}")
        return context.fault("missing-operand", message, context.last_word, help, fix=fix)
    if context.kind == "COMPARISON" or context.found == "=":
        message = f"`{match[0]}` cannot be followed by {context.shown}"
    return context.fault("missing-operand", message, context.last_word, "give it a number or a name")


def _parenthesis(context: ErrorContext) -> Diagnostic | None:
    if context.kind == "RPAR" and context.said.count("(") <= context.said.count(")"):
        return context.fault(
            "stray-parenthesis", "this parenthesis was never opened", context.here, "remove it"
        )
    if context.said.count("(") <= context.said.count(")"):
        return None
    if not context.ended and context.kind not in ("LBRACE", *VALUES):
        return None
    at = context.start + _last_open(context.said)
    span = context.source.span(at, at + 1)
    return context.fault(
        "missing-parenthesis", "this parenthesis is never closed", span,
        "numbers in parentheses have commas between them: `padding=(1, 2)`",
        label=Label(context.here, "`)` or `,` was expected here"),
    )  # fmt: skip


def _last_open(said: str) -> int:
    stack = []
    for n, character in enumerate(said):
        if character == "(":
            stack.append(n)
        elif character == ")" and stack:
            stack.pop()
    return stack[-1]


def _dangling_arrow(context: ErrorContext) -> Diagnostic | None:
    if context.said:
        return None
    if context.separator and context.separator.text == "->":
        span = context.source.span(context.separator.start, context.separator.end)
        return context.fault(
            "dangling-arrow", "this arrow leads nowhere", span, "name the layer that comes next, or remove it"
        ) if context.ended else None  # fmt: skip
    if context.kind == "_ARROW":
        return context.fault(
            "dangling-arrow", "this arrow comes from nowhere", context.here,
            "the first layer of a body has no arrow before it: the input flows in by itself",
        )  # fmt: skip
    return None


def _braces(context: ErrorContext) -> Diagnostic | None:
    unclosed, suspect = open_here(context)
    if context.kind == "RBRACE" and not unclosed:
        return context.fault("stray-brace", "this brace was never opened", context.here, "remove it")
    if context.kind != "$END" or not unclosed:
        return None
    separator = suspect or unclosed[-1]
    span = context.source.span(separator.start, separator.end)
    return context.fault("missing-brace", "this brace is never closed", span, "close it with `}`")


def _comma(context: ErrorContext) -> Diagnostic | None:
    if context.kind != "_COMMA":
        return None
    thousands = re.compile(r"(?<![\w.,])\d{1,3}(?:,\d{3})+(?![\w.])").search(
        context.text, max(0, context.at - 3)
    )
    if thousands and thousands.start() < context.at < thousands.end():
        span = context.source.span(thousands.start(), thousands.end())
        fix = Fix(span, thousands[0].replace(",", ""), "write the number without commas")
        help = "thousands may be written with k, millions with M: `10k`, `1.5M`"
        return context.fault("malformed-number", "numbers have no commas", span, help, fix=fix)
    message = "arguments have no commas between them"
    return context.fault("comma-between-arguments", message, context.here, fix=_without_comma(context))


def _without_comma(context: ErrorContext) -> Fix:
    """Numbers with commas and no blanks are a size, as in ``stride=3,2``; else a comma is only left out."""
    start = len(context.text[: context.at].rstrip("0123456789"))
    size = re.compile(r"\d+(?:,\d+)+(?![\w.])").match(context.text, start)
    is_first = context.text[context.start : start].split()[-1:] == [context.word]
    if size is None or (is_first and not context.word.endswith("pool")):
        blank = "" if context.text[context.at + 1 : context.at + 2].isspace() else " "
        return Fix(context.here, blank, "leave the comma out")
    text = size[0].replace(",", "x")
    return Fix(context.source.span(start, size.end()), text, f"write {text}")


def _late_argument(context: ErrorContext) -> Diagnostic | None:
    if (
        context.kind not in VALUES
        or not re.search(r"\w[ \t]*=(?![=>])", context.said)
        or context.word in FORMS
    ):
        return None
    help = ["arguments come before the options: `conv 16 5x5 stride=2`"]
    if context.kind == "NAME":
        help.append(f"if {context.shown} is the next layer, put `->` before it")
    return context.fault(
        "argument-after-option", f"{context.shown} comes after an option", context.here, *help
    )


def _unexpected(context: ErrorContext) -> Diagnostic:
    help = []
    if not context.said:
        help.append("a sentence begins with its word, as in `conv 6 5x5 stride=2`")
    elif "_NEXT" in context.expected and not context.ended:
        help.append("the sentence is complete before it; what comes next begins after `->` or on a new line")
    if context.said and context.word in FORMS:
        help.append(f"`{context.word}` is written as in `{FORMS[context.word]}`")
    return context.fault("unexpected-word", f"{context.shown} cannot stand here", context.here, *help)


RULES: Final[tuple[Rule, ...]] = (
    foreign_quotes,
    _foreign_comment,
    _call,
    sentences.use_quotes,
    sentences.bars,
    _braces,
    _dangling_arrow,
    _missing_value,
    told(
        "claim-not-a-shape", "`=>` needs a shape, not {0.shown}",
        "a claim is a shape, such as `=> 10x10x16`, or `=> 400` for a vector",
        lambda context: context.said.endswith("=>"),
    ),
    sentences.input_size,
    sentences.bare_size,
    sentences.hyphen,
    sentences.label,
    _comma,
    lambda context: odd_character(context) if context.kind == CHARACTER else None,
    _missing_operand,
    _parenthesis,
    told(
        "bar-outside-merge", "`|` stands outside a merge",
        "bars separate the paths of a merge: `add {{ | conv 64 3x3 | }}`",
        lambda context: context.kind == "BAR",
    ),
    told(
        "braces-without-body", "`{0.word}` has no braces",
        "what belongs to it follows on lines of its own, to the end of the file",
        lambda context: context.kind == "LBRACE" and context.word in WITHOUT_BODY,
    ),
    told(
        "chained-comparison", "a comparison cannot be compared again",
        "compare two values at a time: `1 < stride and stride < 4`",
        lambda context: context.kind == "COMPARISON" and re.search("[=!<>]=|[<>]", context.said),
    ),
    sentences.body,
    sentences.else_body,
    sentences.let_equals,
    told(
        "not-a-name", "a name is expected after `{0.word}`, not {0.shown}",
        "a name begins with a letter and goes on with letters, digits and `_`; it has no quotes",
        lambda context: context.expected == {"NAME"} and not context.ended and context.kind != "LBRACE",
    ),
    sentences.unfinished,
    _late_argument,
    told(
        "arrow-in-recipe", "nothing flows between the sentences of `train`",
        "put each on a line of its own, or `;` between them",
        lambda context: context.kind == "_ARROW",
    ),
    lambda context: else_meant(context.here) if context.text[: context.at].rstrip()[-1:] == "}" else None,
    _unexpected,
)  # fmt: skip
