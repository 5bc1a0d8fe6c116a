"""An answer with its laws, and laws with a term changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final, Literal

from cnnspec.formula import Call, Formula, Number, Product, Quotient, Sum, Symbol, product, total
from cnnspec.notation import LAW, NUMBERS, TEX_LAW, TEX_NUMBERS, Style
from cnnspec.records import record
from cnnspec.teaching.handwriting import Hand, HandTex, decimal

Rule = Callable[[Formula], Formula | None]
"""What stands in a formula's place; None where it stays."""


@record
class Result:
    """A number, a shape or a matrix: the law of each of its numbers."""

    laws: tuple[Formula, ...]
    names: tuple[str, ...] = ()
    """Of each number: ``height``, or ``y_11``."""
    form: Literal["number", "shape", "matrix"] = "number"
    columns: int = 1
    """Of a matrix."""
    decimals: int = 0
    """To which a number is rounded that is not whole."""
    by_hand: bool = False
    """Whether subscripts are set below and no thousands apart, as where a sum is written out."""

    @property
    def numbers(self) -> tuple[float, ...]:
        return tuple(float(law.value) for law in self.laws)

    @property
    def shown(self) -> tuple[float, ...]:
        """The numbers as they are rounded for the eye."""
        return tuple(round(one, self.decimals) for one in self.numbers)

    def says(self, numbers: Sequence[float]) -> bool:
        """Whether these are its numbers, to a half of the last place that is asked for."""
        room = 0.6 * 10.0**-self.decimals if self.decimals else 1e-9
        return len(numbers) == len(self.laws) and all(
            abs(one - other) <= room for one, other in zip(numbers, self.numbers, strict=True)
        )

    @property
    def text(self) -> str:
        """``1,792``, ``3x3x64`` or ``19 25; 37 43``."""
        if self.form == "shape":
            return "x".join(decimal(law.value, 0) for law in self.laws)
        texts = [self.number(law) for law in self.laws]
        starts = range(0, len(texts), self.columns)
        return "; ".join(" ".join(texts[n : n + self.columns]) for n in starts)

    @property
    def rows(self) -> list[list[str]]:
        return [row.split() for row in self.text.split("; ")]

    def number(self, law: Formula) -> str:
        if self.by_hand:
            return decimal(law.value, self.decimals)
        return f"{int(law.value):,}"

    @property
    def is_sound(self) -> bool:
        """Whether it can be told at all: whole numbers are whole, sizes and counts not below zero."""
        whole = all(float(law.value).is_integer() for law in self.laws)
        return (whole or self.decimals > 0) and (self.by_hand or min(self.numbers) >= 0)

    def changed(self, rule: Rule) -> Result:
        """The answer by laws in which the rule changed something."""
        laws = tuple(rewritten(law, rule) for law in self.laws)
        return Result(laws, self.names, self.form, self.columns, self.decimals, self.by_hand)

    def steps(self, tex: bool = False) -> Iterator[tuple[str, list[str]]]:
        """Of each different law its numbers' names, and the law, the numbers in it, and the value."""
        by_name, by_number = self._styles(tex)
        told: dict[str, tuple[list[str], list[str]]] = {}
        for n, law in enumerate(self.laws):
            parts = [law.write(by_name), law.write(by_number), by_number.number(law.value)]
            name = self.names[n] if self.names else ""
            if self.form == "matrix":
                parts, name = [by_name.name(name), *parts], ""
            told.setdefault(" = ".join(parts), ([], list(dict.fromkeys(parts))))[0].append(name)
        for names, parts in told.values():
            yield ", ".join(filter(None, names)), parts

    def workings(self, tex: bool = False) -> Iterator[tuple[str, str]]:
        """The steps as equations: ``law = numbers = value``."""
        for name, parts in self.steps(tex):
            yield name, " = ".join(parts)

    def _styles(self, tex: bool) -> tuple[Style, Style]:
        if self.by_hand:
            style = HandTex if tex else Hand
            return style(False, self.decimals or 4), style(True, self.decimals or 4)
        return (TEX_LAW, TEX_NUMBERS) if tex else (LAW, NUMBERS)


def number(law: Formula, decimals: int = 0, by_hand: bool = False) -> Result:
    return Result((law,), decimals=decimals, by_hand=by_hand or decimals > 0)


def shape(laws: Sequence[Formula]) -> Result:
    names = ("depth", "height", "width")[4 - len(laws) :] if len(laws) > 1 else ()
    return Result((*laws,), (*names, "channels" if names else "values"), "shape")


# Changing a term -------------------------------------------------------------------


def rewritten(formula: Formula, rule: Rule) -> Formula:
    """The formula with everything changed that the rule changes, and computed again."""
    found = rule(formula)
    if found is not None:
        return found
    if isinstance(formula, Sum):
        return total(rewritten(term, rule) for term in formula.terms)
    if isinstance(formula, Product):
        return product(rewritten(factor, rule) for factor in formula.factors)
    return formula.rebuilt(lambda part: rewritten(part, rule))


def is_symbol(formula: Formula, *said: str) -> bool:
    """Whether it is a symbol of such a name, or one whose meaning begins so."""
    return isinstance(formula, Symbol) and (
        formula.name.rstrip("'") in said
        or any(formula.meaning.startswith(one) for one in said if len(one) > 3)
    )


def put(value: int, *said: str) -> Rule:
    """A number in the place of these symbols."""
    return lambda one: Number(value) if is_symbol(one, *said) else None


def without(*said: str) -> Rule:
    """Products without these factors."""

    def rule(one: Formula) -> Formula | None:
        if not isinstance(one, Product):
            return None
        kept = [rewritten(factor, rule) for factor in one.factors if not is_symbol(factor, *said)]
        return product(kept)

    return rule


def call(name: str, make: Callable[[tuple[Formula, ...]], Formula]) -> Rule:
    """Something else in the place of a function."""
    return lambda one: make(one.arguments) if isinstance(one, Call) and one.name == name else None


def undivided(*said: str) -> Rule:
    """Quotients by such a symbol, or by 2 or any number, without their division."""

    def rule(one: Formula) -> Formula | None:
        if isinstance(one, Quotient) and (is_symbol(one.bottom, *said) or not said):
            return rewritten(one.top, rule)
        return None

    return rule


def summed(make: Callable[[tuple[Formula, ...]], Sequence[Formula] | None]) -> Rule:
    """Sums of other terms."""

    def rule(one: Formula) -> Formula | None:
        if not isinstance(one, Sum):
            return None
        terms = make(one.terms)
        return None if terms is None else total(rewritten(term, rule) for term in terms)

    return rule


ONE: Final = Number(1)
