"""From a network to the solids of its volume picture: what is drawn as a box, a bar or a sign.

Layers that leave the shape alone (activations, norms, dropout) and flatten belong to the
solid they act on. A crop or an upsampling that only feeds a concat is a slab of the concat's box.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Final

from cnnspec.analysis.cost import cost_of
from cnnspec.analysis.fold import Block, Leaf, Repeated, Segment, fold
from cnnspec.layers.base import Family, Shape, Slide, Spread, Stretch, spatial
from cnnspec.layers.facts import Picture
from cnnspec.network.graph import Network, Node
from cnnspec.views.pictures.planning import Choices, instance_title, representatives
from cnnspec.views.pictures.wording import arithmetic, layer_text, own_name

LONGEST_RHYTHM: Final = 3
MOST: Final = 34
"""Solids that still make a picture; beyond, repeats fold and blocks become one solid."""


@dataclass(slots=True)
class Solid:
    """One box (a map), bar (a vector) or sign (a sum, a product)."""

    key: int
    nodes: list[Node]
    shape: Shape
    family: Family
    name: str
    operation: str
    times: int = 1
    sign: str = ""
    slabs: list[tuple[int, Family]] = field(default_factory=list)
    """(channels, family) of the parts of a concat, in order; empty for a plain box."""
    before: list[int] = field(default_factory=list)
    carried: dict[int, str] = field(default_factory=dict)
    """Solid read -> what is done to it on the way (``crop 4``)."""
    block: bool = False
    main: bool = False
    """Whether the network's main output is here."""

    @property
    def is_vector(self) -> bool:
        return not self.sign and all(size == 1 for size in spatial(self.shape))

    @property
    def is_map(self) -> bool:
        return not self.sign and not self.is_vector

    @property
    def tooltip(self) -> str:
        if self.block:
            return "\n".join(f"{node.name}: {layer_text(node.layer)}" for node in self.nodes[:40])
        return "\n\n".join(map(arithmetic, self.nodes))

    @property
    def window(self) -> tuple[int, int] | None:
        """(height, width) in pixels of the window that its first layer slides over the solid before it."""
        if self.block or self.sign or not self.nodes[0].inputs:
            return None
        slides = self.nodes[0].layer.window(self.nodes[0].input_shapes)
        reaches = [s.dilation * (s.kernel - 1) + 1 for s in slides if isinstance(s, Slide)]
        if not slides or len(reaches) != len(slides) or max(reaches) == 1:
            return None
        return (reaches[-2] if len(reaches) > 1 else 1, reaches[-1]) if len(reaches) > 1 else (reaches[0], 1)

    @property
    def zoom(self) -> float:
        """How much coarser its grid is than that of the solid before it (2 after a pool of 2)."""
        factor = 1.0
        for node in self.nodes:
            if node.inputs:
                factor *= _zoom(node)
        return factor


def _zoom(node: Node) -> float:
    windows = node.layer.window(node.input_shapes)
    first = windows[0] if windows else None
    if isinstance(first, Slide):
        return float(first.stride)
    if isinstance(first, Spread):
        return 1 / first.stride
    return 1 / first.factor if isinstance(first, Stretch) else 1.0


def solids_of(network: Network, choices: Choices) -> list[Solid]:
    """The solids in topological order, as detailed as makes a picture (or as asked for)."""
    tries = [_SolidBuilder(network, fold_it, depth).solids() for fold_it, depth in _levels(network, choices)]
    return next((found for found in tries if len(found) <= MOST), min(tries, key=len))


def _levels(network: Network, choices: Choices) -> Iterator[tuple[bool, int | None]]:
    """(fold, depth) from the most detailed on."""
    deepest = max((sum(g.repeat is None for g in node.groups) for node in network.nodes), default=0)
    depths: list[int | None] = [None, *range(deepest - 1, -1, -1)]
    for depth in depths if choices.depth is None else [choices.depth]:
        yield False, depth
        if choices.fold:
            yield True, depth


class _SolidBuilder:
    def __init__(self, network: Network, fold_it: bool, depth: int | None) -> None:
        self.network, self.depth = network, depth
        self.segments = fold(network, repeats=fold_it)
        self.standing = representatives(self.segments)
        self.found: dict[int, Solid] = {}
        self.home: dict[int, int] = {}

    def solids(self) -> list[Solid]:
        start = self.network.nodes[0]
        self._add(start, "input", 1)
        self._walk(self.segments, 0, 1)
        self._absorb()
        if self.network.outputs:
            self.found[self._home(self.network.outputs[0].node)].main = True
        return list(self.found.values())

    def _walk(self, segments: Sequence[Segment], depth: int, times: int) -> None:
        for segment in segments:
            if isinstance(segment, Leaf):
                self._leaf(segment.node, times)
            elif isinstance(segment, Repeated):
                self._walk(segment.segments, depth, times * segment.times)
            elif self.depth is not None and depth >= self.depth and _speaking(segment.nodes) > 1:
                self._block(segment, times)
            else:
                self._walk(segment.segments, depth + 1, times)

    def _leaf(self, node: Node, times: int) -> None:
        if is_silent(node):
            place = self._home(node.inputs[0])
            self.found[place].nodes.append(node)
            self.home[node.index] = place
            return
        self._add(node, operation_text(node), times)
        self._read(node.index, node)

    def _add(self, node: Node, operation: str, times: int) -> None:
        automatic = own_name(node).rstrip("0123456789") in node.word
        slabs = []
        if node.layer.picture is Picture.STACK:
            slabs = [(shape[-1], Family.MERGE) for shape in node.input_shapes]
        self.found[node.index] = Solid(
            node.index, [node], node.output, node.layer.family, "" if automatic else own_name(node),
            operation, times, node.layer.sign, slabs,
        )  # fmt: skip
        self.home[node.index] = node.index

    def _block(self, block: Block, times: int) -> None:
        key = block.nodes[0].index
        inside = {node.index for node in block.nodes}
        last = block.nodes[-1]
        title = instance_title(block, times)
        name = title.split(" · ")[0] if " · " in title else ""
        self.found[key] = Solid(
            key, list(block.nodes), last.output, _heaviest(block.nodes), name, block.title, times, block=True
        )
        for node in block.nodes:
            self.home[node.index] = key
        for node in block.nodes:
            for source in node.inputs:
                if source not in inside:
                    self._link(key, source)

    def _read(self, key: int, node: Node) -> None:
        for source in node.inputs:
            self._link(key, source)

    def _link(self, key: int, source: int) -> None:
        place = self._home(source)
        if place != key and place not in self.found[key].before:
            self.found[key].before.append(place)

    def _home(self, index: int) -> int:
        return self.home[self.standing.get(index, index)]

    def _absorb(self) -> None:
        """Lets crops and upsamplings that only feed a concat become its slabs."""
        readers: dict[int, list[int]] = {key: [] for key in self.found}
        for solid in self.found.values():
            for source in solid.before:
                readers[source].append(solid.key)
        results = {self._home(output.node) for output in self.network.outputs}
        for solid in [s for s in self.found.values() if s.slabs]:
            before: list[int] = []
            for place, source in enumerate(solid.before):
                part = self.found[source]
                if (part.nodes[0].layer.picture is not Picture.SLAB or part.block or len(readers[source]) > 1
                        or source in results or len(solid.before) != len(solid.slabs)):  # fmt: skip
                    before.append(source)
                    continue
                solid.slabs[place] = (solid.slabs[place][0], part.family)
                solid.nodes = [*part.nodes, *solid.nodes]
                for further in part.before:
                    solid.carried[further] = part.operation
                    before.append(further)
                del self.found[source]
            solid.before = list(dict.fromkeys(before))


def is_silent(node: Node) -> bool:
    """Whether a layer belongs to the solid it acts on."""
    unchanged = node.layer.family is Family.RESHAPE and node.input_shapes == (node.output,)
    return node.layer.picture in (Picture.STRIP, Picture.PASSED) or unchanged


def _speaking(nodes: Sequence[Node]) -> int:
    return sum(not is_silent(node) for node in nodes)


def _heaviest(nodes: Sequence[Node]) -> Family:
    def weight(node: Node) -> int:
        return cost_of(node.layer, node.input_shapes).params

    return max(nodes, key=weight).layer.family


def operation_text(node: Node) -> str:
    """``conv 5×5``, ``maxpool 2×2``, ``dense``: what was done, without the counts that the shape shows."""
    options = node.layer.options()
    size = options.get("kernel") or options.get("window") or options.get("scale") or ""
    if isinstance(size, tuple):
        rank = len(node.output) - 1
        size = "×".join(map(str, size * rank if len(size) == 1 else size))
    stride = options.get("stride")
    extra = f"/{max(stride)}" if isinstance(stride, tuple) and max(stride) > 1 and size else ""
    if "amount" in type(node.layer).model_fields:
        return layer_text(node.layer)
    return " ".join(filter(None, (node.word, f"{size}{extra}")))


def operations_text(solids: Sequence[Solid]) -> str:
    """What a group of solids does: ``maxpool 2×2, 3 × conv 3×3``, ``5 × (depthwise 3×3, conv 1×1)``."""
    words: list[str] = []
    for times, same in groupby(solids, key=lambda solid: solid.times):
        operations = [solid.operation for solid in same]
        if times > 1 and len(operations) > 1:
            words.append(f"{times} × ({', '.join(_rhythm(operations))})")
        else:
            words += operations * times
    return ", ".join(_rhythm(words))


def _rhythm(words: Sequence[str]) -> Iterator[str]:
    """The words with their repetitions counted."""
    place = 0
    while place < len(words):
        period, count = max(
            ((p, _turns(words, place, p)) for p in range(1, LONGEST_RHYTHM + 1)),
            key=lambda found: (found[1] > 1) * found[0] * found[1],
        )
        part = ", ".join(words[place : place + period])
        yield f"{count} × {_bracketed(part)}" if count > 1 else words[place]
        place += period * count if count > 1 else 1


def _turns(words: Sequence[str], place: int, period: int) -> int:
    """How often the ``period`` words at ``place`` follow one another."""
    first, count = words[place : place + period], 1
    while words[place + count * period : place + (count + 1) * period] == first:
        count += 1
    return count if len(first) == period else 1


def _bracketed(text: str) -> str:
    return f"({text})" if "," in text or " × " in text else text
