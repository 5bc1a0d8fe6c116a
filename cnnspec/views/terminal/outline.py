"""The order in which a network is told: blocks as sections, branches as those of a tree.

Which nodes belong to a branch follows from the graph: they lie between a merge
and its fork, the last node that every path to the merge goes through. A skip
that only reaches forward (``add stem``) is no branch and bends nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from cnnspec.analysis.fold import Block, Leaf, Repeated, Segment, fold
from cnnspec.network.graph import Network, Node

MOST_BRANCHES: Final = 100
"""Branches inside branches that are told; what lies deeper is told in the order of the network."""

Branch: TypeAlias = tuple[int, int]
"""Index of a merge, and which of its paths."""


@dataclass(slots=True)
class Section:
    """A block (``prefix`` is its dotted path), a repeat (``times``), or a branch of a merge.

    ``nodes`` are all layers it stands for, those of folded turns included.
    """

    items: list[Item] = field(default_factory=list)
    nodes: tuple[Node, ...] = ()
    prefix: tuple[str, ...] = ()
    branch: Branch | None = None
    times: int = 1
    label: str = ""
    """How often, and from how many channels to how many where it grows: ``×6, 64→256``."""


Item: TypeAlias = Section | Node


def outline(network: Network, folded: bool = True) -> Section:
    """The layers as nested sections in the order of the network."""
    return Section(
        _Outliner(network).items(fold(network, repeats=folded, growing=folded), frozenset()), network.layers
    )


class _Outliner:
    def __init__(self, network: Network) -> None:
        self.branches = _branches(network)

    def items(self, segments: Sequence[Segment], within: frozenset[Branch]) -> list[Item]:
        """The segments as items, those on the same new branch gathered under it."""
        root = Section()
        for segment in segments:
            branches = [branch for branch in self._branches_of(segment) if branch not in within]
            section = root
            for branch in branches:
                section = _last_branch(section, branch)
            section.items.append(self._item(segment, within.union(branches)))
        return root.items

    def _branches_of(self, segment: Segment) -> list[Branch]:
        """The branches that hold the whole segment, outermost first."""
        first, *others = (self.branches[node.index] for node in segment.nodes)
        return [branch for branch in first if all(branch in other for other in others)]

    def _item(self, segment: Segment, within: frozenset[Branch]) -> Item:
        if isinstance(segment, Leaf):
            return segment.node
        if isinstance(segment, Block):
            return self._block(segment, within)
        return self._repeated(segment, within)

    def _block(self, segment: Block, within: frozenset[Branch]) -> Section:
        """A block that holds nothing but another is told with it: ``inverted1.body1``."""
        items, prefix = self.items(segment.segments, within), _common(segment.nodes)
        only = items[0] if len(items) == 1 else None
        if isinstance(only, Section) and only.branch is None and only.times == 1 and only.prefix == prefix:
            return only
        return Section(items, segment.nodes, prefix)

    def _repeated(self, segment: Repeated, within: frozenset[Branch]) -> Section:
        """A repeat of one block is that block, so many times."""
        items = self.items(segment.segments, within)
        only = items[0] if len(items) == 1 else None
        if isinstance(only, Section) and only.branch is None and only.times == 1:
            only.times, only.nodes, only.label = segment.times, segment.nodes, segment.label
            return only
        return Section(items, segment.nodes, times=segment.times, label=segment.label)


def _last_branch(section: Section, branch: Branch) -> Section:
    last = section.items[-1] if section.items else None
    if isinstance(last, Section) and last.branch == branch:
        return last
    found = Section(branch=branch)
    section.items.append(found)
    return found


def _common(nodes: Sequence[Node]) -> tuple[str, ...]:
    """The path that all the nodes share, their own names apart."""
    shared = nodes[0].path[:-1]
    for node in nodes[1:]:
        while shared != node.path[: len(shared)]:
            shared = shared[:-1]
    return shared


def _branches(network: Network) -> list[list[Branch]]:
    """For each node, the branches it lies on, outermost first."""
    branches: list[list[Branch]] = [[] for _ in network.nodes]
    forks = _forks(network)
    for node in reversed(network.nodes):
        if len(node.inputs) > 1 and _is_braced(node):
            _claim(network, node, forks[node.index], branches)
    return branches


def _is_braced(node: Node) -> bool:
    """Written with its paths inside, ``add { | … }``; a graph without a text has only such merges."""
    return node.span is None or "{" in node.span.text


def _claim(network: Network, merge: Node, fork: int, branches: list[list[Branch]]) -> None:
    seen: set[int] = set()
    for path, source in enumerate(merge.inputs):
        queue = [source]
        while queue:
            index = queue.pop()
            if index > fork and index not in seen and len(branches[index]) < MOST_BRANCHES:
                seen.add(index)
                branches[index].append((merge.index, path))
                queue.extend(network.nodes[index].inputs)


def _forks(network: Network) -> list[int]:
    """For each node, the nearest other node that every path from the input to it goes through."""
    above = [0] * len(network.nodes)
    for node in network.layers:
        ways = set(node.inputs)
        while len(ways) > 1:
            furthest = max(ways)
            ways = ways - {furthest} | {above[furthest]}
        above[node.index] = ways.pop()
    return above


def repeated(network: Network, growing: bool = False) -> tuple[dict[int, Repeated], frozenset[int]]:
    """Folded stretches by the index of their first node, and the nodes of all turns but the first."""
    found: dict[int, Repeated] = {}
    hidden: set[int] = set()
    queue: list[Segment] = list(fold(network, growing=growing))
    while queue:
        segment = queue.pop()
        if isinstance(segment, Repeated):
            found.setdefault(segment.turns[0][0].index, segment)
            hidden.update(node.index for turn in segment.turns[1:] for node in turn)
        if not isinstance(segment, Leaf):
            queue.extend(segment.segments)
    return found, frozenset(hidden)
