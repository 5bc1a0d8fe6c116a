"""What is sought in a spec, and what it has to meet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from cnnspec.analysis.solve.demands import Demand, Sample, demands_of, sample_of
from cnnspec.analysis.solve.unknowns import Unknown, unknowns_of
from cnnspec.diagnostics import Diagnostic, SpecError
from cnnspec.elaborate.spec import Elaborated, elaborate
from cnnspec.network.graph import Node
from cnnspec.syntax import tree
from cnnspec.text import Source, Span

Values = dict[Span, Any]


@dataclass(frozen=True, eq=False)
class Problem:
    """One spec with its unknowns and what is demanded of it."""

    spec: tree.Spec
    unknowns: tuple[Unknown, ...]
    demands: tuple[Demand, ...]
    read_use: Callable[[str], Source] | None = None

    def elaborate(self, values: Values) -> Elaborated:
        """The network for some values, claims and expectations unjudged."""
        return elaborate(self.spec, read_use=self.read_use, unknowns=values, bare=True)

    def sample(self, values: Sequence[Any]) -> Sample | None:
        """What the network has for these values; None where there is no such network."""
        return sample_of(self.elaborate(self.spans(values)), self.demands)

    def spans(self, values: Sequence[Any]) -> Values:
        return {unknown.span: value for unknown, value in zip(self.unknowns, values, strict=False)}

    def effect(self, values: Sequence[Any]) -> tuple[object, ...]:
        """What the network does: for each layer, what it sees, what it holds and what it gives."""
        found = self.elaborate(self.spans(values))
        nodes = found.network.layers if found.network else ()
        return tuple((node.word, node.output, _seen_and_held(node)) for node in nodes)

    @property
    def only_shapes(self) -> bool:
        """Whether shapes alone are demanded, each ``?`` standing in a layer and nowhere else."""
        claims = all(isinstance(demand, tree.Size) for demand in self.demands)
        return claims and all(unknown.direct for unknown in self.unknowns)


def _seen_and_held(node: Node) -> tuple[object, object]:
    return node.layer.window(node.input_shapes), node.layer.weights(node.input_shapes)


def problem_of(spec: tree.Spec, read_use: Callable[[str], Source] | None) -> Problem:
    """What a spec asks; raises SpecError where it is faulty, has no ``?``, or demands nothing."""
    unknowns, read_use = unknowns_of(spec), cache(read_use) if read_use else None
    found = elaborate(spec, read_use=read_use, bare=True)
    faults = [item for item in found.diagnostics if item.code not in ("unsolved-unknown", "no-solution")]
    if any(item.severity == "error" for item in faults):
        raise SpecError(faults)
    if not unknowns:
        raise SpecError([_fault(spec, "nothing-to-solve", "this spec has no ?", "put ? for what is sought")])
    demands = demands_of(spec, read_use)
    if not demands:
        raise SpecError(
            [
                _fault(
                    spec, "nothing-to-solve", "nothing is demanded of this network, so every value fits",
                    "claim a shape: => 10x10x16", "or state what it may cost: expect params <= 30k",
                )
            ]
        )  # fmt: skip
    return Problem(spec, unknowns, demands, read_use)


def agree(problems: Sequence[Problem]) -> None:
    """Several specs are solved together only if their unknowns are the same ones."""
    first = [unknown.name for unknown in problems[0].unknowns]
    for problem in problems[1:]:
        names = [unknown.name for unknown in problem.unknowns]
        if names != first:
            raise SpecError(
                [
                    _fault(
                        problem.spec, "unknowns-differ", "the specs do not have the same unknowns",
                        "put the same ? in the same order into each",
                        notes=(f"{', '.join(first)} there; {', '.join(names)} here",),
                    )
                ]
            )  # fmt: skip


def _fault(spec: tree.Spec, code: str, message: str, *help: str, notes: tuple[str, ...] = ()) -> Diagnostic:
    return Diagnostic(code, message, spec.span.source.span(0, 0), help=help, notes=notes)
