"""Repeats folded as ×N, true by construction.

Adjacent turns of a repeat, or instances of a block, fold only when they are equal
in operators, options, shapes in and out, parameters and wiring: each turn reads
the one before it at the same place, nothing outside reads into the middle of one,
and no result of the network is taken from inside. What is drawn once and marked
×3 is three times exactly that.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TypeAlias

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
    receptive field can be shown; ``nodes`` are all of them.
    """

    segments: tuple[Segment, ...]
    times: int
    turns: tuple[tuple[Node, ...], ...]

    @property
    def nodes(self) -> tuple[Node, ...]:
        return tuple(node for turn in self.turns for node in turn)


Segment: TypeAlias = Leaf | Block | Repeated


def fold(network: Network, *, repeats: bool = True) -> tuple[Segment, ...]:
    """The layers after the input as segments; ``repeats=False`` keeps blocks but folds nothing."""
    return _Folder(network, repeats).segments(network.layers, 0)


def unfolded(segments: Sequence[Segment]) -> Iterator[Node]:
    """All nodes of the segments, in order."""
    for segment in segments:
        yield from segment.nodes


class _Folder:
    def __init__(self, network: Network, repeats: bool) -> None:
        self.network, self.repeats = network, repeats
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
        while end < len(pieces) and self._alike(pieces[end - 1], pieces[end]):
            end += 1
        while end - place > 1 and not self._closed(pieces[place:end]):
            end -= 1
        return end - place

    def _alike(self, one: Segment, two: Segment) -> bool:
        """Whether two adjacent pieces are equal, each reading the one before it at the same place."""
        if not (isinstance(one, Block) and isinstance(two, Block)) or len(one.nodes) != len(two.nodes):
            return False
        if (one.group.title, one.group.repeat) != (two.group.title, two.group.repeat):
            return False
        if not all(map(_same_layer, one.nodes, two.nodes)):
            return False
        entries = _entries(one.nodes, two.nodes)
        return entries is not None and len(entries) <= 1 and self._only_read_at(one.nodes, two.nodes, entries)

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
    return (Repeated(shown, len(pieces), tuple(piece.nodes for piece in pieces)),)


def _same_layer(one: Node, two: Node) -> bool:
    return (
        type(one.layer) is type(two.layer)
        and (one.layer is two.layer or one.layer == two.layer)
        and (one.share, one.tied) == (two.share, two.tied)
        and (one.input_shapes, one.output, _titles(one)) == (two.input_shapes, two.output, _titles(two))
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
