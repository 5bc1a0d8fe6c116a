"""A quiz, or its key, as text, Markdown and LaTeX."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import zip_longest
from typing import Final

from cnnspec.teaching.page import wrapped
from cnnspec.teaching.quiz.question import Alternative, Question, Quiz, sentence_of
from cnnspec.teaching.quiz.results import Result
from cnnspec.views.documents import latex as tex
from cnnspec.views.documents import markdown as md
from cnnspec.views.terminal.paint import PLAIN, Terminal, hanging, wrap

WRONG: Final = "What is wrong?"
LETTERS: Final = "abcdefgh"


def letter_of(question: Question) -> str:
    """The letter of the right choice; none where the answer is free."""
    return LETTERS[question.choices.index(question.right)] if question.choices else ""


def wrong_told(one: Alternative) -> str:
    """``The bias is forgotten. Each filter adds a bias of its own.``; of a mistake to find, what it gives."""
    if one.text != one.result.text:
        return f"That would give {one.result.text}."
    return " ".join(f"{sentence_of(mistake.text)} {mistake.cure}" for mistake in one.mistakes)


def claimed(question: Question) -> str:
    """What stands behind a wrong working: what is wrong in it, or what is right."""
    return WRONG if question.choices else "What is the right answer?"


# Text ----------------------------------------------------------------------------


def asked_lines(question: Question, terminal: Terminal = PLAIN) -> list[str]:
    """The question with its matrices and choices, for a page of this width."""
    lines = wrap(terminal.text(question.text), terminal.width)
    if question.given:
        lines += ["", *beside(question, terminal.width), ""]
    if question.claim is not None:
        lines += [f"Somebody answers {question.claim.text}:", *_worked(question.claim, terminal)]
        lines.append(claimed(question))
    for letter, one in zip(LETTERS, question.choices, strict=False):
        lines += hanging(f"  {letter}  ", one.text, terminal)
    return [terminal.text(line) for line in lines]


def beside(question: Question, width: int) -> list[str]:
    """The matrices side by side under their names, as many as fit."""
    blocks = [_block(name, rows) for name, rows in question.given.items()]
    lines: list[str] = []
    row: list[list[str]] = []
    for block in [*blocks, None]:
        together = sum(len(one[0]) + 3 for one in (*row, block)) if block else 0
        if row and (block is None or together > width):
            lines += [("  " + "   ".join(line)).rstrip() for line in _rows(row)]
            row = []
        row += [block] if block else []
    return lines


def _rows(blocks: Sequence[list[str]]) -> Iterator[tuple[str, ...]]:
    empty = [" " * len(block[0]) for block in blocks]
    for line in zip_longest(*blocks):
        yield tuple(text if text is not None else blank for text, blank in zip(line, empty, strict=True))


def _block(name: str, rows: Sequence[Sequence[int]]) -> list[str]:
    wide = max(len(str(value)) for row in rows for value in row)
    lines = [name, *(" ".join(str(value).rjust(wide) for value in row) for row in rows)]
    longest = max(map(len, lines))
    return [line.ljust(longest) for line in lines]


def _worked(result: Result, terminal: Terminal) -> list[str]:
    return [
        line
        for name, working in result.workings()
        for line in wrapped(f"{name}: {working}" if name else working, terminal.width)
    ]


def answer_lines(question: Question, terminal: Terminal = PLAIN) -> list[str]:
    """The working of the right answer, and the command that shows it."""
    lines = [*_worked(question.right.result, terminal), f"  {question.command}"]
    return [terminal.text(line) for line in lines]


def text(quiz: Quiz, key: bool = False, terminal: Terminal = PLAIN) -> str:
    lines = [f"{quiz.title}{': the key' if key else ''}", ""]
    for number, question in enumerate(quiz.questions, 1):
        head = f"{number}. "
        inner = replace(terminal, width=terminal.width - len(head))
        if key:
            right = f"{letter_of(question)}  {question.right.text}".strip()
            lines += hanging(head, right, terminal)
            rest = [*answer_lines(question, inner), *_wrong_lines(question, inner)]
        else:
            first, *rest = asked_lines(question, inner)
            lines.append(head + first)
        lines += [*(f"   {line}".rstrip() for line in rest), ""]
    return "\n".join([*lines, *_ending(quiz, key)]) + "\n"


def _wrong_lines(question: Question, terminal: Terminal) -> Iterator[str]:
    for letter, one in zip(LETTERS, question.choices, strict=False):
        if not one.right:
            yield from hanging(f"  {letter}  ", f"{one.text.rstrip('.')}: {wrong_told(one)}", terminal)


def _ending(quiz: Quiz, key: bool) -> list[str]:
    again = "This quiz: " if key else "The key: "
    return [again.strip(), f"  {quiz.command}{'' if key else ' --key'}"]


# Markdown --------------------------------------------------------------------------


def markdown(quiz: Quiz, key: bool = False) -> str:
    lines = [f"# {md.escape(quiz.title)}{': the key' if key else ''}", ""]
    for number, question in enumerate(quiz.questions, 1):
        if key:
            right = (
                f"{letter_of(question)}) {_choice(question.right)}"
                if question.choices
                else _choice(question.right)
            )
            lines += [f"{number}. **{right}**", *_equations(question.right.result)]
            lines += [
                f"   - {letter}) {_choice(one)}: {md.escape(wrong_told(one))}"
                for letter, one in zip(LETTERS, question.choices, strict=False)
                if not one.right
            ]
            lines += [f"   - `{question.command}`", ""]
            continue
        lines += [f"{number}. {md.escape(question.text)}", ""]
        if question.given:
            lines += [f"   {_matrices(question)}", ""]
        if question.claim is not None:
            lines += [f"   Somebody answers {_value(question.claim)}:", *_equations(question.claim)]
            lines += ["", f"   {claimed(question)}", ""]
        lines += [
            f"   - {letter}) {_choice(one)}" for letter, one in zip(LETTERS, question.choices, strict=False)
        ]
        lines.append("")
    told, command = _ending(quiz, key)
    return "\n".join([*lines, f"{told} `{command.strip()}`"]) + "\n"


def _equations(result: Result) -> list[str]:
    return [f"   - {name + ': ' if name else ''}${law}$" for name, law in result.workings(tex=True)]


def _choice(one: Alternative) -> str:
    """The answer in words, or as numbers."""
    return _value(one.result) if one.text == one.result.text else md.escape(one.text)


def _value(result: Result) -> str:
    if result.form == "matrix":
        return f"${_matrix(result.rows)}$"
    return result.text.replace("x", " × ") if result.form == "shape" else result.text


def _matrix(rows: Sequence[Sequence[object]]) -> str:
    body = " \\\\ ".join(" & ".join(map(str, row)) for row in rows).replace("−", "-")
    return rf"\begin{{bmatrix}} {body} \end{{bmatrix}}"


def _matrices(question: Question) -> str:
    named = [(NAMES.get(name) or rf"\text{{{name}}}", rows) for name, rows in question.given.items()]
    return f"${QUAD.join(f'{name} = {_matrix(rows)}' for name, rows in named)}$"


QUAD: Final = r", \quad "
NAMES: Final = {"δ": r"\delta"}

# LaTeX ---------------------------------------------------------------------------

SIGNS: Final = {
    "σ$^2$": r"$\sigma^2$", "μ": r"$\mu$", "γ": r"$\gamma$", "β": r"$\beta$", "δ": r"$\delta$",
    "η": r"$\eta$",
    "ε": r"$\varepsilon$", "−": "$-$", "·": r"$\cdot$", "×": r"$\times$", "∂": r"$\partial$",
    **{sign: f"$_{n}$" for n, sign in enumerate("₀₁₂₃₄₅₆₇₈₉")},
}  # fmt: skip
"""What pdfTeX's fonts have in mathematics alone."""
HEAD: Final = r"""\documentclass{exam}
\usepackage[T1]{fontenc}
\usepackage[utf8]{inputenc}
\usepackage{amsmath}
"""


def _tex(text: str) -> str:
    text = re.sub(r"(?<=\d)x(?=\d)", "×", tex.escape(text).replace(r"$\times$", "×"))
    for sign, spelt in SIGNS.items():
        text = text.replace(sign, spelt)
    return re.sub(r'"([^"]*)"', r"``\1''", text)


def latex(quiz: Quiz, key: bool = False) -> str:
    """For the class exam, whose ``\\printanswers`` shows the solutions that are in it."""
    lines = [
        f"% {quiz.command}",
        HEAD + (r"\printanswers" if key else r"% \printanswers"),
        r"\begin{document}",
    ]
    lines += [rf"\section*{{{_tex(quiz.title)}}}", r"\begin{questions}"]
    for question in quiz.questions:
        lines += [rf"\question {_tex(question.text)}"]
        lines += [rf"\[{_matrices(question).strip('$')}\]"] if question.given else []
        if question.claim is not None:
            lines += [f"Somebody answers {_tex_value(question.claim)}:", *_tex_equations(question.claim)]
            lines.append(claimed(question))
        if question.choices:
            lines += [r"\begin{choices}"]
            lines += [
                rf"  \{'CorrectChoice' if one.right else 'choice'} {_tex_choice(one)}"
                for one in question.choices
            ]
            lines += [r"\end{choices}"]
        lines += [r"\begin{solution}", *_tex_equations(question.right.result)]
        lines += [rf"\texttt{{{tex.escape(question.command)}}}", r"\end{solution}", ""]
    return "\n".join([*lines, r"\end{questions}", r"\end{document}", ""])


def _tex_choice(one: Alternative) -> str:
    return _tex_value(one.result) if one.text == one.result.text else _tex(one.text)


def _tex_value(result: Result) -> str:
    return f"${_matrix(result.rows)}$" if result.form == "matrix" else _tex(result.text)


def _tex_equations(result: Result) -> list[str]:
    body = [
        (rf"\text{{{name}: }} " if name else "") + law.replace(" = ", " &= ", 1)
        for name, law in result.workings(tex=True)
    ]
    return [r"\begin{align*}", " \\\\\n".join(body), r"\end{align*}"]
