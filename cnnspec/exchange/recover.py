"""The spec that a person would have written for a network that came as a flat graph.

Paths that part and meet again become branches, equal runs of lines a repeat, and layers that follow each
other chains. The spec is read again, and kept only if it gives the same layers on the same inputs; else the
flat one is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from cnnspec.diagnostics import SpecError
from cnnspec.document import Document
from cnnspec.layers.base import Family, show
from cnnspec.layers.writing import NAME, number_text, sentence
from cnnspec.network.graph import Network, Node
from cnnspec.network.write import legal_name, write
from cnnspec.records import record
from cnnspec.syntax.format import format_source
from cnnspec.text import Source

NOWHERE: Final = -1
"""Before the inputs."""
LEAST_REPEATED: Final = 3
"""Layers that a repeat must hold."""
LONGEST_UNIT: Final = 40
"""Sentences in a run that is looked for again."""
FOLLOWING: Final = (Family.ACTIVATION, Family.NORM, Family.DROPOUT)
"""Layers written on the line of the layer they follow."""


@record
class Recovered:
    """A spec's text, and the name that each layer of the flat network has in it."""

    text: str
    names: Mapping[str, str]

    def renamed(self, weights: Mapping[str, object]) -> dict[str, object]:
        """Weights of the flat network by the names that the spec gives them."""
        found = {}
        for full, values in weights.items():
            parts = full.split(".")
            cut = next(n for n in range(len(parts) - 1, 0, -1) if ".".join(parts[:n]) in self.names)
            found[".".join([self.names[".".join(parts[:cut])], *parts[cut:]])] = values
        return found


def recover(network: Network, labels: Mapping[str, str] | None = None) -> Recovered:
    """The spec of a flat network, and what its layers are called there.

    Networks are made from layers by ``network.assemble``; the spec elaborates to the same graph. ``labels``
    are the names that a person gave the layers, by the names they have in the network.
    """
    writer = _SpecWriter(network, labels or {})
    try:
        text = format_source(Source("<spec>", writer.text()))
        found = Document(Source("<spec>", text)).whole_network
    except (SpecError, ValueError):
        found = None
    if found is not None and _same(network, found, writer.order):
        names = {network.nodes[n].name: node.name for n, node in zip(writer.order, found.layers, strict=True)}
        return Recovered(text, names)
    return Recovered(write(network), {node.name: node.name for node in network.layers})


def _same(network: Network, found: Network, order: list[int]) -> bool:
    """Whether the layers in this order read the same layers as those that were found."""
    if len(order) != len(found.layers) or len(network.nodes) != len(found.nodes):
        return False
    inputs = len(network.inputs)
    place = {n: n for n in range(inputs)} | {n: at for at, n in enumerate(order, inputs)}
    named = {network.nodes[n].name: found.nodes[at].name for n, at in place.items()}
    ends = [(place[each.node], each.weight) for each in network.outputs]
    return ends == [(each.node, each.weight) for each in found.outputs] and all(
        tuple(place[i] for i in network.nodes[n].inputs) == node.inputs
        and network.nodes[n].output == node.output
        and _alike(network.nodes[n], node)
        and named.get(network.nodes[n].share or "") == node.share
        for n, node in zip(order, found.layers, strict=True)
    )


def _alike(one: Node, other: Node) -> bool:
    own = set(one.layer.references)
    return one.word == other.word and all(
        getattr(one.layer, name) == getattr(other.layer, name)
        for name in type(one.layer).model_fields
        if name not in own
    )


# Branches -------------------------------------------------------------------------------


@dataclass
class _Meeting:
    """Paths from one layer that meet in a merge; an empty path is that layer's own result."""

    merge: Node
    start: int
    paths: list[list[_Item]]
    inside: set[int]


_Item: TypeAlias = "Node | _Meeting"


def _end(item: _Item) -> Node:
    return item if isinstance(item, Node) else item.merge


def _start(item: _Item) -> int:
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
class _Dominated:
    network: Network
    dominators: dict[int, int] = field(init=False)
    known: dict[int, _Item] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.dominators = _dominators(self.network)

    def items(self) -> list[_Item]:
        """The layers in order, those that are branches of a merge within it."""
        found: list[_Item] = []
        swallowed: set[int] = set()
        for node in reversed(self.network.layers):
            if node.index in swallowed:
                continue
            item = self.item(node)
            if isinstance(item, _Meeting):
                swallowed |= item.inside
            found.append(item)
        return found[::-1]

    def item(self, node: Node) -> _Item:
        """A layer, or the branches that meet in it; each is asked for by every merge behind it."""
        if node.index not in self.known:
            self.known[node.index] = (self._branches(node) if _is_merge(node) else None) or node
        return self.known[node.index]

    def _branches(self, merge: Node) -> _Meeting | None:
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
        return _Meeting(merge, start, [path for path in paths if path is not None], inside)

    def _path(self, end: int, start: int, inside: set[int]) -> list[_Item] | None:
        found: list[_Item] = []
        while end != start:
            if end in inside or end <= start:
                return None
            item = self.item(self.network.nodes[end])
            own = {end} | (item.inside if isinstance(item, _Meeting) else set())
            if isinstance(item, Node) and _is_merge(item):
                return None
            if own & inside:
                return None
            inside |= own
            found.append(item)
            end = _start(item)
        return found[::-1]


def _is_merge(node: Node) -> bool:
    return len(node.inputs) > 1 and not node.layer.references


# Text ------------------------------------------------------------------------------------


@record
class _SpecLine:
    """One sentence of the spec, and how it joins the one before."""

    text: str
    layers: int
    follows: bool = False
    fixed: bool = False
    """Whether it names another layer or has a name that another one needs."""
    label: str = ""


class _SpecWriter:
    """The text of a network, and the order in which its layers stand there."""

    def __init__(self, network: Network, labels: Mapping[str, str]) -> None:
        self.network = network
        self.items = _Dominated(network).items()
        self.order: list[int] = []
        self.needed = self._needed()
        taken = {node.name for node in network.inputs}
        self.labels = {
            node.name: legal_name(labels.get(node.name, node.name), taken)
            for node in network.layers
            if node.index in self.needed or _is_chosen(labels.get(node.name, ""), node.word)
        }

    def text(self) -> str:
        head = [f"network {self.network.name}", ""] if self.network.name else []
        lines = repeated(list(self._lines(self.items, top=True)))
        return "\n".join([*head, *self._inputs(), *_joined(lines), *self._heads()]) + "\n"

    def _inputs(self) -> Iterator[str]:
        for node in self.network.inputs:
            yield f"input {'' if self.begins == 0 else f'{node.name} '}{show(node.output)}"

    @property
    def begins(self) -> int:
        """Where the chain begins by itself: at the input, if there is only one."""
        return 0 if [node.name for node in self.network.inputs] == ["input"] else NOWHERE

    def _needed(self) -> set[int]:
        """The layers that a sentence has to name."""
        found = {output.node for output in self.network.outputs[1:]}
        found |= {self.network.by_name[node.share].index for node in self.network.layers if node.share}
        current = self.begins
        for item in self.items:
            found |= {_start(item)} if _start(item) != current else set()
            if isinstance(item, Node):
                found |= set(item.inputs[1:])
            current = _end(item).index
        found |= {n for item in self.items for n in _referred(item)}
        if current != self.network.outputs[0].node:
            found.add(self.network.outputs[0].node)
        return found - {node.index for node in self.network.inputs}

    def _lines(self, items: list[_Item], *, top: bool = False) -> Iterator[_SpecLine]:
        current = self.begins
        for item in items:
            if top and _start(item) != current:
                yield _SpecLine(f"from {self._name(_start(item))}", 0, fixed=True)
            yield self._line(item)
            current = _end(item).index
        if top and current != self.network.outputs[0].node:
            yield _SpecLine(f"from {self._name(self.network.outputs[0].node)}", 0, fixed=True)

    def _line(self, item: _Item) -> _SpecLine:
        node = _end(item)
        label = self.labels.get(node.name, "")
        if isinstance(item, _Meeting):
            paths = [list(self._lines(path)) for path in item.paths]
            inner = " ".join(f"| {' -> '.join(map(_full, repeated(path)))}" for path in paths)
            self.order.append(node.index)
            fixed = node.index in self.needed or any(line.fixed for path in paths for line in path)
            count = 1 + sum(line.layers for path in paths for line in path)
            return _SpecLine(f"{sentence(node.layer)} {{ {inner} }}", count, fixed=fixed, label=label)
        self.order.append(node.index)
        others = [self._name(n) for n in node.inputs[1:]]
        referred = dict(zip(node.layer.references, others, strict=False))
        share = [f"share={self.labels[node.share]}"] if node.share else []
        text = " ".join([sentence(node.layer, referred), *others[len(referred) :], *share])
        fixed = node.index in self.needed or bool(others) or bool(share)
        return _SpecLine(text, 1, node.layer.family in FOLLOWING, fixed, label)

    def _name(self, index: int) -> str:
        node = self.network.nodes[index]
        return self.labels.get(node.name, node.name)

    def _heads(self) -> Iterator[str]:
        for head in self.network.outputs[1:]:
            weight = "" if head.weight == 1 else f" weight={number_text(head.weight)}"
            yield f"head {head.name}{weight} {{ from {self._name(head.node)} }}"


def _is_chosen(label: str, word: str) -> bool:
    """Whether a person gave this name, and it is one that reads well in a spec."""
    is_name = NAME.fullmatch(label) is not None and "." not in label
    return is_name and label != "output" and re.fullmatch(rf"{word}_?\d*", label, re.IGNORECASE) is None


def _referred(item: _Item) -> Iterator[int]:
    """The layers that are named inside branches."""
    if isinstance(item, _Meeting):
        for inner in (each for path in item.paths for each in path):
            yield from _referred(inner)
            if isinstance(inner, Node):
                yield from inner.inputs[1:]


def _full(line: _SpecLine) -> str:
    return f"{line.label}: {line.text}" if line.label else line.text


def _joined(lines: list[_SpecLine]) -> Iterator[str]:
    """Lines of text; activations, norms and dropout behind the layer they follow."""
    row: list[str] = []
    for line in lines:
        if row and not (line.follows and not line.label):
            yield " -> ".join(row)
            row = []
        row.append(_full(line))
    yield " -> ".join(row)


def repeated(lines: list[_SpecLine]) -> list[_SpecLine]:
    """The same with runs of equal lines as repeats, the one that saves most first."""
    best = max(_runs(lines), default=None)
    if best is None:
        return lines
    _, start, size, count = best
    unit = lines[start : start + size]
    body = " -> ".join(line.text for line in repeated(unit))
    layers = sum(line.layers for line in unit) * count
    line = _SpecLine(f"repeat {count} {{ {body} }}", layers, fixed=True)
    return [*repeated(lines[:start]), line, *repeated(lines[start + size * count :])]


def _runs(lines: list[_SpecLine]) -> Iterator[tuple[int, int, int, int]]:
    """(layers saved, −start, …) of every run that is worth a repeat."""
    texts = [None if line.fixed else line.text for line in lines]
    for size in range(1, min(LONGEST_UNIT, len(lines) // 2) + 1):
        start = 0
        while start + 2 * size <= len(lines):
            unit, count = texts[start : start + size], 1
            while None not in unit and texts[start + size * count : start + size * (count + 1)] == unit:
                count += 1
            layers = sum(line.layers for line in lines[start : start + size])
            if count > 1 and layers >= LEAST_REPEATED:
                yield layers * (count - 1), start, size, count
                start += size * (count - 1)
            start += 1
