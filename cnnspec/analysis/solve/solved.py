"""A solution in words: runs of values, and the arithmetic that shows it is one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from cnnspec.binding.values import format_value
from cnnspec.layers.base import show
from cnnspec.network.graph import Node

if TYPE_CHECKING:
    from cnnspec.analysis.solve.problem import Problem


def runs(values: Sequence[Any]) -> str:
    """``1 to 46, 48``: the values in order, neighbours drawn together."""
    if not all(type(value) is int for value in values):
        return ", ".join(map(format_value, values))
    ordered, parts = sorted(values), []
    first = last = ordered[0]
    for value in [*ordered[1:], None]:
        if value is not None and value == last + 1:
            last = value
            continue
        parts.append(f"{first:,}" if first == last else f"{first:,} to {last:,}")
        first = last = value
    return ", ".join(parts[:12]) + (", …" if len(parts) > 12 else "")


def working(problem: Problem, values: Sequence[Any]) -> Iterator[str]:
    """The arithmetic of the layers that had a ``?``, and what is demanded with what there is."""
    found = problem.elaborate(problem.spans(values))
    sentences = {unknown.sentence for unknown in problem.unknowns}
    for node in found.network.layers if found.network else ():
        if node.span in sentences:
            yield f"{node.name}: {show(node.input_shapes[0])} to {show(node.output)}"
            yield from _laws(node)
    sample = problem.sample(values)
    for claim, shape in found.claims:
        yield f"=> {claim.span.text}: {show(shape)}"
    for demand in sample.demands if sample else ():
        figures = ", ".join(f"{name} = {value:,}" for name, value in sample.figures.items()) if sample else ""
        yield f"expect {demand.expectation.text}: {figures}"


def _laws(node: Node) -> Iterator[str]:
    names = ("depth", "height", "width")[4 - len(node.output) :] if len(node.output) > 1 else ()
    for name, law in zip(
        (*names, "channels" if names else "values"), node.layer.output(node.input_shapes), strict=False
    ):
        if law.worked() != str(law.value):
            yield f"  {name}: {law.law()}: {law.worked()}"
    params = node.layer.params(node.input_shapes)
    if params.value:
        yield f"  params: {params.law()}: {params.worked()}"
