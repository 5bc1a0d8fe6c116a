"""Mistakes in the sentences that begin with a keyword, in labels, and in the braces of a merge."""

from __future__ import annotations

import re

from cnnspec.diagnostics import Diagnostic, Fix, Label
from cnnspec.syntax.errors.context import CHARACTER, ErrorContext
from cnnspec.syntax.keywords import FORMS, WITH_BODY, else_meant, labelled, misspelt
from cnnspec.text import Span


def bars(context: ErrorContext) -> Diagnostic | None:
    if not {"BAR", "RBRACE"} <= context.expected or context.expected - {"BAR", "RBRACE", "_NEXT"}:
        return None
    word, said = context.owner
    if not word or context.kind == "$END":
        return None
    if word == "else":
        start = context.text.rfind("else", 0, context.at)
        return else_without_if(context.source.span(start, start + 4))
    colon = context.text.find(":", said.start, said.end)
    if word in FORMS and colon >= 0:
        at = context.text.index(word, colon)
        return labelled(context.source.span(said.start, colon + 1), context.source.span(at, at + len(word)))
    at = context.text.index(word, said.start)
    span = context.source.span(at, at + len(word))
    wrong = else_meant(span) or misspelt(span)
    if wrong is not None:
        return wrong
    brace = context.source.span(said.end, said.end + 1)
    return context.fault(
        "branch-without-bar", f"each path in the braces of `{word}` begins with `|`", context.here,
        f"write `{word} {{ | … | … }}`; to repeat layers, `repeat 3 {{ … }}`",
        label=Label(brace, "the braces of a merge"),
    )  # fmt: skip


def else_without_if(span: Span) -> Diagnostic:
    return Diagnostic(
        "else-without-if",
        "this `else` has no `if`",
        span,
        help=("it stands right after the brace that closes the `if`: `if … { … } else { … }`",),
    )


def label(context: ErrorContext) -> Diagnostic | None:
    if context.label and not context.word and context.ended:
        help = "a label stands before its layer: `conv1: conv 6 5x5`"
        return context.fault(
            "label-without-layer", f"`{context.label}:` labels nothing", context.last_word, help
        )
    if context.label and context.word in FORMS:
        end = context.start + context.said.index(":") + 1
        at = context.text.index(context.word, end)
        word = context.source.span(at, at + len(context.word))
        return labelled(context.source.span(context.start, end), word)
    return None


def input_size(context: ErrorContext) -> Diagnostic | None:
    if context.word != "input" or context.label:
        return None
    if context.said == "input" and context.found != "[":
        help = "write height x width x channels, as in `input 28x28x1`, or a length, as in `input 784`"
        return context.fault("input-without-size", "`input` needs a size", context.here, help)
    match = re.compile(r"\d+(?:(?:[ \t]*,[ \t]*|[ \t]+|[ \t]*[xX*×][ \t]*)\d+)+").match(
        context.text, context.start + len("input ")
    )
    if not match:
        return None
    span = context.source.span(match.start(), match.end())
    size = "x".join(re.findall(r"\d+", match[0]))
    if match[0].replace("×", "x") == size:
        return None
    if size.count("x") > 3:
        return context.fault("repeated-input", "a network has one input", span, "give one size")
    return spaced_size(span, size)


def bare_size(context: ErrorContext) -> Diagnostic | None:
    """A size at the beginning of a sentence, in a text that has no ``input``."""
    if context.said or not re.fullmatch(r"\d+([x×]\d+)*", context.found) or "input" in context.source.text:
        return None
    alone = re.compile(r"[1-9]\d*([x×][1-9]\d*){0,3}[ \t]*(?=$|\n|;|->|#)").match(context.text, context.at)
    fix = Fix(context.source.span(context.at, context.at), "input ", f"write input {context.found}")
    message = "a size alone is not a sentence; the input's comes after its word"
    help = "write height x width x channels, as in `input 28x28x1`"
    return context.fault(
        "missing-input", message, context.here, *(() if alone else (help,)), fix=fix if alone else None
    )


def spaced_size(span: Span, size: str) -> Diagnostic:
    fix = Fix(span, size, f"write {size}")
    return Diagnostic("spaced-size", "a size is one word, with x between its numbers", span, fixes=(fix,))


def use_quotes(context: ErrorContext) -> Diagnostic | None:
    if context.said != "use" or context.kind not in ("NAME", CHARACTER):
        return None
    match = re.compile(r"[\w./\\-]+").match(context.text, context.at)
    if not match:
        return None
    span = context.source.span(context.at, match.end())
    fix = Fix(span, f'"{match[0]}"', "put it in quotes")
    return context.fault("use-without-quotes", "the file's name needs quotes", span, fix=fix)


def hyphen(context: ErrorContext) -> Diagnostic | None:
    if context.kind != "MINUS" or context.word not in ("network", "block", "from", "head", "let"):
        return None
    match = re.compile(r"[\w-]+").search(context.text, context.last_word.start)
    if not match or match.end() <= context.at:
        return None
    return hyphen_in_name(context.source.span(match.start(), match.end()))


def hyphen_in_name(span: Span) -> Diagnostic:
    name = span.text.replace("-", "_")
    fix = Fix(span, name, f"write {name}")
    return Diagnostic("hyphen-in-name", "names have no hyphens: `-` subtracts", span, fixes=(fix,))


def body(context: ErrorContext) -> Diagnostic | None:
    if context.word not in WITH_BODY or "LBRACE" not in context.expected or context.label:
        return None
    if context.said == context.word and context.word != "train":
        return None
    following = context.text[context.at :].lstrip()
    if context.kind == "_NEXT" and following.startswith("{"):
        brace = context.source.span(at := len(context.text) - len(following), at + 1)
        return context.fault(
            "missing-body", "the opening brace stands on the line below", brace,
            f"put it on the line of its `{context.word}`: a newline ends the sentence",
        )  # fmt: skip
    message = f"`{context.word}` needs braces around what it holds"
    help = [f"as in `{FORMS[context.word]}`"]
    if context.word == "repeat" and context.found == "in":
        help.append("the turns are counted from 0 with as: `repeat 3 as i { … }`")
    listed = re.compile(r"\(([\w \t,=]*)\)").match(context.text, context.at)
    if context.word == "block" and listed:
        parameters = "".join(f" {part}" for part in listed[1].replace(",", " ").split())
        fix = Fix(context.source.span(context.at, listed.end()), parameters, "leave them out")
        message = "the parameters of a block have no parentheses"
        return context.fault("call-parentheses", message, context.here, help[0], fix=fix)
    return context.fault("missing-body", message, context.here, *help)


def else_body(context: ErrorContext) -> Diagnostic | None:
    if not {"LBRACE", "IF"} <= context.expected or "NAME" in context.expected:
        return None
    message = "`else` needs braces, or another `if`"
    return context.fault("missing-body", message, context.here, f"as in `{FORMS['if']}`")


def let_equals(context: ErrorContext) -> Diagnostic | None:
    match = re.compile(r"[^\W\d]\w*(?=[ \t]+[\w(?])").match(context.text, context.at)
    if context.said != "let" or not match:
        return None
    place = context.source.span(match.end(), match.end())
    fix = Fix(place, " =", "put = between them")
    message = f"the constant `{match[0]}` and its value have no `=` between them"
    return context.fault("missing-equals", message, place, fix=fix)


def unfinished(context: ErrorContext) -> Diagnostic | None:
    if context.word not in FORMS or context.label or not (context.ended or context.kind == "LBRACE"):
        return None
    message = f"`{context.word}` ends too early"
    return context.fault(
        "unfinished-sentence", message, context.here, f"write it as in `{FORMS[context.word]}`"
    )
