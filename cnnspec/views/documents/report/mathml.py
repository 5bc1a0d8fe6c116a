"""Formulas typeset as MathML, which browsers draw themselves: the objects that computed the numbers."""

from __future__ import annotations

from html import escape

from cnnspec.formula import Formula
from cnnspec.notation import BRACKETS, Style, Value


class MathML(Style):
    """The inside of ``<math>``, with names or with the numbers in."""

    plus, times, minus, comma = "<mo>+</mo>", "<mo>·</mo>", "<mo>−</mo>", "<mo>,</mo>"
    open, close, stacked = "<mrow><mo>(</mo>", "<mo>)</mo></mrow>", True

    def number(self, value: Value) -> str:
        if value.denominator > 1:
            return f"<mfrac>{self.number(value.numerator)}{self.number(value.denominator)}</mfrac>"
        sign = "<mo>−</mo>" if value < 0 else ""
        return f"{sign}<mn>{abs(int(value)):,}</mn>"

    def name(self, name: str) -> str:
        """What follows the first underscore is set lower."""
        base, _, below = name.partition("_")
        if not below:
            return f"<mi>{escape(base)}</mi>"
        return f"<msub><mi>{escape(base)}</mi><mi>{escape(below)}</mi></msub>"

    def fraction(self, top: str, bottom: str) -> str:
        return f"<mfrac><mrow>{top}</mrow><mrow>{bottom}</mrow></mfrac>"

    def call(self, name: str, inside: str) -> str:
        left, right = BRACKETS.get(name, ("(", ")"))
        word = "" if name in BRACKETS else f"<mi>{name}</mi>"
        return f"{word}<mrow><mo>{left}</mo>{inside}<mo>{right}</mo></mrow>"


LAW, NUMBERS = MathML(numbers=False), MathML(numbers=True)


def equation(law: Formula) -> list[str]:
    """Law, numbers, result: each side a ``<math>`` of its own, so that a narrow page may break between."""
    sides = dict.fromkeys((law.write(LAW), law.write(NUMBERS), NUMBERS.number(law.value)))
    return [f"<math><mrow>{'<mo>=</mo>' if n else ''}{side}</mrow></math>" for n, side in enumerate(sides)]
