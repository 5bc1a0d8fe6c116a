"""How a worked sum is written: subscripts, decimals, long sums cut in the middle."""

from __future__ import annotations

from typing import ClassVar, Final

from cnnspec.formula import Formula, Number, Product, Sum
from cnnspec.notation import Style, Tex, Value

_BELOW: Final = str.maketrans("0123456789,", "₀₁₂₃₄₅₆₇₈₉‚")
_ABOVE: Final = str.maketrans("0123456789,", "⁰¹²³⁴⁵⁶⁷⁸⁹’")


class Hand(Style):
    """Plain text: ``x₁₁·w₁₁``, or with numbers ``3·(−2)``."""

    most_terms: ClassVar[float] = 30
    close_up = False

    def __init__(self, numbers: bool, decimals: int = 4) -> None:
        super().__init__(numbers)
        self.decimals = decimals

    def number(self, value: Value) -> str:
        return decimal(value, self.decimals).replace("-", "−")

    def name(self, name: str) -> str:
        base, above, below = split(name)
        return base + (f"⁽{above.translate(_ABOVE)}⁾" if above else "") + below.translate(_BELOW)

    @staticmethod
    def words(text: str) -> str:
        return text


class HandTex(Tex):
    """LaTeX: ``x^{(2)}_{11} \\cdot w_{11}``."""

    most_terms: ClassVar[float] = 30
    close_up = False

    def __init__(self, numbers: bool, decimals: int = 4) -> None:
        super().__init__(numbers)
        self.decimals = decimals

    def number(self, value: Value) -> str:
        return decimal(value, self.decimals)

    def name(self, name: str) -> str:
        base, above, below = split(name)
        bare = base.removeprefix(PARTIAL)
        ends = (f"^{{({above})}}" if above else "") + (f"_{{{below}}}" if below else "")
        text = GREEK.get(bare, bare) + ends
        return rf"\frac{{\partial E}}{{\partial {text}}}" if bare != base else text

    @staticmethod
    def words(text: str) -> str:
        return rf"\text{{{text}}}"


PARTIAL: Final = "∂E/∂"
GREEK: Final = {
    "δ": r"\delta", "μ": r"\mu", "σ²": r"\sigma^2", "γ": r"\gamma", "β": r"\beta",
    "η": r"\eta", "π": r"\pi",
    "xa": r"x\!a", "xb": r"x\!b", "xc": r"x\!c",
}  # fmt: skip


def split(name: str) -> tuple[str, str, str]:
    """Base, what stands above it, what stands below: ``x^2_11`` is x, 2, 11."""
    rest, _, below = name.partition("_")
    base, _, above = rest.partition("^")
    return base, above, below


def decimal(value: Value, decimals: int) -> str:
    """At most so many decimals, none that is not needed; a tiny number keeps its size."""
    text = f"{float(value):.{decimals}f}"
    text = text.rstrip("0").rstrip(".") if decimals else text
    if float(text) == 0 and abs(float(value)) > 1e-12:
        return f"{float(value):.1e}"
    return "0" if text == "-0" else text


def tidy(formula: Formula) -> Formula:
    """The formula without the zeros that sums begin with, and factors of 1."""
    if isinstance(formula, Sum):
        terms = tuple(tidy(term) for term in formula.terms if not _is(term, 0))
        return Sum(terms, formula.value) if len(terms) > 1 else terms[0] if terms else Number(0)
    if isinstance(formula, Product):
        factors = tuple(tidy(factor) for factor in formula.factors if not _is(factor, 1))
        return Product(factors) if len(factors) > 1 else factors[0] if factors else Number(1)
    return formula.rebuilt(tidy)


def _is(formula: Formula, value: int) -> bool:
    return isinstance(formula, Number) and formula.value == value
