"""Exactly which input pixels one unit sees: positions carried back from a layer to the input.

The receptive field of the table is unclipped and takes a window for an interval. Here
every tap is followed on its own, and only where there is a pixel: dilation leaves holes,
edges cut, and a stride may skip pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from cnnspec.analysis.positions import MOST, Positions, behind, union
from cnnspec.analysis.receptive_field import Interval, tracks_of
from cnnspec.diagnostics import LayerError, nearest
from cnnspec.layers.base import AXES, AXIS_NAMES, Shape, show, spatial
from cnnspec.network.graph import Network, Node
from cnnspec.records import record

Seen: TypeAlias = tuple[Positions, ...]
"""For each axis of the input, the positions in question."""


@record
class Field:
    """What one unit sees of the network's input, axis by axis (rows, then columns)."""

    node: Node
    input: Node
    """The input in question: of several the first of which anything is seen."""
    position: tuple[int, ...]
    """The unit's place in its layer's map; empty for a vector, whose units all see the same."""
    pixels: tuple[Sequence[int], ...]
    """The rows and columns seen, in order, as a range where they are very many; branches of
    different form are taken together."""
    unclipped: tuple[Interval | None, ...]
    """First and last row and column if the map went on past its edges, padding included; None where
    nothing is seen, or where the pattern repeats too late to be told."""

    @property
    def size(self) -> tuple[int, ...]:
        """How many rows and columns from the first seen to the last."""
        return tuple(seen[-1] - seen[0] + 1 if seen else 0 for seen in self.pixels)

    @property
    def clipped(self) -> tuple[Interval | None, ...]:
        """First and last pixel that is there; None where nothing is seen."""
        return tuple((seen[0], seen[-1]) if seen else None for seen in self.pixels)


def field(network: Network, layer: str, position: tuple[int, ...] = ()) -> Field:
    """What the unit of ``layer`` at a position, counted from 0, sees of the input.

    For a vector the position is left out. Raises LayerError for a layer or place that is not there.
    """
    node = _find(network, layer)
    image = _seen_by(network, node)
    rank = len(spatial(image.output))
    if rank == 0:
        message = f"the input {show(image.output)} is a vector: it has no rows or columns to see"
        raise LayerError("no-rows-or-columns", message)
    is_map = len(node.output) - 1 == rank
    place = _checked(node, position, rank) if is_map else ()
    pixels = tuple(
        seen if isinstance(seen, range) and len(seen) > MOST else tuple(sorted(seen))
        for seen in _carry_back(network, node, place, rank)[image.index]
    )
    tracks = tracks_of(network)[node.index]
    unclipped = tuple(track.at(at) for track, at in zip(tracks, place or (0,) * rank, strict=False))
    return Field(node, image, place, pixels, unclipped or (None,) * rank)


def _seen_by(network: Network, node: Node) -> Node:
    """The first input with rows or columns that a node hangs on; the first one where it has none."""
    behind = {node.index}
    for reader in reversed(network.nodes[: node.index + 1]):
        behind.update(reader.inputs if reader.index in behind else ())
    found = (each for each in network.inputs if each.index in behind and spatial(each.output))
    return next(found, network.nodes[0])


def _carry_back(network: Network, node: Node, place: tuple[int, ...], rank: int) -> list[Seen]:
    """For each node, the positions that a place is made of."""
    empty: Seen = (range(0),) * rank
    needed = [empty] * (node.index + 1)
    needed[node.index] = tuple(range(at, at + 1) for at in place) or _all(node.output, rank)
    for reader in reversed(network.nodes[len(network.inputs) : node.index + 1]):
        wanted = needed[reader.index]
        if not all(wanted):
            continue
        for which, source in enumerate(reader.inputs):
            found = _seen_through(reader, which, wanted, rank)
            needed[source] = tuple(map(union, needed[source], found))
    return needed


def _seen_through(node: Node, which: int, wanted: Seen, rank: int) -> Seen:
    """Positions of input ``which`` that the wanted positions of the output are made of."""
    shape = node.input_shapes[which]
    if len(shape) - 1 != rank or len(node.output) - 1 != rank:
        return _all(shape, rank)
    windows = node.layer.window(node.input_shapes, which)
    return tuple(
        behind(window, positions, size)
        for window, positions, size in zip(windows, wanted, spatial(shape), strict=True)
    )


def _all(shape: Shape, rank: int) -> Seen:
    """Every position of a map; of a vector, one stand-in an axis."""
    if len(shape) - 1 != rank:
        return (range(1),) * rank
    return tuple(map(range, spatial(shape)))


def _find(network: Network, layer: str) -> Node:
    found = network.by_name.get(layer)
    if found is not None:
        return found
    meant = nearest(layer, network.by_name)
    cure = f"did you mean {meant}?" if meant else "cnnspec analyze lists the layers"
    raise LayerError("no-such-layer", f"there is no layer {layer}", help=(cure,))


def _checked(node: Node, position: tuple[int, ...], rank: int) -> tuple[int, ...]:
    sizes, names = spatial(node.output), [AXIS_NAMES[name] for name in AXES[rank]]
    gives = f"{node.name} gives {show(node.output)}"
    if len(position) != rank:
        message = f"a place in {node.name} needs {rank} numbers ({', '.join(names)}), not {len(position)}"
        raise LayerError("place-outside-map", message, notes=(gives,))
    for name, at, size in zip(names, position, sizes, strict=True):
        if not 0 <= at < size:
            message = f"{at} lies outside the {name} of {node.name}"
            note = f"{gives}: the {name} runs from 0 to {size - 1}"
            raise LayerError("place-outside-map", message, notes=(note,))
    return position
