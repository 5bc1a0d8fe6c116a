"""A wide volume picture in rows, like a line of text that is broken where a single tensor passes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

from cnnspec.views.pictures.svg import Point
from cnnspec.views.pictures.volumes.scene import VolumeLayout, Wire, label_width

APART: Final = 34.0
"""From the foot of a row to the head of the next."""
AROUND: Final = 16.0
"""Right of a row, left of the next, for the arrow that joins them."""


@dataclass(frozen=True, slots=True)
class _RowEnd:
    """Where a row may end, and the two solids whose connection passes there."""

    x: float
    ends: tuple[int, int]


def in_rows(scene: VolumeLayout, count: int) -> VolumeLayout:
    """The scene broken into at most ``count`` rows of about the same width."""
    left, _, right, _ = scene.bounds()
    breaks = [*_breaks(scene)]
    chosen: list[_RowEnd] = []
    for n in range(1, count):
        aim = left + (right - left) * n / count
        after = [each for each in breaks if not chosen or each.x > chosen[-1].x]
        if after:
            chosen.append(min(after, key=lambda each: abs(each.x - aim)))
    return _placed(scene, chosen) if chosen else scene


def _breaks(scene: VolumeLayout) -> Iterator[_RowEnd]:
    """The gaps between what stands together, where one wire, cone or fan alone passes."""
    spans: list[tuple[float, float]] = []
    for left, right in sorted(_spans(scene)):
        if spans and left <= spans[-1][1]:
            spans[-1] = spans[-1][0], max(spans[-1][1], right)
        else:
            spans.append((left, right))
    ends = [wire.ends for wire in scene.wires] + scene.cones + scene.fans
    for (_, left), (right, _) in pairwise(spans):
        x = (left + right) / 2
        passing = [(one, two) for one, two in ends if scene.boxes[one].x < x < scene.boxes[two].x]
        if len(passing) == 1:
            yield _RowEnd(x, passing[0])


def _spans(scene: VolumeLayout) -> Iterator[tuple[float, float]]:
    """Left and right of everything that a row may not break."""
    yield from ((box.x, box.right) for box in scene.boxes.values())
    yield from ((label.left, label.left + label_width(label.lines)) for label in scene.labels)
    yield from ((brace.left, brace.right) for brace in scene.braces)
    for wire in scene.wires:
        if len(wire.points) > 2 or wire.text:
            yield min(x for x, _ in wire.points), max(x for x, _ in wire.points)


def _placed(scene: VolumeLayout, breaks: Sequence[_RowEnd]) -> VolumeLayout:
    """Each row below the one before, and joined with it."""

    def row_of(x: float) -> int:
        return sum(each.x < x for each in breaks)

    broken = {each.ends for each in breaks}
    texts = {wire.ends: wire.text for wire in scene.wires}
    scene = replace(
        scene, wires=[wire for wire in scene.wires if wire.ends not in broken],
        cones=[ends for ends in scene.cones if ends not in broken],
        fans=[ends for ends in scene.fans if ends not in broken],
    )  # fmt: skip
    scene = _lifted(scene, row_of, len(breaks) + 1)
    spans = [_extent(scene, row_of, n) for n in range(len(breaks) + 1)]
    shifts, y = [], 0.0
    for left, top, _, bottom in spans:
        shifts.append((-left, y - top))
        y += bottom - top + APART
    scene = _moved(scene, lambda x: shifts[row_of(x)])
    feet = [bottom + dy for (_, _, _, bottom), (_, dy) in zip(spans, shifts, strict=True)]
    right = max(right - left for left, _, right, _ in spans)
    for n, each in enumerate(breaks):
        one, two = (scene.boxes[key] for key in each.ends)
        turn, low = right + AROUND, feet[n] + APART / 2
        points = [(one.right + 2, one.axis), (turn, one.axis), (turn, low), (-AROUND, low),
                  (-AROUND, two.axis), (two.x - 2, two.axis)]  # fmt: skip
        scene.wires.append(Wire(each.ends, points, text=texts.get(each.ends, "")))
    return scene


def _lifted(scene: VolumeLayout, row_of: Callable[[float], int], rows: int) -> VolumeLayout:
    """Labels that all stand under a row, brought as near to it as they were to the whole."""
    floor = max(box.bottom for box in scene.boxes.values())
    labels = []
    for row in range(rows):
        found = [label for label in scene.labels if row_of(label.left) == row]
        low = max(box.bottom for box in scene.boxes.values() if row_of(box.x) == row)
        has_braces = any(row_of(brace.left) == row for brace in scene.braces)
        is_under = not has_braces and all(label.y > floor for label in found)
        labels += [replace(label, y=label.y - (floor - low) * is_under) for label in found]
    return replace(scene, labels=labels)


def _extent(
    scene: VolumeLayout, row_of: Callable[[float], int], row: int
) -> tuple[float, float, float, float]:
    """(left, top, right, bottom) of what stands in a row."""
    part = VolumeLayout(
        boxes={key: box for key, box in scene.boxes.items() if row_of(box.x) == row},
        labels=[label for label in scene.labels if row_of(label.left) == row],
        wires=[wire for wire in scene.wires if row_of(wire.points[0][0]) == row],
        braces=[brace for brace in scene.braces if row_of(brace.left) == row],
    )
    return part.bounds()


def _moved(scene: VolumeLayout, shift: Callable[[float], Point]) -> VolumeLayout:
    """The scene with everything moved by what ``shift`` gives for its left end."""
    boxes, labels, wires, braces = {}, [], [], []
    for key, box in scene.boxes.items():
        dx, dy = shift(box.x)
        boxes[key] = replace(box, x=box.x + dx, y=box.y + dy)
    for label in scene.labels:
        dx, dy = shift(label.left)
        labels.append(replace(label, x=label.x + dx, y=label.y + dy))
    for wire in scene.wires:
        dx, dy = shift(wire.points[0][0])
        wires.append(replace(wire, points=[(x + dx, y + dy) for x, y in wire.points]))
    for brace in scene.braces:
        dx, dy = shift(brace.left)
        braces.append(replace(brace, left=brace.left + dx, right=brace.right + dx, y=brace.y + dy))
    return replace(scene, boxes=boxes, labels=labels, wires=wires, braces=braces)


def at_origin(scene: VolumeLayout) -> VolumeLayout:
    """The scene moved so that its upper left corner is (0, 0)."""
    if not scene.boxes:
        return scene
    left, top, _, _ = scene.bounds()
    return _moved(scene, lambda _: (-left, -top))
