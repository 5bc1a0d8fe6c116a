"""Laws that compute, print and typeset themselves.

A formula is built with ordinary operators from symbols that carry their value:

>>> i, p, k, s = Symbol("i", 28), Symbol("p", 2), Symbol("k", 5), Symbol("s", 1)
>>> o = floor((i + 2 * p - k) / s) + 1
>>> o.value, o.law(), o.worked()
(28, '⌊(i + 2p − k)/s⌋ + 1', '⌊(28 + 2·2 − 5)/1⌋ + 1 = 28')

The object that gives the number is the object that explains it, so the two
cannot drift apart. Values are exact: integers, or fractions after a division.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from fractions import Fraction
from functools import partial
from typing import ClassVar, Final, TypeAlias

from cnnspec.notation import LAW, NUMBERS, TEX_LAW, TEX_NUMBERS, Style, Value

Operand: TypeAlias = "Formula | int | float"

SUM, PRODUCT, ATOM = 1, 2, 3
"""Binding strengths: what binds weaker than its place is put in parentheses."""


def _curve(name: str) -> Callable[[Formula], Formula]:
    return lambda x: Call(name, (x,))


class Formula(ABC):
    """A number that knows where it comes from."""

    __slots__ = ("_law", "_symbols", "_worked", "value")
    binding: ClassVar[int] = ATOM
    value: Value
    _law: str
    _worked: str
    _symbols: tuple[Symbol, ...]
    """What was written once: equal layers have their laws in common."""

    exp, expm1, log, log1p = _curve("exp"), _curve("expm1"), _curve("log"), _curve("log1p")
    sqrt, tanh, erf = _curve("sqrt"), _curve("tanh"), _curve("erf")
    """What NumPy calls for each value of an array of objects."""

    @abstractmethod
    def write(self, style: Style) -> str:
        """The formula on one line, in a style."""

    def parts(self) -> tuple[Formula, ...]:
        return ()

    def rebuilt(self, change: Callable[[Formula], Formula]) -> Formula:
        """The same operation on changed parts."""
        return self

    def within(self, binding: int, style: Style) -> str:
        text = self.write(style)
        own = ATOM if style.stacked and isinstance(self, Quotient) else self.binding
        return text if own >= binding else f"{style.open}{text}{style.close}"

    def law(self) -> str:
        """The law with its names: ``⌊(i + 2p − k)/s⌋ + 1``."""
        if not hasattr(self, "_law"):
            self._law = self.write(LAW)
        return self._law

    def worked(self) -> str:
        """The law with the numbers in, and the result: ``⌊(28 + 2·2 − 5)/1⌋ + 1 = 28``."""
        if not hasattr(self, "_worked"):
            self._worked = self._equation(NUMBERS)
        return self._worked

    def latex(self) -> str:
        """The law in LaTeX, without dollar signs."""
        return self.write(TEX_LAW)

    def latex_worked(self) -> str:
        """The working in LaTeX, without dollar signs."""
        return self._equation(TEX_NUMBERS)

    def _equation(self, style: Style) -> str:
        left, right = self.write(style), style.number(self.value)
        return left if left == right else f"{left} = {right}"

    def symbols(self) -> tuple[Symbol, ...]:
        """The symbols in order of first use, each once."""
        if not hasattr(self, "_symbols"):
            seen: dict[str, Symbol] = {}
            stack: list[Formula] = [self]
            while stack:
                formula = stack.pop()
                if isinstance(formula, Symbol):
                    seen.setdefault(formula.name, formula)
                stack.extend(reversed(formula.parts()))
            self._symbols = tuple(seen.values())
        return self._symbols

    def __add__(self, other: Operand) -> Formula:
        right = formula(other)
        if right is UNASKED:
            return right
        return Sum((*_terms(self), *_terms(right)), self.value + right.value)

    def __radd__(self, other: Operand) -> Formula:
        return formula(other) + self

    def __sub__(self, other: Operand) -> Formula:
        right = formula(other)
        if right is UNASKED:
            return right
        return Sum((*_terms(self), Negative(right)), self.value - right.value)

    def __rsub__(self, other: Operand) -> Formula:
        return formula(other) - self

    def __mul__(self, other: Operand) -> Formula:
        left = self.factors if isinstance(self, Product) else (self,)
        right = formula(other)
        return right if right is UNASKED else Product((*left, right))

    def __rmul__(self, other: Operand) -> Formula:
        return Product((formula(other), self))

    def __truediv__(self, other: Operand) -> Formula:
        right = formula(other)
        return right if right is UNASKED else Quotient(self, right)

    def __rtruediv__(self, other: Operand) -> Formula:
        return Quotient(formula(other), self)

    def __neg__(self) -> Formula:
        return Negative(self)

    def __abs__(self) -> Formula:
        return Call("abs", (self,))

    def __pow__(self, other: Operand) -> Formula:
        right = formula(other)
        return right if right is UNASKED else Exponentiation(self, right)

    def __lt__(self, other: Operand) -> bool:
        return self.value < _number(other)

    def __le__(self, other: Operand) -> bool:
        return self.value <= _number(other)

    def __gt__(self, other: Operand) -> bool:
        return self.value > _number(other)

    def __ge__(self, other: Operand) -> bool:
        return self.value >= _number(other)

    def __int__(self) -> int:
        if self.value.denominator != 1:
            raise ValueError(f"{self.law()} is {self.value}, not a whole number")
        return int(self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Formula) and (self.law(), self.worked()) == (other.law(), other.worked())

    def __hash__(self) -> int:
        return hash(self.value)

    def __repr__(self) -> str:
        return f"<{self.law()}: {self.worked()}>"


def _number(operand: Operand) -> Value | float:
    """What is compared; infinity is no fraction, but greater than all."""
    return operand.value if isinstance(operand, Formula) else operand


class Number(Formula):
    """A constant of the law itself."""

    __slots__ = ()

    def __init__(self, value: Value) -> None:
        self.value = value

    def write(self, style: Style) -> str:
        return style.number(self.value)

    def within(self, binding: int, style: Style) -> str:
        return style.signed(self.write(style))


class Symbol(Formula):
    """A named value: ``Symbol("k_h", 3, "kernel rows")``.

    An underscore begins a subscript when typeset.
    """

    __slots__ = ("meaning", "name")

    def __init__(self, name: str, value: Value, meaning: str = "") -> None:
        self.name, self.value, self.meaning = name, value, meaning

    def write(self, style: Style) -> str:
        return style.number(self.value) if style.numbers else style.name(self.name)

    def within(self, binding: int, style: Style) -> str:
        return style.signed(self.write(style))


class Unasked(Formula):
    """What a worked sum does not concern: an operation on it gives it again, a comparison is false."""

    __slots__ = ()

    def write(self, style: Style) -> str:
        return "…"

    def _same(self, *others: object) -> Unasked:
        return self

    def _false(self, other: object) -> bool:
        return False

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _same
    __pow__ = __neg__ = __abs__ = exp = expm1 = log = log1p = sqrt = tanh = erf = _same
    __lt__ = __le__ = __gt__ = __ge__ = __eq__ = __ne__ = _false
    __hash__ = Formula.__hash__


UNASKED: Final = Unasked()


class Negative(Formula):
    """A term that is subtracted; only a sum writes it."""

    __slots__ = ("inner",)
    binding = SUM

    def __init__(self, inner: Formula) -> None:
        self.inner, self.value = inner, -inner.value

    def parts(self) -> tuple[Formula, ...]:
        return (self.inner,)

    def write(self, style: Style) -> str:
        return style.minus.strip() + self.inner.within(PRODUCT, style)

    def rebuilt(self, change: Callable[[Formula], Formula]) -> Formula:
        return Negative(change(self.inner))


class Sum(Formula):
    __slots__ = ("terms",)
    binding = SUM

    def __init__(self, terms: tuple[Formula, ...], value: Value | None = None) -> None:
        self.terms = terms
        self.value = sum(term.value for term in terms) if value is None else value

    def parts(self) -> tuple[Formula, ...]:
        return self.terms

    def rebuilt(self, change: Callable[[Formula], Formula]) -> Formula:
        return Sum(tuple(map(change, self.terms)), self.value)

    def write(self, style: Style) -> str:
        if len(self.terms) > style.most_terms:
            begin, end = Sum(self.terms[:3], 0), self.terms[-1]
            return f"{begin.write(style)}{style.plus}…{style.plus}{end.within(SUM, style)}"
        first, *rest = self.terms
        text = first.write(style)
        for term in rest:
            if isinstance(term, Negative):
                text += style.minus + term.inner.within(PRODUCT, style)
            else:
                text += style.plus + term.within(SUM, style)
        return text


class Product(Formula):
    """Factors side by side; a factor that is itself a product keeps its parentheses."""

    __slots__ = ("factors",)
    binding = PRODUCT

    def __init__(self, factors: tuple[Formula, ...]) -> None:
        self.factors, self.value = factors, math.prod(factor.value for factor in factors)

    def parts(self) -> tuple[Formula, ...]:
        return self.factors

    def rebuilt(self, change: Callable[[Formula], Formula]) -> Formula:
        return Product(tuple(map(change, self.factors)))

    def write(self, style: Style) -> str:
        texts = [factor.within(ATOM, style) for factor in self.factors]
        if style.close_up and isinstance(self.factors[0], Number) and isinstance(self.factors[1], Symbol):
            texts[:2] = [texts[0] + texts[1]]
        return style.times.join(texts)


class Quotient(Formula):
    __slots__ = ("bottom", "top")
    binding = PRODUCT

    def __init__(self, top: Formula, bottom: Formula) -> None:
        self.top, self.bottom = top, bottom
        value = Fraction(top.value, bottom.value)
        self.value = value.numerator if value.denominator == 1 else value

    def parts(self) -> tuple[Formula, ...]:
        return (self.top, self.bottom)

    def rebuilt(self, change: Callable[[Formula], Formula]) -> Formula:
        return Quotient(change(self.top), change(self.bottom))

    def write(self, style: Style) -> str:
        if style.stacked:
            return style.fraction(self.top.write(style), self.bottom.write(style))
        return style.fraction(self.top.within(PRODUCT, style), self.bottom.within(ATOM, style))


class Exponentiation(Formula):
    __slots__ = ("base", "exponent")
    binding = PRODUCT

    def __init__(self, base: Formula, exponent: Formula) -> None:
        self.base, self.exponent = base, exponent
        self.value = exact(base.value**exponent.value)

    def parts(self) -> tuple[Formula, ...]:
        return (self.base, self.exponent)

    def rebuilt(self, change: Callable[[Formula], Formula]) -> Formula:
        return Exponentiation(change(self.base), self.exponent)

    def write(self, style: Style) -> str:
        return style.power(self.base.within(ATOM, style), self.exponent.write(style))


class Call(Formula):
    """A function of formulas: floor, ceiling, maximum, minimum, and the curves of activations."""

    __slots__ = ("arguments", "name")

    def __init__(self, name: str, arguments: tuple[Formula, ...]) -> None:
        self.name, self.arguments = name, arguments
        self.value = _FUNCTIONS[name](*(argument.value for argument in arguments))

    def parts(self) -> tuple[Formula, ...]:
        return self.arguments

    def rebuilt(self, change: Callable[[Formula], Formula]) -> Formula:
        return Call(self.name, tuple(map(change, self.arguments)))

    def write(self, style: Style) -> str:
        return style.call(self.name, style.comma.join(argument.write(style) for argument in self.arguments))


def exact(value: int | float | Fraction) -> Value:
    """The value without loss: a float is the fraction that it holds. Raises ArithmeticError for infinity."""
    if not isinstance(value, (int, Fraction)):
        if not math.isfinite(value):
            raise ArithmeticError(f"{value} is no fraction")
        value = Fraction(float(value))
    return value.numerator if value.denominator == 1 else value


def _median(*values: Value) -> Value:
    ordered = sorted(values)
    return exact(Fraction(ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2], 2))


def _of_curve(name: str, x: Value) -> Value:
    """Raises ArithmeticError where the curve has no value, as a logarithm at 0."""
    try:
        return exact(getattr(math, name)(x))
    except ValueError:
        raise ArithmeticError(f"{name} has no value at {x}") from None


_CURVES: Final[dict[str, Callable[[Value], Value]]] = {
    name: partial(_of_curve, name) for name in ("exp", "expm1", "log", "log1p", "sqrt", "tanh", "erf")
}

_FUNCTIONS: Final[dict[str, Callable[..., Value]]] = {
    "floor": math.floor, "ceil": math.ceil, "max": max, "min": min, "abs": abs, "median": _median, **_CURVES,
}  # fmt: skip


def formula(operand: Operand) -> Formula:
    """The operand as a formula: a number becomes a constant of the law."""
    if isinstance(operand, Formula):
        return operand
    return Number(operand if isinstance(operand, int) else exact(operand))


def floor(x: Formula) -> Formula:
    return Call("floor", (x,))


def ceil(x: Formula) -> Formula:
    return Call("ceil", (x,))


def maximum(*xs: Operand) -> Formula:
    return Call("max", tuple(map(formula, xs))) if len(xs) > 1 else formula(xs[0])


def minimum(*xs: Operand) -> Formula:
    return Call("min", tuple(map(formula, xs))) if len(xs) > 1 else formula(xs[0])


def product(factors: Iterable[Operand]) -> Formula:
    """The factors side by side; one factor stands alone, none is 1."""
    items = tuple(map(formula, factors))
    return Product(items) if len(items) > 1 else items[0] if items else Number(1)


def total(terms: Iterable[Operand]) -> Formula:
    """The sum of the terms; one term stands alone, none is 0."""
    items = tuple(map(formula, terms))
    return Sum(items) if len(items) > 1 else items[0] if items else Number(0)


def _terms(x: Formula) -> tuple[Formula, ...]:
    return x.terms if isinstance(x, Sum) else (x,)
