"""Repeats folded as ×N, true by construction.

Adjacent turns of a repeat, or instances of a block, fold only when they are equal
in operators, options, shapes in and out, parameters and wiring: each turn reads
the one before it at the same place, nothing outside reads into the middle of one,
and no result of the network is taken from inside. What is drawn once and marked
×3 is three times exactly that. Where growth is followed too, turns may differ in
counts of channels, all by the same number from each turn to the next, as DenseNet's do;
the fold then tells the channels that flow into the first and out of the last.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Final, TypeAlias
from weakref import ref

from cnnspec.network.graph import Group, Network, Node
from cnnspec.records import record


@record
class Leaf:
    """One layer."""

    node: Node

    @property
    def nodes(self) -> tuple[Node, ...]:
        return (self.node,)


@record
class Block:
    """An instance of a block, under the title it was used with; or, before folding, one turn of a repeat."""

    title: str
    segments: tuple[Segment, ...]
    nodes: tuple[Node, ...]
    group: Group


@record
class Repeated:
    """``segments`` stand for ``times`` equal turns; they are those of the first turn.

    ``turns`` holds the nodes of every turn, so that sums and the last turn's
    receptive field can be shown; ``nodes`` are all of them. ``grows`` are the channels into the
    first and out of the last of turns that grow.
    """

    segments: tuple[Segment, ...]
    times: int
    turns: tuple[tuple[Node, ...], ...]
    grows: tuple[int, int] | None = None

    @property
    def label(self) -> str:
        """``×6, 64→256``."""
        return f"×{self.times}{self.growth}"

    @property
    def growth(self) -> str:
        """``, 64→256`` after the count of turns that grow."""
        return ", {}→{}".format(*self.grows) if self.grows else ""

    @property
    def nodes(self) -> tuple[Node, ...]:
        return tuple(node for turn in self.turns for node in turn)


Segment: TypeAlias = Leaf | Block | Repeated


def fold(network: Network, *, repeats: bool = True, growing: bool = False) -> tuple[Segment, ...]:
    """The layers after the input as segments; ``repeats=False`` keeps blocks but folds nothing.

    With ``growing``, turns fold that differ in counts of channels alone, by the same number each time.
    """
    known, found = _LAST.get((repeats, growing), (None, ()))
    if known is None or known() is not network:
        found = _Folder(network, repeats, growing).segments(network.layers, 0)
        _LAST[repeats, growing] = ref(network), found
    return found


_LAST: Final[dict[tuple[bool, bool], tuple[ref[Network], tuple[Segment, ...]]]] = {}
"""What was folded last: a picture that is fitted to a page asks for the same at every depth."""


class _Folder:
    def __init__(self, network: Network, repeats: bool, growing: bool) -> None:
        self.network, self.repeats, self.growing = network, repeats, growing
        self.results = frozenset(output.node for output in network.outputs)

    def segments(self, nodes: Sequence[Node], depth: int) -> tuple[Segment, ...]:
        """The segments of a run of nodes, all within the same ``depth`` outer groups."""
        runs = groupby(nodes, lambda node: node.groups[depth] if len(node.groups) > depth else node.index)
        pieces = [self._piece(tuple(run), depth) for _, run in runs]
        folded: list[Segment] = []
        place = 0
        while place < len(pieces):
            turns = self._equal_from(pieces, place) if self.repeats else 1
            folded += _folded(pieces[place : place + turns])
            place += turns
        return tuple(folded)

    def _piece(self, run: tuple[Node, ...], depth: int) -> Segment:
        if len(run[0].groups) <= depth:
            return Leaf(run[0])
        group, inner = run[0].groups[depth], self.segments(run, depth + 1)
        if group.repeat is not None and len(inner) == 1 and isinstance(inner[0], Block):
            return inner[0]
        return Block(group.title, inner, run, group)

    def _equal_from(self, pieces: list[Segment], place: int) -> int:
        """How many pieces from ``place`` on are equal turns."""
        end = place + 1
        growth = self._growth(pieces[place], pieces[end]) if end < len(pieces) else None
        while growth is not None and end < len(pieces) and self._growth(*pieces[end - 1 : end + 1]) == growth:
            end += 1
        while end - place > 1 and not self._closed(pieces[place:end]):
            end -= 1
        return end - place

    def _growth(self, one: Segment, two: Segment) -> int | None:
        """By how many channels the second of two adjacent pieces is wider than the first, else equal to it.

        None where they differ otherwise, or do not read what is before them at the same place.
        """
        if not (isinstance(one, Block) and isinstance(two, Block)) or len(one.nodes) != len(two.nodes):
            return None
        if (one.group.title, one.group.repeat) != (two.group.title, two.group.repeat):
            return None
        if not all(map(_same_layer, one.nodes, two.nodes)):
            return None
        growth = _channels_added(one.nodes, two.nodes)
        if growth is None or (growth and not self.growing):
            return None
        entries = _entries(one.nodes, two.nodes)
        if entries is None or len(entries) > 1 or not self._only_read_at(one.nodes, two.nodes, entries):
            return None
        return growth

    def _only_read_at(self, one: tuple[Node, ...], two: tuple[Node, ...], entries: set[int]) -> bool:
        """Whether the first turn is left only through the second one's entry."""
        inside = range(one[0].index, two[-1].index + 1)
        for node in one:
            if node.index in self.results:
                return False
            if node.index - two[0].index not in entries and any(
                reader > one[-1].index for reader in self.network.readers[node.index]
            ):
                return False
            if any(reader not in inside for reader in self.network.readers[node.index]):
                return False
        return True

    def _closed(self, pieces: list[Segment]) -> bool:
        """Whether the last turn is read from outside only where the next turn would have read it."""
        first, last = pieces[-2].nodes, pieces[-1].nodes
        entries = _entries(first, last) or set()
        exits = {last[-1].index + 1 + entry for entry in entries}
        for node in last:
            leaves = any(reader > last[-1].index for reader in self.network.readers[node.index])
            if (leaves or node.index in self.results) and node.index not in exits:
                return False
        return True


def _folded(pieces: Sequence[Segment]) -> tuple[Segment, ...]:
    """Turns fold within their own repeat; one that stays alone is spliced into its surroundings."""
    first = pieces[0]
    shown: tuple[Segment, ...] = (first,)
    if isinstance(first, Block) and first.group.repeat is not None:
        shown = first.segments
    if len(pieces) == 1:
        return shown
    turns = tuple(piece.nodes for piece in pieces)
    start, end = _inflow(turns[0]), turns[-1][-1].output[-1]
    grows = (start, end) if _channels_added(turns[0], turns[1]) else None
    return (Repeated(shown, len(pieces), turns, grows),)


def _inflow(turn: tuple[Node, ...]) -> int:
    """The channels of what a turn reads first from before it."""
    return next(
        shape[-1]
        for node in turn
        for source, shape in zip(node.inputs, node.input_shapes, strict=True)
        if source < turn[0].index
    )


def _channels_added(one: tuple[Node, ...], two: tuple[Node, ...]) -> int | None:
    """How many channels wider every map of the second is that is wider at all; 0 where none is.

    None where maps differ otherwise, or what flows out of the last layer does not grow with them.
    """
    added: set[int] = set()
    for a, b in zip(one, two, strict=True):
        for x, y in zip((*a.input_shapes, a.output), (*b.input_shapes, b.output), strict=True):
            if len(x) != len(y) or x[:-1] != y[:-1]:
                return None
            added.add(y[-1] - x[-1])
    last = two[-1].output[-1] - one[-1].output[-1]
    return last if added <= {0, last} else None


def _same_layer(one: Node, two: Node) -> bool:
    return (
        type(one.layer) is type(two.layer)
        and (one.layer is two.layer or one.layer == two.layer)
        and (one.share, one.tied) == (two.share, two.tied)
        and len(one.input_shapes) == len(two.input_shapes)
        and _titles(one) == _titles(two)
    )


def _titles(node: Node) -> tuple[str, ...]:
    return tuple(group.title for group in node.groups if group.repeat is None)


def _entries(one: tuple[Node, ...], two: tuple[Node, ...]) -> set[int] | None:
    """Offsets before a turn's start at which it reads the turn before; None when wired differently.

    A node before both turns that both read (a long skip) is no entry.
    """
    start_one, start_two = one[0].index, two[0].index
    entries = set()
    for a, b in zip(one, two, strict=True):
        if len(a.inputs) != len(b.inputs):
            return None
        for source_one, source_two in zip(a.inputs, b.inputs, strict=True):
            if source_one == source_two and source_one < start_one:
                continue
            offset = source_two - start_two
            if source_one - start_one != offset or offset < -len(one):
                return None
            if offset < 0:
                entries.add(offset)
    return entries
