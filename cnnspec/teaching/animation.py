"""A window that steps over its map, drawn: one frame as an SVG, or all of them as one that moves by itself.

The moving one needs no script: every frame is a group that a CSS animation shows in its turn. Readers who
want no motion, and programs that know no animation, see the last frame, in which the output is complete.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from math import prod
from typing import Final

import numpy as np

from cnnspec.layers.base import Family, show
from cnnspec.layers.writing import sentence
from cnnspec.teaching.stepping import Step, Stepping
from cnnspec.teaching.symbols import Array
from cnnspec.teaching.window import beyond
from cnnspec.views.pictures.film import Cel, Cels
from cnnspec.views.pictures.font import shorten, text_width, wrap
from cnnspec.views.pictures.palette import Theme, rgb
from cnnspec.views.pictures.svg import SvgWriter, number
from cnnspec.views.results.pixels import address, values
from cnnspec.views.terminal.arrays import NumberFormat

MARGIN: Final = 20.0
WIDE: Final = 1040.0
HIGH: Final = 860.0
"""Pixels that all grids share, across and down."""
CELL: Final = 30.0
LARGEST: Final = 64.0
"""Pixels of a cell without numbers, and of one with long numbers."""
GAP: Final = 48.0
MOST_DRAWN: Final = 4
"""Input channels that are drawn; the sums are over all."""
TITLE: Final = 16.0
TEXT: Final = 12.5
LEAST: Final = 9.5
"""Letters of a number that still fits."""
LINE: Final = 1.42
HEAD: Final = 24.0
"""Pixels over a grid, for its name."""
HOLD: Final = 3
"""The last frame stays so many times as long as the others."""
NARROWEST: Final = 420.0
WIDEST_TITLE: Final = 720.0


class CellGrid:
    """Rows x columns of cells of one size from (x, y) on; ``first`` is the number of the first cell."""

    def __init__(
        self, x: float, y: float, cell: float, rows: int, columns: int, first: tuple[int, int] = (0, 0)
    ) -> None:
        self.x, self.y, self.cell, self.rows, self.columns, self.first = x, y, cell, rows, columns, first

    def at(self, row: int, column: int) -> tuple[float, float]:
        """The upper left corner of a cell."""
        return self.x + (column - self.first[1]) * self.cell, self.y + (row - self.first[0]) * self.cell

    @property
    def width(self) -> float:
        return self.columns * self.cell

    @property
    def height(self) -> float:
        return self.rows * self.cell

    def lines(self) -> str:
        """The path of all lines between and around the cells."""
        x, y, w, h = map(number, (self.x, self.y, self.width, self.height))
        flat = (f"M{x} {number(self.y + n * self.cell)}h{w}" for n in range(self.rows + 1))
        upright = (f"M{number(self.x + n * self.cell)} {y}v{h}" for n in range(self.columns + 1))
        return "".join((*flat, *upright))

    def cells(self, places: Sequence[tuple[int, int]]) -> str:
        """The path of these cells."""
        c = number(self.cell)
        corners = (map(number, self.at(*place)) for place in places)
        return "".join(f"M{x} {y}h{c}v{c}h-{c}z" for x, y in corners)


class Animation:
    """The frames of a window over its map; units are CSS pixels."""

    def __init__(self, stepping: Stepping, theme: Theme, decimals: int = 2) -> None:
        self.stepping, self.theme, self.decimals = stepping, theme, decimals
        self.tone = theme.tone(stepping.node.layer.family)
        self.drawn = stepping.channels[:MOST_DRAWN]
        self.cell, self.size = self._sizes()
        self._place()

    @property
    def shaded(self) -> bool:
        """Whether shades stand for numbers that do not fit."""
        return self.stepping.values is not None and not self.size

    def __len__(self) -> int:
        return len(self.stepping.steps)

    def still(self, which: int) -> str:
        """One frame as an SVG, by its number from 0."""
        return self._document([which])

    def moving(self, seconds: float) -> str:
        """All frames in one SVG, each shown for so many seconds."""
        return self._document(range(len(self)), seconds)

    def cels(self) -> Cels:
        """All frames for a film: what does not move is drawn once, for text is what takes long."""
        under, over = SvgWriter(self.theme), SvgWriter(self.theme)
        self._ground(under)
        self._front(over)
        moving = list[Cel]()
        for n in range(len(self)):
            writer = SvgWriter(self.theme)
            self._frame(writer, n, {})
            clear = self._page(writer, is_clear=True)
            self._say(writer, n)
            moving.append(Cel(self._page(writer), clear))
        front = Cel(self._page(over), self._page(over, is_clear=True))
        return Cels(rgb(self.theme.page), self._page(under), moving, front)

    # Sizes ---------------------------------------------------------------------------

    def _sizes(self) -> tuple[float, float]:
        """Pixels of a cell, and of the numbers in it; 0 where they do not fit."""
        one, (rows, columns) = self.stepping, self.stepping.tracks
        kernel = 0 if one.kernel is None else one.kernel.shape[2]
        across = columns.count + kernel + one.outputs[1]
        down = max(len(self.drawn) * rows.count, one.outputs[0])
        room = min((WIDE - 2 * GAP) / across, (HIGH - len(self.drawn) * HEAD) / down)
        if one.values is None:
            return min(CELL, room), 0.0
        widest = max(text_width(text, TEXT) for texts in self._texts.values() for text in texts)
        cell = min(max(CELL + 6, widest + 12), LARGEST, room)
        size = min(TEXT, TEXT * (cell - 6) / widest, cell * 0.45)
        return (cell, size) if size >= LEAST else (min(CELL, room), 0.0)

    @cached_property
    def _texts(self) -> dict[str, list[str]]:
        """The numbers of the maps, kernels and output as they are written."""
        one, form = self.stepping, NumberFormat(self.decimals)
        arrays: dict[str, Array | None] = {"maps": one.maps, "kernel": one.kernel, "result": one.result}
        return {name: form.texts(array) for name, array in arrays.items() if array is not None}

    def _place(self) -> None:
        """Puts the grids side by side, those of several input channels below each other."""
        one, cell, (rows, columns) = self.stepping, self.cell, self.stepping.tracks
        top, each = MARGIN + (TITLE + TEXT) * LINE + 12 + HEAD, rows.count * cell + HEAD + 8
        first = (rows.first, columns.first)
        self.maps = [
            CellGrid(MARGIN, top + n * each, cell, rows.count, columns.count, first)
            for n in range(len(self.drawn))
        ]
        right, self.kernels = MARGIN + self.maps[0].width + GAP, list[CellGrid]()
        if one.kernel is not None:
            _, high, wide = one.kernel.shape
            middle = [grid.y + (grid.height - high * cell) / 2 for grid in self.maps]
            self.kernels = [CellGrid(right, max(y, top), cell, high, wide) for y in middle]
            right += wide * cell + GAP
        tall = max(len(self.maps) * each - 8 - HEAD, one.outputs[0] * cell)
        y = top + (tall - one.outputs[0] * cell) / 2
        self.output = CellGrid(right, y, cell, *one.outputs)
        self.bottom = max([top + tall, *(grid.y + grid.height for grid in self.kernels)]) + 10
        title = min(text_width(self.title, TITLE, True), WIDEST_TITLE)
        self.width = max(right + self.output.width - MARGIN, NARROWEST, title)

    @cached_property
    def told(self) -> list[list[str]]:
        """The lines under each frame."""
        every = (self.stepping.told(step, self.decimals) for step in self.stepping.steps)
        return [[part for line in lines for part in wrap(line, self.width, TEXT)] for lines in every]

    # The page ------------------------------------------------------------------------

    def _document(self, frames: Sequence[int], seconds: float = 0.0) -> str:
        """These frames over one another; with ``seconds`` each is shown for so long, then the next."""
        writer, whole = SvgWriter(self.theme), (len(self) - 1 + HOLD) * seconds
        if seconds:
            writer.add("style", _style(len(self), whole))
        self._ground(writer)
        shapes: dict[tuple[object, ...], str] = {}
        for n in frames:
            delay = {"style": f"animation-delay:{number(n * seconds - whole)}s"} if seconds else {}
            with writer.group("f z" if n == len(self) - 1 else "f", **delay):
                self._frame(writer, n, shapes)
                self._say(writer, n)
        self._front(writer)
        return self._page(writer)

    def _page(self, writer: SvgWriter, is_clear: bool = False) -> str:
        height = self._below + len(self._notes) * (TEXT - 1) * LINE
        title = f"{self.title}, {self._about()}"
        return writer.document(self.width + 2 * MARGIN, height, title=title, is_clear=is_clear)

    @property
    def _below(self) -> float:
        """Where the notes begin."""
        return self.bottom + (2 + max(map(len, self.told))) * TEXT * LINE

    @property
    def title(self) -> str:
        """The layer as it is written."""
        return f"{self.stepping.node.name}: {sentence(self.stepping.node.layer)}"

    def _about(self) -> str:
        """Shapes, and which of several channels is shown."""
        node, count = self.stepping.node, self.stepping.node.output[-1]
        what = "filter" if node.layer.family is Family.CONV else "channel"
        which = f", {what} {self.stepping.channel} of {count}" if count > 1 else ""
        return f"{show(node.input_shapes[0])} → {show(node.output)}{which}"

    @cached_property
    def _notes(self) -> list[str]:
        """What the drawing does not say by itself, in lines."""
        return wrap(" ".join(self._unsaid()), self.width, TEXT - 1)

    def _unsaid(self) -> Iterator[str]:
        one, (rows, columns) = self.stepping, self.stepping.tracks
        if one.node.word == "upconv":
            yield (
                "A transposed convolution, drawn as the convolution that it equals: zeros between and around "
                "the values, the kernel turned by half a turn, a step of one cell."
            )
        elif rows.count > rows.size or columns.count > columns.size:
            held = {"0": "zeros", "·": "it does not count"}.get(beyond(one.node), "it is never picked")
            yield f"Dashed is the padding: {held}."
        if len(self.drawn) < len(one.channels):
            yield f"{len(self.drawn)} of {len(one.channels)} input channels are drawn; the sums are over all."
        if self.shaded:
            yield "Each map is shaded on its own scale, values below 0 in orange."
        if len(self) < prod(one.outputs):
            yield f"These are the first {len(self)} of {prod(one.outputs):,} positions."

    # What does not move --------------------------------------------------------------

    def _ground(self, writer: SvgWriter) -> None:
        one, theme = self.stepping, self.theme
        y = MARGIN + 0.8 * TITLE
        writer.text(MARGIN, y, shorten(self.title, self.width, TITLE, True), size=TITLE, bold=True)
        writer.text(MARGIN, y + TEXT * LINE + 2, self._about(), size=TEXT, fill=theme.faint)
        several = one.node.input_shapes[0][-1] > 1
        for n, grid in enumerate(self.maps):
            self._head(writer, grid, f"channel {one.channels[n]}" if several else "input")
            self._map(writer, grid, n)
        turned = one.node.word == "upconv"
        for n, grid in enumerate(self.kernels):
            self._head(writer, grid, "kernel, turned" if turned else "kernel")
            self._values(writer, grid, "kernel", one.kernel, n, turned)
            writer.path(grid.lines(), fill="none", stroke=self.tone.line, stroke_width=0.8)
        grid = self.output
        self._head(writer, grid, "output")
        ground = theme.page if self.shaded else self.tone.fill
        writer.rect(grid.x, grid.y, grid.width, grid.height, fill=ground)
        self._values(writer, grid, "result", None if one.result is None else one.result[None], 0)

    def _front(self, writer: SvgWriter) -> None:
        """What lies over the window: numbers, lines, notes."""
        if self.size:
            self._numbers(writer)
        thin = 0.3 if self.shaded else 0.8
        writer.path(self.output.lines(), fill="none", stroke=self.theme.edge, stroke_width=thin)
        for n, line in enumerate(self._notes):
            y = self._below + n * (TEXT - 1) * LINE
            writer.text(MARGIN, y, line, size=TEXT - 1, fill=self.theme.faint)

    def _head(self, writer: SvgWriter, grid: CellGrid, text: str) -> None:
        writer.text(grid.x, grid.y - 7, text, size=TEXT, fill=self.theme.faint)

    def _map(self, writer: SvgWriter, grid: CellGrid, which: int) -> None:
        """One channel of the input: its values in their cells, the zeros beside and between them dashed."""
        one, theme, (rows, columns) = self.stepping, self.theme, self.stepping.tracks
        ground = theme.tone(Family.INPUT)
        inside = [(r, c) for r in rows.values for c in columns.values]
        if len(inside) < grid.rows * grid.columns:
            writer.path(
                grid.lines(), fill="none", stroke=theme.edge, stroke_width=0.6, stroke_dasharray="2.5 2.5"
            )
        writer.path(grid.cells(inside), fill=ground.fill, stroke=ground.line, stroke_width=0.8)
        if self.shaded:
            self._values(writer, grid, "maps", one.maps, which, places=inside)

    def _numbers(self, writer: SvgWriter) -> None:
        """The values of the maps, over the window; in the padding what stands there."""
        one, (rows, columns) = self.stepping, self.stepping.tracks
        inside = [(r, c) for r in rows.values for c in columns.values]
        met = {cell for step in one.steps for cell in step.cells} - set(inside)
        held = beyond(one.node).replace("-", "−")
        for n, grid in enumerate(self.maps):
            self._values(writer, grid, "maps", one.maps, n, places=inside)
            for place in sorted(met) if held != "·" else ():
                self._number(writer, grid, place, held, self.theme.faint)

    def _values(
        self, writer: SvgWriter, grid: CellGrid, name: str, arrays: Array | None, which: int,
        turned: bool = False, places: Sequence[tuple[int, int]] | None = None,
    ) -> None:  # fmt: skip
        """The numbers of a grid, or its shades where they do not fit; nothing where there are none."""
        if arrays is None:
            return
        array = arrays[which][::-1, ::-1] if turned else arrays[which]
        places = list(np.ndindex(array.shape)) if places is None else places
        if self.size:
            texts = self._texts[name][which * array.size : (which + 1) * array.size]
            for place, text in zip(places, reversed(texts) if turned else texts, strict=True):
                self._number(writer, grid, place, text.replace("-", "−"), self.theme.ink)
            return
        low, high = float(array.min()), float(array.max())
        shades = values(array, low, high, self.theme)
        canvas = np.zeros((grid.rows, grid.columns, shades.shape[2]), np.uint8)
        for place, shade in zip(places, shades.reshape(-1, shades.shape[2]), strict=True):
            canvas[place[0] - grid.first[0], place[1] - grid.first[1]] = shade
        writer.image(grid.x, grid.y, grid.width, grid.height, address(canvas))

    def _number(
        self, writer: SvgWriter, grid: CellGrid, place: tuple[int, int], text: str, color: str
    ) -> None:
        x, y = grid.at(*place)
        middle = grid.cell / 2
        writer.text(
            x + middle, y + middle + self.size * 0.35, text, size=self.size, anchor="middle", fill=color
        )

    # What moves ----------------------------------------------------------------------

    def _frame(self, writer: SvgWriter, which: int, shapes: dict[tuple[object, ...], str]) -> None:
        """The window on its maps, and the output as far as it has come."""
        step = self.stepping.steps[which]
        corner = min(step.rows), min(step.columns)
        shape = tuple(row - corner[0] for row in step.rows), tuple(c - corner[1] for c in step.columns)
        if shape not in shapes:
            shapes[shape] = f"w{len(shapes)}"
            self._window(writer, shapes[shape], Step(step.place, *shape))
        for grid in self.maps:
            x, y = grid.at(*corner)
            writer.add("use", None, href=f"#{shapes[shape]}", x=x, y=y)
        self._cover(writer, step)
        x, y = self.output.at(*step.place)
        side, line = self.output.cell, self.theme.fault.line if self.shaded else self.tone.line
        writer.rect(x, y, side, side, fill=line, fill_opacity=0.22, stroke=line, stroke_width=2.2)

    def _say(self, writer: SvgWriter, which: int) -> None:
        """The place and the sum, under the maps."""
        one, step = self.stepping, self.stepping.steps[which]
        named = zip(("row", "column"), step.place, strict=True)
        if one.tracks[0].count == 1 == len(one.tracks[0].taps):
            named = zip(("position",), step.place[1:], strict=True)
        y = self.bottom + TEXT * LINE
        writer.text(MARGIN, y, ", ".join(f"{axis} {n}" for axis, n in named), size=TEXT, bold=True)
        for line in self.told[which]:
            y += TEXT * LINE
            writer.text(MARGIN, y, line, size=TEXT)

    def _window(self, writer: SvgWriter, name: str, step: Step) -> None:
        """Defines the window's shape once, from (0, 0) on: its cells and the frame around them."""
        grid = CellGrid(0, 0, self.cell, max(step.rows) + 1, max(step.columns) + 1)
        line = self.theme.fault.line if self.shaded else self.tone.line
        parts = SvgWriter(self.theme)
        parts.path(grid.cells(list(step.cells)), fill=line, fill_opacity=0.12 if self.shaded else 0.3)
        parts.rect(0, 0, grid.width, grid.height, fill="none", stroke=line, stroke_width=2.2)
        writer.define(name, parts)

    def _cover(self, writer: SvgWriter, step: Step) -> None:
        """Hides the values that come later."""
        grid, (row, column), page = self.output, step.place, self.theme.page
        x, y = grid.at(row, column + 1)
        if column + 1 < grid.columns:
            writer.rect(x, y, grid.x + grid.width - x, grid.cell, fill=page)
        if row + 1 < grid.rows:
            writer.rect(grid.x, y + grid.cell, grid.width, grid.y + grid.height - y - grid.cell, fill=page)


def _style(count: int, seconds: float) -> str:
    """The rules that show one frame after the other, all within so many seconds, again and again."""
    share = 100 / (count - 1 + HOLD)
    return (
        f".f{{visibility:hidden;animation:f {number(seconds)}s step-end infinite}}"
        ".z{visibility:visible;animation-name:z}"
        f"@keyframes f{{0%{{visibility:visible}}{share:.5f}%{{visibility:hidden}}}}"
        f"@keyframes z{{0%{{visibility:visible}}{HOLD * share:.5f}%{{visibility:hidden}}}}"
        "@media (prefers-reduced-motion:reduce){.f{animation:none}}"
    )
