"""Calls and statements as text, broken as ruff breaks them."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Any, Final, TypeAlias

from cnnspec.layers.base import Given

Texts: TypeAlias = list[str]
"""Lines, or the words of a call."""

WIDTH: Final = 88
"""Columns of a line, the usual setting of formatters."""


def literal(value: Any) -> str:
    """A value as Python code, with the quotes that formatters prefer."""
    if isinstance(value, Raw):
        return value
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, tuple):
        inside = ", ".join(map(literal, value))
        return f"({inside},)" if len(value) == 1 else f"({inside})"
    return repr(value)


class Raw(str):
    """Text that is code already, and is no string."""

    __slots__ = ()


def call(
    head: str, arguments: Sequence[str], tail: str = "", indent: int = 0, comment: str = ""
) -> list[str]:
    """``head(arguments)tail  # comment`` in as few lines as fit."""
    note, pad = f"  # {comment}" if comment else "", " " * indent
    line = f"{pad}{head}({', '.join(arguments)}){tail}{note}"
    if len(line) <= WIDTH or not arguments:
        return [line]
    opening, last = f"{pad}{head}({', '.join(arguments)})(", f"{pad}    {tail[1:-1]}"
    if tail.startswith("(") and tail.endswith(")") and max(len(opening), len(last)) <= WIDTH:
        return [opening, last, f"{pad}){note}"]
    inner = f"{pad}    {', '.join(arguments)}"
    if len(inner) <= WIDTH:
        return [f"{pad}{head}(", inner, f"{pad}){tail}{note}"]
    return [f"{pad}{head}(", *(f"{pad}    {one}," for one in arguments), f"{pad}){tail}{note}"]


def assigned(out: str, expression: str, indent: int, comment: str = "") -> list[str]:
    """``out = expression  # comment``; where that is one call, its arguments in lines if they must be."""
    head, arguments = _parts(expression)
    if head:
        return call(f"{out} = {head}", arguments, "", indent, comment)
    return [f"{' ' * indent}{out} = {expression}{f'  # {comment}' if comment else ''}"]


def _parts(expression: str) -> tuple[str, list[str]]:
    """The function and arguments of an expression that is one call; nothing for others."""
    node = ast.parse(expression, mode="eval").body
    if not isinstance(node, ast.Call) or node.keywords:
        return "", []
    texts = [ast.get_source_segment(expression, one) or "" for one in node.args]
    return ast.get_source_segment(expression, node.func) or "", texts


def numbers(given: Given) -> str:
    """The numbers of a spec as the text that ``set_values`` takes."""
    return " ".join(repr(value).removesuffix(".0") for value in given.numbers)


def wrapped(head: str, arguments: Sequence[str], text: str, indent: int) -> list[str]:
    """``head(arguments, "text")``, the text cut into strings that fit."""
    pad = " " * indent
    line = f"{pad}{head}({', '.join(arguments)}, {literal(text)})"
    if len(line) <= WIDTH:
        return [line]
    room, pieces = WIDTH - indent - 8, [""]
    for word in text.split(" "):
        if pieces[-1] and len(pieces[-1]) + 1 + len(word) > room:
            pieces.append("")
        pieces[-1] += f" {word}" if pieces[-1] else word
    strings = [literal(f"{piece} ") for piece in pieces[:-1]] + [literal(pieces[-1])]
    inner = [*(f"{argument}," for argument in arguments), *strings[:-1], f"{strings[-1]},"]
    return [f"{pad}{head}(", *(f"{pad}    {one}" for one in inner), f"{pad})"]
