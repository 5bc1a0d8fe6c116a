"""Networks that go down and come up again, in the manner of U-Net's figure.

One level a resolution: pooling leads a level down, upsampling a level up, and the
long skips run level from the left arm to the right one.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, groupby, pairwise
from math import log2
from typing import Final

from cnnspec.layers.base import Family
from cnnspec.views.pictures.volumes.scene import (
    Box,
    BoxLabel,
    Scale,
    VolumeLayout,
    Wire,
    label_width,
    scale_for,
)
from cnnspec.views.pictures.volumes.solids import Solid
from cnnspec.views.pictures.volumes.words import operations_text
from cnnspec.views.pictures.wording import shape_text

TALLEST: Final = 118.0
LOWEST: Final = 16.0
THICK: Final = (3.5, 62.0)
SLANT: Final = (0.13, 0.11)
STEP: Final = 20.0
"""Between neighbours of one level."""
LEVEL_GAP: Final = 62.0
CLOSEST: Final = 32.0
BESIDE: Final = 7.0
"""Between an arrow and its text."""
OVER: Final = 18.0
"""Room over a box for its line."""


def is_ladder(solids: Sequence[Solid]) -> bool:
    """Whether a chain goes up again and merges there with what it left on the way down."""
    chain = all(a.key in b.before for a, b in pairwise(solids))
    merges = [solid for solid in solids if len(solid.before) > 1]
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
    return [max(0, round(depth)) for depth in accumulate(log2(solid.zoom) for solid in solids)]


def place_ladder(
    solids: Sequence[Solid], density: float = 1.0, slant: tuple[float, float] = SLANT
) -> tuple[VolumeLayout, str]:
    """The U, and the note about its scale."""
    thick = (THICK[0], THICK[1] * min(1.0, 1.4 * density))
    least = LOWEST * (0.4 + 0.6 * density)
    scale = scale_for(solids, most=TALLEST * density, least=least, thick=thick, slant=slant)
    levels = levels_of(solids)
    axes = _axes(scale, solids, levels, max(CLOSEST, LEVEL_GAP * density))
    scene = VolumeLayout()
    x = right = 0.0
    clear: dict[int, float] = {}
    """Level -> where the text of the arrow that leads down from it ends."""
    for n, solid in enumerate(solids):
        t, h, dx, dy = scale.box(solid)
        label = max(label_width(_above(solids, levels, n)), 12.0)
        step = levels[n] - levels[n - 1] if n else 0
        if not step:
            x = max(right + STEP * (0.5 + 0.5 * density), x)
        text = label_width([("operation", _way(solids[n - 1].key, solid))]) if step else 0.0
        if step > 0:
            clear[levels[n - 1]] = x + t / 2 + BESIDE + text
        elif step < 0:
            beside = text + 2 * BESIDE - (t + dx) / 2
            wanted = clear.get(levels[n], x) + beside
            x = max(wanted, right + beside) if wanted > x else x
        shift = 0.0 if step else max(0.0, (label - t - dx) / 2)
        box = Box(solid, x + shift, axes[levels[n]] - (h + dy) / 2 + dy, t, h, dx, dy)
        scene.boxes[solid.key] = box
        x, right = box.x, box.right if step else max(box.right, box.middle + label / 2)
    _connect(scene, solids, levels)
    _label(scene, solids, levels)
    return scene, scale.note(solids)


def _axes(scale: Scale, solids: Sequence[Solid], levels: Sequence[int], gap: float) -> dict[int, float]:
    """The axis of each level, from the top down."""
    heights: dict[int, float] = {}
    for solid, level in zip(solids, levels, strict=True):
        _, h, _, dy = scale.box(solid)
        heights[level] = max(heights.get(level, 0.0), h + dy)
    axes, y = {}, 0.0
    for level in sorted(heights):
        axes[level] = y + heights[level] / 2
        y += heights[level] + gap
    return axes


def _way(source: int, solid: Solid) -> str:
    """What is done between two levels."""
    return solid.carried.get(source) or solid.operation


def _above(solids: Sequence[Solid], levels: Sequence[int], n: int) -> list[tuple[str, str]]:
    """Channels over every box, and the size of the map before them where it is new."""
    solid = solids[n]
    if solid.sign:
        return []
    first = n == 0 or levels[n] != levels[n - 1] or n == len(solids) - 1
    return [("dimensions", shape_text(solid.shape) if first else str(solid.shape[-1]))]


def _label(scene: VolumeLayout, solids: Sequence[Solid], levels: Sequence[int]) -> None:
    for n, solid in enumerate(solids):
        box = scene.boxes[solid.key]
        step = n > 0 and levels[n] != levels[n - 1]
        if lines := _above(solids, levels, n):
            place = (box.right, "end") if step else (box.middle, "middle")
            scene.labels.append(BoxLabel(place[0], box.top - 5, lines, place[1]))
    for _, pairs in groupby(zip(solids, levels, strict=True), key=lambda pair: (pair[1], pair[0].operation)):
        _label_run(scene, [solid for solid, _ in pairs])


def _label_run(scene: VolumeLayout, run: Sequence[Solid]) -> None:
    """What made a run, under it; to the left of an arrow that leads down from its last box."""
    first, last = scene.boxes[run[0].key], scene.boxes[run[-1].key]
    arrows = {wire.ends[1] for wire in scene.wires if wire.text}
    if run[0].family is not Family.CONV or run[0].slabs or (len(run) == 1 and run[0].key in arrows):
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
                text = solid.carried.get(source, "")
                if levels[order[source]] > levels[order[solid.key]]:
                    one, text = scene.boxes[one.solid.before[0]], "pooling indices"
                start, end = (one.right + 4, one.axis), (two.x - 4, two.axis)
                scene.wires.append(Wire(ends, [start, end], text=text))
            elif levels[order[source]] == levels[order[solid.key]]:
                scene.wires.append(Wire(ends, [(one.right + 2, one.axis), (two.x - 2, two.axis)]))
            else:
                scene.wires.append(_vertical(ends, one, two))


def _vertical(ends: tuple[int, int], one: Box, two: Box) -> Wire:
    """Down to the next level, or up to the one before."""
    text = _way(one.solid.key, two.solid)
    if two.y > one.y:
        x = two.x + two.t / 2
        return Wire(ends, [(x, one.bottom + 3), (x, two.top - OVER)], text=text)
    x, foot = two.middle, (two.middle, two.bottom + 4)
    if x <= one.right:
        return Wire(ends, [(x, one.top - OVER), foot], text=text)
    return Wire(ends, [(one.right + 2, one.axis), (x, one.axis), foot], text=text)
