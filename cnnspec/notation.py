"""How laws are written: names or numbers, plain text or LaTeX."""

from __future__ import annotations

from fractions import Fraction
from math import inf
from typing import ClassVar, Final, TypeAlias

Value: TypeAlias = int | Fraction
BRACKETS: Final = {"floor": ("⌊", "⌋"), "ceil": ("⌈", "⌉"), "sqrt": ("√(", ")"), "abs": ("|", "|")}
TEX_NAMES: Final = {name: rf"\mathrm{{{name}}}" for name in ("erf", "expm1", "log1p", "median")}


class Style:
    """How one kind of page writes operators; ``numbers`` says values instead of names."""

    plus: ClassVar[str] = " + "
    times: ClassVar[str] = "·"
    minus: ClassVar[str] = " − "
    comma: ClassVar[str] = ", "
    open: ClassVar[str] = "("
    close: ClassVar[str] = ")"
    stacked: ClassVar[bool] = False
    """Whether a fraction shows by its bar where it begins and ends."""

    most_terms: ClassVar[float] = inf
    """A longer sum shows its beginning and its end."""

    def __init__(self, numbers: bool) -> None:
        self.numbers = numbers

    @property
    def close_up(self) -> bool:
        """Whether a constant stands before a name without a sign: 2p."""
        return not self.numbers

    def signed(self, text: str) -> str:
        """A number inside a sum or product: a negative one in parentheses."""
        return f"{self.open}{text}{self.close}" if text[0] in "-−" else text

    def number(self, value: Value) -> str:
        if value.denominator > 1:
            return f"{value.numerator}/{value.denominator}"
        return f"{int(value):,}".replace("-", "−")

    def name(self, name: str) -> str:
        return name

    def fraction(self, top: str, bottom: str) -> str:
        return f"{top}/{bottom}"

    def power(self, base: str, exponent: str) -> str:
        return f"{base}^{exponent}"

    def call(self, name: str, inside: str) -> str:
        left, right = BRACKETS.get(name, (f"{name}(", ")"))
        return f"{left}{inside}{right}"


class Tex(Style):
    """LaTeX, without dollar signs."""

    times, minus, open, close, stacked = r" \cdot ", " - ", r"\left(", r"\right)", True

    def number(self, value: Value) -> str:
        if value.denominator > 1:
            return rf"\tfrac{{{value.numerator}}}{{{value.denominator}}}"
        return f"{int(value):,}".replace(",", "{,}")

    def name(self, name: str) -> str:
        base, _, subscript = name.partition("_")
        base = base if len(base) == 1 else rf"\mathit{{{base}}}"
        return rf"{base}_{{{subscript}}}" if subscript else base

    def fraction(self, top: str, bottom: str) -> str:
        return rf"\frac{{{top}}}{{{bottom}}}"

    def power(self, base: str, exponent: str) -> str:
        return f"{{{base}}}^{{{exponent}}}"

    def call(self, name: str, inside: str) -> str:
        if name in ("floor", "ceil"):
            return rf"\left\l{name} {inside}\right\r{name}"
        if name == "abs":
            return rf"\left|{inside}\right|"
        if name == "sqrt":
            return rf"\sqrt{{{inside}}}"
        return rf"{TEX_NAMES.get(name, chr(92) + name)}\left({inside}\right)"


LAW: Final = Style(numbers=False)
NUMBERS: Final = Style(numbers=True)
TEX_LAW: Final = Tex(numbers=False)
TEX_NUMBERS: Final = Tex(numbers=True)
