"""Solving: every ``?`` of a spec from its claimed shapes and its expectations.

Windows and choices are tried layer by layer (``graph``), and given up as soon as a claim fails.
Widths (filters, units) are not tried: sizes and costs are polynomials in them, found from a few
samples and solved over whole numbers (``widths``). The most usual values come first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any, Final

from cnnspec.analysis.solve.graph import Graph, State
from cnnspec.analysis.solve.missed import Missed
from cnnspec.analysis.solve.problem import Limit, Problem, Sample, agree, problem_of
from cnnspec.analysis.solve.unknowns import Unknown
from cnnspec.analysis.solve.widths import widths
from cnnspec.elaborate.claims import fits
from cnnspec.records import record
from cnnspec.syntax import tree
from cnnspec.text import Source

MOST_SOLUTIONS: Final = 5000
MOST_VERIFIED: Final = 300
"""Solutions elaborated in full; where polynomials give more, the rest is taken at their word."""


@record
class Answer:
    """All solutions, the most usual first: one value for each unknown."""

    unknowns: tuple[Unknown, ...]
    solutions: tuple[tuple[Any, ...], ...]
    problems: tuple[Problem, ...]
    stopped: str = ""
    """What ran out before everything was tried: ``time``, ``room``, ``values`` or ``solutions``."""
    squares_only: bool = False
    """Whether sizes such as ``?x?`` were tried with equal sides only."""
    tried: int = 0
    """The combinations of values that were looked at."""
    nearest: tuple[tuple[tuple[Any, ...], str], ...] = ()
    """Where there is no solution: values that come near, and what they give."""
    missed: tuple[str, ...] = ()
    """Where there is no solution: the demands that no value met, each with what can be had."""

    @property
    def complete(self) -> bool:
        """Whether every natural value was tried, or ruled out."""
        return not self.stopped


def solve(
    specs: Sequence[tuple[tree.Spec, Callable[[str], Source] | None]], *, seconds: float = 20.0
) -> Answer:
    """The values of every ``?``; with several specs, those that serve all of them.

    Raises SpecError where a spec is faulty, has no ``?``, or nothing to solve it against.
    """
    problems = tuple(problem_of(spec, read) for spec, read in specs)
    agree(problems)
    limit = Limit(seconds)
    sizes = [unknown.size for unknown in problems[0].unknowns if unknown.size]
    for squares in (True, False) if len(sizes) > len(set(sizes)) else (False,):
        search = Search(problems, limit, squares)
        found = search.run()
        if found:
            break
    answer = Answer(
        problems[0].unknowns, found, problems, limit.stopped, bool(found) and squares, search.tried
    )
    if found:
        return answer
    missed = tuple(search.missed.demands(bool(search.graph.wide)))
    return replace(answer, nearest=search.missed.nearest, missed=missed)


class Search:
    """One pass over the values of all unknowns."""

    def __init__(self, problems: Sequence[Problem], limit: Limit, squares: bool) -> None:
        limit.stopped = ""
        self.problems, self.limit, self.missed = problems, limit, Missed()
        self.unknowns, self.verified = problems[0].unknowns, 0
        self.graph = Graph(problems, squares, limit, self.missed)
        self.tried = self.graph.tried
        self.only_claims = not any(problem.demands for problem in problems)
        self.only_shapes = all(problem.only_shapes for problem in problems)
        self.known: dict[State, tuple[Iterable[tuple[int, ...]], bool]] = {}

    def run(self) -> tuple[tuple[Any, ...], ...]:
        """The solutions, the most usual first."""
        found = list(islice(self._all(), MOST_SOLUTIONS + 1))
        if len(found) > MOST_SOLUTIONS:
            self.limit.stopped = "solutions"
        if not found:
            for values in self.missed.failing:
                self._holds(values)
        return tuple(self._different(sorted(found[:MOST_SOLUTIONS], key=self._rank)))

    def _different(self, found: Sequence[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
        """Of values that come to the same (``padding=2``, ``padding=same``) only the first."""
        words = any(isinstance(value, str) for values in found for value in values)
        if len(found) > MOST_VERIFIED or not words:
            yield from found
            return
        seen = set()
        for values in found:
            effect = tuple(problem.effect(values) for problem in self.problems)
            if effect not in seen:
                seen.add(effect)
                yield values

    def _rank(self, values: tuple[Any, ...]) -> tuple[Any, ...]:
        """How unusual values are, then their order: of widths, the smaller first."""
        pairs = list(zip(self.unknowns, values, strict=True))
        tried = [unknown.values.index(value) for unknown, value in pairs if not unknown.count]
        widths = [value for unknown, value in pairs if unknown.count]
        return sum(unknown.rank(value) for unknown, value in pairs), tried, widths

    def _all(self) -> Iterator[tuple[Any, ...]]:
        for values, end in self.graph.ways():
            if self.graph.wide:
                yield from self._widths(values, end)
            elif self.only_claims or self._holds(values):
                yield values

    def _holds(self, values: Sequence[Any]) -> bool:
        distance, gives = 0.0, []
        self.tried += 1
        for problem in self.problems:
            sample = problem.sample(values)
            if sample is None:
                return False
            distance += sample.distance
            gives.append(sample.gives)
            for claim, shape in sample.elaborated.claims:
                self.missed.compare(claim, shape, fits(claim.parts, shape))
            for demand in sample.demands:
                self.missed.cost(demand, demand.expectation.holds(sample.figures))
        if distance:
            self.missed.add(distance, "; ".join(gives), values)
        return not distance

    def _widths(self, tried: Sequence[Any], end: State) -> Iterator[tuple[Any, ...]]:
        """The values with the widths that go with them."""

        def complete(wide: Sequence[int]) -> list[Any]:
            values = dict(zip((*self.graph.numbers, *self.graph.wide), (*tried, *wide), strict=True))
            return [values[n] for n in range(len(self.unknowns))]

        def samples(wide: Sequence[int]) -> list[Sample] | None:
            found = [problem.sample(complete(wide)) for problem in self.problems]
            return [sample for sample in found if sample] if all(found) else None

        ways, exact = self.known.get(end) or widths(samples, len(self.graph.wide), self.limit)
        if self.only_shapes:  # the same widths serve all values that come to the same shapes
            self.known[end] = ways, exact = list(islice(ways, MOST_SOLUTIONS + 1)), exact
        for wide in ways:
            if self.limit.over():
                return
            values = complete(wide)
            if (exact and self.verified >= MOST_VERIFIED) or self._holds(values):
                self.verified += 1
                yield tuple(values)
