"""``expect params <= 62k`` read: the figures and constants it may name."""

from __future__ import annotations

from cnnspec.binding.values import Fault, Open, Poisoned, Unresolved, Value
from cnnspec.diagnostics import Diagnostic, did_you_mean, nearest
from cnnspec.elaborate.elaborator import Elaborator
from cnnspec.elaborate.scope import Context
from cnnspec.network.expectation import FIGURES, Expectation, names_in
from cnnspec.syntax import tree


def read_expectation(elaborator: Elaborator, statement: tree.Expect, context: Context) -> Expectation | None:
    """The expectation of a sentence; a name that is no figure and no constant is reported."""
    constants: list[tuple[str, Value]] = []
    sound = True
    for name in dict.fromkeys(names_in(statement.condition)):
        bound = context.get(name.text)
        if isinstance(bound, Open | Poisoned):
            sound = False
        elif bound is not None and name.text not in FIGURES:
            constants.append((name.text, bound))
        elif name.text not in FIGURES and name.text not in ("yes", "no"):
            elaborator.report(_unknown(name, context))
            sound = False
    if not sound:
        return None
    text = " ".join(statement.condition.span.text.split())
    found = Expectation(text, statement.condition, statement.span, tuple(constants))
    return found if _is_condition(elaborator, found) else None


def _is_condition(elaborator: Elaborator, expectation: Expectation) -> bool:
    try:
        expectation.holds(dict.fromkeys(FIGURES, 1))
    except Unresolved:
        return False
    except Fault as fault:
        if fault.code == "division-by-zero":
            return True
        elaborator.report(fault.diagnostic)
        return False
    return True


def _unknown(name: tree.Name, context: Context) -> Diagnostic:
    known = [*FIGURES, *context.names()]
    meant = nearest(name.text, known)
    return Diagnostic(
        "unknown-figure", f"there is no figure {name.text}", name.span,
        **did_you_mean(name.span, meant, f"the figures: {', '.join(FIGURES)}"),
    )  # fmt: skip
