"""The canonical text of expressions and sentences, each on one line, and how lines are put together.

Lines one below the other whose arrows (or comments) were spread out are lined
up; where nobody spread them, one blank stands before an arrow and two before
a comment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cnnspec.syntax import tree

WIDTH: Final = 100

OR, AND, NOT, COMPARISON, SUM, PRODUCT, SIGN, POWER, ATOM = range(9)
"""Binding strengths, loosest first: what binds weaker than its place is put in parentheses."""

_BINDING: Final = {
    "or": OR, "and": AND, "+": SUM, "-": SUM, "*": PRODUCT, "//": PRODUCT, "%": PRODUCT, "**": POWER,
}  # fmt: skip


def expression(node: tree.Expression, tight: bool = False) -> str:
    """``depth - 1``; ``depth-1`` when ``tight``, as among arguments. Products are always tight."""
    match node:
        case tree.NumberLiteral() | tree.Name():
            return node.text
        case tree.Size():
            return size(node)
        case tree.Text():
            return f'"{node.value}"'
        case tree.QuestionMark():
            return "?"
        case tree.Tuple():
            return f"({', '.join(map(expression, node.items))})"
        case tree.Unary():
            word = "not " if node.operator == "not" else node.operator
            return word + _within(node.operand, binding(node), tight)
        case tree.Binary():
            return _binary(node, tight)


def size(node: tree.Size) -> str:
    """``28x28x1``, with ``?`` for an unknown part."""
    return "x".join("?" if part is None else str(part) for part in node.parts)


def binding(node: tree.Expression) -> int:
    if isinstance(node, tree.Unary):
        return NOT if node.operator == "not" else SIGN
    return _BINDING.get(node.operator, COMPARISON) if isinstance(node, tree.Binary) else ATOM


def argument(node: tree.Expression, least: int = SUM) -> str:
    """An expression among others: tight, and in parentheses when it has words or comparisons."""
    return _within(node, least, tight=True)


def arguments(nodes: tuple[tree.Expression, ...], least: int = SUM) -> str:
    """The arguments with a space before each; a sign after the first would be read as a minus."""
    texts = [argument(node, least) for node in nodes]
    return "".join(f" ({text})" if n and text.startswith("-") else f" {text}" for n, text in enumerate(texts))


def options(nodes: tuple[tree.Option, ...]) -> str:
    return "".join(f" {node.name}={argument(node.value)}" for node in nodes)


def parameters(nodes: tuple[tree.Parameter, ...]) -> str:
    return "".join(
        f" {node.name}" if node.default is None else f" {node.name}={argument(node.default)}"
        for node in nodes
    )


def claim(node: tree.LayerSentence) -> str:
    return f" => {size(node.claim)}" if node.claim else ""


def opening(node: tree.Statement | tree.Setting) -> str:
    """A sentence up to its brace, or all of one that has none."""
    return _OPENINGS[type(node)](node)


def _layer(node: tree.LayerSentence) -> str:
    label = f"{node.label.text}: " if node.label else ""
    end = claim(node) if node.paths is None else ""
    return label + node.word + arguments(node.arguments) + options(node.options) + end


_OPENINGS: Final[dict[type, Callable[[Any], str]]] = {
    tree.LayerSentence: _layer,
    tree.Setting: lambda node: node.word + arguments(node.arguments, least=PRODUCT) + options(node.options),
    tree.Header: lambda node: f"network {node.name.text}",
    tree.Input: lambda node: (
        f"input {node.name.text} {argument(node.shape, ATOM)}"
        if node.name
        else f"input {expression(node.shape)}"
    ),
    tree.Let: lambda node: f"let {node.name.text} = {expression(node.value)}",
    tree.BlockDefinition: lambda node: f"block {node.name.text}{parameters(node.parameters)}",
    tree.Repeat: lambda node: (
        f"repeat {expression(node.count)}" + (f" as {node.turn.text}" if node.turn else "")
    ),
    tree.If: lambda node: f"if {expression(node.condition)}",
    tree.From: lambda node: f"from {node.label.text}",
    tree.Head: lambda node: f"head {node.name.text}{options(node.options)}",
    tree.Use: lambda node: f"use {expression(node.path)}",
    tree.Expect: lambda node: f"expect {expression(node.condition)}",
    tree.Train: lambda node: "train",
}


def _binary(node: tree.Binary, tight: bool) -> str:
    strength = binding(node)
    left_least = strength + 1 if strength in (COMPARISON, POWER) else strength
    left = _within(node.left, left_least, tight)
    right = _within(node.right, SIGN if strength == POWER else strength + 1, tight)
    close = strength in (PRODUCT, POWER) or (tight and strength == SUM)
    operator = node.operator if close else f" {node.operator} "
    return left + operator + right


def _within(node: tree.Expression, least: int, tight: bool) -> str:
    if binding(node) >= least:
        return expression(node, tight)
    return f"({expression(node)})"


# Lines ---------------------------------------------------------------------------


@dataclass(slots=True)
class TextLine:
    """A line under construction. ``gap`` is an empty line before it."""

    indent: int
    text: str
    comment: str = ""
    gap: bool = False
    arrow: int = 0
    """Where in the text the first arrow's blank stands; 0 when there is none."""
    spread: bool = False
    """The writer put more than one blank before that arrow."""
    comment_spread: bool = False
    """The writer put more than two blanks before the comment."""

    def write(self) -> str:
        comment = f"  {self.comment}" if self.text and self.comment else self.comment
        return f"{' ' * self.indent}{self.text}{comment}"


def join_lines(lines: Sequence[TextLine]) -> str:
    """The lines as text, ending with a newline unless there are none."""
    _line_up(lines, _has_arrow, lambda line: line.arrow, lambda line: line.spread)
    _line_up(lines, _has_comment, lambda line: len(line.text), lambda line: line.comment_spread)
    out: list[str] = []
    for line in lines:
        out.extend(["", line.write()] if line.gap else [line.write()])
    return "\n".join(out) + "\n" if out else ""


def _line_up(
    lines: Sequence[TextLine],
    belongs: Callable[[TextLine], bool],
    column: Callable[[TextLine], int],
    spread: Callable[[TextLine], bool],
) -> None:
    """Puts blanks at a column of neighbouring lines, so that it is the same in all."""
    for run in _runs(lines, belongs):
        if not any(map(spread, run)):
            continue
        target = max(line.indent + column(line) for line in run)
        needed = [target - line.indent - column(line) for line in run]
        if all(len(line.write()) + more <= WIDTH for line, more in zip(run, needed, strict=True)):
            for line, more in zip(run, needed, strict=True):
                at = column(line)
                line.text = line.text[:at] + " " * more + line.text[at:]


def _runs(lines: Sequence[TextLine], belongs: Callable[[TextLine], bool]) -> Iterator[list[TextLine]]:
    """Neighbouring lines of one indent that belong."""
    run: list[TextLine] = []
    for line in lines:
        if run and (line.gap or not belongs(line) or line.indent != run[-1].indent):
            yield run
            run = []
        if belongs(line):
            run.append(line)
    if run:
        yield run


def _has_arrow(line: TextLine) -> bool:
    return line.arrow > 0 and not line.text.endswith("{")


def _has_comment(line: TextLine) -> bool:
    return bool(line.text and line.comment)
