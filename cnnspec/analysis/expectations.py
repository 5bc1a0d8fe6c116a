"""Budgets of a spec judged by what the network has: ``expect params <= 62k``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from cnnspec.diagnostics import Diagnostic, LayerError

if TYPE_CHECKING:
    from cnnspec.network.expectation import Expectation as Written


@dataclass(frozen=True, slots=True)
class Expectation:
    """A budget as written, and whether it is kept."""

    text: str
    holds: bool
    actual: int | float | None
    """The left side of the comparison; None where nothing is compared."""
    diagnostic: Diagnostic | None = None
    """What to tell when it does not hold."""


def judge(written: Iterable[Written], figures: Mapping[str, Any]) -> tuple[Expectation, ...]:
    """Each expectation with its verdict; one that cannot be computed does not hold, and says why."""
    return tuple(_judge(budget, figures) for budget in written)


def _judge(budget: Written, figures: Mapping[str, Any]) -> Expectation:
    try:
        holds, actual = budget.holds(figures), _number(budget.actual(figures))
    except LayerError as error:
        return Expectation(budget.text, False, None, error.at(budget.span))
    if holds:
        return Expectation(budget.text, True, actual)
    return Expectation(budget.text, False, actual, _broken(budget, actual, figures))


def _broken(budget: Written, actual: int | float | None, figures: Mapping[str, Any]) -> Diagnostic:
    known = [f"{name} = {figures[name]:,}" for name in figures if name in budget.text.split()]
    has = f"the network has {actual:,}" if actual is not None else "it is not true of this network"
    return Diagnostic(
        "expectation-broken",
        f"expected {budget.text}, but {has}",
        budget.span,
        notes=tuple(known),
        help=("make the network fit its budget, or change the budget on this line",),
    )


def _number(value: object) -> int | float | None:
    if isinstance(value, Fraction):
        return float(value)
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None
