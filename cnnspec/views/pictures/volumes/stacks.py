"""Small networks in the manner of LeNet's figure: maps as stacks of sheets that face the reader."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from cnnspec.views.pictures.volumes.body import SHEET_STEP
from cnnspec.views.pictures.volumes.scale import Power, power
from cnnspec.views.pictures.volumes.scene import Box, Label, Scene, Wire, label_width, lines_of
from cnnspec.views.pictures.volumes.solids import Solid

MOST_SHEETS, MOST_SOLIDS = 32, 14
TALLEST: Final = 132.0
LOWEST: Final = 20.0
DEEPEST: Final = 60.0
"""Pixels that a stack may reach to the upper right."""
GAP: Final = 34.0
BAR: Final = 11.0


def are_stacks(solids: Sequence[Solid]) -> bool:
    """Whether a network is a short chain of two-dimensional maps with few channels."""
    maps = [solid for solid in solids if solid.is_map]
    chain = all(b.before == [a.key] for a, b in pairwise(solids))
    small = all(len(solid.shape) == 3 and solid.shape[-1] <= MOST_SHEETS for solid in maps)
    return (
        chain and small and len(maps) > 1 and len(solids) <= MOST_SOLIDS and not any(s.slabs for s in solids)
    )


def place_stacks(solids: Sequence[Solid]) -> tuple[Scene, str]:
    """The solids from left to right, and the note about their scale."""
    sides = power([float(size) for s in solids if s.is_map for size in s.shape[:2]], TALLEST, LOWEST)
    lengths = [float(solid.shape[-1]) for solid in solids if solid.is_vector]
    bars = power(lengths, min(TALLEST * 0.9, 24 + 12 * max(lengths, default=1.0) ** 0.5), 24.0)
    scene = Scene(sheets=True)
    boxes = [_box(solid, sides, bars) for solid in solids]
    floor = max((box.h + box.dy) / 2 for box in boxes)
    x = 0.0
    for box in boxes:
        lines = _lines(box.solid)
        width = max(box.t + box.dx, label_width(lines))
        box.x = x + (width - box.t - box.dx) / 2
        scene.boxes[box.solid.key] = box
        scene.labels.append(Label(x + width / 2, floor + 18, lines))
        x += width + GAP
    for one, two in pairwise(boxes):
        ends = (one.solid.key, two.solid.key)
        if two.solid.is_vector:
            scene.fans.append(ends)
        elif two.solid.window:
            scene.cones.append(ends)
        else:
            scene.wires.append(Wire(ends, [(one.right + 3, one.axis), (two.x - 3, two.axis)]))
    return scene, f"Maps are drawn {sides.told}, one sheet a channel" + _about(bars.told, scene)


def _box(solid: Solid, sides: Power, bars: Power) -> Box:
    if solid.is_vector:
        h = bars(solid.shape[-1])
        return Box(solid, 0.0, -h / 2 + 2, BAR - 3, h, 4.0, 4.0)
    h, w, channels = sides(solid.shape[0]), sides(solid.shape[1]), solid.shape[2]
    reach = min(SHEET_STEP * (channels - 1), DEEPEST)
    return Box(solid, 0.0, -(h + reach) / 2 + reach, w, h, reach, reach)


def _lines(solid: Solid) -> list[tuple[str, str]]:
    """LeNet's figure counts maps first: ``6@28×28``."""
    lines = lines_of(solid)
    if not solid.is_map:
        return lines
    text = f"{solid.shape[-1]}@{solid.shape[0]}×{solid.shape[1]}"
    return [(kind, text if kind == "dimensions" else line) for kind, line in lines]


def _about(bars: str, scene: Scene) -> str:
    vectors = [box for box in scene.boxes.values() if box.solid.is_vector]
    return f"; vectors {bars}." if len(vectors) > 1 else "."
