"""The short way for sentences met again: what is constant in one is found out once.

A plan takes the common case only: one input, no faults, nothing unknown. For
everything else it steps aside, before anything has been changed, and the
careful way of ``sentence`` explains what is wrong.
"""

from __future__ import annotations

from typing import Any

from cnnspec.binding.values import Fault, Open, Unresolved
from cnnspec.diagnostics import LayerError
from cnnspec.elaborate.claims import check_claim
from cnnspec.elaborate.elaborator import Elaborator
from cnnspec.elaborate.scope import Context
from cnnspec.layers.base import Layer
from cnnspec.network.make import Made, fields_of, make
from cnnspec.syntax import tree


class Plan:
    """The options of one sentence: those that are constant, and those to evaluate at each use."""

    __slots__ = ("fixed", "kind", "known", "made", "moving")

    def __init__(self, kind: type[Layer], given: dict[str, tree.Expression]) -> None:
        self.kind = kind
        constants = {name: _constant(value) for name, value in given.items()}
        self.fixed = {name: value for name, value in constants.items() if value is not None}
        self.moving = {name: value for name, value in given.items() if constants[name] is None}
        self.known: dict[Any, Made] = {}
        self.made = None if self.moving else self._make({})

    def layer(self, elaborator: Elaborator, context: Context) -> Made | None:
        """The layer of this use, or None where the careful way is needed."""
        if self.made is not None or not self.moving:
            return self.made
        try:
            values = [elaborator.value(value, context) for value in self.moving.values()]
        except (Fault, Unresolved):
            return None
        key = (*values, *map(type, values))
        made = self.known.get(key)
        if made is None and not any(isinstance(value, Open) for value in values):
            made = self._make(dict(zip(self.moving, values, strict=True)))
            if made is not None:
                self.known[key] = made
        return made

    def _make(self, values: dict[str, Any]) -> Made | None:
        found = make(self.kind, self.fixed | values)
        return found if isinstance(found, Made) else None


def place_quickly(elaborator: Elaborator, sentence: tree.Layer, context: Context, kind: type[Layer]) -> bool:
    """Adds the node of a plain sentence; False, with nothing changed, where it is not plain."""
    current = elaborator.current
    if current is None:
        return False
    try:
        _, plan = elaborator.plans[id(sentence)]
    except KeyError:
        plan = _plan(sentence, kind)
        elaborator.plans[id(sentence)] = sentence, plan
    made = plan.layer(elaborator, context) if plan is not None else None
    if made is None:
        return False
    shapes = (elaborator.nodes[current].output,)
    shape = made.answers.get(shapes)
    if shape is None:
        try:
            shape = made.shape(shapes)
        except LayerError:
            return False
    name, label = elaborator.name(sentence, context)
    node = elaborator.current = elaborator.place(made, (current,), shape, name, sentence.span, context)
    if label is not None:
        elaborator.labels[label] = node
    if sentence.claim is not None:
        check_claim(elaborator, sentence, sentence.claim, node, context)
    return True


def _plan(sentence: tree.Layer, kind: type[Layer]) -> Plan | None:
    if kind.arity != (1, 1) or kind.references or sentence.paths is not None:
        return None
    if len(sentence.arguments) > len(kind.positional):
        return None
    given = dict(zip(kind.positional, sentence.arguments, strict=False))
    fields = fields_of(kind)
    for option in sentence.options:
        if option.name in given or option.name not in fields:
            return None
        given[option.name] = option.value
    return Plan(kind, given)


def _constant(expression: tree.Expression) -> Any:
    """The value of a literal; None where it has to be evaluated."""
    if isinstance(expression, tree.Number):
        return expression.value if abs(expression.value) < 10**9 else None
    if isinstance(expression, tree.Size) and None not in expression.parts:
        return expression.parts if all(part is None or part < 10**9 for part in expression.parts) else None
    if isinstance(expression, tree.Name) and expression.text in ("yes", "no"):
        return expression.text == "yes"
    return None
