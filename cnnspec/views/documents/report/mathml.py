"""Formulas typeset as MathML, which browsers draw themselves: the objects that computed the numbers."""

from __future__ import annotations

from fractions import Fraction
from html import escape
from typing import Final

from cnnspec.formula import PRODUCT, SUM, Call, Formula, Negative, Number, Product, Quotient, Sum, Symbol
from cnnspec.notation import LAW, Value

FENCES: Final = {"floor": ("⌊", "⌋"), "ceil": ("⌈", "⌉"), "max": ("(", ")"), "min": ("(", ")")}


def equation(law: Formula) -> list[str]:
    """Law, numbers, result: each side a ``<math>`` of its own, so that a narrow page may break between."""
    sides = [write(law, numbers=False), write(law, numbers=True), number(law.value)]
    return [side(part, first=n == 0) for n, part in enumerate(dict.fromkeys(sides))]


def side(inside: str, first: bool = True) -> str:
    equals = "" if first else "<mo>=</mo>"
    return f"<math><mrow>{equals}{inside}</mrow></math>"


def write(formula: Formula, *, numbers: bool) -> str:
    """The formula as the inside of ``<math>``, with its names or with the numbers in."""
    match formula:
        case Symbol():
            return number(formula.value) if numbers else symbol(formula.name)
        case Number():
            return number(formula.value)
        case Sum():
            return _sum(formula, numbers)
        case Negative():
            return f"<mo>−</mo>{_within(formula.inner, PRODUCT, numbers)}"
        case Product():
            return _product(formula, numbers)
        case Quotient():
            top, bottom = write(formula.top, numbers=numbers), write(formula.bottom, numbers=numbers)
            return f"<mfrac><mrow>{top}</mrow><mrow>{bottom}</mrow></mfrac>"
        case Call():
            return _call(formula, numbers)
    return f"<mtext>{escape(formula.write(LAW))}</mtext>"


def number(value: Value) -> str:
    if isinstance(value, Fraction) and value.denominator > 1:
        return f"<mfrac>{number(value.numerator)}{number(value.denominator)}</mfrac>"
    sign = "<mo>−</mo>" if value < 0 else ""
    return f"{sign}<mn>{abs(int(value)):,}</mn>"


def symbol(name: str) -> str:
    """A name; what follows its first underscore is set lower."""
    base, _, below = name.partition("_")
    if not below:
        return f"<mi>{escape(base)}</mi>"
    return f"<msub><mi>{escape(base)}</mi><mi>{escape(below)}</mi></msub>"


def _within(formula: Formula, binding: int, numbers: bool) -> str:
    inside = write(formula, numbers=numbers)
    if formula.binding >= binding or isinstance(formula, Quotient):
        return inside
    return f"<mrow><mo>(</mo>{inside}<mo>)</mo></mrow>"


def _sum(formula: Sum, numbers: bool) -> str:
    first, *rest = formula.terms
    parts = [write(first, numbers=numbers)]
    for term in rest:
        negative = isinstance(term, Negative)
        inner = term.inner if isinstance(term, Negative) else term
        sign = "−" if negative else "+"
        parts.append(f"<mo>{sign}</mo>{_within(inner, PRODUCT if negative else SUM, numbers)}")
    return "".join(parts)


def _product(formula: Product, numbers: bool) -> str:
    """Factors with dots between; a number and the name after it stand side by side."""
    parts = []
    for n, factor in enumerate(formula.factors):
        text = write(factor, numbers=numbers)
        if factor.binding < PRODUCT or isinstance(factor, Product):
            text = f"<mrow><mo>(</mo>{text}<mo>)</mo></mrow>"
        beside = not numbers and n == 1 and isinstance(formula.factors[0], Number)
        if n:
            parts.append("" if beside and isinstance(factor, Symbol) else "<mo>·</mo>")
        parts.append(text)
    return "".join(parts)


def _call(formula: Call, numbers: bool) -> str:
    left, right = FENCES[formula.name]
    inside = "<mo>,</mo>".join(write(argument, numbers=numbers) for argument in formula.arguments)
    name = f"<mi>{formula.name}</mi>" if formula.name in ("max", "min") else ""
    return f"{name}<mrow><mo>{left}</mo>{inside}<mo>{right}</mo></mrow>"
