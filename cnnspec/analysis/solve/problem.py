"""What is sought in a spec, what it has to meet, and how far a network is from that."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from math import inf
from time import monotonic
from typing import Any, Final

from cnnspec.analysis.solve.unknowns import Unknown, sentences, unknowns_of
from cnnspec.diagnostics import Diagnostic, LayerError, SpecError
from cnnspec.elaborate.claims import distance, fits
from cnnspec.elaborate.spec import Elaborated, elaborate
from cnnspec.layers.base import show
from cnnspec.layers.registry import LAYERS
from cnnspec.network.expectation import Expectation, names_in
from cnnspec.network.graph import Network, Node
from cnnspec.records import record
from cnnspec.syntax import tree
from cnnspec.text import Source

QUICK: Final[dict[str, Callable[[Node], int]]] = {
    "params": lambda node: node.own_params,
    "buffers": lambda node: 0 if node.share else int(node.layer.buffers(node.input_shapes)),
    "multiplies": lambda node: int(node.layer.multiplies(node.input_shapes)),
    "additions": lambda node: int(node.layer.additions(node.input_shapes)),
    "layers": lambda node: 1,
}
"""Figures that are plain sums over the layers; the others take the whole analysis."""


MOST_KEPT: Final = 3_000_000
"""References that a search keeps, so that it takes a few hundred megabytes at most."""


class Limit:
    """The time and the room of a search, and what kept it from trying everything."""

    def __init__(self, seconds: float) -> None:
        self.end, self.room, self.stopped = monotonic() + seconds, MOST_KEPT, ""

    def over(self, kept: int = 0, end: float = inf) -> bool:
        """Whether to stop now, at ``end`` at the latest; ``kept`` is how much has been stored since."""
        self.room -= kept
        what = "time" if monotonic() > min(end, self.end) else "room" if self.room < 0 else ""
        self.stopped = self.stopped or what
        return bool(what)


@record
class Demand:
    """One expectation, cut into comparisons where it is made of them by ``and``."""

    expectation: Expectation
    comparisons: tuple[Expectation, ...]
    names: frozenset[str]


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


@record
class Residual:
    """How far one demanded number is off: ``value`` must be 0, or at most 0 where ``bound`` is set."""

    value: int
    bound: bool = False


@record
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
                found = [_residual(part, self.figures) for part in demand.comparisons]
                total += 1 + sum(abs(r.value) for r in found if r and (not r.bound or r.value > 0))
        return total

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


def sample_of(found: Elaborated, demands: tuple[Demand, ...]) -> Sample | None:
    """A network measured; None where it does not fit together."""
    if found.has_errors or found.network is None:
        return None
    names = frozenset[str]().union(*(demand.names for demand in demands))
    sample = Sample(found, demands, _figures(found.network, names))
    try:
        return sample if sample.distance >= 0 else None
    except LayerError:
        return None


def _figures(network: Network, names: frozenset[str]) -> dict[str, Any]:
    quick = {name: sum(map(QUICK[name], network.layers)) for name in sorted(names & QUICK.keys())}
    if names <= QUICK.keys():
        return quick
    from dataclasses import asdict

    from cnnspec.analysis.report import analyze

    totals = asdict(analyze(network).totals)
    return {**quick, **{name: totals[name] for name in sorted(names) if name in totals}}


@dataclass(frozen=True, eq=False)
class Problem:
    """One spec with its unknowns and what is demanded of it."""

    spec: tree.Spec
    unknowns: tuple[Unknown, ...]
    demands: tuple[Demand, ...]
    claims: tuple[tree.Size, ...]
    read_use: Callable[[str], Source] | None = None

    def elaborate(self, values: Mapping[int, Any]) -> Elaborated:
        """The network for some values, by the numbers of their unknowns; claims and expectations unjudged."""
        given = {self.unknowns[n].span: value for n, value in values.items()}
        return elaborate(self.spec, read_use=self.read_use, unknowns=given, bare=True)

    def sample(self, values: Sequence[Any]) -> Sample | None:
        """What the network has for these values; None where there is no such network."""
        return sample_of(self.elaborate(dict(enumerate(values))), self.demands)

    def effect(self, values: Sequence[Any]) -> tuple[object, ...]:
        """What the network does: for each layer, what it sees, what it holds and what it gives."""
        found = self.elaborate(dict(enumerate(values)))
        nodes = found.network.layers if found.network else ()
        flows = [(node, node.layer, node.input_shapes) for node in nodes]
        return tuple((node.word, node.output, it.window(flow), it.arrays(flow)) for node, it, flow in flows)

    @property
    def only_shapes(self) -> bool:
        """Whether shapes alone are demanded, each ``?`` standing in a layer and nowhere else."""
        return not self.demands and all(unknown.direct for unknown in self.unknowns)

    @cached_property
    def refers(self) -> bool:
        """Whether a layer uses more of another one than its output, as unpool does."""
        words = (sentence.word for sentence in sentences(self.spec.statements))
        return any(LAYERS[word].references for word in words if word in LAYERS)


def problem_of(spec: tree.Spec, read_use: Callable[[str], Source] | None) -> Problem:
    """What a spec asks; raises SpecError where it is faulty, has no ``?``, or demands nothing."""
    unknowns, read_use = unknowns_of(spec), cache(read_use) if read_use else None
    found = elaborate(spec, read_use=read_use, bare=True)
    faults = [item for item in found.diagnostics if item.code not in ("unsolved-unknown", "no-solution")]
    if any(item.severity == "error" for item in faults):
        raise SpecError(faults)
    if not unknowns:
        raise _fault(spec, "nothing-to-solve", "this spec has no ?", "put ? where a value is to be found")
    expectations = found.network.expectations if found.network else ()
    claims = [sentence.claim for sentence in sentences(spec.statements) if sentence.claim is not None]
    claims = [claim for claim in claims if set(claim.parts) != {None}]
    if not claims and not expectations:
        raise _fault(
            spec, "nothing-to-solve", "nothing is demanded of this network, so every value fits",
            "claim a shape: => 10x10x16", "or state what it may cost: expect params <= 30k",
        )  # fmt: skip
    return Problem(spec, unknowns, tuple(map(_demand, expectations)), tuple(claims), read_use)


def agree(problems: Sequence[Problem]) -> None:
    """Several specs are solved together only if their unknowns are the same ones."""
    first = [unknown.name for unknown in problems[0].unknowns]
    for problem in problems[1:]:
        names = [unknown.name for unknown in problem.unknowns]
        if names != first:
            raise _fault(
                problem.spec, "unknowns-differ", "the specs do not have the same unknowns",
                "put the same ? in the same order into each",
                notes=(f"{', '.join(first)} there; {', '.join(names)} here",),
            )  # fmt: skip


def _fault(spec: tree.Spec, code: str, message: str, *help: str, notes: tuple[str, ...] = ()) -> SpecError:
    return SpecError([Diagnostic(code, message, spec.span.source.span(0, 0), help=help, notes=notes)])
