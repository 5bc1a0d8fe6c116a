"""From a network to the solids of its volume picture: what is drawn as a box, a bar or a sign.

Layers that leave the shape alone (activations, norms, dropout) and flatten belong to the
solid they act on. A crop or an upsampling that only feeds a concat is a slab of the concat's box.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from math import inf, prod
from typing import Final, NamedTuple

from cnnspec.analysis.compare import Comparison, Pair, status_of
from cnnspec.analysis.fold import Block, Leaf, Repeated, Segment
from cnnspec.layers.base import Family, Shape, Slide, Spread, Stretch, spatial
from cnnspec.layers.facts import Picture
from cnnspec.network.graph import Network, Node
from cnnspec.views.pictures.choices import Choices
from cnnspec.views.pictures.overview import deepest, segments_of
from cnnspec.views.pictures.planning import HEATS, representatives
from cnnspec.views.pictures.titles import block_path, heaviest, instance_title
from cnnspec.views.pictures.wording import (
    arithmetic,
    block_text,
    described,
    is_automatic,
    operation_text,
    own_name,
)

MOST: Final = 34
"""Solids that still make a picture; beyond, repeats fold and blocks become one solid."""
ABSORBED: Final = 4
"""Solids that are built where one is drawn, at most: the others become slabs of it."""


class _TooMany(Exception):
    """A level is too fine, and not worth building to its end."""


class Turns(NamedTuple):
    """A repeat drawn once that several solids stand for."""

    key: int
    times: int
    solids: int


@dataclass(slots=True)
class Solid:
    """One box (a map), bar (a vector) or sign (a sum, a product)."""

    key: int
    nodes: list[Node]
    shape: Shape
    family: Family
    name: str
    operation: str
    sign: str = ""
    slabs: list[tuple[int, Family]] = field(default_factory=list)
    """(channels, family) of the parts of a concat, in order; empty for a plain box."""
    before: list[int] = field(default_factory=list)
    carried: dict[int, str] = field(default_factory=dict)
    """Solid read -> what is done to it on the way (``crop 4``)."""
    block: bool = False
    shortcut: bool = False
    """Whether what flows into a block is also added to what comes out of it."""
    times: int = 1
    """How often it stands here, where it alone is repeated."""
    stands_for: list[Node] = field(default_factory=list)
    """Its layers, in every turn that it is drawn for."""
    turns: list[Turns] = field(default_factory=list)
    """The repeats it shares with others, outermost first."""
    layer: str = ""
    """The full name of its first layer, or of its block."""
    about: str = ""
    """What that does, in a sentence."""
    share: float | None = None
    """Its part of the heated figure, in all repeats."""
    pairs: Sequence[Pair] | None = None
    """Where two networks are compared: its layers before and now."""
    result: str = ""
    """The name of the network's output that is here."""
    main: bool = False
    """Whether that is the main output."""

    @property
    def last(self) -> int:
        """The layer whose output it is, before a flatten that belongs to it."""
        return next((n.index for n in reversed(self.nodes) if n.output == self.shape), self.nodes[-1].index)

    @property
    def status(self) -> str:
        """Where two networks are compared: same, changed or added."""
        return "" if self.pairs is None else status_of(self.pairs)

    @property
    def is_vector(self) -> bool:
        return not self.sign and all(size == 1 for size in spatial(self.shape))

    @property
    def is_map(self) -> bool:
        return not self.sign and not self.is_vector

    @property
    def flat(self) -> int:
        """The length of the vector that a flatten makes of a map; 0 where none does."""
        ends = [node.output for node in self.nodes if len(node.output) == 1 < len(self.shape)]
        return ends[-1][0] if ends and self.is_map else 0

    @property
    def tooltip(self) -> str:
        if self.block:
            return block_text(self.nodes)
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
        return (reaches[-2], reaches[-1]) if len(reaches) > 1 else (reaches[0], 1)

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
    return first.inputs / first.outputs if isinstance(first, Stretch) else 1.0


def solids_of(network: Network, choices: Choices) -> list[Solid]:
    """The solids in topological order, as detailed as makes a picture (or as asked for)."""
    return next(views_of(network, choices))


def views_of(
    network: Network, choices: Choices, comparison: Comparison | None = None
) -> Iterator[list[Solid]]:
    """The solids from the most detailed view that makes a picture to the coarsest."""
    for found in _views(network, choices):
        _paint(found, network, choices, comparison)
        yield found


def _paint(found: Sequence[Solid], network: Network, choices: Choices, comparison: Comparison | None) -> None:
    total = sum(map(HEATS[choices.heat], network.nodes)) or 1 if choices.heat else 0
    for solid in found:
        if choices.heat:
            solid.share = sum(map(HEATS[choices.heat], solid.stands_for)) / total
        if comparison is not None:
            now, places = comparison.now, (node.index for node in solid.stands_for)
            solid.pairs = [now[place] for place in places if place in now]


def _views(network: Network, choices: Choices) -> Iterator[list[Solid]]:
    *finer, last = _levels(network, choices)
    coarsest = _SolidBuilder(network, *last).solids()
    most, fewest = ABSORBED * max(MOST, len(coarsest)), coarsest
    for segments, depth in finer:
        try:
            found = _SolidBuilder(network, segments, depth, most).solids()
        except _TooMany:
            continue
        if len(found) <= MOST:
            yield found
        fewest = min(found, fewest, key=len)
    yield fewest if len(fewest) < len(coarsest) else coarsest


def _levels(network: Network, choices: Choices) -> Iterator[tuple[tuple[Segment, ...], int | None]]:
    """Segments, folded or not, and the depth of blocks, from the most detailed on."""
    plain, folded = (segments_of(network, replace(choices, fold=fold)) for fold in (False, choices.fold))
    depths: list[int | None] = [None, *range(deepest(network) - 1, -1, -1)]
    for depth in depths if choices.depth is None else [choices.depth]:
        yield plain, depth
        if choices.fold:
            yield folded, depth


class _SolidBuilder:
    def __init__(
        self, network: Network, segments: tuple[Segment, ...], depth: int | None, most: float = inf
    ) -> None:
        self.network, self.segments, self.depth, self.most = network, segments, depth, most
        self.standing = representatives(segments)
        self.found: dict[int, Solid] = {}
        self.home: dict[int, int] = {}
        self.repeats = 0

    def solids(self) -> list[Solid]:
        for node in self.network.inputs:
            self._add(node, "input", ())
        self._walk(self.segments, 0, ())
        self._absorb()
        self._count_turns()
        for solid in self.found.values():
            layers = solid.nodes if solid.block else [self.network.nodes[solid.key]]
            solid.layer = solid.layer or layers[0].name
            solid.about = described(layers, self.network)
        drawn = {node.index: solid for solid in self.found.values() for node in solid.nodes}
        for node in self.network.nodes:
            drawn[self.standing.get(node.index, node.index)].stands_for.append(node)
        for n, output in enumerate(self.network.outputs):
            solid = self.found[self._home(output.node)]
            solid.main = solid.main or not n
            solid.result = output.name if len(self.network.outputs) > 1 else ""
        return list(self.found.values())

    def _count_turns(self) -> None:
        solids = Counter(turns.key for solid in self.found.values() for turns in solid.turns)
        for solid in self.found.values():
            counted = [turns._replace(solids=solids[turns.key]) for turns in solid.turns]
            solid.times = prod(turns.times for turns in counted if turns.solids == 1)
            solid.turns = [turns for turns in counted if turns.solids > 1]

    def _walk(self, segments: Sequence[Segment], depth: int, turns: tuple[Turns, ...]) -> None:
        for segment in segments:
            if isinstance(segment, Leaf):
                self._leaf(segment.node, turns)
            elif isinstance(segment, Repeated):
                self.repeats += 1
                self._walk(segment.segments, depth, (*turns, Turns(self.repeats, segment.times, 0)))
            elif self.depth is not None and depth >= self.depth and _speaking(segment.nodes) > 1:
                self._block(segment, turns)
            else:
                self._walk(segment.segments, depth + 1, turns)

    def _leaf(self, node: Node, turns: tuple[Turns, ...]) -> None:
        if is_silent(node):
            place = self._home(node.inputs[0])
            self.found[place].nodes.append(node)
            self.home[node.index] = place
            return
        self._add(node, operation_text(node), turns)
        for source in node.inputs:
            self._link(node.index, source)

    def _add(self, node: Node, operation: str, turns: tuple[Turns, ...]) -> None:
        slabs = []
        if node.layer.picture is Picture.STACK:
            slabs = [(shape[-1], Family.MERGE) for shape in node.input_shapes]
        self.found[node.index] = Solid(
            node.index, [node], node.output, node.layer.family, "" if is_automatic(node) else own_name(node),
            operation, node.layer.sign, slabs, turns=list(turns),
        )  # fmt: skip
        self.home[node.index] = node.index
        if len(self.found) > self.most:
            raise _TooMany

    def _block(self, block: Block, turns: tuple[Turns, ...]) -> None:
        key = block.nodes[0].index
        inside = {node.index for node in block.nodes}
        last = block.nodes[-1]
        title = instance_title(block, prod(each.times for each in turns))
        name = title.split(" · ")[0] if " · " in title else ""
        self.found[key] = Solid(
            key, list(block.nodes), last.output, heaviest(block.nodes), name, block.title, block=True,
            layer=block_path(block), shortcut=has_shortcut(self.network, block.nodes), turns=list(turns),
        )  # fmt: skip
        for node in block.nodes:
            self.home[node.index] = key
        for node in block.nodes:
            for source in node.inputs:
                if source not in inside:
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


def has_shortcut(network: Network, nodes: Sequence[Node]) -> bool:
    """Whether the last sum of a block adds what flows into it, by way of one layer at most."""
    inside = {node.index for node in nodes}
    end = next((node for node in reversed(nodes) if not is_silent(node)), nodes[-1])
    return end.layer.sign == "+" and any(_is_short(network, inside, source) for source in end.inputs)


def _is_short(network: Network, inside: set[int], index: int) -> bool:
    layers = 0
    while index in inside:
        node = network.nodes[index]
        layers += not is_silent(node)
        if len(node.inputs) > 1:
            return False
        index = node.inputs[0]
    return layers < 2
