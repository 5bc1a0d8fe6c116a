"""What a spec demands of its network: claimed shapes and expectations, as numbers to be met."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from cnnspec.diagnostics import LayerError
from cnnspec.elaborate.claims import distance, fits
from cnnspec.elaborate.spec import Elaborated, elaborate
from cnnspec.layers.base import Layer, Shapes, show
from cnnspec.network.expectation import Expectation, names_in
from cnnspec.network.graph import Network
from cnnspec.syntax import tree
from cnnspec.text import Source

QUICK: Final[dict[str, Callable[[Layer, Shapes], int]]] = {
    "params": lambda layer, inputs: int(layer.params(inputs)),
    "buffers": lambda layer, inputs: int(layer.buffers(inputs)),
    "multiplies": lambda layer, inputs: int(layer.multiplies(inputs)),
    "additions": lambda layer, inputs: int(layer.additions(inputs)),
    "layers": lambda layer, inputs: 1,
}
"""Figures that are plain sums over the layers; the others take the whole analysis."""


@dataclass(frozen=True)
class Demand:
    """One expectation, cut into comparisons where it is made of them by ``and``."""

    expectation: Expectation
    comparisons: tuple[Expectation, ...]
    names: frozenset[str]


def demands_of(spec: tree.Spec, read_use: Callable[[str], Source] | None) -> tuple[Any, ...]:
    """The expectations of a spec, and its claims with numbers in them."""
    found = _expectations(spec, read_use)
    claims = [claim for claim in _claims(spec.statements) if any(part is not None for part in claim.parts)]
    return (*(_demand(expectation) for expectation in found), *claims)


def _expectations(spec: tree.Spec, read_use: Callable[[str], Source] | None) -> tuple[Expectation, ...]:
    found = elaborate(spec, read_use=read_use)
    return found.network.expectations if found.network else ()


def _demand(expectation: Expectation) -> Demand:
    parts = tuple(
        Expectation(expectation.text, part, expectation.span, expectation.constants)
        for part in _conjuncts(expectation.condition)
    )
    return Demand(expectation, parts, frozenset(name.text for name in names_in(expectation.condition)))


def _conjuncts(condition: tree.Expression) -> Iterator[tree.Expression]:
    if isinstance(condition, tree.Binary) and condition.operator == "and":
        yield from _conjuncts(condition.left)
        yield from _conjuncts(condition.right)
    else:
        yield condition


def _claims(statements: tuple[tree.Statement, ...]) -> Iterator[tree.Size]:
    for statement in statements:
        match statement:
            case tree.Layer():
                if statement.claim is not None:
                    yield statement.claim
                for path in statement.paths or ():
                    yield from _claims(path.statements)
            case tree.Repeat() | tree.Head() | tree.Block():
                yield from _claims(statement.body)
            case tree.If():
                yield from _claims((*statement.then, *statement.otherwise))


@dataclass(frozen=True)
class Residual:
    """How far one demanded number is off: ``value`` must be 0, or at most 0 where ``bound`` is set."""

    value: int
    bound: bool = False


@dataclass(frozen=True)
class Sample:
    """One network measured against what is demanded of it."""

    elaborated: Elaborated
    demands: tuple[Demand, ...]
    figures: Mapping[str, Any]

    @cached_property
    def residuals(self) -> tuple[Residual | None, ...]:
        """Each demanded number as a difference; None where a demand is no plain comparison."""
        shapes = (
            Residual(size - part)
            for claim, shape in self.elaborated.claims
            if len(shape) == len(claim.parts)
            for size, part in zip(shape, claim.parts, strict=True)
            if part is not None
        )
        costs = (_residual(part, self.figures) for demand in self.demands for part in demand.comparisons)
        return (*shapes, *costs)

    @cached_property
    def distance(self) -> float:
        """0 where all is met; larger the further away."""
        total = 0.0
        for claim, shape in self.elaborated.claims:
            if not fits(claim.parts, shape):
                axes, sizes = distance(shape, claim.parts)
                total += 1 + axes * 100 + sizes
        for demand in self.demands:
            if not demand.expectation.holds(self.figures):
                total += 1 + self._off(demand)
        return total

    def _off(self, demand: Demand) -> float:
        found = [_residual(part, self.figures) for part in demand.comparisons]
        return float(sum(abs(r.value) for r in found if r is not None and (not r.bound or r.value > 0)))

    @property
    def gives(self) -> str:
        """What is really there, in words: ``24x24x6, params = 303,100``."""
        shapes = (show(shape) for claim, shape in self.elaborated.claims)
        figures = (f"{name} = {value:,}" for name, value in self.figures.items())
        return ", ".join((*shapes, *figures))


def _residual(part: Expectation, figures: Mapping[str, Any]) -> Residual | None:
    condition = part.condition
    if not isinstance(condition, tree.Binary) or condition.operator not in ("==", "<", "<=", ">", ">="):
        return None
    left, right = part.sides(figures)
    if type(left) is not int or type(right) is not int:
        return None
    match condition.operator:
        case "==":
            return Residual(left - right)
        case "<=" | "<":
            return Residual(left - right + (condition.operator == "<"), bound=True)
        case _:
            return Residual(right - left + (condition.operator == ">"), bound=True)


def sample_of(found: Elaborated, demands: tuple[Any, ...]) -> Sample | None:
    """A network measured; None where it does not fit together."""
    if found.has_errors or found.network is None:
        return None
    costs = tuple(demand for demand in demands if isinstance(demand, Demand))
    names = frozenset[str]().union(*(demand.names for demand in costs))
    sample = Sample(found, costs, _figures(found.network, names))
    try:
        return sample if sample.distance >= 0 else None
    except LayerError:
        return None


def _figures(network: Network, names: frozenset[str]) -> dict[str, Any]:
    quick = {
        name: sum(QUICK[name](node.layer, node.input_shapes) for node in network.layers)
        for name in sorted(names)
        if name in QUICK
    }
    if names <= QUICK.keys():
        return quick
    from dataclasses import asdict

    from cnnspec.analysis.report import analyze

    totals = asdict(analyze(network).totals)
    return {**quick, **{name: totals[name] for name in sorted(names) if name in totals}}
