"""A network as the parts that a programmer would write: blocks once each, with parameters; repeats as loops.

Layers whose names share a beginning (``stage1.``) form a scope. Scopes that are built alike are one
*design*, and what differs between its instances becomes a parameter of it. Equal turns that follow each
other are one ``Loop``. Every parameter array keeps its name, which is the path of attributes to its layer.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Any, Final

from cnnspec.exchange.code_out.parameters import parametrize
from cnnspec.exchange.code_out.parts import (
    BlockItem,
    BlockScope,
    Design,
    Item,
    LayerItem,
    Loop,
    Single,
    Value,
    all_scopes,
    difference,
    indices,
    kind_of,
    number_of,
    path_of,
    title_of,
)
from cnnspec.exchange.code_out.sayings import Saying
from cnnspec.network.graph import Network, Node

LONGEST_TURN: Final = 8
"""Items of one turn of a loop."""


class Blueprint:
    """The scopes of a network, its designs in the order in which they can be written."""

    def __init__(
        self,
        network: Network,
        sayings: dict[int, Saying],
        reads: Callable[[Node], tuple[Value, ...]],
        reserved: frozenset[str],
    ) -> None:
        self.network, self.sayings, self.reads, self.reserved = network, sayings, reads, reserved
        self.designs: list[Design] = []
        self.names: set[str] = set(reserved)
        self.results = dict.fromkeys(Value(output.node) for output in network.outputs)
        self.faults: list[tuple[Node, str]] = []
        self.root = self._scope(list(network.layers), (), (), network.name or "Network")
        self.read_by: dict[Value, list[int]] = {}
        for node in network.layers:
            for value in reads(node):
                self.read_by.setdefault(value, []).append(node.index)
        self._wire(self.root)
        by_height: dict[int, list[BlockScope]] = {}
        for scope in all_scopes(self.root):
            by_height.setdefault(scope.height, []).append(scope)
        for height in sorted(by_height):
            self._design(by_height[height])
        scopes = {scope.path: scope for scope in all_scopes(self.root)}
        for scope in scopes.values():
            owner = scopes.get(scope.home, scope)
            if (owner.design, owner.given) != (scope.design, scope.given):
                self.faults.append((scope.nodes[0], f"its block is not built as {'.'.join(scope.home)} is"))

    # Scopes --------------------------------------------------------------------------

    def _scope(
        self, nodes: list[Node], path: tuple[str, ...], home: tuple[str, ...], title: str
    ) -> BlockScope:
        scope, depth = BlockScope(path, home, title, nodes), len(path)
        runs = [
            (key, list(run))
            for key, run in groupby(
                nodes, lambda n: path_of(n)[depth] if len(path_of(n)) > depth + 1 else n.index
            )
        ]
        keys = Counter(key for key, _ in runs)
        leaves = {path_of(n)[-1] for n in nodes if len(path_of(n)) == depth + 1}
        for key, run in runs:
            if isinstance(key, int) or keys[key] > 1 or key in leaves:
                scope.items += [self._leaf(node, depth, home) for node in run]
            else:
                there = self._home(run, (*path, key), home)
                inner = self._scope(run, (*path, key), there, title_of(run[0], depth, key))
                uses = "" if there == (*home, key) else ".".join(there[depth:])
                scope.items.append(BlockItem(key, inner, uses))
                scope.height = max(scope.height, inner.height + 1)
        return scope

    def _leaf(self, node: Node, depth: int, home: tuple[str, ...]) -> LayerItem:
        name = ".".join(path_of(node)[depth:])
        uses, tied = (self._owner(node, owner, depth, home) for owner in (node.share, node.tied))
        return LayerItem(name, node, self.sayings[node.index], "" if uses == name else uses, tied)

    def _owner(self, node: Node, owner: str | None, depth: int, home: tuple[str, ...]) -> str:
        """The layer whose weights another one uses, as it is called within the block."""
        path = tuple((owner or "").split("."))
        if owner and path[:depth] != home:
            self.faults.append((node, f"the weights of {owner} lie within another block"))
        return ".".join(path[depth:]) if owner and path[:depth] == home else ""

    def _home(self, nodes: list[Node], path: tuple[str, ...], outer: tuple[str, ...]) -> tuple[str, ...]:
        """Where the weights of a block are: with it, unless all are those of another instance."""
        depth, weighted = len(path), [node for node in nodes if node.weights]
        own = (*outer, path[-1])
        if outer != path[:-1] or not weighted or not all(node.share for node in weighted):
            return own
        rest = path_of(weighted[0])[depth:]
        owner = (weighted[0].share or "").split(".")
        found = tuple(owner[: len(owner) - len(rest)])
        names = self.network.by_name
        for node in weighted:
            twin = names.get(".".join((*found, *path_of(node)[depth:])))
            if twin is None or node.share not in (twin.name, twin.share):
                return own
        return found if found[:-1] == outer else own

    def _wire(self, root: BlockScope) -> None:
        """What every scope reads from outside and gives to it."""
        for scope in all_scopes(root):
            inside = {node.index for node in scope.nodes}
            read = [value for node in scope.nodes for value in self.reads(node)]
            scope.inputs = list(dict.fromkeys(value for value in read if value.node not in inside))
            given = [Value(n, kind) for n in sorted(inside) for kind in ("", "places")]
            scope.outputs = [
                value
                for value in given
                if value in self.results or not inside.issuperset(self.read_by.get(value, ()))
            ]
            if not scope.outputs:  # a block gives something though nobody reads it
                scope.outputs = [Value(node.index) for node in scope.nodes[-1:]]
        root.outputs = list(self.results)
        root.inputs = [Value(node.index) for node in self.network.inputs]

    # Designs -------------------------------------------------------------------------

    def _design(self, scopes: list[BlockScope]) -> None:
        """One design for all scopes of a height that are built alike."""
        alike: dict[object, list[BlockScope]] = {}
        for scope in scopes:
            scope.items = list(self._looped(scope))
            alike.setdefault((scope.title, self._build_of(scope)), []).append(scope)
        for group in alike.values():
            design = Design(self._free_name(group[0].title), group)
            self.designs.append(design)
            parametrize(design, self.reserved)
            for n, scope in enumerate(group):
                scope.design = design
                scope.given = {parameter.name: parameter.values[n] for parameter in design.parameters}

    def _free_name(self, title: str) -> str:
        words = re.findall(r"[^\W_]+", title) or ["Block"]
        name = "".join(word[0].upper() + word[1:] for word in words)
        name = found = f"Net{name}" if name[0].isdigit() else name
        number = 2
        while found in self.names:
            found, number = f"{name}{number}", number + 1
        self.names.add(found)
        return found

    def _build_of(self, scope: BlockScope) -> object:
        """What two scopes must share to be one design: all but the values of slots."""
        places: dict[Value, tuple[Any, ...]] = {value: ("in", n) for n, value in enumerate(scope.inputs)}
        parts = []
        for n, item in enumerate(scope.items):
            reads, gives = self.ends(item)
            name = "" if isinstance(item, Loop) else item.name
            parts.append((name, kind_of(item), tuple(places.get(value) for value in reads)))
            places.update({value: ("at", n, k) for k, value in enumerate(gives)})
        return tuple(parts), tuple(places.get(value) for value in scope.outputs)

    def ends(self, item: Item) -> tuple[list[Value], list[Value]]:
        """What an item reads and what it gives."""
        if isinstance(item, LayerItem):
            return list(self.reads(item.node)), [Value(item.node.index), Value(item.node.index, "places")]
        if isinstance(item, BlockItem):
            return item.scope.inputs, item.scope.outputs
        return self.outer(item.turns[0])[0], self.outer(item.turns[-1])[1]

    def outer(self, turn: Sequence[Single]) -> tuple[list[Value], list[Value]]:
        """What a turn reads from before it, and what it gives behind it (its last item's output)."""
        given: set[Value] = set()
        read: list[Value] = []
        for item in turn:
            reads, gives = self.ends(item)
            read += [value for value in reads if value not in given]
            given.update(gives)
        return list(dict.fromkeys(read)), self.ends(turn[-1])[1][:1]

    # Loops ---------------------------------------------------------------------------

    def _looped(self, scope: BlockScope) -> Iterator[Item]:
        """The items of a scope, equal turns as loops."""
        items, place = scope.items, 0
        while place < len(items):
            loop = self._loop_at(items, place)
            if loop is None:
                yield items[place]
                place += 1
            else:
                yield loop
                place += sum(map(len, loop.turns))

    def _loop_at(self, items: list[Any], place: int) -> Loop | None:
        """The loop that covers most from a place on, the shortest turn among equals."""
        best: Loop | None = None
        for length in range(1, min(LONGEST_TURN, (len(items) - place) // 2) + 1):
            loop = self._turns(items, place, length)
            if loop and (best is None or sum(map(len, loop.turns)) > sum(map(len, best.turns))):
                best = loop
        return best

    def _turns(self, items: list[Any], place: int, length: int) -> Loop | None:
        turns, second = [items[place : place + length]], items[place + length : place + 2 * length]
        if _step(turns[0], second) is None:  # so at nearly every place: asked first
            return None
        if len(self.outer(turns[0])[0]) != 1 or not self._is_closed(turns[0]):
            return None
        steps: list[tuple[Any, ...]] | None = None
        while len(turn := items[(start := place + length * len(turns)) : start + length]) == length:
            if not (self._is_closed(turns[-1], turn) and self._is_closed(turn)):
                break
            found = self._step(turns[-1], turn)
            if found is None or (steps is not None and found != steps):
                break
            steps = found
            turns.append(turn)
        numbers = [number_of(item.name) for item in turns[0]]
        moving = any(any(step) for step in steps or ())
        if len(turns) < (3 if moving else 2) or steps is None:
            return None
        start = min(number for _, number in numbers)
        return Loop(turns, [(base, number - start) for base, number in numbers], start, steps)

    def _step(self, one: list[Single], two: list[Single]) -> list[tuple[Any, ...]] | None:
        """How arguments go up from a turn to the next; None where the next is no such turn."""
        found = _step(one, two)
        wired = found is not None and self._inner(one) == self._inner(two)
        return found if wired and self.outer(two)[0] == self.outer(one)[1] else None

    def _inner(self, turn: Sequence[Single]) -> object:
        """The wiring within a turn."""
        places: dict[Value, object] = {value: ("in", n) for n, value in enumerate(self.outer(turn)[0])}
        wired = []
        for n, item in enumerate(turn):
            reads, gives = self.ends(item)
            wired.append(tuple(places[value] for value in reads))
            places.update({value: ("at", n, k) for k, value in enumerate(gives)})
        return wired

    def _is_closed(self, turn: list[Single], after: Sequence[Single] = ()) -> bool:
        """Whether nothing behind a turn reads it but its end, which then ``after`` alone may read."""
        own = {n for item in turn for n in indices(item)}
        inside = own.union(n for item in after for n in indices(item))
        free = None if after else self.outer(turn)[1][0]
        return all(
            value == free or (value not in self.results and inside.issuperset(self.read_by.get(value, ())))
            for n in own
            for value in (Value(n), Value(n, "places"))
        )


def _step(one: list[Single], two: list[Single]) -> list[tuple[Any, ...]] | None:
    """The same by names, kinds and arguments alone."""
    found = []
    for a, b in zip(one, two, strict=True):
        base_a, number_a = number_of(a.name)
        base_b, number_b = number_of(b.name)
        if (
            not number_a
            or "." in base_a
            or (base_a, number_a + 1) != (base_b, number_b)
            or kind_of(a) != kind_of(b)
        ):
            return None
        steps = tuple(map(difference, a.slots, b.slots))
        if None in steps:
            return None
        found.append(steps)
    return found
