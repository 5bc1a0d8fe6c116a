"""Mistakes in the sentences that begin with a keyword, in labels, and in the braces of a merge."""

from __future__ import annotations

import re
from typing import Final

from cnnspec.diagnostics import Diagnostic, Fix, Label
from cnnspec.syntax.keywords import FORMS, else_meant, misspelt
from cnnspec.syntax.scene import CHARACTER, Scene
from cnnspec.text import Span

WITH_BODY: Final = ("block", "repeat", "if", "head", "train")


def bars(scene: Scene) -> Diagnostic | None:
    if not {"BAR", "RBRACE"} <= scene.expected or scene.expected - {"BAR", "RBRACE", "_NEXT"}:
        return None
    word, said = scene.owner
    if not word or scene.kind == "$END":
        return None
    if word == "else":
        start = scene.text.rfind("else", 0, scene.at)
        return else_without_if(scene.source.span(start, start + 4))
    colon = scene.text.find(":", said.start, said.end)
    if word in FORMS and colon >= 0:
        return _labelled_sentence(word, scene.source.span(said.start, colon + 1))
    at = scene.text.index(word, said.start)
    span = scene.source.span(at, at + len(word))
    wrong = else_meant(span) or misspelt(span)
    if wrong is not None:
        return wrong
    brace = scene.source.span(said.end, said.end + 1)
    return scene.fault(
        "branch-without-bar", f"each path in the braces of `{word}` begins with `|`", scene.here,
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


def label(scene: Scene) -> Diagnostic | None:
    if scene.label and not scene.word and scene.ended:
        help = "a label stands before its layer: `conv1: conv 6 5x5`"
        return scene.fault("label-without-layer", f"`{scene.label}:` labels nothing", scene.last_word, help)
    if scene.label and scene.word in FORMS:
        end = scene.start + scene.said.index(":") + 1
        return _labelled_sentence(scene.word, scene.source.span(scene.start, end))
    return None


def _labelled_sentence(word: str, span: Span) -> Diagnostic:
    return Diagnostic(
        "label-without-layer",
        f"`{word}` cannot have a label",
        span,
        help=("only layers and uses of a block can be labelled",),
    )


def input_size(scene: Scene) -> Diagnostic | None:
    if scene.word != "input" or scene.label:
        return None
    if scene.said == "input":
        help = "write height x width x channels, as in `input 28x28x1`, or a length, as in `input 784`"
        return scene.fault("input-without-size", "`input` needs a size", scene.here, help)
    match = re.compile(r"\d+(?:(?:[ \t]*,[ \t]*|[ \t]+|[ \t]*[xX*×][ \t]*)\d+)+").match(
        scene.text, scene.start + len("input ")
    )
    if not match:
        return None
    span = scene.source.span(match.start(), match.end())
    size = "x".join(re.findall(r"\d+", match[0]))
    if match[0].replace("×", "x") == size:
        return None
    return spaced_size(span, size)


def bare_size(scene: Scene) -> Diagnostic | None:
    """A size at the beginning of a sentence, in a text that has no ``input``."""
    if scene.said or not re.fullmatch(r"\d+([x×]\d+)*", scene.found) or "input" in scene.source.text:
        return None
    fix = Fix(scene.source.span(scene.at, scene.at), "input ", f"write input {scene.found}")
    message = "a size alone is no sentence; the input's comes after its word"
    return scene.fault("missing-input", message, scene.here, fix=fix)


def spaced_size(span: Span, size: str) -> Diagnostic:
    fix = Fix(span, size, f"write {size}")
    return Diagnostic("spaced-size", "a size is one word, with x between its numbers", span, fixes=(fix,))


def use_quotes(scene: Scene) -> Diagnostic | None:
    if scene.said != "use" or scene.kind not in ("NAME", CHARACTER):
        return None
    match = re.compile(r"[\w./\\-]+").match(scene.text, scene.at)
    if not match:
        return None
    span = scene.source.span(scene.at, match.end())
    fix = Fix(span, f'"{match[0]}"', "put it in quotes")
    return scene.fault("use-without-quotes", "the file's name needs quotes", span, fix=fix)


def hyphen(scene: Scene) -> Diagnostic | None:
    if scene.kind != "MINUS" or scene.word not in ("network", "block", "from", "head", "let"):
        return None
    match = re.compile(r"[\w-]+").search(scene.text, scene.last_word.start)
    if not match or match.end() <= scene.at:
        return None
    return hyphen_in_name(scene.source.span(match.start(), match.end()))


def hyphen_in_name(span: Span) -> Diagnostic:
    name = span.text.replace("-", "_")
    fix = Fix(span, name, f"write {name}")
    return Diagnostic("hyphen-in-name", "names have no hyphens: `-` subtracts", span, fixes=(fix,))


def no_braces(scene: Scene) -> Diagnostic | None:
    if scene.kind != "LBRACE" or scene.word not in ("network", "input", "expect", "use", "from", "let"):
        return None
    message = f"`{scene.word}` has no braces"
    help = "what belongs to it follows on lines of its own, to the end of the file"
    return scene.fault("braces-without-body", message, scene.here, help)


def body(scene: Scene) -> Diagnostic | None:
    if scene.word not in WITH_BODY or "LBRACE" not in scene.expected or scene.label:
        return None
    if scene.said == scene.word and scene.word != "train":
        return None
    following = scene.text[scene.at :].lstrip()
    if scene.kind == "_NEXT" and following.startswith("{"):
        brace = scene.source.span(at := len(scene.text) - len(following), at + 1)
        return scene.fault(
            "missing-body", "the opening brace stands on the line below", brace,
            f"put it on the line of its `{scene.word}`: a newline ends the sentence",
        )  # fmt: skip
    message = f"`{scene.word}` needs braces around what it holds"
    return scene.fault("missing-body", message, scene.here, f"as in `{FORMS[scene.word]}`")


def else_body(scene: Scene) -> Diagnostic | None:
    if not {"LBRACE", "IF"} <= scene.expected or "NAME" in scene.expected:
        return None
    message = "`else` needs braces, or another `if`"
    return scene.fault("missing-body", message, scene.here, f"as in `{FORMS['if']}`")


def let_equals(scene: Scene) -> Diagnostic | None:
    match = re.compile(r"[^\W\d]\w*(?=[ \t]+[\w(?])").match(scene.text, scene.at)
    if scene.said != "let" or not match:
        return None
    place = scene.source.span(match.end(), match.end())
    fix = Fix(place, " =", "put = between them")
    message = f"the constant `{match[0]}` and its value have no `=` between them"
    return scene.fault("missing-equals", message, place, fix=fix)


def name_expected(scene: Scene) -> Diagnostic | None:
    if scene.expected != {"NAME"} or scene.ended or scene.kind == "LBRACE":
        return None
    message = f"a name is expected after `{scene.word}`, not {scene.shown}"
    help = "a name begins with a letter and goes on with letters, digits and `_`; it has no quotes"
    return scene.fault("not-a-name", message, scene.here, help)


def unfinished(scene: Scene) -> Diagnostic | None:
    if scene.word not in FORMS or scene.label or not (scene.ended or scene.kind == "LBRACE"):
        return None
    message = f"`{scene.word}` ends too early"
    return scene.fault("unfinished-sentence", message, scene.here, f"write it as in `{FORMS[scene.word]}`")
