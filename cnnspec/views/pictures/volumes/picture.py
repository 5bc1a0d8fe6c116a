"""The volume picture as an SVG document."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import Final

from cnnspec.analysis.compare import Comparison
from cnnspec.diagnostics import Diagnostic
from cnnspec.network.graph import Network
from cnnspec.views.pictures.changes import removed_text, titled
from cnnspec.views.pictures.choices import Choices
from cnnspec.views.pictures.faulty import MOST_FAULTS
from cnnspec.views.pictures.font import wrap
from cnnspec.views.pictures.page import SUBTITLE, PicturePage, Surround, draw_legend
from cnnspec.views.pictures.paint import FIGURES, entries_of, tone_of
from cnnspec.views.pictures.palette import Theme, Tone
from cnnspec.views.pictures.plan import CardRow, hottest_of
from cnnspec.views.pictures.planning import costs_text
from cnnspec.views.pictures.svg import Point, SvgWriter, rounded, xy
from cnnspec.views.pictures.volumes.body import draw_box, draw_sheets
from cnnspec.views.pictures.volumes.compose import compose
from cnnspec.views.pictures.volumes.rows import at_origin, in_rows
from cnnspec.views.pictures.volumes.scene import (
    ARC,
    DIMENSIONS,
    LINE,
    OPERATION,
    STRIP,
    Box,
    BoxLabel,
    Brace,
    Maps,
    VolumeLayout,
    Wire,
)
from cnnspec.views.pictures.volumes.solids import Solid

SMALLEST: Final = 4.0
"""Pixels of height that a window is drawn with at least."""


class VolumePicture:
    """A volume picture that may be broken into rows before it is drawn.

    Errors of its spec are written under what is known of it. ``maps`` are feature maps to show on the
    solids, of what ``shown`` names. With a ``comparison``, of which it is the second network, colours show
    what changed.
    """

    def __init__(
        self, network: Network | None, theme: Theme, choices: Choices, diagnostics: Sequence[Diagnostic],
        name: str, maps: Maps | None, shown: str, comparison: Comparison | None, *,
        room: tuple[float, float], views: Sequence[Sequence[Solid]] | None,
    ) -> None:  # fmt: skip
        self.errors = [item for item in diagnostics if item.severity == "error"][:MOST_FAULTS]
        self.network, self.theme, self.name = network, theme, (network.name if network else "") or name
        self.subtitle = costs_text(network) if network else "nothing of this network is known yet"
        self.scene, self.note = VolumeLayout(), ""
        if network:
            scene, self.note = compose(network, choices, maps, comparison, room, views)
            self.scene = at_origin(scene)
        self.heat, self.solids = choices.heat, [box.solid for box in self.scene.boxes.values()]
        self.hottest = hottest_of(solid.share for solid in self.solids)
        if choices.heat:
            self.note += f" Colours show shares of the {FIGURES[choices.heat]}, of all repeats."
        if comparison:
            self.name, self.subtitle = titled(comparison, self.name), comparison.summary
            self.note += removed_text(comparison)
        cones = [[self.scene.boxes[key] for key in ends] for ends in self.scene.cones]
        if any((two.solid.window or (9, 9))[0] / _rows(one) * one.h < SMALLEST - 0.5 for one, two in cones):
            self.note += " The smallest windows are enlarged."
        if any("/" in text for label in self.scene.labels for _, text in label.lines):
            self.note += " “/2” is a stride of 2."
        if maps:
            self.note += self._about_maps(shown)

    def _about_maps(self, shown: str) -> str:
        where = "Each sheet" if self.scene.sheets else "The right face of each solid"
        note = (
            f" {where} shows what a channel makes of {shown}, its least value black, its greatest white; of "
            "more channels those that vary most are drawn. Bars show their values from top to bottom."
        )
        if self.network and any(len(node.output) == 4 for node in self.network.nodes):
            note += " Of each volume it is the slice in the middle."
        return note

    def in_rows(self, count: int) -> VolumePicture:
        """The same, broken where that can be."""
        other = copy(self)
        if count > 1 and self.scene.boxes:
            other.scene = at_origin(in_rows(self.scene, count))
        return other

    def page(self, surround: Surround) -> PicturePage:
        """The page around it; errors are told where there is no legend, too."""
        _, _, right, bottom = self.scene.bounds() if self.scene.boxes else (0.0, 0.0, 0.0, 0.0)
        self.has_legend = surround.legend
        legend = self._legend if surround.legend or self.errors else None
        return PicturePage(self.name, self.subtitle, right, bottom, surround, self.theme, legend)

    def document(self, surround: Surround) -> str:
        return self.page(surround).document(self._contents)

    def _legend(self, writer: SvgWriter, x: float, y: float, width: float) -> float:
        y = self._errors(writer, x, y, width)
        return draw_legend(self._entries(), self.note, writer, x, y, width) if self.has_legend else y

    # Words around the drawing -----------------------------------------------------

    def _entries(self) -> dict[str, Tone]:
        slabs = [CardRow("", "", "", "", family) for solid in self.solids for _, family in solid.slabs]
        plain = [solid for solid in self.solids if self.heat or solid.status or not solid.slabs]
        return entries_of([*plain, *slabs], self.heat, self.theme)

    def _tone(self, solid: Solid) -> Tone:
        return tone_of(solid, self.theme, self.hottest)

    def _errors(self, writer: SvgWriter, x: float, y: float, width: float) -> float:
        for error in self.errors:
            place = f"line {error.span.line}: " if error.span else ""
            lines = wrap(f"{place}{error.message}", width - 22, SUBTITLE)
            height = len(lines) * 15 + 12
            with writer.group("fault"):
                writer.rect(
                    x, y, width, height, rx=6, fill=self.theme.fault.fill,
                    stroke=self.theme.fault.line, stroke_dasharray="5 3",
                )  # fmt: skip
                for n, line in enumerate(lines):
                    writer.text(x + 11, y + 18 + n * 15, line, size=SUBTITLE)
            y += height + 10
        return y

    # The drawing --------------------------------------------------------------------

    def _contents(self, writer: SvgWriter) -> None:
        self.writer = writer
        for wire in self.scene.wires:
            self._wire(wire)
        for fan in self.scene.fans:
            self._fan(*(self.scene.boxes[key] for key in fan))
        for box in sorted(self.scene.boxes.values(), key=lambda box: box.x):
            shown = self.scene.shown.get(box.solid.key, ())
            if self.scene.sheets and box.solid.is_map:
                draw_sheets(self.writer, box, self._tone(box.solid), shown)
            else:
                draw_box(self.writer, box, self._tone(box.solid), shown)
            if box.solid.shortcut:
                self._shortcut(box)
        for cone in self.scene.cones:
            self._cone(*(self.scene.boxes[key] for key in cone))
        for label in self.scene.labels:
            self._label(label)
        for brace in self.scene.braces:
            self._brace(brace)

    def _label(self, label: BoxLabel) -> None:
        for n, (kind, text) in enumerate(label.lines):
            small = kind == "operation"
            self.writer.text(
                label.x, label.y + n * LINE, text, size=OPERATION if small else DIMENSIONS, bold=not small,
                fill=self.theme.faint if small or kind == "name" else self.theme.ink, anchor=label.anchor,
            )  # fmt: skip

    def _brace(self, brace: Brace) -> None:
        """A bar with its ends turned up, and the count under it."""
        left, right, y = brace.left, brace.right, brace.y
        with self.writer.group("brace"):
            way = rounded([(left, y - 5), (left, y), (right, y), (right, y - 5)])
            self.writer.path(way, fill="none", stroke=self.theme.faint, stroke_width=1.1)
            middle = (left + right) / 2
            self.writer.text(middle, y + LINE, brace.text, size=DIMENSIONS, bold=True, anchor="middle")

    def _wire(self, wire: Wire) -> None:
        color = self.theme.edge
        end, before = wire.points[-1], wire.points[-2]
        with self.writer.group("edge", name=f"{wire.ends[0]} {wire.ends[1]}"):
            path = _curve(wire.points) if wire.curved else rounded(wire.points)
            self.writer.path(path, fill="none", stroke=color, stroke_width=1.2)
            toward = (1.0, 0.0) if wire.curved else (end[0] - before[0], end[1] - before[1])
            self.writer.arrow(end, toward, 7, color)
            if wire.text:
                x, y, anchor = middle_of(wire)
                self.writer.text(x, y, wire.text, size=OPERATION, fill=self.theme.faint, anchor=anchor)

    def _shortcut(self, box: Box) -> None:
        """An arc over a block, from its front to its end."""
        left, right, y = box.x + box.dx / 2 + 2, box.x + box.t + box.dx / 2 - 2, box.y - box.dy / 2
        with self.writer.group("shortcut"):
            way = rounded([(left, y), (left, box.top - ARC), (right, box.top - ARC), (right, y)])
            self.writer.path(way, fill="none", stroke=self.theme.edge, stroke_width=1.2)
            self.writer.arrow((right, y), (0.0, 1.0), 5.5, self.theme.edge)

    def _fan(self, one: Box, two: Box) -> None:
        """Every value of the one is joined to every value of the other."""
        start = [one.side(1, 0), one.side(0, 1)] if one.dx > 1 else [one.side(0, 0), one.side(0, 1)]
        with self.writer.group("fan", name=f"{one.solid.key} {two.solid.key}"):
            tone = self._tone(two.solid)
            self.writer.polygon(
                [*start, (two.x, two.bottom), (two.x, two.y)], fill=tone.fill, fill_opacity=0.55
            )
            for a, b in zip(start, [(two.x, two.y), (two.x, two.bottom)], strict=True):
                self.writer.line(a, b, stroke=tone.line, stroke_width=0.7, stroke_opacity=0.8)

    def _cone(self, one: Box, two: Box) -> None:
        """The window on the one, and the unit of the other that it feeds."""
        corners, apex = window_on(one, two, self.scene.sheets)
        accent = self.theme.fault.line if self.scene.shown else self.theme.ink
        with self.writer.group("cone", name=f"{one.solid.key} {two.solid.key}"):
            clear = 0.0 if self.scene.shown else 0.55
            self.writer.polygon(
                corners, fill=self.theme.page, fill_opacity=clear, stroke=accent, stroke_width=0.8
            )
            for corner in corners:
                self.writer.line(corner, apex, stroke=accent, stroke_width=0.6, stroke_opacity=0.55)
            self.writer.add("circle", None, cx=apex[0], cy=apex[1], r=1.6, fill=accent)


def middle_of(wire: Wire) -> tuple[float, float, str]:
    """Where the text of a wire stands: above the middle of its level part, or beside an upright one."""
    start, end = wire.points[1:3] if len(wire.points) > 2 else wire.points
    if start[0] == end[0]:
        beside = (7, "start") if end[1] > start[1] else (-7, "end")
        return start[0] + beside[0], (start[1] + end[1]) / 2 + 3, beside[1]
    return (start[0] + end[0]) / 2, start[1] - 5, "middle"


def _rows(box: Box) -> int:
    """The height of a map, in pixels of its own."""
    return box.solid.shape[-3] if len(box.solid.shape) > STRIP else box.solid.shape[0]


def window_on(one: Box, two: Box, sheets: bool) -> tuple[list[Point], Point]:
    """The corners of the window that slides over a map, and the point of the next that it makes."""
    rows, columns = two.solid.window or (1, 1)
    height, width = _rows(one), one.solid.shape[-2]
    if sheets:
        w, h = min(1.0, columns / width) * one.t, min(1.0, rows / height) * one.h
        x, y = one.x + (one.t - w) * 0.72, one.y + (one.h - h) * 0.3
        return [(x, y), (x + w, y), (x + w, y + h), (x, y + h)], (two.x + two.t * 0.3, two.y + two.h * 0.4)
    v = min(1.0, max(rows / height, SMALLEST / one.h))
    v0 = (1 - v) * 0.55
    if not one.dx:
        top, low = one.y + v0 * one.h, one.y + (v0 + v) * one.h
        return [(one.x, top), (one.x + one.t, top), (one.x + one.t, low), (one.x, low)], (two.x, two.axis)
    u = min(1.0, max(columns / width, 3 / max(one.dx, 3.0)))
    u0 = (1 - u) * 0.5
    corners = [one.side(u0, v0), one.side(u0 + u, v0), one.side(u0 + u, v0 + v), one.side(u0, v0 + v)]
    return corners, two.side(0.3, 0.5, left=True)


def _curve(points: Sequence[Point]) -> str:
    """An S-curve between two level lines."""
    start, lower, upper, end = points
    return f"M{xy(start)}L{xy(lower)}{_bend(lower, upper)}L{xy(end)}"


def _bend(start: Point, end: Point) -> str:
    middle = (start[0] + end[0]) / 2
    return f"C{xy((middle, start[1]))} {xy((middle, end[1]))} {xy(end)}"
