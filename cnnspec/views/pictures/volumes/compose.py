"""Which composition suits a network: a row, a U, or stacks of sheets in a row, as in LeNet's figure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise, product
from math import inf
from operator import itemgetter
from typing import Final

from cnnspec.analysis.compare import Comparison
from cnnspec.network.graph import Network
from cnnspec.views.pictures.choices import Choices
from cnnspec.views.pictures.volumes.body import SHEET_STEP
from cnnspec.views.pictures.volumes.ladder import SLANT as U_SLANT
from cnnspec.views.pictures.volumes.ladder import is_ladder, place_ladder
from cnnspec.views.pictures.volumes.row import CLOSEST, RowLayout, Spacing
from cnnspec.views.pictures.volumes.scene import (
    Box,
    BoxLabel,
    Maps,
    Power,
    VolumeLayout,
    Wire,
    label_width,
    lines_of,
    power,
    scale_for,
)
from cnnspec.views.pictures.volumes.solids import Solid, views_of
from cnnspec.views.pictures.volumes.tree import lanes_in, runs

TALLEST: Final = 168.0
LOWEST: Final = 16.0
ON_A_SLIDE: Final = (1020.0, 366.0)
"""Width and height in pixels of a drawing that, with title and legend, can be read on 900 × 430 points."""
LOWER: Final = 0.7
"""What is left of the height of maps where there is too little room for it."""
DENSITIES: Final = (1.0, 0.85, 0.7, 0.6, 0.5, 0.42, 0.34, 0.28)
"""How much of its room a drawing takes, from loose to tight."""
THICK: Final = (4.0, 60.0)
THINNEST, ROOM = 18.0, 1250.0
"""The thickest map of a crowded picture, and the pixels that the maps share."""
SLANT: Final = (0.30, 0.24)
MOST_SHEETS, MOST_SOLIDS = 32, 14
HIGHEST_SHEET: Final = 132.0
LOWEST_SHEET: Final = 20.0
DEEPEST: Final = 60.0
"""Pixels that a stack may reach to the upper right."""
SHOWN: Final = {"few": (6, 116.0), "many": (4, 92.0)}
"""Feature maps that a stack shows at most, and the height of the largest; many stacks show fewer."""
FEW: Final = 6
APART: Final = (0.38, 0.15)
"""From one sheet with a feature map to the next, in sheets: across and up."""
HOPELESS: Final = 3.0
"""Times too large for the room, so that no tighter spacing is worth a try."""
SMALLEST: Final = 44.0
"""Pixels of the smallest sheet that shows a feature map."""
OPEN: Final = (0.62, 0.3)
"""The slant of solids whose right face shows one."""
GAP: Final = 34.0
BAR: Final = 11.0


def compose(
    network: Network, choices: Choices, maps: Maps | None = None, comparison: Comparison | None = None,
    room: tuple[float, float] = ON_A_SLIDE, views: Sequence[Sequence[Solid]] | None = None,
) -> tuple[VolumeLayout, str]:  # fmt: skip
    """The placed solids of a network, and the note about their scale; ``maps`` are shown on them.

    It is the deepest view that fits the ``room`` (width and height in pixels), as loose as it may be; the
    one that comes nearest where none does. ``views`` are those of the network, where they are known.
    """
    best: tuple[float, VolumeLayout, str] | None = None
    known = views_of(network, choices, comparison) if views is None else views
    for solids, mixed in product(known, (False, True)):
        if mixed and best is not None and best[0] > HOPELESS:
            continue
        tightest = _tried(solids, maps, Spacing(DENSITIES[-1], mixed), room)
        if tightest[0] <= 1:
            tries = (_tried(solids, maps, Spacing(density, mixed), room) for density in DENSITIES)
            return next(found for found in tries if found[0] <= 1)[1:]
        best = min(best or tightest, tightest, key=itemgetter(0))
    assert best is not None
    return best[1:]


def _tried(
    solids: Sequence[Solid], maps: Maps | None, spacing: Spacing, room: tuple[float, float]
) -> tuple[float, VolumeLayout, str]:
    """A composition, and how much of the room it takes: above 1 it is too large."""
    scene, note = _arranged(solids, maps, spacing)
    left, top, right, bottom = scene.bounds()
    is_near = right - left <= HOPELESS * room[0]
    if bottom - top > room[1] and spacing.height == 1 and is_near:
        return _tried(solids, maps, replace(spacing, height=LOWER), room)
    return max((right - left) / room[0], (bottom - top) / room[1]), scene, note


def _arranged(solids: Sequence[Solid], maps: Maps | None, spacing: Spacing) -> tuple[VolumeLayout, str]:
    """The solids placed, and the note about their scale."""
    density = spacing.density
    if are_stacks(solids, any_channels=bool(maps)):
        scene, note = place_stacks(solids, density, maps)
    else:
        ladder = is_ladder(solids)
        slant = OPEN if maps else U_SLANT if ladder else SLANT
        scene, note = place_ladder(solids, density, slant) if ladder else place_row(solids, spacing, slant)
        scene.shown = {solid.key: maps[solid.last](1) for solid in solids if maps and solid.last in maps}
    scene.add_braces()
    if blocks := dict.fromkeys(solid.operation for solid in solids if solid.block):
        note += f" Blocks ({', '.join(blocks)}) are one solid each."
    if any(solid.shortcut for solid in solids):
        note += " An arc over a block is its shortcut."
    return scene, note


def place_row(
    solids: Sequence[Solid], spacing: Spacing, slant: tuple[float, float] = SLANT
) -> tuple[VolumeLayout, str]:
    """The solids in a row with lanes, and the note about their scale."""
    density = spacing.density
    by_key: dict[int, Solid] = {solid.key: solid for solid in solids}
    tree = runs({solid.key: solid.before for solid in solids})
    maps = sum(solid.is_map for solid in solids)
    thick = (THICK[0] * density, density * max(THINNEST, min(THICK[1], ROOM / max(1, maps))))
    heads = 0.4 * any(solid.result for solid in solids)
    tallest = spacing.height * TALLEST / (0.6 + 0.4 * lanes_in(tree) + heads)
    scale = scale_for(solids, most=tallest, least=LOWEST, thick=thick, slant=slant)
    return RowLayout(by_key, scale, spacing).place(tree), scale.note(solids)


def are_stacks(solids: Sequence[Solid], any_channels: bool = False) -> bool:
    """Whether a network is a short chain of two-dimensional maps with few channels, or with any number."""
    maps = [solid for solid in solids if solid.is_map]
    chain = all(b.before == [a.key] for a, b in pairwise(solids))
    most = inf if any_channels else MOST_SHEETS
    small = all(len(solid.shape) == 3 and solid.shape[-1] <= most for solid in maps)
    return (
        chain
        and small
        and len(maps) > 1
        and len(solids) <= MOST_SOLIDS
        and not any(s.slabs or s.sign for s in solids)
    )


def place_stacks(
    solids: Sequence[Solid], density: float = 1.0, maps: Maps | None = None
) -> tuple[VolumeLayout, str]:
    """The solids from left to right, and the note about their scale."""
    most, highest = SHOWN["few" if sum(solid.is_map for solid in solids) <= FEW else "many"]
    highest, lowest = (highest * density, SMALLEST) if maps else (HIGHEST_SHEET * density, LOWEST_SHEET)
    sides = power([float(size) for s in solids if s.is_map for size in s.shape[:2]], highest, lowest)
    lengths = [float(solid.shape[-1]) for solid in solids if solid.is_vector]
    bars = power(lengths, min(HIGHEST_SHEET * 0.9, 24 + 12 * max(lengths, default=1.0) ** 0.5), 24.0)
    shown = {solid.key: maps[solid.last](most) for solid in solids if maps and solid.last in maps}
    scene = VolumeLayout(sheets=True, shown=shown)
    boxes = [_box(solid, sides, bars, len(shown.get(solid.key, ()))) for solid in solids]
    floor = max((box.h + box.dy) / 2 for box in boxes)
    x = 0.0
    for box in boxes:
        lines = _lines(box.solid)
        width = max(box.t + box.dx, label_width(lines))
        box.x = x + (width - box.t - box.dx) / 2
        scene.boxes[box.solid.key] = box
        scene.labels.append(BoxLabel(x + width / 2, floor + 18, lines))
        x += width + max(CLOSEST, GAP * density)
    for one, two in pairwise(boxes):
        ends = (one.solid.key, two.solid.key)
        if two.solid.is_vector:
            scene.fans.append(ends)
        elif two.solid.window:
            scene.cones.append(ends)
        else:
            scene.wires.append(Wire(ends, [(one.right + 3, one.axis), (two.x - 3, two.axis)]))
    each = f"at most {most} channels of each" if maps else "one sheet per channel"
    return scene, f"Maps are drawn {sides.description}, {each}{bars.about_vectors}"


def _box(solid: Solid, sides: Power, bars: Power, shown: int) -> Box:
    if solid.is_vector:
        h = bars(solid.shape[-1])
        return Box(solid, 0.0, -h / 2 + 2, BAR - 3, h, 4.0, 4.0)
    h, w, channels = sides(solid.shape[0]), sides(solid.shape[1]), solid.shape[2]
    reach = min(SHEET_STEP * (channels - 1), DEEPEST)
    across, up = (APART[0] * w * (shown - 1), APART[1] * h * (shown - 1)) if shown else (reach, reach)
    return Box(solid, 0.0, -(h + up) / 2 + up, w, h, across, up)


def _lines(solid: Solid) -> list[tuple[str, str]]:
    """LeNet's figure counts maps first: ``6@28×28``."""
    lines = lines_of([solid])
    if not solid.is_map:
        return lines
    text = f"{solid.shape[-1]}@{solid.shape[0]}×{solid.shape[1]}"
    return [(kind, text if kind == "dimensions" else line) for kind, line in lines]
