"""A worked value as text, Markdown, LaTeX or JSON."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from typing import Any, Final

from cnnspec.formula import Formula, Product, Sum, exact
from cnnspec.notation import Style
from cnnspec.teaching.grid import draw
from cnnspec.teaching.handwriting import Hand, HandTex, decimal
from cnnspec.teaching.symbols import Array, Cell
from cnnspec.teaching.window import beyond
from cnnspec.teaching.working import Working
from cnnspec.views.terminal.arrays import NumberFormat

GAP: Final = 4
MOST_GRIDS: Final = 4
"""Input channels that are drawn; the sum names them all."""


def heading(worked: Working) -> str:
    """The layer, the place and the value's name."""
    *_, where = _place(worked)
    how = ", as a convolution: the kernel turned by half a turn" if worked.computed is not None else ""
    return f"{worked.node.name}, {where}{how}"


def text(worked: Working, decimals: int = 4, width: int = 80) -> str:
    """The window on the input, the kernel, the law and the law with the numbers in."""
    lines = [heading(worked), ""]
    grids = _grids(worked, decimals)
    if grids:
        lines += [*grids, ""]
    lines += [f"  {one.name} = {decimal(one.value, decimals)}, {one.meaning}" for one in worked.named]
    lines += [line for step in steps(worked, Hand, decimals) for line in wrapped(step, width)]
    lines += [f"  {remark}" for remark in _remarks(worked, decimals)]
    return "\n".join(lines) + "\n"


def markdown(worked: Working, decimals: int = 4, width: int = 80) -> str:
    """A heading, the window as a block of text, and the sum as mathematics."""
    grids = _grids(worked, decimals)
    block = ["```text", *grids, "```", ""] if grids else []
    said = [line for remark in _remarks(worked, decimals) for line in ("", remark)]
    return "\n".join(
        [f"### {heading(worked)}", "", *block, "$$", *_aligned(worked, decimals), "$$", *said, ""]
    )


def latex(worked: Working, decimals: int = 4, width: int = 80) -> str:
    """An ``align*`` environment, for the package amsmath."""
    body = _aligned(worked, decimals)[1:-1]
    said = _remarks(worked, decimals)
    return "\n".join([f"% {heading(worked)}", r"\begin{align*}", *body, r"\end{align*}", *said, ""])


def _remarks(worked: Working, decimals: int) -> list[str]:
    if worked.computed is None:
        return []
    value = decimal(exact(worked.computed), decimals)
    return [f"The layer itself, a cross-correlation, leaves the kernel as it is and gives {value}."]


def to_dict(worked: Working, decimals: int = 4) -> dict[str, Any]:
    """Layer, place (row, column, channel from 0), law, numbers and value."""
    channel, *rest = worked.place
    return {
        "layer": worked.node.name,
        "at": [*rest, channel],
        "law": worked.formula.write(Hand(False, decimals)),
        "numbers": numbers(worked.formula).write(Hand(True, decimals)),
        "value": float(worked.formula.value),
        "window": [list(tap) for tap in worked.taps],
        **({} if worked.computed is None else {"computed": worked.computed}),
    }


def steps(worked: Working, hand: Any, decimals: int) -> list[str]:
    """The lines of the sum: the law, its numbers (by channel where there are several), the value."""
    law, figures = hand(False, decimals), hand(True, decimals)
    name = law.name(_place(worked)[0])
    lines = [f"{name} = {worked.formula.write(law)}"]
    left_out = hand.words(" (products that are 0 left out)")
    parts = worked.channels
    if parts:
        lines += [f"channel {n}: {part.write(figures)} = {figures.number(part.value)}" for n, part in parts]
        whole = Sum((*(_value(part) for _, part in parts), *worked.rest), worked.formula.value)
        lines.append(f"{name} = {numbers(whole).write(figures)} = {figures.number(worked.formula.value)}")
    else:
        lines += _stages(worked.formula, figures, left_out)
    return lines


def _stages(formula: Formula, figures: Style, left_out: str) -> list[str]:
    """The numbers, of a sum that is too long only those that count; and the result."""
    figured, result = numbers(formula), figures.number(formula.value)
    short = _without_zeros(figured, figures.most_terms)
    written = short.write(figures) + left_out * (short is not figured)
    return [f"= {written}", f"= {result}"] if written != result else [f"= {result}"]


def _without_zeros(formula: Formula, most: float) -> Formula:
    """A sum of more than ``most`` terms without those that are 0, where some are and some are not."""
    if not isinstance(formula, Sum) or len(formula.terms) <= most:
        return formula
    terms = tuple(term for term in formula.terms if term.value)
    return Sum(terms, formula.value) if 1 < len(terms) < len(formula.terms) else formula


def numbers(formula: Formula) -> Formula:
    """What is written in numbers: without a bias that is 0."""
    if not isinstance(formula, Sum):
        return formula
    terms = tuple(term for term in formula.terms if not _no_bias(term))
    return Sum(terms, formula.value) if len(terms) > 1 else terms[0] if terms else formula


def _no_bias(term: Formula) -> bool:
    return isinstance(term, Cell) and term.name.startswith("b") and term.value == 0


def _value(formula: Formula) -> Formula:
    return Cell("", float(formula.value), ())


def _place(worked: Working) -> tuple[str, str]:
    """The value's symbol, and its place in words."""
    channel, *rest = worked.place
    if not rest:
        return f"y_{channel + 1}", f"value {channel}"
    several = worked.node.output[-1] > 1
    below = ("," if max(rest) > 8 else "").join(str(n + 1) for n in rest)
    axes = {1: ("position",), 2: ("row", "column"), 3: ("depth", "row", "column")}[len(rest)]
    where = ", ".join(f"{axis} {n}" for axis, n in zip(axes, rest, strict=True))
    above = f"^{channel + 1}" if several else ""
    return f"y{above}_{below}", where + (f", channel {channel}" if several else "")


def _grids(worked: Working, decimals: int) -> list[str]:
    """The input's channels with the window on them, each with its kernel beside it."""
    if not worked.taps or worked.inputs.ndim != 3:
        return []
    used = sorted(
        {one.place[0] for one in worked.formula.symbols() if isinstance(one, Cell) and one.name[0] == "x"}
    )
    lines: list[str] = []
    for channel in used[:MOST_GRIDS]:
        texts = NumberFormat(decimals).texts(worked.inputs[channel])
        window = draw(worked.inputs[channel], texts, worked.taps, beyond(worked.node))
        kernel = _kernel(worked.kernel, channel, used, decimals)
        lines += [f"  channel {channel}"] if len(used) > 1 else []
        top = next((n for n, line in enumerate(window) if "┌─" in line), 0) + 1
        width = max(map(len, window)) + GAP
        beside = [""] * top + kernel
        lines += [f"  {a:<{width}}{b}".rstrip() for a, b in zip_longest(window, beside, fillvalue="")]
    left = len(used) - MOST_GRIDS
    return [*lines, f"  … and {left} more channels"] if left > 0 else lines


def _kernel(kernel: Array | None, channel: int, used: Sequence[int], decimals: int) -> list[str]:
    """The rows of the filter for one input channel."""
    if kernel is None:
        return []
    values = kernel[used.index(channel)] if len(kernel) > 1 else kernel[0]
    texts = NumberFormat(decimals).texts(values)
    width, columns = max(map(len, texts)), values.shape[1]
    return [
        " ".join(one.rjust(width) for one in texts[n : n + columns]) for n in range(0, len(texts), columns)
    ]


def _aligned(worked: Working, decimals: int) -> list[str]:
    """The steps as lines of an aligned equation."""
    found = []
    for line in steps(worked, HandTex, decimals):
        label, mark, rest = line.partition(": ")
        if mark and label.startswith("channel"):
            line = rf"\text{{{label}: }} {rest}"
        found.append(line.replace("= ", "&= ", 1))
    named = [
        rf"{HandTex(False).name(one.name)} &= {decimal(one.value, decimals)} \quad \text{{({one.meaning})}}"
        for one in worked.named
    ]
    body = [line + r" \\" for line in named + found]
    body[-1] = body[-1].removesuffix(r" \\")
    return [r"\begin{aligned}", *body, r"\end{aligned}"]


def wrapped(step: str, width: int) -> list[str]:
    """A long sum broken before its plus signs."""
    lead = "    " if step.startswith("=") else "  "
    lines, line = [], lead
    for word in step.replace(" + ", "\0+ ").replace(" = ", "\0= ").split("\0"):
        if len(line) + len(word) + 1 > width and line.strip():
            lines.append(line.rstrip())
            line = "      "
        line += word + " "
    return [*lines, line.rstrip()]


FORMATS: Final = {"text": text, "markdown": markdown, "latex": latex}

__all__ = ["FORMATS", "Product", "heading", "latex", "markdown", "text", "to_dict"]
