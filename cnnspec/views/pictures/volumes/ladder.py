"""Networks that go down and come up again, in the manner of U-Net's figure.

One level a resolution: pooling leads a level down, upsampling a level up, and the
long skips run level from the left arm to the right one.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby, pairwise
from math import log2
from typing import Final

from cnnspec.layers.base import Family
from cnnspec.views.pictures.volumes.scene import (
    LINE,
    Box,
    BoxLabel,
    VolumeLayout,
    Wire,
    label_width,
    scale_for,
)
from cnnspec.views.pictures.volumes.solids import Solid
from cnnspec.views.pictures.volumes.words import operations_text

TALLEST: Final = 118.0
LOWEST: Final = 16.0
THICK: Final = (3.5, 62.0)
SLANT: Final = (0.13, 0.11)
STEP: Final = 20.0
"""Between neighbours of one level."""
LEVEL_GAP: Final = 62.0
OVER: Final = 31.0
"""Room over a box for its two lines."""


def is_ladder(solids: Sequence[Solid]) -> bool:
    """Whether a chain goes up again and merges there with what it left on the way down."""
    chain = all(a.key in b.before for a, b in pairwise(solids))
    merges = [b for a, b in pairwise(solids) if len(b.before) > 1 and (b.slabs or b.sign)]
    levels = levels_of(solids)
    order = {solid.key: n for n, solid in enumerate(solids)}
    climbs = [
        solid
        for solid in merges
        if any(max(levels[order[key] : order[solid.key]]) > levels[order[solid.key]] for key in solid.before)
    ]
    maps = all(len(solid.shape) == 3 for solid in solids if not solid.sign)
    return chain and maps and len(climbs) > 1 and len(climbs) == len(merges)


def levels_of(solids: Sequence[Solid]) -> list[int]:
    """How many halvings each solid lies below the input, along the chain."""
    zoom, levels = 1.0, []
    for solid in solids:
        zoom *= solid.zoom
        levels.append(round(log2(zoom)) if zoom >= 1 else 0)
    return levels


def place_ladder(solids: Sequence[Solid], slant: tuple[float, float] = SLANT) -> tuple[VolumeLayout, str]:
    """The U, and the note about its scale."""
    scale = scale_for(solids, most=TALLEST, least=LOWEST, thick=THICK, slant=slant)
    levels = levels_of(solids)
    heights = {
        level: max(
            scale.box(s)[1] + scale.box(s)[3] for s, at in zip(solids, levels, strict=True) if at == level
        )
        for level in set(levels)
    }
    axes, y = {}, 0.0
    for level in sorted(heights):
        axes[level] = y + heights[level] / 2
        y += heights[level] + LEVEL_GAP
    scene = VolumeLayout()
    x = right = 0.0
    for n, solid in enumerate(solids):
        t, h, dx, dy = scale.box(solid)
        label = max(label_width(_above(solids, levels, n)), 12.0)
        same = n > 0 and levels[n] == levels[n - 1]
        x = max(right + STEP, x) if same else x
        shift = max(0.0, (label - t - dx) / 2) if same or not n else 0.0
        box = Box(solid, x + shift, axes[levels[n]] - (h + dy) / 2 + dy, t, h, dx, dy)
        scene.boxes[solid.key] = box
        x, right = box.x, max(box.right, box.middle + label / 2)
    _label(scene, solids, levels)
    _connect(scene, solids, levels)
    return scene, scale.note


def _above(solids: Sequence[Solid], levels: Sequence[int], n: int) -> list[tuple[str, str]]:
    """Channels over every box, and over them the size of the map where it is new."""
    solid = solids[n]
    if solid.sign:
        return []
    first = n == 0 or levels[n] != levels[n - 1] or n == len(solids) - 1
    size = [("operation", f"{solid.shape[0]}×{solid.shape[1]}")] if first else []
    return [*size, ("dimensions", str(solid.shape[-1]))]


def _label(scene: VolumeLayout, solids: Sequence[Solid], levels: Sequence[int]) -> None:
    for n, solid in enumerate(solids):
        box = scene.boxes[solid.key]
        if lines := _above(solids, levels, n):
            scene.labels.append(BoxLabel(box.middle, box.top - 5 - LINE * (len(lines) - 1), lines))
    for _, pairs in groupby(zip(solids, levels, strict=True), key=lambda pair: (pair[1], pair[0].operation)):
        _label_run(scene, [solid for solid, _ in pairs])


def _label_run(scene: VolumeLayout, run: Sequence[Solid]) -> None:
    """What made a run, under it; to the left of an arrow that leads down from its last box."""
    first, last = scene.boxes[run[0].key], scene.boxes[run[-1].key]
    if run[0].family is not Family.CONV or run[0].slabs:
        return
    text = operations_text(run)
    below = [box for box in scene.boxes.values() if box.solid.before[:1] == [run[-1].key] and box.y > last.y]
    y = max(first.bottom, last.bottom) + 13
    if below:
        scene.labels.append(BoxLabel(below[0].x + below[0].t / 2 - 7, y, [("operation", text)], "end"))
    else:
        scene.labels.append(BoxLabel(first.x, y, [("operation", text)], "start"))


def _connect(scene: VolumeLayout, solids: Sequence[Solid], levels: Sequence[int]) -> None:
    order = {solid.key: n for n, solid in enumerate(solids)}
    for solid in solids:
        two = scene.boxes[solid.key]
        for source in solid.before:
            one = scene.boxes[source]
            ends = (source, solid.key)
            if order[solid.key] - order[source] > 1:
                start, end = (one.right + 4, one.axis), (two.x - 4, two.axis)
                scene.wires.append(Wire(ends, [start, end], text=solid.carried.get(source, "")))
            elif levels[order[source]] == levels[order[solid.key]]:
                scene.wires.append(Wire(ends, [(one.right + 2, one.axis), (two.x - 2, two.axis)]))
            else:
                scene.wires.append(_vertical(ends, one, two))


def _vertical(ends: tuple[int, int], one: Box, two: Box) -> Wire:
    """Down to the next level, or up to the one before."""
    text = two.solid.carried.get(one.solid.key) or two.solid.operation
    if two.y > one.y:
        x = two.x + two.t / 2
        return Wire(ends, [(x, one.bottom + 3), (x, two.top - OVER)], text=text)
    x = one.middle
    return Wire(ends, [(x, one.top - OVER + LINE), (x, two.bottom + 4)], text=text)
