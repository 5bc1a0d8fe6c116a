"""Solving: every ``?`` of a spec from its claimed shapes and its expectations.

Windows and choices are tried value by value, and given up as soon as a claim
before the next ``?`` fails. Widths (filters, units) are not tried: sizes and
costs are polynomials in them, found from a few samples and solved over whole
numbers. Each solution is then elaborated in full before it is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from time import monotonic
from typing import Any, Final

from cnnspec.analysis.solve.demands import Sample
from cnnspec.analysis.solve.problem import Problem, agree, problem_of
from cnnspec.analysis.solve.reach import Reach
from cnnspec.analysis.solve.unknowns import Unknown
from cnnspec.analysis.solve.widths import widths
from cnnspec.elaborate.claims import fits
from cnnspec.syntax import tree
from cnnspec.text import Source

MOST_SOLUTIONS: Final = 5000
MOST_VERIFIED: Final = 300
"""Solutions elaborated in full; where polynomials give more, the rest is taken at their word."""
PLACEHOLDER: Final = 8
"""Stands for a width while only windows are being tried."""


@dataclass(frozen=True, slots=True)
class Answer:
    """All solutions, the most usual first: one value for each unknown."""

    unknowns: tuple[Unknown, ...]
    solutions: tuple[tuple[Any, ...], ...]
    problems: tuple[Problem, ...]
    complete: bool = True
    """False where time or room ran out before everything was tried."""
    squares_only: bool = False
    """Whether sizes such as ``?x?`` were tried with equal sides only."""
    nearest: tuple[tuple[tuple[Any, ...], str], ...] = ()
    """Where there is no solution: values that come near, and what they give."""
    missed: tuple[str, ...] = ()
    """Where there is no solution: the demands that no value met, each with what can be had."""


def solve(
    specs: Sequence[tuple[tree.Spec, Callable[[str], Source] | None]], *, seconds: float = 20.0
) -> Answer:
    """The values of every ``?``; with several specs, those that serve all of them.

    Raises SpecError where a spec is faulty, has no ``?``, or nothing to solve it against.
    """
    problems = tuple(problem_of(spec, read) for spec, read in specs)
    agree(problems)
    deadline = monotonic() + seconds
    for squares in (True, False) if _has_squares(problems[0]) else (False,):
        search = Search(problems, deadline, squares)
        found = search.run()
        if found or not squares:
            break
    answer = Answer(problems[0].unknowns, found, problems, search.complete, squares and bool(found))
    if found:
        return answer
    missed = tuple(search.reach.missed(bool(search.wide)))
    return replace(answer, nearest=tuple(search.near.best()), missed=missed)


def _has_squares(problem: Problem) -> bool:
    sizes = [unknown.size for unknown in problem.unknowns if unknown.size]
    return len(sizes) > len(set(sizes))


@dataclass
class Near:
    """The assignments that come nearest to what is demanded."""

    found: list[tuple[float, tuple[Any, ...], str]] = field(default_factory=list)

    def add(self, distance: float, values: Sequence[Any], gives: str) -> None:
        self.found.append((distance, tuple(values), gives))
        if len(self.found) > 200:
            self._trim(20)

    def _trim(self, most: int) -> None:
        self.found.sort(key=lambda item: item[0])
        kept: dict[tuple[float, str], tuple[float, tuple[Any, ...], str]] = {}
        for item in self.found:
            kept.setdefault((item[0], item[2]), item)
        self.found = list(kept.values())[:most]

    def best(self) -> list[tuple[tuple[Any, ...], str]]:
        self._trim(4)
        return [(values, gives) for _, values, gives in self.found]


class Search:
    """One pass over the values of all unknowns."""

    def __init__(self, problems: Sequence[Problem], deadline: float, squares: bool) -> None:
        self.problems, self.deadline, self.squares = problems, deadline, squares
        self.unknowns = problems[0].unknowns
        self.tried = [n for n, unknown in enumerate(self.unknowns) if not unknown.count]
        self.wide = [n for n, unknown in enumerate(self.unknowns) if unknown.count]
        self.complete, self.near, self.reach, self.verified = True, Near(), Reach(), 0
        self.memo: dict[tuple[object, ...], list[dict[int, Any]]] | None = None
        if all(problem.only_shapes for problem in problems):
            self.memo = {}

    def run(self) -> tuple[tuple[Any, ...], ...]:
        """The solutions, the most usual first."""
        found = list(islice(self._all(), MOST_SOLUTIONS + 1))
        if len(found) > MOST_SOLUTIONS:
            self.complete = False
        return tuple(self._different(sorted(found[:MOST_SOLUTIONS], key=self._rank)))

    def _different(self, found: Sequence[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
        """Of values that come to the same (``padding=2``, ``padding=same``) only the first."""
        if len(found) > MOST_VERIFIED:
            yield from found
            return
        seen = set()
        words = any(isinstance(value, str) for values in found for value in values)
        for values in found:
            effect = tuple(problem.effect(values) for problem in self.problems) if words else values
            if effect not in seen:
                seen.add(effect)
                yield values

    def _rank(self, values: tuple[Any, ...]) -> float:
        return sum(unknown.rank(value) for unknown, value in zip(self.unknowns, values, strict=True))

    def _all(self) -> Iterator[tuple[Any, ...]]:
        for partial in self._tries({}, 0):
            if monotonic() > self.deadline:
                self.complete = False
                return
            if self.wide:
                yield from self._widths(partial)
            elif self.memo is not None or self._holds([partial[n] for n in self.tried]):
                yield tuple(partial[n] for n in self.tried)

    def _tries(self, chosen: dict[int, Any], depth: int) -> Iterator[dict[int, Any]]:
        """Values for all windows and choices, as far as the claims on the way allow."""
        if depth == len(self.tried):
            yield chosen
            return
        for value in self._values(chosen, depth):
            if monotonic() > self.deadline:
                self.complete = False
                return
            trial = {**chosen, self.tried[depth]: value}
            met = self._met(trial, depth)
            if met is not None:
                yield from self._onwards(trial, depth + 1, met)

    def _onwards(
        self, trial: dict[int, Any], depth: int, met: tuple[object, ...]
    ) -> Iterator[dict[int, Any]]:
        """What can follow; where shapes alone are demanded, it is the same after the same shapes."""
        if self.memo is None or depth == len(self.tried):
            yield from self._tries(trial, depth)
            return
        here = self.unknowns[self.tried[depth]].sentence
        pending = tuple(trial[n] for n in self.tried[:depth] if self.unknowns[n].sentence == here)
        key = (depth, pending, *met)
        if key not in self.memo:
            ways = islice(self._tries(trial, depth), MOST_SOLUTIONS)
            self.memo[key] = [{n: way[n] for n in self.tried[depth:]} for way in ways]
        yield from ({**trial, **way} for way in self.memo[key])

    def _values(self, chosen: Mapping[int, Any], depth: int) -> Sequence[Any]:
        unknown = self.unknowns[self.tried[depth]]
        if self.squares and unknown.size is not None:
            for n in self.tried[:depth]:
                if self.unknowns[n].size == unknown.size:
                    return (chosen[n],)
        return unknown.values

    def _met(self, trial: Mapping[int, Any], depth: int) -> tuple[object, ...] | None:
        """The shapes before the next ``?``, or None where a claim among them fails; widths do not count."""
        met = [self._reached(problem, trial, depth) for problem in self.problems]
        return None if None in met else tuple(met)

    def _reached(self, problem: Problem, trial: Mapping[int, Any], depth: int) -> tuple[object, ...] | None:
        values = {problem.unknowns[n].span: PLACEHOLDER for n in self.wide}
        values |= {problem.unknowns[n].span: value for n, value in trial.items()}
        found = problem.elaborate(values)
        for claim, shape in found.claims:
            said = claim.parts
            self.reach.shape(claim, shape, channels=not self.wide)
            if self.wide:
                said, shape = said[:-1], shape[: len(said) - 1] if len(said) == len(shape) else shape
            if said and not fits(said, shape):
                if depth + 1 == len(self.tried) and not self.wide:
                    self._holds([trial[n] for n in self.tried])
                return None
        if depth + 1 == len(self.tried) and not self.wide and found.has_errors:
            return None
        return tuple(node.output for node in found.network.nodes) if found.network else ()

    def _holds(self, values: Sequence[Any]) -> bool:
        distance, gives = 0.0, []
        for problem in self.problems:
            sample = problem.sample(values)
            if sample is None:
                return False
            distance += sample.distance
            gives.append(sample.gives)
            self._remember(sample)
        if distance:
            self.near.add(distance, values, "; ".join(gives))
        return not distance

    def _remember(self, sample: Sample) -> None:
        for claim, shape in sample.elaborated.claims:
            self.reach.shape(claim, shape, channels=True)
        for demand in sample.demands:
            self.reach.cost(demand, demand.expectation.holds(sample.figures))

    def _widths(self, partial: Mapping[int, Any]) -> Iterator[tuple[Any, ...]]:
        def complete(wide: Sequence[int]) -> list[Any]:
            values = {**partial, **dict(zip(self.wide, wide, strict=True))}
            return [values[n] for n in range(len(self.unknowns))]

        def samples(wide: Sequence[int]) -> list[Sample] | None:
            found = [problem.sample(complete(wide)) for problem in self.problems]
            return [sample for sample in found if sample] if all(found) else None

        found, exact = widths(samples, len(self.wide), self.deadline)
        for wide in found:
            if monotonic() > self.deadline:
                self.complete = False
                return
            values = complete(wide)
            if (exact and self.verified >= MOST_VERIFIED) or self._holds(values):
                self.verified += 1
                yield tuple(values)
