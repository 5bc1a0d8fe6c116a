"""The spec that a person would have written for a network that came as a flat graph.

Paths that part and meet again become branches, equal runs of lines a repeat, and layers that follow each
other chains. The spec is read again, and kept only if it gives the same layers on the same inputs; else the
flat one is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, TypeAlias

from cnnspec.diagnostics import SpecError
from cnnspec.document import Document
from cnnspec.layers.base import Family, Shape, show
from cnnspec.layers.writing import NAME, number_text, sentence
from cnnspec.network.graph import Network, Node
from cnnspec.network.write import legal_name, write
from cnnspec.records import record
from cnnspec.syntax.format import format_source
from cnnspec.text import Source

NOWHERE: Final = -1
"""Before the inputs."""
MOST_RECOVERED: Final = 5_000
"""Layers up to which branches and repeats are looked for."""
LEAST_SAVED: Final = 3
"""Layers that a repeat must save."""
COMMUTES: Final = frozenset({"add", "multiply", "maximum", "minimum"})
"""Merges of two that are exactly the same the other way round."""
MOST_LINES: Final = 1_000
"""Lines in which runs are looked for together."""
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
    if len(network.layers) > MOST_RECOVERED:
        return _flat(network)
    writer = _SpecWriter(network, labels or {})
    try:
        text = format_source(Source("<spec>", writer.text()))
        found = Document(Source("<spec>", text)).whole_network
    except (SpecError, ValueError):
        found = None
    if found is not None and _same(network, found, writer.order):
        names = {network.nodes[n].name: node.name for n, node in zip(writer.order, found.layers, strict=True)}
        return Recovered(text, names)
    return _flat(network)


def _flat(network: Network) -> Recovered:
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
        _reads(node.word, (place[i] for i in network.nodes[n].inputs)) == _reads(node.word, node.inputs)
        and network.nodes[n].output == node.output
        and _alike(network.nodes[n], node)
        and named.get(network.nodes[n].share or "") == node.share
        and named.get(network.nodes[n].tied or "") == node.tied
        for n, node in zip(order, found.layers, strict=True)
    )


def _reads(word: str, inputs: Iterable[int]) -> list[int]:
    """The layers read; in order where a merge has one."""
    return sorted(inputs) if word in COMMUTES else list(inputs)


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
    before: Shape = ()
    after: Shape = ()
    """What flows in and out."""
    begins: int = 1
    """How gladly a person would begin a unit with it."""
    turned: str = ""
    """The same where a way around a branch stands on its other side; a sum has no order."""

    @property
    def is_free(self) -> bool:
        return not (self.fixed or self.label)


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
        lines = repeated(called(self.lines()))
        return "\n".join([*head, *self._inputs(), *_joined(lines), *self._heads()]) + "\n"

    def lines(self) -> list[_SpecLine]:
        return list(self._lines(self.items, top=True))

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
        found |= {
            self.network.by_name[owner].index
            for node in self.network.layers
            if (owner := node.share or node.tied)
        }
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
            paths = [called(list(self._lines(path)), inside=True) for path in item.paths]
            inside = [f"| {' -> '.join(map(_full, repeated(path)))}" for path in paths]
            text, turned = (f"{sentence(node.layer)} {{ {' '.join(way)} }}" for way in (inside, inside[::-1]))
            if not (node.word in COMMUTES and len(paths) == 2 and [] in paths):
                turned = ""
            self.order.append(node.index)
            fixed = node.index in self.needed or any(line.fixed for path in paths for line in path)
            count = 1 + sum(line.layers for path in paths for line in path)
            before = self.network.nodes[item.start].output
            return _SpecLine(text, count, False, fixed, label, before, node.output, turned=turned)
        self.order.append(node.index)
        others = [self._name(n) for n in node.inputs[1:]]
        referred = dict(zip(node.layer.references, others, strict=False))
        owner = node.share or node.tied
        share = [f"{'share' if node.share else 'tied'}={self.labels[owner]}"] if owner else []
        text = " ".join([sentence(node.layer, referred), *others[len(referred) :], *share])
        fixed = node.index in self.needed or bool(others) or bool(share)
        follows = node.layer.family in FOLLOWING
        begins = 0 if follows or node.layer.family is Family.POOL else 1 + (node.word == "depthwise")
        return _SpecLine(text, 1, follows, fixed, label, node.input_shapes[0], node.output, begins)

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
    if len(lines) > MOST_LINES:
        return [*repeated(lines[:MOST_LINES]), *repeated(lines[MOST_LINES:])]
    best = max(_runs(lines), default=None)
    if best is None:
        return lines
    _, _, start, size, count = best
    start = -start
    unit = lines[start : start + size]
    body = " -> ".join(line.text for line in repeated(unit))
    layers = sum(line.layers for line in unit) * count
    line = _SpecLine(f"repeat {count} {{ {body} }}", layers, fixed=True)
    return [*repeated(lines[:start]), line, *repeated(lines[start + size * count :])]


def _runs(lines: list[_SpecLine]) -> Iterator[tuple[int, int, int, int, int]]:
    """(layers saved, how well it begins, −start, size, count) of every run that is worth a repeat."""
    texts = [line.text if line.is_free else None for line in lines]
    for size in range(1, min(LONGEST_UNIT, len(lines) // 2) + 1):
        start = 0
        while start + 2 * size <= len(lines):
            if texts[start] is None or texts[start] != texts[start + size]:
                start += 1
                continue
            unit, count = texts[start : start + size], 1
            while None not in unit and texts[start + size * count : start + size * (count + 1)] == unit:
                count += 1
            saved = sum(line.layers for line in lines[start : start + size]) * (count - 1)
            if saved >= LEAST_SAVED:
                end, more = start + size * count, 0
                while more < size - 1 and end + more < len(texts) and texts[end + more] == unit[more]:
                    more += 1
                for place in range(start, start + more + 1):
                    yield saved, lines[place].begins, -place, size, count
                start += size * (count - 1)
            start += 1


# Blocks that every spec may use ----------------------------------------------------------

BLOCKS: Final = (
    ("add", 2, "residual {channels}{stride}"), ("add", 2, "bottleneck {quarter}{stride}"),
    ("add", 1, "inverted_residual {channels}"), ("multiply", 1, "squeeze_excite"),
    ("multiply", 1, "squeeze_excite 4"), ("multiply", 1, "squeeze_excite 8"),
    ("conv", 8, "inverted_residual {channels}{stride}"),
    ("depthwise", 5, "inverted_residual {channels}{stride} expansion=1"),
)  # fmt: skip
"""By the word that a use of a block may begin with: how many lines it then has, and how it is called."""


UNITS: Final = ("conv", "depthwise")
"""Words that begin a block only in the main chain: within a branch they are the middle of one."""


def called(lines: list[_SpecLine], *, inside: bool = False) -> list[_SpecLine]:
    """The same with runs of lines that a known block stands for as uses of it."""
    found: list[_SpecLine] = []
    at = 0
    while at < len(lines):
        use = _use(lines, at, inside)
        found.append(lines[at] if use is None else use[0])
        at += 1 if use is None else use[1]
    return found


def _use(lines: list[_SpecLine], at: int, inside: bool) -> tuple[_SpecLine, int] | None:
    """A use of a block in place of the lines from here on, and how many they are."""
    word = lines[at].text.split(" ", 1)[0]
    for first, count, call in BLOCKS:
        run = lines[at : at + count]
        if first != word or len(run) < count or len(run[0].before) != 3 or (inside and word in UNITS):
            continue
        if not all(line.is_free for line in run):
            continue
        before, after = run[0].before, run[-1].after
        stride = before[0] // after[0] if len(after) == 3 else 1
        given = f" stride={stride}" if stride > 1 else ""
        text = call.format(channels=after[-1], quarter=after[-1] // 4, stride=given)
        rest = tuple(line.text for line in run[1:])
        if _expanded(text, before) in ((run[0].text, *rest), (run[0].turned, *rest)):
            layers = sum(line.layers for line in run)
            return _SpecLine(text, layers, before=before, after=after), count
    return None


@lru_cache(maxsize=1024)
def _expanded(call: str, shape: Shape) -> tuple[str, ...]:
    """The lines that a use of a block stands for; none where it cannot stand here."""
    try:
        network = Document(Source("<block>", f"input {show(shape)}\n{call}\n")).whole_network
    except SpecError:
        return ()
    return tuple(line.text for line in _SpecWriter(network, {}).lines())
