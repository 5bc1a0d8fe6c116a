"""The shape of a plan: what comes after one another, and what lies side by side, frame by frame.

Within a frame, a child that is before or after all the others is a step of the run; what
lies between two steps and is not joined by links is parallel, in the order of the spec. What is neither
is a tangle, and stands in a row with its links beside it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from cnnspec.views.pictures.plan import Cluster, Link, Plan


@dataclass(frozen=True, slots=True)
class Framed:
    """A cluster around its run."""

    cluster: Cluster
    run: Run


@dataclass(frozen=True, slots=True)
class Parallel:
    """Paths side by side in the order of the spec; an empty path is what ``skips`` carry past the others."""

    paths: tuple[Run, ...]
    skips: frozenset[Link]


Item: TypeAlias = "str | Framed | Parallel"
Run: TypeAlias = "tuple[Item, ...]"

DEEPEST: Final = 30
"""Paths within one another that are told apart; what lies deeper stands in a row."""


def structure_of(plan: Plan) -> Run:
    """The run of the whole plan."""
    return _Structurer(plan).cluster(plan.root)


def cards_of(item: Item) -> Iterator[str]:
    """Every card of an item, in order."""
    if isinstance(item, str):
        yield item
        return
    for run in item.paths if isinstance(item, Parallel) else (item.run,):
        for part in run:
            yield from cards_of(part)


class _Structurer:
    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.order = {card.key: place for place, card in enumerate(plan.cards)}
        self.main = next((card.key for card in plan.cards if card.kind == "output"), plan.cards[-1].key)

    def cluster(self, cluster: Cluster) -> Run:
        children: list[Item] = [*cluster.cards]
        children += [Framed(inner, self.cluster(inner)) for inner in cluster.clusters]
        held = sorted(((sorted(map(self.order.__getitem__, cards_of(child))), child) for child in children),
                      key=lambda pair: pair[0][0])  # fmt: skip
        return _Children(self, [child for _, child in held]).split([*range(len(held))])


class _Children:
    """The children of one frame with the links between them, as sets of bits."""

    def __init__(self, splitter: _Structurer, children: Sequence[Item]) -> None:
        self.children = children
        home = {key: n for n, child in enumerate(children) for key in cards_of(child)}
        self.main = home.get(splitter.main, len(children) - 1)
        self.links: dict[tuple[int, int], list[Link]] = {}
        self.leaving: dict[int, list[Link]] = {}
        for link in splitter.plan.links:
            one, two = home.get(link.tail), home.get(link.head)
            if one is not None and two is not None and one != two:
                self.links.setdefault((one, two), []).append(link)
                self.leaving.setdefault(one, []).append(link)
        size = len(children)
        self.near, self.after, self.before = [0] * size, [0] * size, [0] * size
        for one, two in self.links:
            self.near[one] |= 1 << two
            self.near[two] |= 1 << one
        for one, two in sorted(self.links, reverse=True):
            self.after[one] |= 1 << two | self.after[two]
        for one, two in sorted(self.links, key=lambda pair: pair[1]):
            self.before[two] |= 1 << one | self.before[one]

    def split(self, ids: list[int], skips: Sequence[Link] = (), depth: int = 0) -> Run:
        """The run of some children; ``skips`` pass them by from the step before to the step after."""
        if depth > DEEPEST:
            return tuple(self.children[n] for n in ids)
        parts = self._parts(ids)
        if len(parts) > 1:
            return self._side_by_side(parts, skips, depth)
        mask = sum(1 << n for n in ids)
        steps = [n for n in ids if not mask & ~(self.after[n] | self.before[n] | 1 << n)]
        if not steps:
            return tuple(self.children[n] for n in ids)
        run: list[Item] = []
        last: int | None = None
        for step in [*steps, None]:
            between = [n for n in ids if (last is None or n > last) and (step is None or n < step)]
            if between:
                passing = [] if last is None or step is None else self.links.get((last, step), [])
                run += self.split(between, passing, depth + 1)
            if step is not None:
                run.append(self.children[step])
            last = step
        return tuple(run)

    def _parts(self, ids: list[int]) -> list[list[int]]:
        """The groups of children that no link joins, each in order, by their first child."""
        left, parts = sum(1 << n for n in ids), []
        for n in ids:
            if not left >> n & 1:
                continue
            found, fresh = 0, 1 << n
            while fresh:
                found |= fresh
                reached = 0
                for m in _bits(fresh):
                    reached |= self.near[m]
                fresh = reached & left & ~found
            left &= ~found
            parts.append([*_bits(found)])
        return parts

    def _side_by_side(self, parts: list[list[int]], skips: Sequence[Link], depth: int) -> Run:
        main = next((part for part in parts if self.main in part), None)
        ends = [part for part in parts if not self._is_left(part)]
        if main in ends and main is not None and not skips:
            return self._with_heads(parts, main, depth)
        paths = [(self._order(part, skips), self.split(part, (), depth + 1)) for part in parts]
        if skips:
            paths.append((min(link.order for link in skips), ()))
            paths.sort(key=lambda pair: pair[0])
        return (Parallel(tuple(path for _, path in paths), frozenset(skips)),)

    def _is_left(self, part: list[int]) -> bool:
        """Whether a way leads out of a part."""
        inside = sum(1 << n for n in part)
        return any(self.after[n] & ~inside for n in part)

    def _with_heads(self, parts: list[list[int]], main: list[int], depth: int) -> Run:
        """Heads stand beside as much of the way to the main output as they are long."""
        runs = {part[0]: self.split(part, (), depth + 1) for part in parts}
        trunk = runs[main[0]]
        longest = max(sum(len([*cards_of(item)]) for item in run) for first, run in runs.items()
                      if first != main[0])  # fmt: skip
        beside, cards = 0, 0
        while beside < len(trunk) and cards < longest:
            cards += len([*cards_of(trunk[beside])])
            beside += 1
        runs[main[0]] = trunk[:beside]
        return Parallel(tuple(runs.values()), frozenset()), *trunk[beside:]

    def _order(self, part: list[int], skips: Sequence[Link]) -> int:
        """When the step after reads a path, among all that it reads."""
        heads = {link.head for link in skips}
        found = [link for one in part for link in self.leaving.get(one, ())]
        return min((link.order for link in found if link.head in heads), default=len(self.links))


def _bits(mask: int) -> Iterator[int]:
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low
