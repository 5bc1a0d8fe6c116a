"""The shape of a graph of solids: runs, and parallel paths between a fork and its join."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

END = -1
"""The place where everything ends: it joins the results of a network with several."""
BEGIN = -2
"""The place where everything begins: the inputs of a network with several are a fork there."""

DEEPEST: Final = 20
"""Forks within one another that are told apart; what lies deeper stands in a row."""


@dataclass(frozen=True, slots=True)
class Fork:
    """Paths that leave ``start`` side by side and meet at ``join``; ``skips`` go there directly."""

    start: int
    join: int
    paths: tuple[Run, ...]
    skips: int


Run: TypeAlias = "tuple[int | Fork, ...]"


def runs(before: dict[int, Sequence[int]]) -> Run:
    """The whole graph as one run; ``before`` maps each solid, in topological order, to those it reads."""
    roots = [key for key, sources in before.items() if not sources]
    if len(roots) == 1:
        return _Splitter(before).run(roots[0], END)
    joined = {BEGIN: (), **{key: sources or (BEGIN,) for key, sources in before.items()}}
    return _Splitter(joined).run(BEGIN, END)[1:]


def lanes_in(run: Run) -> int:
    """The most paths that lie above one another anywhere; side heads do not count."""
    most = 1
    for item in run:
        if isinstance(item, Fork):
            lanes = [lanes_in(path) for path in item.paths]
            most = max(most, max(lanes, default=1) if item.join == END else sum(lanes))
    return most


class _Splitter:
    def __init__(self, before: dict[int, Sequence[int]]) -> None:
        self.order = {key: place for place, key in enumerate(before)}
        self.order[END] = len(self.order)
        self.after: dict[int, list[int]] = {key: [] for key in before}
        for key, sources in before.items():
            for source in sources:
                self.after[source].append(key)
        for key in before:
            self.after[key] = self.after[key] or [END]
        self.join = self._joins(list(before))
        self.reach = {END: 0}
        """Every solid behind one, and itself, as bits by their order."""
        for key in reversed(before):
            self.reach[key] = 1 << self.order[key]
            for following in self.after[key]:
                self.reach[key] |= self.reach[following]

    def _joins(self, keys: list[int]) -> dict[int, int]:
        """For each solid the first one that every way from it comes to (its post-dominator)."""
        join: dict[int, int] = {}
        for key in reversed(keys):
            meeting = self.after[key][0]
            for other in self.after[key][1:]:
                meeting = self._meet(join, meeting, other)
            join[key] = meeting
        return join

    def _meet(self, join: dict[int, int], one: int, other: int) -> int:
        while one != other:
            if self.order[one] < self.order[other]:
                one = join[one]
            else:
                other = join[other]
        return one

    def run(self, start: int, stop: int, depth: int = 0) -> Run:
        items: list[int | Fork] = []
        current = start
        while current != stop:
            items.append(current)
            following = self.after[current]
            if len(following) == 1:
                current = following[0]
                continue
            join = self.join[current]
            items.append(self._fork(current, following, join, depth))
            current = join
        return tuple(items)

    def _fork(self, start: int, following: list[int], join: int, depth: int) -> Fork:
        groups: list[tuple[list[int], int]] = []
        for key in following:
            if key == join:
                continue
            heads, reach = [key], self.reach[key] & ~self.reach[join]
            for group in [g for g in groups if g[1] & reach]:
                groups.remove(group)
                heads, reach = group[0] + heads, group[1] | reach
            groups.append((heads, reach))
        paths = tuple(self._path(start, heads, reach, join, depth + 1) for heads, reach in groups)
        return Fork(start, join, paths, sum(key == join for key in following))

    def _path(self, start: int, heads: list[int], reach: int, join: int, depth: int) -> Run:
        """A path of its own; several heads are a fork within, or, where tangled, all solids in a row."""
        if len(heads) == 1 and depth < DEEPEST:
            return self.run(heads[0], join, depth)
        meeting = heads[0]
        for head in heads[1:]:
            meeting = self._meet(self.join, meeting, head)
        if meeting == join or depth >= DEEPEST:
            return tuple(key for key, place in self.order.items() if reach >> place & 1)
        return (self._fork(start, heads, meeting, depth), *self.run(meeting, join, depth))


def keys_of(run: Run) -> list[int]:
    """Every solid of a run, however deep."""
    found: list[int] = []
    for item in run:
        found += [key for path in item.paths for key in keys_of(path)] if isinstance(item, Fork) else [item]
    return found
