"""A backward pass as text, Markdown, LaTeX or JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from cnnspec.formula import Formula, Number, Product, Sum, formula
from cnnspec.layers.writing import sentence
from cnnspec.notation import Style
from cnnspec.teaching.gradient import Backward, Error, LayerGradient, Updates, numbers, summed
from cnnspec.teaching.handwriting import PARTIAL, Hand, HandTex, decimal
from cnnspec.teaching.page import wrapped
from cnnspec.teaching.symbols import Array, Cell, cells
from cnnspec.teaching.working import Values, weight_cells

MOST_LINES: Final = 8
"""Gradients of one array that are written out, unless all are asked for."""


@dataclass(frozen=True)
class Line:
    """An equation: a symbol, its law, the numbers, the value."""

    name: str
    formula: Formula
    arrow: str = "="

    def stages(self, style: type[Hand] | type[HandTex], decimals: int) -> list[str]:
        """The right sides, each once: law, numbers, the products' values, the value."""
        figures = style(True, decimals)
        found = [self.formula.write(style(False, decimals)), self.formula.write(figures)]
        if isinstance(self.formula, Sum) and any(isinstance(term, Product) for term in self.formula.terms):
            found.append(Sum(tuple(map(_value, self.formula.terms)), self.formula.value).write(figures))
        found.append(figures.number(self.formula.value))
        return [text for n, text in enumerate(found) if text not in found[:n]]


def _value(term: Formula) -> Formula:
    return Cell("", term.value, ())


@dataclass(frozen=True)
class Equations:
    """Equations under a title; ``note`` says what was left out."""

    title: str
    lines: Sequence[Line]
    note: str = ""


def sections(
    values: Values,
    error: Error,
    found: Backward,
    updates: Updates,
    most: int | None = MOST_LINES,
) -> Iterator[Equations]:
    """The error, each layer's δ, weights and inputs, and the updates; at most so many lines for an array."""
    if error.formula is not None:
        yield Equations("The error", [Line("E", error.formula)])
    delta = error.delta.ravel().tolist()
    if error.formula is not None:
        names = cells("δ", numbers(error.delta), min(1, error.delta.ndim - 1)).ravel()
        yield _section(f"{error.node.name}, δ at its output", names, delta, most)
    for layer in found.layers:
        what = f"{layer.node.name}: {sentence(layer.node.layer)}"
        yield from _of_layer(layer, what, most)
    for name, (symbols, gradient, uses) in summed(values, found.layers).items():
        if uses > 1:
            title = f"{name}, summed over its {uses} uses"
            yield _section(title, symbols.ravel(), gradient.ravel().tolist(), most)
    for name, steps in updates.items():
        shown = steps if most is None else steps[:most]
        lines = [Line(step.weight.name, step.formula, "←") for step in shown]
        yield Equations(f"{name}, the update", lines, _more(len(steps) - len(shown)))


def _of_layer(layer: LayerGradient, what: str, most: int | None) -> Iterator[Equations]:
    for name, array in layer.weights.items():
        symbols = weight_cells(name, numbers(array), layer.node).ravel()
        yield _section(f"{what}, {name}", symbols, array.ravel().tolist(), most, layer.written)
    for n, array in enumerate(layer.inputs):
        base = "x" if len(layer.inputs) == 1 else f"x{chr(ord('a') + n)}"
        symbols = cells(base, numbers(array), min(1, array.ndim - 1)).ravel()
        yield _section(f"{what}, input", symbols, array.ravel().tolist(), most, layer.written)


def _section(
    title: str, symbols: Array, values: Sequence[Any], most: int | None, written: bool = True
) -> Equations:
    prefix = "" if symbols[0].name.startswith("δ") else PARTIAL
    pairs = [(prefix + cell.name, formula(one)) for cell, one in zip(symbols, values, strict=True)]
    kept = [pair for pair in pairs if not _zero(pair[1])]
    shown = kept if most is None else kept[:most]
    notes = [
        _more(len(kept) - len(shown)),
        f"{len(pairs) - len(kept):,} are 0" if len(kept) < len(pairs) else "",
    ]
    notes += [] if written else ["too large to be written out, or of too many sums: these are the numbers"]
    return Equations(title, [Line(*pair) for pair in shown], "; ".join(filter(None, notes)))


def _zero(one: Formula) -> bool:
    return isinstance(one, Number) and one.value == 0


def _more(count: int) -> str:
    return f"{count:,} more (--full shows all)" if count > 0 else ""


def text(found: Sequence[Equations], decimals: int = 4, width: int = 80) -> str:
    lines: list[str] = []
    for section in found:
        lines += ["", section.title] if lines else [section.title]
        for line in section.lines:
            stages = line.stages(Hand, decimals)
            name = Hand(False).name(line.name)
            lines += wrapped(f"{name} {line.arrow} " + " = ".join(stages), width)
        lines += [f"  … {section.note}"] if section.note else []
    return "\n".join(lines) + "\n"


def _equations(section: Equations, decimals: int) -> list[str]:
    rows = []
    for line in section.lines:
        arrow = r"\leftarrow" if line.arrow == "←" else "="
        sides = " = ".join(line.stages(HandTex, decimals))
        rows.append(rf"{HandTex(False).name(line.name)} &{arrow} {sides}")
    return [row + r" \\" for row in rows[:-1]] + rows[-1:]


def markdown(found: Sequence[Equations], decimals: int = 4, width: int = 80) -> str:
    lines: list[str] = []
    for section in found:
        lines += [f"### {section.title}", ""]
        if section.lines:
            lines += ["$$", r"\begin{aligned}", *_equations(section, decimals), r"\end{aligned}", "$$", ""]
        lines += [f"… {section.note}", ""] if section.note else []
    return "\n".join(lines)


def latex(found: Sequence[Equations], decimals: int = 4, width: int = 80) -> str:
    lines: list[str] = []
    for section in found:
        lines += [f"% {section.title}" + (f" ({section.note})" if section.note else "")]
        if section.lines:
            lines += [r"\begin{align*}", *_equations(section, decimals), r"\end{align*}"]
    return "\n".join(lines) + "\n"


def to_dict(values: Values, error: Error, found: Backward, updates: Updates) -> dict[str, Any]:
    """Numbers and laws: arrays as the weights lie, maps as height x width x channels."""
    return {
        "error": None if error.formula is None else float(error.formula.value),
        "layers": [
            {
                "layer": layer.node.name,
                "delta": _outer(layer.delta),
                "weights": {name: numbers(array).tolist() for name, array in layer.weights.items()},
                "laws": {name: _laws(array) for name, array in layer.weights.items() if layer.written},
                "inputs": [_outer(array) for array in layer.inputs],
            }
            for layer in found.layers
        ],
        "updates": {name: [float(step.formula.value) for step in steps] for name, steps in updates.items()},
    }  # fmt: skip


def _outer(array: Array) -> Any:
    return np.moveaxis(numbers(array), 0, -1).tolist()


def _laws(array: Array) -> list[str]:
    law: Style = Hand(False)
    return [one.write(law) for one in array.ravel()]


FORMATS: Final = {"text": text, "markdown": markdown, "latex": latex}

__all__ = ["FORMATS", "decimal", "sections", "to_dict"]
