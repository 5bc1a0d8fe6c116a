"""Paths of a flat graph that part and meet again."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, TypeAlias

from cnnspec.network.graph import Network, Node

NOWHERE: Final = -1
"""Before the inputs."""


@dataclass
class Meeting:
    """Paths from one layer that meet in a merge; an empty path is that layer's own result."""

    merge: Node
    start: int
    paths: list[list[Item]]
    inside: set[int]


Item: TypeAlias = "Node | Meeting"


def end_of(item: Item) -> Node:
    return item if isinstance(item, Node) else item.merge


def start_of(item: Item) -> int:
    return item.inputs[0] if isinstance(item, Node) else item.start


def _dominators(network: Network) -> dict[int, int]:
    """For each node the last one that every path to it passes; that of the inputs is nowhere."""
    found: dict[int, int] = {}
    depth = {NOWHERE: 0}
    for node in network.nodes:
        first, *others = node.inputs or (NOWHERE,)
        for other in others:
            while first != other:
                if depth[first] >= depth[other]:
                    first = found[first]
                else:
                    other = found[other]
        found[node.index] = first
        depth[node.index] = depth[first] + 1
    return found


@dataclass
class Dominated:
    network: Network
    dominators: dict[int, int] = field(init=False)
    known: dict[int, Item] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.dominators = _dominators(self.network)

    def items(self) -> list[Item]:
        """The layers in order, those that are branches of a merge within it."""
        found: list[Item] = []
        swallowed: set[int] = set()
        for node in reversed(self.network.layers):
            if node.index in swallowed:
                continue
            item = self.item(node)
            if isinstance(item, Meeting):
                swallowed |= item.inside
            found.append(item)
        return found[::-1]

    def item(self, node: Node) -> Item:
        """A layer, or the branches that meet in it; each is asked for by every merge behind it."""
        if node.index not in self.known:
            self.known[node.index] = (self._branches(node) if _is_merge(node) else None) or node
        return self.known[node.index]

    def _branches(self, merge: Node) -> Meeting | None:
        """The paths of a merge, where nothing else reads what lies on them."""
        start, inside = self.dominators[merge.index], set[int]()
        if start == NOWHERE:
            return None
        paths = [self._path(each, start, inside) for each in merge.inputs]
        heads = {output.node for output in self.network.outputs}
        if any(path is None for path in paths) or inside & heads or not inside:
            return None
        allowed = inside | {merge.index}
        if any(not allowed.issuperset(self.network.readers[n]) for n in inside):
            return None
        return Meeting(merge, start, [path for path in paths if path is not None], inside)

    def _path(self, end: int, start: int, inside: set[int]) -> list[Item] | None:
        found: list[Item] = []
        while end != start:
            if end in inside or end <= start:
                return None
            item = self.item(self.network.nodes[end])
            own = {end} | (item.inside if isinstance(item, Meeting) else set())
            if isinstance(item, Node) and _is_merge(item):
                return None
            if own & inside:
                return None
            inside |= own
            found.append(item)
            end = start_of(item)
        return found[::-1]


def _is_merge(node: Node) -> bool:
    return len(node.inputs) > 1 and not node.layer.references
