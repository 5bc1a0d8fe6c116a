"""Widths (filters, units) solved from polynomials through a few samples."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import product
from typing import Final, TypeAlias

from cnnspec.analysis.solve.polynomial import (
    Polynomial,
    fix_first,
    grows,
    interpolate,
    largest_within,
    roots,
    value_at,
)
from cnnspec.analysis.solve.problem import Limit, Residual, Sample
from cnnspec.elaborate.candidates import LARGEST_COUNT, counts

Measure: TypeAlias = Callable[[Sequence[int]], "list[Sample] | None"]
STEPS: Final = (1, 2, 4, 3, 8, 6, 16, 32, 64, 2520, 20_160)
"""Samples are taken at multiples of one of these: groups may need widths that they divide."""
MOST_DEGREE: Final = 3
MOST_TOGETHER: Final = 4
"""Widths in one polynomial; each takes a few times as many samples."""
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

    @property
    def is_of_first(self) -> bool:
        """Whether it is an equality that hangs on the first width alone."""
        return not self.bound and not self.constant and not any(any(e[1:]) for e in self.polynomial)

    def fixed(self, first: int) -> Law:
        return Law(fix_first(self.polynomial, first), self.bound)


def widths(measure: Measure, count: int, limit: Limit) -> tuple[Iterator[tuple[int, ...]], bool]:
    """Widths that meet every demand that is a polynomial, then the nearest misses where none does.

    The second value says whether these are all demands, at every width; otherwise the caller has to
    measure what it gets.
    """
    for step in STEPS:
        if measure([step] * count) is None:
            continue
        laws, all_of_them = SampledWidths(measure, count, step, limit).laws()
        if laws or count == 1:
            return LawSearch(laws, limit).run(count), all_of_them and step == 1
        limit.stopped = limit.stopped or "values"
        return product(USUAL if count <= 2 else USUAL[:8], repeat=count), False
    limit.stopped = limit.stopped or "values"
    return iter(()), False


class SampledWidths:
    """Networks measured at a few places of a grid of widths, each once."""

    def __init__(self, measure: Measure, count: int, step: int, limit: Limit) -> None:
        self.measure, self.count, self.step, self.limit = measure, count, step, limit
        self.seen: dict[tuple[int, ...], list[Residual | None] | None] = {}

    def laws(self) -> tuple[list[Law], bool]:
        """The demands that are polynomials, and whether all of them are."""
        first = self._at((0,) * self.count) or []
        found = [self._law(number, row) for number, row in enumerate(first)]
        laws = [law for law in found if law is not None]
        return laws, len(laws) == len(found)

    def _at(self, place: tuple[int, ...]) -> list[Residual | None] | None:
        if place not in self.seen:
            samples = None if self.limit.over() else self.measure(self._widths(place))
            self.seen[place] = None if samples is None else [r for s in samples for r in s.residuals]
        return self.seen[place]

    def _widths(self, place: Sequence[int]) -> list[int]:
        return [self.step * (n + 1) for n in place]

    def _number(self, number: int, place: tuple[int, ...]) -> int | None:
        row = self._at(place)
        found = row[number] if row is not None and number < len(row) else None
        return None if found is None else found.value

    def _law(self, number: int, first: Residual | None) -> Law | None:
        """The polynomial of lowest degree that further samples agree with, in the widths that it hangs on."""
        if first is None:
            return None
        axes = [
            axis for axis in range(self.count)
            if any(self._number(number, self._on({axis: place})) != first.value for place in (1, 2))
        ]  # fmt: skip
        for degree in range(1, MOST_DEGREE + 1) if len(axes) <= MOST_TOGETHER else ():
            places = list(product(range(degree + 1), repeat=len(axes)))
            values = [self._number(number, self._on(dict(zip(axes, place, strict=True)))) for place in places]
            whole = {p: v for p, v in zip(places, values, strict=True) if v is not None}
            if len(whole) < len(places):
                return None
            few, scale = interpolate(whole, self._widths(range(degree + 1)), len(axes))
            polynomial = {self._on(dict(zip(axes, e, strict=True))): factor for e, factor in few.items()}
            if self._agrees(polynomial, scale, number, degree):
                return Law(polynomial, first.bound)
        return None

    def _on(self, numbers: dict[int, int]) -> tuple[int, ...]:
        """Numbers on some axes of the grid, 0 on the others."""
        return tuple(numbers.get(axis, 0) for axis in range(self.count))

    def _agrees(self, polynomial: Polynomial, scale: int, number: int, degree: int) -> bool:
        for k in range(2):
            place = tuple(degree + 1 + (n + k) % 3 for n in range(self.count))
            value = self._number(number, place)
            if value is None or value_at(polynomial, self._widths(place)) != value * scale:
                return False
        return True


class LawSearch:
    """Whole numbers from 1 that meet all laws; the nearest misses are kept."""

    def __init__(self, laws: list[Law], limit: Limit) -> None:
        self.laws, self.limit = laws, limit
        self.misses: list[tuple[int, tuple[int, ...]]] = []

    def run(self, count: int) -> Iterator[tuple[int, ...]]:
        found = False
        for way in self._ways(count):
            found = True
            yield way
        if not found:
            yield from (way for _, way in sorted(self.misses)[:MOST_MISSES])

    def _ways(self, count: int) -> Iterator[tuple[int, ...]]:
        """One width after the other, each with the laws that are then left for the others."""
        chosen: tuple[int, ...] = ()
        stack = [(self.laws, chosen, self._values(self.laws, chosen, count))]
        while stack and not self.limit.over():
            laws, chosen, values = stack[-1]
            value = next(values, None)
            if value is None:
                stack.pop()
            elif len(chosen) + 1 == count:
                if all(law.holds((value,)) for law in laws):
                    yield (*chosen, value)
            else:
                way, left = (*chosen, value), [law.fixed(value) for law in laws]
                stack.append((left, way, self._values(left, way, count - len(way))))

    def _values(self, laws: list[Law], chosen: tuple[int, ...], count: int) -> Iterator[int]:
        """The values of the next of so many widths that the laws leave room for."""
        if any(law.constant and not law.holds((1,) * count) for law in laws):
            return iter(())
        equal = [law for law in laws if law.is_of_first]
        top = LARGEST_COUNT
        for law in laws:
            if law.grows:
                top = min(top, largest_within(partial(law.may_hold, others=count - 1), top))
        if not equal:
            return (number for number in counts() if number <= top)
        if count == 1:
            self._miss(laws, chosen, top)
        first = {exponents[:1]: factor for exponents, factor in equal[0].polynomial.items()}
        return roots(first, LARGEST_COUNT)

    def _miss(self, laws: list[Law], chosen: tuple[int, ...], top: int) -> None:
        for x in (top, top + 1):
            if 1 <= x <= LARGEST_COUNT:
                off = sum(abs(value_at(law.polynomial, (x,))) for law in laws if not law.holds((x,)))
                self.misses.append((off, (*chosen, x)))
        if len(self.misses) > 200:
            self.misses = sorted(self.misses)[:MOST_MISSES]
