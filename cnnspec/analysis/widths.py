"""Widths (filters, units) solved from polynomials through a few samples."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import product
from time import monotonic
from typing import Final, TypeAlias

from cnnspec.analysis.demands import Residual, Sample
from cnnspec.analysis.polynomial import (
    Polynomial,
    fix_first,
    grows,
    interpolate,
    largest_within,
    roots,
    value_at,
)
from cnnspec.network.candidates import LARGEST_COUNT

Measure: TypeAlias = Callable[[Sequence[int]], "list[Sample] | None"]
STEPS: Final = (1, 2, 4, 3, 8, 6, 16, 32, 64)
"""Samples are taken at multiples of one of these: groups may need widths they divide."""
MOST_DEGREE: Final = 3
MOST_MISSES: Final = 4
USUAL: Final = (8, 16, 32, 64, 128, 256, 512, 1, 2, 4, 10, 12, 20, 24, 48, 96, 100, 192, 384, 1000, 1024)


class Law:
    """One demanded number as a polynomial in the widths: 0, or at most 0."""

    __slots__ = ("bound", "constant", "grows", "polynomial")

    def __init__(self, polynomial: Polynomial, bound: bool) -> None:
        self.polynomial, self.bound, self.grows = polynomial, bound, grows(polynomial)
        self.constant = not any(any(exponents) for exponents in polynomial)

    def holds(self, widths: Sequence[int]) -> bool:
        value = value_at(self.polynomial, widths)
        return value <= 0 if self.bound else value == 0

    def may_hold(self, first: int, others: int) -> bool:
        """Whether the first width leaves room: the others are at least 1."""
        return value_at(self.polynomial, (first, *(1,) * others)) <= 0

    def fixed(self, first: int) -> Law:
        return Law(fix_first(self.polynomial, first), self.bound)


def widths(measure: Measure, count: int, deadline: float) -> Iterator[tuple[int, ...]]:
    """Widths that meet every demand that is a polynomial, then the nearest misses where none does.

    The caller measures each of them: demands that are no polynomials are not judged here.
    """
    for step in STEPS:
        if measure([step] * count) is None:
            continue
        laws = _laws(measure, count, step)
        yield from Search(laws, deadline).run(count) if laws is not None else _usual(count, deadline)
        return


def _usual(count: int, deadline: float) -> Iterator[tuple[int, ...]]:
    """Widths that people take, for demands that are no polynomials in them."""
    for way in product(USUAL if count <= 2 else USUAL[:8], repeat=count):
        if monotonic() > deadline:
            return
        yield way


def _laws(measure: Measure, count: int, step: int) -> list[Law] | None:
    """The demands as polynomials; None where samples at this step do not exist or do not agree."""
    seen: dict[tuple[int, ...], list[Residual | None] | None] = {}

    def residuals(place: tuple[int, ...]) -> list[Residual | None] | None:
        if place not in seen:
            samples = measure([step * (n + 1) for n in place])
            seen[place] = None if samples is None else [r for s in samples for r in s.residuals]
        return seen[place]

    for degree in range(1, MOST_DEGREE + 1):
        laws = _fit(residuals, count, step, degree)
        if laws is not None:
            return laws
        if residuals((0,) * count) is None:
            return None
    return None


def _fit(
    residuals: Callable[[tuple[int, ...]], list[Residual | None] | None], count: int, step: int, degree: int
) -> list[Law] | None:
    grid = {place: residuals(place) for place in product(range(degree + 1), repeat=count)}
    rows = {place: row for place, row in grid.items() if row is not None}
    if len(rows) < len(grid) or len({len(row) for row in rows.values()}) > 1:
        return None
    points, laws = [step * (n + 1) for n in range(degree + 1)], []
    checks = [tuple(degree + 1 + (n + k) % 3 for n in range(count)) for k in range(2)]
    for number, first in enumerate(next(iter(rows.values()))):
        column = {place: row[number] for place, row in rows.items()}
        whole = {place: r.value for place, r in column.items() if r is not None}
        if first is None or len(whole) < len(column):
            continue
        polynomial = interpolate(whole, points, count)
        if polynomial is None or not _agrees(polynomial, whole, residuals, checks, number, step):
            return None
        laws.append(Law(polynomial, first.bound))
    return laws


def _agrees(
    polynomial: Polynomial, whole: dict[tuple[int, ...], int],
    residuals: Callable[[tuple[int, ...]], list[Residual | None] | None],
    checks: Sequence[tuple[int, ...]], number: int, step: int,
) -> bool:  # fmt: skip
    """Whether further samples lie on the polynomial, which is scaled to be whole."""
    place, value = next(((p, v) for p, v in whole.items() if v), (None, 0))
    scale = 1
    if place is not None:
        scaled = value_at(polynomial, [step * (n + 1) for n in place])
        scale = scaled // value
    for check in checks:
        row = residuals(check)
        if row is None or number >= len(row):
            return False
        found = row[number]
        if found is None or value_at(polynomial, [step * (n + 1) for n in check]) != found.value * scale:
            return False
    return True


class Search:
    """Whole numbers from 1 that meet all laws; the nearest misses are kept."""

    def __init__(self, laws: list[Law], deadline: float) -> None:
        self.laws, self.deadline = laws, deadline
        self.misses: list[tuple[int, tuple[int, ...]]] = []

    def run(self, count: int) -> Iterator[tuple[int, ...]]:
        found = False
        for way in self._ways(self.laws, (), count):
            found = True
            yield way
        if not found:
            yield from (way for _, way in sorted(self.misses)[:MOST_MISSES])

    def _ways(self, laws: list[Law], chosen: tuple[int, ...], count: int) -> Iterator[tuple[int, ...]]:
        if any(law.constant and not law.holds((1,) * count) for law in laws):
            return
        if count == 1:
            yield from ((*chosen, x) for x in self._last(laws, chosen))
            return
        for first in range(1, _top(laws, lambda law, x: law.may_hold(x, count - 1)) + 1):
            if monotonic() > self.deadline:
                return
            yield from self._ways([law.fixed(first) for law in laws], (*chosen, first), count - 1)

    def _last(self, laws: list[Law], chosen: tuple[int, ...]) -> Iterator[int]:
        """The values of the last width that meet every law."""
        equal = [law for law in laws if not law.bound and not law.constant]
        top = _top(laws, lambda law, x: law.may_hold(x, 0))
        found = roots(equal[0].polynomial, LARGEST_COUNT) if equal else iter(range(1, top + 1))
        hits = 0
        for x in found:
            if all(law.holds((x,)) for law in laws):
                hits += 1
                yield x
        if not hits and equal:
            self._miss(laws, chosen, top)

    def _miss(self, laws: list[Law], chosen: tuple[int, ...], top: int) -> None:
        for x in (top, top + 1):
            if 1 <= x <= LARGEST_COUNT:
                off = sum(abs(value_at(law.polynomial, (x,))) for law in laws if not law.holds((x,)))
                self.misses.append((off, (*chosen, x)))
        if len(self.misses) > 200:
            self.misses = sorted(self.misses)[:MOST_MISSES]


def _top(laws: list[Law], test: Callable[[Law, int], bool]) -> int:
    """The largest first width that no growing law rules out."""
    top = LARGEST_COUNT
    for law in laws:
        if law.grows:
            top = min(top, largest_within(partial(test, law), top))
    return top
