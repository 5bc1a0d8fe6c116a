"""The picture in a row: runs from left to right, parallel paths in lanes, skips as arcs above."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import Final, TypeVar

from cnnspec.layers.base import Family, spatial
from cnnspec.views.pictures.volumes.scene import (
    HALO,
    LINE,
    Box,
    BoxLabel,
    Scale,
    VolumeLayout,
    Wire,
    label_width,
    lines_of,
)
from cnnspec.views.pictures.volumes.solids import Solid
from cnnspec.views.pictures.volumes.tree import END, Fork, Run, keys_of
from cnnspec.views.pictures.volumes.words import told_turns

T = TypeVar("T")
GAP: Final = 30.0
"""Between solids with a connection of their own: room for an arrow or a cone."""
CLOSEST, SPARE = 16.0, 4.0
"""At least between solids, and between their labels beside what is kept clear around each."""
TIGHT: Final = 5.0
"""Between solids of one group."""
FAN: Final = 44.0
"""Before and after parallel paths: room for the curves."""
SPREAD: Final = 3
"""From so many paths on they spread around the axis; of two the longer one keeps it."""
LEVEL: Final = 0.01
"""Pixels that the axes of two on one level differ at most."""
LANE_GAP: Final = 22.0
ARC: Final = 20.0
NARROWEST_LABEL: Final = 84.0
"""What a label may take at least before it is wrapped."""
ROOMY: Final = 15
"""Up to so many solids each stands alone; beyond, maps of one size stand together."""


@dataclass(frozen=True, slots=True)
class Extent:
    """Width, and how far up and down from its axis something reaches."""

    width: float
    up: float
    down: float


@dataclass(frozen=True, slots=True)
class Spacing:
    """How much of its room a row takes, 1 where there is enough; ``mixed``: pools stand with convolutions."""

    density: float = 1.0
    mixed: bool = False
    height: float = 1.0


class RowLayout:
    """Places a run of solids."""

    def __init__(self, solids: dict[int, Solid], scale: Scale, spacing: Spacing) -> None:
        self.solids, self.scale, self.mixed, density = solids, scale, spacing.mixed, spacing.density
        self.gap = max(CLOSEST, GAP * density)
        self.tight = max(1.5, TIGHT * density)
        self.packs = len(solids) > ROOMY
        self.scene = VolumeLayout()
        self.measured: dict[tuple[int, float], Extent] = {}
        self.reach: dict[int, tuple[float, float]] = {}
        """Solid -> left and right end of the label under it."""

    def place(self, run: Run) -> VolumeLayout:
        self._run(run, 0.0, 0.0)
        self._connect()
        return self.scene

    # Measuring ---------------------------------------------------------------------

    def measure(self, run: Run, within: float = inf) -> Extent:
        """The extent of a run, or of its beginning ``within`` a width; runs are measured again and again."""
        key = (id(run), within)
        if key not in self.measured:
            self.measured[key] = self._measure(run, within)
        return self.measured[key]

    def _measure(self, run: Run, within: float) -> Extent:
        width = up = down = 0.0
        previous: list[int] | Fork | None = None
        for piece in self._pieces(run):
            if width > within:
                break
            extent = self._piece_extent(piece, within - width)
            width += self._gap(previous, piece) + extent.width
            up, down, previous = max(up, extent.up), max(down, extent.down), piece
        return Extent(width, up, down)

    def _pieces(self, run: Run) -> list[list[int] | Fork]:
        """The run with neighbours of one group put together."""
        pieces: list[list[int] | Fork] = []
        for item in run:
            last = pieces[-1] if pieces else None
            if isinstance(item, Fork):
                pieces.append(item)
            elif isinstance(last, list) and self._together(last[-1], item):
                last.append(item)
            else:
                pieces.append([item])
        return pieces

    def _together(self, one: int, two: int) -> bool:
        """Whether two neighbours stand together: convolutions that keep a map's height and width."""
        a, b = self.solids[one], self.solids[two]
        if a.slabs or b.slabs or a.result or a.family is Family.INPUT or b.before != [one]:
            return False
        alike = a.operation == b.operation or (
            b.family is Family.CONV and (self.mixed or a.family is b.family)
        )
        same_size = a.is_map and b.is_map and spatial(a.shape) == spatial(b.shape)
        return alike and same_size and (self.packs or (a.block and b.block))

    def _piece_extent(self, piece: list[int] | Fork, within: float) -> Extent:
        return self._fork_extent(piece, within) if isinstance(piece, Fork) else self._pack_extent(piece)

    def _pack_extent(self, pack: Sequence[int]) -> Extent:
        boxes = [self.scale.box(self.solids[key]) for key in pack]
        half = max((h + dy) / 2 for _, h, _, dy in boxes)
        label = self._label(pack)
        width = max(self._pack_width(pack), label_width(label) + HALO)
        return Extent(width, half, half + 6 + LINE * len(label))

    def _pack_width(self, pack: Sequence[int]) -> float:
        boxes = [self.scale.box(self.solids[key]) for key in pack]
        return sum(t for t, _, _, _ in boxes) + self.tight * (len(boxes) - 1) + boxes[-1][2]

    def _label(self, pack: Sequence[int]) -> list[tuple[str, str]]:
        return lines_of([self.solids[key] for key in pack], max(NARROWEST_LABEL, self._pack_width(pack)))

    def _fork_extent(self, fork: Fork, within: float = inf) -> Extent:
        lanes = [self.measure(path, within) for path in fork.paths]
        width = max((lane.width for lane in lanes), default=0.0)
        up, down = self._reach(fork, lanes)
        return Extent(width, up + ARC * fork.skips, down)

    def _axes(self, fork: Fork, lanes: Sequence[Extent]) -> list[float]:
        """The axis of each lane, relative to the fork's: a long path stays on it, short ones go above."""
        if len(lanes) == 1:
            return [0.0]
        if len(lanes) < SPREAD:
            main = self._main(fork, lanes)
            offsets = [0.0, 0.0]
            side = lanes[1 - main]
            beside = self.measure(fork.paths[main], side.width) if fork.join == END else lanes[main]
            offsets[1 - main] = -(beside.up + LANE_GAP + side.down)
            return offsets
        height = sum(lane.up + lane.down for lane in lanes) + LANE_GAP * (len(lanes) - 1)
        top, axes = -height / 2, []
        for lane in lanes:
            axes.append(top + lane.up)
            top += lane.up + lane.down + LANE_GAP
        return axes

    def _main(self, fork: Fork, lanes: Sequence[Extent]) -> int:
        """Which of two paths keeps the axis: the one to the main output, else the longer, else the second."""
        for n, path in enumerate(fork.paths):
            if fork.join == END and any(self.solids[key].main for key in keys_of(path)):
                return n
        return 0 if lanes[0].width > lanes[1].width else 1

    def _reach(self, fork: Fork, lanes: Sequence[Extent]) -> tuple[float, float]:
        axes = self._axes(fork, lanes)
        up = max((lane.up - axis for lane, axis in zip(lanes, axes, strict=True)), default=0.0)
        down = max((lane.down + axis for lane, axis in zip(lanes, axes, strict=True)), default=0.0)
        return up, down

    def _gap(self, previous: list[int] | Fork | None, piece: list[int] | Fork) -> float:
        """The gap in front of a piece; none before the first."""
        if previous is None:
            return 0.0
        for fork in (piece, previous):
            if isinstance(fork, Fork):
                return FAN if len(fork.paths) > 1 else self.gap + 6
        beside = sum(map(self._overhang, (p for p in (previous, piece) if isinstance(p, list))))
        return max(SPARE, self.gap - beside)

    def _overhang(self, pack: Sequence[int]) -> float:
        """How far a label reaches over its solids at either side: room for the arrow there."""
        return (self._pack_extent(pack).width - self._pack_width(pack)) / 2

    # Placing -----------------------------------------------------------------------

    def _run(self, run: Run, x: float, axis: float, floor: float = -inf) -> float:
        """Places a run from ``x`` on; its labels stand under ``floor``, or under its lowest box."""
        pieces = self._pieces(run)
        packs = [self._pack_extent(piece) for piece in pieces if isinstance(piece, list)]
        floor = max(floor, axis + max((extent.up for extent in packs), default=0.0))
        for previous, piece in zip([None, *pieces], pieces, strict=False):
            x += self._gap(previous, piece)
            if isinstance(piece, Fork):
                x = self._fork(piece, x, axis, floor)
            else:
                x = self._pack(piece, x, axis, floor)
        return x

    def _pack(self, pack: Sequence[int], x: float, axis: float, floor: float) -> float:
        extent = self._pack_extent(pack)
        place = x + (extent.width - self._pack_width(pack)) / 2
        for key in pack:
            t, h, dx, dy = self.scale.box(self.solids[key])
            self.scene.boxes[key] = Box(self.solids[key], place, axis - (h + dy) / 2 + dy, t, h, dx, dy)
            place += t + self.tight
        self.scene.told |= told_turns([self.solids[key] for key in pack])
        lines = self._label(pack)
        half = label_width(lines) / 2 + HALO / 2 if lines else 0.0
        middle = x + extent.width / 2
        self.reach.update((key, (middle - half, middle + half)) for key in pack)
        if lines:
            below = self.scene.boxes[pack[-1]].bottom if self.solids[pack[-1]].sign else floor
            self.scene.labels.append(BoxLabel(middle, below + 16, lines))
        return x + extent.width

    def _fork(self, fork: Fork, x: float, axis: float, floor: float) -> float:
        lanes = [self.measure(path) for path in fork.paths]
        width = max((lane.width for lane in lanes), default=0.0)
        for path, lane, offset in zip(fork.paths, lanes, self._axes(fork, lanes), strict=True):
            centred = x + (width - lane.width) / 2 if fork.join != END else x
            self._run(path, centred, axis + offset, floor if len(lanes) < SPREAD and not offset else -inf)
        if fork.skips:
            up, _ = self._reach(fork, lanes)
            self.scene.wires.append(Wire((fork.start, fork.join), [(x, axis - up - ARC + 6)]))
        return x + width

    # Connecting --------------------------------------------------------------------

    def _connect(self) -> None:
        reserved = {wire.ends: wire.points[0][1] for wire in self.scene.wires}
        self.scene.wires = []
        self.in_order = sorted(self.scene.boxes.values(), key=lambda box: box.x)
        self.begin = [box.x for box in self.in_order]
        self.sides = [(box.right, box.top - 4, box.bottom + 4) for box in self.in_order]
        arcs = []
        for solid in self.solids.values():
            for source in solid.before:
                ends = (source, solid.key)
                if ends in reserved or self._is_blocked(ends):
                    arcs.append(ends)
                else:
                    self._direct(ends)
        for ends in sorted(arcs, key=lambda ends: (ends not in reserved, self._span(ends))):
            self._arc(ends, reserved.get(ends))

    def _span(self, ends: tuple[int, int]) -> float:
        return self.scene.boxes[ends[1]].x - self.scene.boxes[ends[0]].x

    def _is_blocked(self, ends: tuple[int, int]) -> bool:
        """Whether a straight way would run through another solid."""
        one, two = (self.scene.boxes[end] for end in ends)
        upper, lower, end = min(one.axis, two.axis), max(one.axis, two.axis), two.x
        return any(
            top < upper and lower < bottom and right <= end
            for right, top, bottom in self._between(self.sides, one.right, end)
        )

    def _between(self, things: list[T], left: float, right: float) -> list[T]:
        """What belongs to the boxes that begin there, of all things in their order."""
        return things[bisect_left(self.begin, left) : bisect_right(self.begin, right)]

    def _arc(self, ends: tuple[int, int], height: float | None) -> None:
        one, two = (self.scene.boxes[end] for end in ends)
        start, end = (one.middle + 4, one.top), (two.middle - 4, two.top)
        if height is None:
            between = [box.top for box in self._between(self.in_order, one.x, two.x)]
            others = [
                wire.points[1][1] - ARC / 2 + 6
                for wire in self.scene.wires
                if len(wire.points) == 4
                and not wire.curved
                and wire.points[0][0] < end[0]
                and start[0] < wire.points[-1][0]
            ]
            height = min(min(between) - ARC + 6, *others, inf) - 6
            start = (start[0] + 4 * len(others), start[1])
        height = min(height, one.top - ARC + 6, two.top - ARC + 6)
        text = two.solid.carried.get(ends[0], "")
        wire = Wire(ends, [start, (start[0], height), (end[0], height), end], text=text)
        self.scene.wires.append(wire)

    def _direct(self, ends: tuple[int, int]) -> None:
        one, two = (self.scene.boxes[end] for end in ends)
        level = abs(one.axis - two.axis) < LEVEL
        if level and two.x - one.x - one.t < self.tight + 1:
            return
        if level and two.solid.family is Family.DENSE and two.solid.is_vector and not one.solid.sign:
            self.scene.fans.append(ends)
        elif level and shows_window(one, two):
            self.scene.cones.append(ends)
        else:
            clear = self.reach[ends[0]][1], self.reach[ends[1]][0]
            self.scene.wires.append(_wire(ends, one, two, clear))


def shows_window(one: Box, two: Box) -> bool:
    """Whether ``two`` is made by a window that slides over ``one``."""
    return two.solid.window is not None and one.solid.is_map and two.solid.is_map


def _wire(ends: tuple[int, int], one: Box, two: Box, clear: tuple[float, float]) -> Wire:
    """Straight along a lane; between lanes an S-curve right after the fork or right before the join.

    It is level beside their labels, which ``clear`` (right end of the first, left of the second) tells.
    """
    start, end = (one.right + 2, one.axis), (two.x - 2, two.axis)
    if abs(one.axis - two.axis) < LEVEL:
        return Wire(ends, [start, end])
    bend = FAN - 8
    if len(two.solid.before) > 1:
        upper = min(end[0], max(clear[1], start[0] + bend))
        lower = max(start[0], upper - bend)
    else:
        lower = max(start[0], min(clear[0], end[0] - bend))
        upper = min(end[0], lower + bend)
    return Wire(ends, [start, (lower, start[1]), (upper, end[1]), end], curved=True)
