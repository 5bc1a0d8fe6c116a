"""Values tried layer by layer: where different values come to the same shapes, the search goes on once.

A state is a place in the spec with all that the rest of it can see; edges are values of the next ``?``.
Where nothing but one layer's shape hangs on them, they are taken together: one edge for each shape.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush, merge
from itertools import chain, count, product
from math import inf, prod
from operator import itemgetter
from time import monotonic
from typing import Any, Final, TypeAlias

from cnnspec.analysis.solve.missed import Missed
from cnnspec.analysis.solve.problem import MOST_KEPT, Limit, Problem
from cnnspec.analysis.solve.stage import Size, Stage, Values
from cnnspec.elaborate.claims import fits
from cnnspec.elaborate.spec import Elaborated
from cnnspec.layers.base import Shape
from cnnspec.syntax import tree

Way: TypeAlias = tuple[float, Values]
"""How unusual values are together, and the values."""

PLACEHOLDERS: Final = (20_160, 1, 40_320)
"""They stand for the widths; a size that is the same with two of them hangs on no width."""
NARROW: Final = frozenset({"window-larger-than-input", "window-sees-only-padding"})
"""Faults that no width mends."""
MOST_WAYS: Final = 400_000
"""Combinations tried for one window; a tenth of it for a layer without a size law."""
BY_RANK: Final = itemgetter(0)


class Bundle:
    """Ways that come to the same, in lists that are each in order."""

    __slots__ = ("least", "lists")

    def __init__(self, lists: list[list[Way]]) -> None:
        self.lists, self.least = lists, min(ways[0][0] for ways in lists)

    def __iter__(self) -> Iterator[Way]:
        """The most usual first."""
        return merge(*self.lists, key=BY_RANK)

    def whole(self) -> list[Way]:
        """All of them as one list, kept so."""
        if len(self.lists) > 1:
            self.lists = [sorted(chain.from_iterable(self.lists), key=BY_RANK)]
        return self.lists[0]


@dataclass(eq=False, slots=True)
class State:
    """``values`` is the most usual way here; ``pinned`` are those that the rest of the spec may see."""

    values: Values
    pinned: Values
    stages: tuple[Stage, ...]
    """The layers that wait for the next values; none where more than their shapes hangs on them."""
    edges: list[tuple[Bundle, State]] = field(default_factory=list)
    least: float = inf
    """How unusual the most usual way from here to the end is."""
    ways: list[tuple[float, Values, State]] = field(default_factory=list)
    """Those from here to an end that were asked for, the most usual first; ``onwards`` has the others."""
    onwards: Iterator[tuple[float, Values, State]] | None = None


class Graph:
    """All values but the widths, as far as the claims allow them."""

    def __init__(self, problems: Sequence[Problem], squares: bool, limit: Limit, missed: Missed) -> None:
        self.problems, self.limit, self.missed = problems, limit, missed
        unknowns = problems[0].unknowns
        self.numbers = [n for n, unknown in enumerate(unknowns) if not unknown.count]
        self.unknowns = [unknowns[n] for n in self.numbers]
        self.wide = [n for n, unknown in enumerate(unknowns) if unknown.count]
        self.widths = [
            {n: 1 if unknowns[n].name == "groups" else width for n in self.wide}
            for width in PLACEHOLDERS[: 3 if self.wide else 1]
        ]
        sizes = [unknown.size if squares and unknown.size else unknown for unknown in self.unknowns]
        self.twins = [sizes.index(size) for size in sizes]
        """The first unknown that has the same value: of the parts of a size with equal sides."""
        self.states: dict[Any, State | None] = {}
        self.tables: dict[Any, dict[Any, list[Way]]] = {}
        self.outcomes: dict[Any, dict[Any, Bundle]] = {}
        share = 0.5 if self.wide or any(problem.demands for problem in problems) else 0.9
        self.tried, self.end = 0, monotonic() + share * (limit.end - monotonic())
        limit.room = MOST_KEPT
        self.start = self.states[()] = self._arrive((), ())
        if self.start is not None:
            self._explore(self.start)

    def _explore(self, start: State) -> None:
        """Finds every state, those of usual values first, and how far each is from the end."""
        number = count()
        queue: list[tuple[float, int, State]] = [(0, next(number), start)]
        while queue and not self.limit.over(20, self.end):
            rank, _, state = heappop(queue)
            for key, bundle, pinned in self._edges(state):
                is_new = key not in self.states
                target = self._target(state, key, bundle, pinned)
                if target is not None:
                    state.edges.append((bundle, target))
                    if is_new:
                        heappush(queue, (rank + bundle.least, next(number), target))
                if self.limit.over(1, self.end):
                    break
        for state in sorted(filter(None, self.states.values()), key=lambda state: -len(state.values)):
            steps = (bundle.least + target.least for bundle, target in state.edges)
            state.least = 0 if self._is_end(state.values) else min(steps, default=inf)

    def _is_end(self, values: Values) -> bool:
        return len(values) == len(self.unknowns)

    def _edges(self, state: State) -> Iterator[tuple[Any, Bundle, Values]]:
        """Where the next values lead: what names the state there, the ways there, what is pinned then."""
        depth = len(state.values)
        if self._is_end(state.values):
            return
        if not state.stages:
            twin = self.twins[depth]
            for value in self.unknowns[depth].values if twin == depth else (state.values[twin],):
                self.tried += 1
                way = (self.unknowns[depth].rank(value), (value,))
                yield (id(state), value), Bundle([[way]]), (*state.pinned, value)
            return
        seen = tuple(stage.seen for stage in state.stages)
        for sizes, bundle in self._outcomes(state.stages, depth).items():
            yield (depth, state.pinned, seen, sizes), bundle, state.pinned

    def _outcomes(self, stages: tuple[Stage, ...], depth: int) -> dict[Any, Bundle]:
        """The ways of a layer by the sizes they give; equal layers share them."""
        unknowns = self.unknowns[depth : depth + len(stages[0].spans)]
        table_key = (*(stage.key for stage in stages), *(unknown.values for unknown in unknowns))
        key = (table_key, *(stage.inputs for stage in stages))
        if key in self.outcomes:
            return self.outcomes[key]
        if table_key not in self.tables:
            self.tables[table_key] = self._table(stages, depth)
        found: dict[Any, list[list[Way]]] = {}
        for laws, ways in self.tables[table_key].items():
            sizes = tuple([stage.sizes(law) for stage, law in zip(stages, laws, strict=True)])
            if None not in sizes:
                found.setdefault(sizes, []).append(ways)
        self.limit.over(len(self.tables[table_key]), self.end)
        self.outcomes[key] = {sizes: Bundle(lists) for sizes, lists in found.items()}
        return self.outcomes[key]

    def _table(self, stages: tuple[Stage, ...], depth: int) -> dict[Any, list[Way]]:
        """The values of a layer's unknowns by their laws, the most usual first."""
        table: dict[Any, list[Way]] = {}
        for rank, values in self._combinations(stages, depth):
            laws = tuple([stage.law(values) for stage in stages])
            if None not in laws:
                table.setdefault(laws, []).append((rank, values))
            self.tried += 1
            if self.limit.over(1, self.end):
                break
        for ways in table.values():
            ways.sort(key=BY_RANK)
        return table

    def _combinations(self, stages: tuple[Stage, ...], depth: int) -> Iterator[Way]:
        """Every combination of a layer's values; where they are too many, of the more usual ones."""
        twins = self.twins[depth : depth + len(stages[0].spans)]
        free = sorted(set(twins))
        ranges = []
        for n in free:
            unknown, times = self.unknowns[n], twins.count(n)
            ranges.append([(times * unknown.rank(value), value) for value in unknown.values])
        most = MOST_WAYS if all(stage.has_law for stage in stages) else MOST_WAYS // 10
        while prod(map(len, ranges)) > most:
            longest, self.limit.stopped = max(ranges, key=len), "values"
            del longest[len(longest) * 3 // 4 :]
        places = [free.index(twin) for twin in twins]
        for way in product(*ranges):
            yield sum([rank for rank, _ in way]), tuple([way[place][1] for place in places])

    def _target(self, state: State, key: Any, bundle: Bundle, pinned: Values) -> State | None:
        """The state of a name; the first way that comes there looks at what is there."""
        if key in self.states:
            return self.states[key]
        for _, chosen in bundle:
            shapes = [shape for stage in state.stages if (shape := stage.shape(chosen)) is not None]
            if len(shapes) < len(state.stages):
                continue
            values = (*state.values, *chosen)
            claims = [(stage.claim, shape) for stage, shape in zip(state.stages, shapes, strict=True)]
            met = all(claim is None or self._judge(claim, shape, values) for claim, shape in claims)
            self.states[key] = self._arrive(values, pinned) if met else None
            return self.states[key]
        return None

    def _arrive(self, values: Values, pinned: Values) -> State | None:
        """The state that values lead to, or None where a claim on the way fails."""
        given, looks = dict(zip(self.numbers, values, strict=False)), []
        for problem in self.problems:
            look = self._look(problem, given)
            if not self._meets_claims(look, values):
                return None
            if self._is_end(values) and not self.wide and look[0].has_errors:
                return None
            if all(any(item.code in NARROW for item in one.diagnostics) for one in look):
                return None
            looks.append(look)
        return State(values, pinned, self._stages(looks, len(values)))

    def _look(self, problem: Problem, given: dict[int, Any]) -> list[Elaborated]:
        """The network with two widths, as different as can be; 1 is too small where groups need more."""
        look = [problem.elaborate(given | widths) for widths in self.widths[:2]]
        if self.wide and len(look[1].diagnostics) > len(look[0].diagnostics):
            look[1] = problem.elaborate(given | self.widths[2])
        return look

    def _meets_claims(self, look: Sequence[Elaborated], values: Values) -> bool:
        """Whether the claims on the way hold, as far as they hang on no width."""
        for found in zip(*(one.claims for one in look), strict=False):
            if len({claim for claim, _ in found}) == 1:
                size = _agreed([shape for _, shape in found])
                if size is not None and not self._judge(found[0][0], size, values):
                    return False
        return True

    def _judge(self, claim: tree.Size, size: Size, values: Values) -> bool:
        """Whether a shape may be what is claimed."""
        parts = claim.parts
        if len(size) == len(parts):
            parts = tuple(None if one is None else part for one, part in zip(size, parts, strict=True))
        holds = fits(parts, size)
        self.missed.compare(claim, size, holds)
        if not holds and self._is_end(values) and not self.wide:
            self.missed.fail(claim, size, values)
        return holds

    def _stages(self, looks: Sequence[Sequence[Elaborated]], depth: int) -> tuple[Stage, ...]:
        """The layers that wait for the next unknowns; none where more than their shapes hangs on them."""
        stages = []
        for problem, look in zip(self.problems, looks, strict=True):
            layers = [one.open for one in look if one.open is not None]
            if len(layers) < len(look) or (problem.refers and layers[0].sentence.label):
                return ()
            claims = tuple(shape for one in look for _, shape in one.claims) if self.wide else ()
            stage = Stage(layers, claims)
            next_ones = [problem.unknowns[n] for n in self.numbers[depth : depth + len(stage.spans)]]
            if [one.span for one in next_ones if one.direct] != stage.spans or not stage.is_known:
                return ()
            stages.append(stage)
        return tuple(stages) if len({len(stage.spans) for stage in stages}) == 1 else ()

    def ways(self) -> Iterator[tuple[Values, State]]:
        """Values that lead to an end, the most usual first."""
        number, self.limit.room = count(), MOST_KEPT
        heap: list[tuple[float, int, int, State, int, Values]] = []

        def push(before: float, state: State, index: int, values: Values) -> None:
            """One way on from a state that was reached; the next best one follows when it is taken."""
            cost = 0.0 if self._is_end(values) else self._way(state, index)[0]
            if cost < inf:
                heappush(heap, (before + cost, -len(values), next(number), state, index, values))

        if self.start is not None and self.start.least < inf:
            push(0, self.start, 0, ())
        while heap and not self.limit.over(kept=1):
            total, _, _, state, index, values = heappop(heap)
            if self._is_end(values):
                yield values, state
                continue
            cost, chosen, target = self._way(state, index)
            push(total - cost, state, index + 1, values)
            if all(stage.shape(chosen) for stage in state.stages):
                push(total - target.least, target, 0, (*values, *chosen))

    def _way(self, state: State, index: int) -> tuple[float, Values, State]:
        """The ways from a state to an end by how unusual they are, one after the other; then none."""
        if state.onwards is None:
            kept = [(bundle.whole(), target) for bundle, target in state.edges if target.least < inf]
            self.limit.over(sum(len(ways) for ways, _ in kept))
            state.onwards = merge(*(_ways_to(target, ways) for ways, target in kept), key=BY_RANK)
        while len(state.ways) <= index:
            state.ways.append(next(state.onwards, (inf, (), state)))
        return state.ways[index]


def _ways_to(target: State, ways: list[Way]) -> Iterator[tuple[float, Values, State]]:
    return ((rank + target.least, chosen, target) for rank, chosen in ways)


def _agreed(shapes: Sequence[Shape]) -> Size | None:
    """The sizes that shapes agree in; None where they have not as many axes."""
    if len(set(map(len, shapes))) > 1:
        return None
    return tuple(sizes[0] if len(set(sizes)) == 1 else None for sizes in zip(*shapes, strict=True))
