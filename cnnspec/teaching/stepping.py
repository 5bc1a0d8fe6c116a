"""A window place by place: the cells it lies on, the values it reads, the sum that it gives.

A layer's own ``window`` says what an output position sees of each axis; here it is laid out as cells to draw.
A transposed convolution is laid out as the convolution that it equals (Dumoulin and Visin, chapter 4): the
map's values stride cells apart with zeros between, the kernel turned by half a turn.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice, product
from math import prod
from typing import Final

import numpy as np

from cnnspec.analysis.positions import sources
from cnnspec.diagnostics import LayerError
from cnnspec.layers.base import Family, Slide, Spread, Window, show, spatial
from cnnspec.layers.window import Axis
from cnnspec.layers.writing import sentence
from cnnspec.network.graph import Network, Node
from cnnspec.teaching.handwriting import Hand, decimal
from cnnspec.teaching.page import steps
from cnnspec.teaching.symbols import Array
from cnnspec.teaching.window import channels_read, kernel_of
from cnnspec.teaching.working import MOST_PRODUCTS, Values, products, working

MOST_PLACES: Final = 1000
"""Positions of a window that are shown one after another."""
MOST_CELLS: Final = 20_000
"""Cells of a map that are drawn."""
MOST_TERMS: Final = 27
"""A sum of more values than this is not written out: of three channels under a 3x3 window it is."""
FAMILIES: Final = frozenset({Family.CONV, Family.POOL, Family.RESAMPLE})
"""Layers whose windows move over a map."""


@dataclass(frozen=True)
class CellAxis:
    """One axis: ``count`` cells from ``first`` on, of which the map's values lie ``spacing`` apart from 0.

    ``taps`` are the cells under the window for each output position, in the kernel's order.
    """

    first: int
    count: int
    size: int
    spacing: int
    taps: tuple[tuple[int, ...], ...]

    def index(self, cell: int) -> int | None:
        """Which value of the map lies in a cell; None for a zero of the padding or between values."""
        place, rest = divmod(cell, self.spacing)
        return place if rest == 0 and 0 <= place < self.size else None

    @property
    def values(self) -> range:
        """The cells that hold the map's values."""
        return range(0, self.size * self.spacing, self.spacing)


POINT: Final = CellAxis(0, 1, 1, 1, ((0,),))
"""The second axis of a sequence."""


def cell_axis(window: Window, size: int, outputs: int, after: int = 0) -> CellAxis:
    """The cells of an axis of ``size`` values, padded by ``after`` at its end."""
    spacing = window.stride if isinstance(window, Spread) else 1
    taps = tuple(tuple(_taps(window, n, size)) for n in range(outputs))
    met = [cell for each in taps for cell in each]
    first, last = min([0, *met]), max([(size - 1) * spacing, size - 1 + after if spacing == 1 else 0, *met])
    return CellAxis(first, last - first + 1, size, spacing, taps)


def _taps(window: Window, position: int, size: int) -> Iterator[int]:
    """The cells under the window at an output position, those outside the map too."""
    if isinstance(window, Slide):
        start = position * window.stride - window.before
        return (start + tap * window.dilation for tap in range(window.kernel))
    if isinstance(window, Spread):
        start = position + window.before
        return (start - tap * window.dilation for tap in range(window.kernel))
    return iter(sorted(set(sources(window, [position], size))))


@dataclass(frozen=True)
class Step:
    """One place of the window: the output's place (row, column) and the cells, in the kernel's order."""

    place: tuple[int, int]
    rows: tuple[int, ...]
    columns: tuple[int, ...]

    @property
    def cells(self) -> Iterator[tuple[int, int]]:
        return product(self.rows, self.columns)


@dataclass(frozen=True)
class Stepping:
    """The window of one layer over its map, for one output channel and the input channels that it reads.

    A sequence is a map of one row. With ``values`` there are numbers.
    """

    node: Node
    channel: int
    channels: tuple[int, ...]
    tracks: tuple[CellAxis, CellAxis]
    steps: tuple[Step, ...]
    values: Values | None = None

    @property
    def outputs(self) -> tuple[int, int]:
        """Rows and columns of the output."""
        rows, columns = (len(track.taps) for track in self.tracks)
        return rows, columns

    def reads(self, step: Step) -> list[tuple[int, int]]:
        """The rows and columns of the map that a step reads, without padding."""
        rows, columns = (
            sorted({n for cell in cells if (n := track.index(cell)) is not None})
            for track, cells in zip(self.tracks, (step.rows, step.columns), strict=True)
        )
        return list(product(rows, columns))

    @cached_property
    def maps(self) -> Array | None:
        """Input channels x rows x columns, where there are numbers."""
        if self.values is None:
            return None
        found: Array = self.values.maps[self.node.inputs[0]][list(self.channels)]
        return found.reshape(len(self.channels), *(track.size for track in self.tracks))

    @cached_property
    def result(self) -> Array | None:
        """The output's rows x columns, where there are numbers."""
        if self.values is None:
            return None
        found: Array = self.values.maps[self.node.index][self.channel]
        return found.reshape(self.outputs)

    @cached_property
    def kernel(self) -> Array | None:
        """Input channels x rows x columns of the filter, where there are numbers and it has one."""
        if self.values is None:
            return None
        weights = self.values.of_node(self.node)
        found = kernel_of(self.node, weights, (self.channel,))
        return None if found is None else found.reshape(len(found), *map(len, self._taps))

    @property
    def _taps(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        return self.steps[0].rows, self.steps[0].columns

    def place_of(self, step: Step) -> tuple[int, ...]:
        """The value's place in the layer's output: channel, row, column."""
        return self.channel, *step.place[2 - len(spatial(self.node.output)) :]

    def told(self, step: Step, decimals: int) -> list[str]:
        """What happens in a step: the sum with its numbers or, without any, which places are read."""
        if self.values is None:
            return [_reading(self, step)]
        taps = len(step.rows) * len(step.columns) * len(self.channels)
        if taps > MOST_TERMS or products(self.node) * len(self.steps) > MOST_PRODUCTS:
            assert self.result is not None
            return [f"= {decimal(self.result[step.place], decimals)}, from {taps} values"]
        found = steps(working(self.values, self.node, self.place_of(step)), Hand, decimals)[1:]
        if found[0].startswith("="):
            return [" ".join(found)]
        return [*found[:-1], f"together: {found[-1].partition(' = ')[2]}"]


def _reading(stepping: Stepping, step: Step) -> str:
    """``reads rows 0 to 2, columns 4 to 6``."""
    places = stepping.reads(step)
    if not places:
        return "reads nothing of the map"
    rows, columns = (sorted(set(numbers)) for numbers in zip(*places, strict=True))
    if len(spatial(stepping.node.output)) == 1:
        return f"reads {_named('position', columns)}"
    return f"reads {_named('row', rows)}, {_named('column', columns)}"


def _named(what: str, numbers: Sequence[int]) -> str:
    if len(numbers) == 1:
        return f"{what} {numbers[0]}"
    if len(numbers) == numbers[-1] - numbers[0] + 1:
        return f"{what}s {numbers[0]} to {numbers[-1]}"
    return f"{what}s {', '.join(map(str, numbers))}"


def stepping(
    node: Node, channel: int = 0, places: Sequence[tuple[int, ...]] = (), values: Values | None = None
) -> Stepping:
    """The window of a layer at these output places, (row, column) from 0, or at all.

    Raises LayerError for a layer without a window that moves over a map of one or two axes.
    """
    if fault := _fault(node):
        cure = "convolutions, transposed ones, pools and upsampling have one"
        raise LayerError("no-moving-window", fault, help=(cure,))
    inputs, outputs = spatial(node.input_shapes[0]), spatial(node.output)
    windows = node.layer.window(node.input_shapes)
    axes = node.layer.axes(node.input_shapes) if hasattr(node.layer, "axes") else ()
    after = [axis.after if isinstance(axis, Axis) else 0 for axis in axes] or [0] * len(inputs)
    missing = 2 - len(inputs)
    found = [POINT] * missing + list(map(cell_axis, windows, inputs, outputs, after))
    rows, columns = found[0].taps, found[1].taps
    every = [(0,) * missing + place for place in places] or list(np.ndindex(len(rows), len(columns)))
    steps_of = tuple(Step((r, c), rows[r], columns[c]) for r, c in every)
    return Stepping(node, channel, channels_read(node, channel), (found[0], found[1]), steps_of, values)


def moves(node: Node) -> bool:
    """Whether a layer has a window that moves over a map of one or two axes."""
    return _fault(node) is None


def _fault(node: Node) -> str | None:
    """Why a layer cannot be shown; None where it can."""
    if not node.inputs or node.layer.family not in FAMILIES or node.layer.references:
        return f"{node.name} has no window that moves over a map"
    if len(node.output) > 3:
        return f"{node.name} moves along three axes: windows over one or two are shown"
    return None


def first_places(node: Node, most: int | None = None) -> list[tuple[int, ...]]:
    """The first ``most`` places of a layer's output; raises LayerError where they are too many to show."""
    sizes = spatial(node.output)
    places, cells = prod(sizes), prod(spatial(node.input_shapes[0]))
    if moves(node) and (cells > MOST_CELLS or min(places, most or places) > MOST_PLACES):
        small = show((*(9 for _ in sizes), node.input_shapes[0][-1]))
        cures = [f'a small map shows the same: -e "input {small}; {sentence(node.layer)}"']
        raise LayerError(
            "animation-too-long",
            f"{node.name} has {places:,} positions on a map of {cells:,}",
            notes=(f"up to {MOST_PLACES:,} positions are shown, on a map of up to {MOST_CELLS:,}",),
            help=(*cures, *(["--most 100 shows the first of them"] if cells <= MOST_CELLS else [])),
        )
    return list(islice(np.ndindex(sizes), min(most or MOST_PLACES, MOST_PLACES)))


def first_moving(network: Network) -> Node:
    """The first layer with a window; one along three axes where there is no other."""
    windows = [node for node in network.layers if node.layer.family in FAMILIES]
    return next(filter(moves, windows), (*windows, network.nodes[-1])[0])
