"""How laws are written: names or numbers, plain text or LaTeX."""

from __future__ import annotations

from fractions import Fraction
from typing import Final, TypeAlias

Value: TypeAlias = int | Fraction


class Style:
    """How one kind of page writes operators; ``numbers`` says values instead of names."""

    def __init__(self, numbers: bool, tex: bool) -> None:
        self.numbers, self.tex = numbers, tex
        self.times = r" \cdot " if tex else "·"
        self.minus = " - " if tex else " − "
        self.open, self.close = (r"\left(", r"\right)") if tex else ("(", ")")

    def number(self, value: Value) -> str:
        if isinstance(value, Fraction) and value.denominator > 1:
            top, bottom = value.numerator, value.denominator
            return rf"\tfrac{{{top}}}{{{bottom}}}" if self.tex else f"{top}/{bottom}"
        text = f"{int(value):,}"
        return text.replace(",", "{,}") if self.tex else text.replace("-", "−")


LAW: Final = Style(numbers=False, tex=False)
NUMBERS: Final = Style(numbers=True, tex=False)
TEX_LAW: Final = Style(numbers=False, tex=True)
TEX_NUMBERS: Final = Style(numbers=True, tex=True)
