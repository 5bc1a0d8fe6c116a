"""The spec that a person would have written for a network that came as a flat graph.

Paths that part and meet again become branches, equal runs of lines a repeat, and layers that follow each
other chains. The spec is read again, and kept only if it gives the same layers on the same inputs; else the
flat one is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Final

from cnnspec.diagnostics import SpecError
from cnnspec.document import Document
from cnnspec.exchange.recover.branches import NOWHERE, Dominated, Item, Meeting, end_of, start_of
from cnnspec.exchange.recover.repeats import SpecLine, full_text, joined, repeated
from cnnspec.layers.base import Family, Shape, show
from cnnspec.layers.writing import NAME, number_text, sentence
from cnnspec.network.graph import Network, Node
from cnnspec.network.write import legal_name, write
from cnnspec.records import record
from cnnspec.syntax.format import format_source
from cnnspec.text import Source

MOST_RECOVERED: Final = 5_000
"""Layers up to which branches and repeats are looked for."""
COMMUTES: Final = frozenset({"add", "multiply", "maximum", "minimum"})
"""Merges of two that are exactly the same the other way round."""
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


class _SpecWriter:
    """The text of a network, and the order in which its layers stand there."""

    def __init__(self, network: Network, labels: Mapping[str, str]) -> None:
        self.network = network
        self.items = Dominated(network).items()
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
        return "\n".join([*head, *self._inputs(), *joined(lines), *self._heads()]) + "\n"

    def lines(self) -> list[SpecLine]:
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
            found |= {start_of(item)} if start_of(item) != current else set()
            if isinstance(item, Node):
                found |= set(item.inputs[1:])
            current = end_of(item).index
        found |= {n for item in self.items for n in _referred(item)}
        if current != self.network.outputs[0].node:
            found.add(self.network.outputs[0].node)
        return found - {node.index for node in self.network.inputs}

    def _lines(self, items: list[Item], *, top: bool = False) -> Iterator[SpecLine]:
        current = self.begins
        for item in items:
            if top and start_of(item) != current:
                yield SpecLine(f"from {self._name(start_of(item))}", 0, fixed=True)
            yield self._line(item)
            current = end_of(item).index
        if top and current != self.network.outputs[0].node:
            yield SpecLine(f"from {self._name(self.network.outputs[0].node)}", 0, fixed=True)

    def _line(self, item: Item) -> SpecLine:
        node = end_of(item)
        label = self.labels.get(node.name, "")
        if isinstance(item, Meeting):
            paths = [called(list(self._lines(path)), inside=True) for path in item.paths]
            inside = [f"| {' -> '.join(map(full_text, repeated(path)))}" for path in paths]
            text, turned = (f"{sentence(node.layer)} {{ {' '.join(way)} }}" for way in (inside, inside[::-1]))
            if not (node.word in COMMUTES and len(paths) == 2 and [] in paths):
                turned = ""
            self.order.append(node.index)
            fixed = node.index in self.needed or any(line.fixed for path in paths for line in path)
            count = 1 + sum(line.layers for path in paths for line in path)
            before = self.network.nodes[item.start].output
            return SpecLine(text, count, False, fixed, label, before, node.output, turned=turned)
        self.order.append(node.index)
        others = [self._name(n) for n in node.inputs[1:]]
        referred = dict(zip(node.layer.references, others, strict=False))
        owner = node.share or node.tied
        share = [f"{'share' if node.share else 'tied'}={self.labels[owner]}"] if owner else []
        text = " ".join([sentence(node.layer, referred), *others[len(referred) :], *share])
        fixed = node.index in self.needed or bool(others) or bool(share)
        follows = node.layer.family in FOLLOWING
        begins = 0 if follows or node.layer.family is Family.POOL else 1 + (node.word == "depthwise")
        return SpecLine(text, 1, follows, fixed, label, node.input_shapes[0], node.output, begins)

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


def _referred(item: Item) -> Iterator[int]:
    """The layers that are named inside branches."""
    if isinstance(item, Meeting):
        for inner in (each for path in item.paths for each in path):
            yield from _referred(inner)
            if isinstance(inner, Node):
                yield from inner.inputs[1:]


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


def called(lines: list[SpecLine], *, inside: bool = False) -> list[SpecLine]:
    """The same with runs of lines that a known block stands for as uses of it."""
    found: list[SpecLine] = []
    at = 0
    while at < len(lines):
        use = _use(lines, at, inside)
        found.append(lines[at] if use is None else use[0])
        at += 1 if use is None else use[1]
    return found


def _use(lines: list[SpecLine], at: int, inside: bool) -> tuple[SpecLine, int] | None:
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
            return SpecLine(text, layers, before=before, after=after), count
    return None


@lru_cache(maxsize=1024)
def _expanded(call: str, shape: Shape) -> tuple[str, ...]:
    """The lines that a use of a block stands for; none where it cannot stand here."""
    try:
        network = Document(Source("<block>", f"input {show(shape)}\n{call}\n")).whole_network
    except SpecError:
        return ()
    return tuple(line.text for line in _SpecWriter(network, {}).lines())
