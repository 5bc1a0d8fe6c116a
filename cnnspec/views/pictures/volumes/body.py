"""Drawing one solid: three shaded faces, a stack of sheets, a bar, a sign."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Final

from cnnspec.layers.base import Family
from cnnspec.views.pictures.hatching import draw_hatching
from cnnspec.views.pictures.palette import Theme, Tone, mix
from cnnspec.views.pictures.svg import SvgWriter, number
from cnnspec.views.pictures.volumes.scene import Box
from cnnspec.views.pictures.volumes.solids import Solid

EDGE: Final = 0.9
SHEET_STEP: Final = 4.5
"""Pixels from one sheet of a stack to the next, both ways."""

STROKES: Final[dict[str, list[tuple[float, float, float, float]]]] = {
    "+": [(-1, 0, 1, 0), (0, -1, 0, 1)],
    "×": [(-0.8, -0.8, 0.8, 0.8), (-0.8, 0.8, 0.8, -0.8)],
    "−": [(-1, 0, 1, 0)],
    "÷": [(-1, 0, 1, 0), (0, -0.8, 0, -0.8), (0, 0.8, 0, 0.8)],
    "max": [(-0.8, -0.7, 0, 0.8), (0, 0.8, 0.8, -0.7)],
    "min": [(-0.8, 0.7, 0, -0.8), (0, -0.8, 0.8, 0.7)],
}  # fmt: skip
"""The sign of a merge -> (left, top, right, bottom) of its strokes, in halves of the circle's radius."""


def shades(theme: Theme, tone: Tone) -> tuple[str, str, str, str]:
    """(front, top, side, edge) of solids in these colours."""
    light = mix(tone.fill, *((tone.line, 0.25) if theme.name == "dark" else (theme.page, 0.4)))
    side = mix(tone.fill, *((theme.page, 0.35) if theme.name == "dark" else (tone.line, 0.35)))
    return tone.fill, light, side, mix(tone.line, theme.ink, 0.12)


def _group(writer: SvgWriter, solid: Solid) -> AbstractContextManager[None]:
    return writer.group(
        "solid", title=solid.tooltip, name=str(solid.key), layer=solid.layer, about=solid.about
    )


def draw_box(writer: SvgWriter, box: Box, tone: Tone, shown: Sequence[str] = ()) -> None:
    """The solid in its place, with its working as tooltip; a picture on a map's right face, a bar's front."""
    is_told = box.solid.share is not None or box.solid.pairs is not None
    with _group(writer, box.solid):
        if box.solid.sign:
            _sign(writer, box, tone)
        elif box.solid.slabs:
            for x, t, family, last in _slabs(box):
                slab = Box(box.solid, x, box.y, t, box.h, box.dx, box.dy)
                _cuboid(writer, slab, tone if is_told else writer.theme.tone(family), last)
        else:
            _cuboid(writer, box, tone, True)
        if shown and box.solid.is_vector:
            writer.image(box.x, box.y, box.t, box.h, shown[0])
        elif shown and box.solid.is_map:
            turn = f"matrix(1 {number(-box.dy / box.dx)} 0 1 {number(box.x + box.t)} {number(box.y)})"
            writer.image(0, 0, box.dx, box.h, shown[0], transform=turn)


def _slabs(box: Box) -> Iterator[tuple[float, float, Family, bool]]:
    """(x, thickness, family, is the last) of the parts of a concat."""
    total = sum(channels for channels, _ in box.solid.slabs)
    x = box.x
    for n, (channels, family) in enumerate(box.solid.slabs):
        t = box.t * channels / total
        yield x, t, family, n == len(box.solid.slabs) - 1
        x += t


def _cuboid(writer: SvgWriter, box: Box, tone: Tone, with_side: bool) -> None:
    front, top, side, edge = shades(writer.theme, tone)
    style: dict[str, float | str | None] = {"stroke": edge, "stroke_width": EDGE, "stroke_linejoin": "round"}
    x, y, t, h, dx, dy = box.x, box.y, box.t, box.h, box.dx, box.dy
    if dx:
        writer.polygon([(x, y), (x + dx, y - dy), (x + t + dx, y - dy), (x + t, y)], fill=top, **style)
    if dx and with_side:
        writer.polygon([box.side(0, 0), box.side(1, 0), box.side(1, 1), box.side(0, 1)], fill=side, **style)
    writer.rect(x, y, t, h, fill=front, **style)
    draw_hatching(writer, (x, y, t, h), tone)


def _sign(writer: SvgWriter, box: Box, tone: Tone) -> None:
    radius = box.t / 2
    x, y = box.middle, box.axis
    writer.add("circle", None, cx=x, cy=y, r=radius, fill=tone.fill, stroke=tone.line, stroke_width=1.1)
    arm = radius * 0.5
    for left, top, right, low in STROKES[box.solid.sign]:
        ends = (x + left * arm, y + top * arm), (x + right * arm, y + low * arm)
        writer.line(*ends, stroke=tone.line, stroke_width=1.6, stroke_linecap="round")


def draw_sheets(writer: SvgWriter, box: Box, tone: Tone, shown: Sequence[str] = ()) -> None:
    """A map as a stack of sheets that face the reader, the nearest at the lower left, with these pictures."""
    front, _, side, edge = shades(writer.theme, tone)
    sheets = len(shown) or box.solid.shape[-1]
    with _group(writer, box.solid):
        for n in reversed(range(sheets)):
            back = n / max(1, sheets - 1)
            x, y, shade = box.x + back * box.dx, box.y - back * box.dy, mix(front, side, 0.5 * back)
            if shown:
                writer.image(x, y, box.t, box.h, shown[n])
            fill = "none" if shown else shade
            writer.rect(x, y, box.t, box.h, fill=fill, stroke=edge, stroke_width=0.8)
