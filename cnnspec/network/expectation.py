"""``expect params <= 62k``: kept as written; the analysis knows the figures and decides."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import Final

from cnnspec.binding.values import SentenceError, Sight, Value, evaluate, truth
from cnnspec.records import record
from cnnspec.syntax import tree
from cnnspec.text import Span

FIGURES: Final = (
    "params", "trainable", "frozen", "buffers", "multiplies", "additions", "elementwise", "flops",
    "weight_bytes", "activation_bytes", "peak_activation_bytes", "training_bytes", "layers",
)  # fmt: skip
"""What an expectation may speak of: the totals of the analysis, and the number of layers."""
SYNONYMS: Final = {
    "macs": "multiplies", "madds": "multiplies", "mult_adds": "multiplies", "parameters": "params",
}  # fmt: skip
"""What others call the figures."""


@record
class Expectation:
    """A condition over the figures of the analysis, with the constants it names."""

    text: str
    condition: tree.Expression = field(compare=False)
    span: Span | None = field(default=None, compare=False)
    constants: tuple[tuple[str, Value], ...] = ()

    def holds(self, figures: Mapping[str, Value]) -> bool:
        """Whether the condition is true of the figures; raises SentenceError where it is no condition."""
        return truth(self._value(self.condition, figures), self.condition.span)

    def actual(self, figures: Mapping[str, Value]) -> Value | None:
        """The left side of the comparison: what the network has. None where nothing is compared."""
        condition = self.condition
        if isinstance(condition, tree.Binary) and condition.operator not in ("and", "or"):
            return self._value(condition.left, figures)
        return None

    def sides(self, figures: Mapping[str, Value]) -> tuple[Value, Value]:
        """Both sides of the comparison; raises SentenceError where nothing is compared."""
        condition = self.condition
        if not isinstance(condition, tree.Binary):
            raise SentenceError("not-a-condition", f"{self.text} compares nothing", condition.span)
        return self._value(condition.left, figures), self._value(condition.right, figures)

    def _value(self, expression: tree.Expression, figures: Mapping[str, Value]) -> Value:
        known = {**figures, **dict(self.constants)}
        return evaluate(expression, Sight(lambda name: known[name.text], {}))


def names_in(expression: tree.Expression) -> Iterator[tree.Name]:
    """Every name of an expression, in order."""
    stack: list[tree.Expression] = [expression]
    while stack:
        part = stack.pop()
        if isinstance(part, tree.Name):
            yield part
        elif isinstance(part, tree.Unary):
            stack.append(part.operand)
        elif isinstance(part, tree.Binary):
            stack.extend((part.right, part.left))
        elif isinstance(part, tree.Tuple):
            stack.extend(reversed(part.items))
