"""The graph picture in SVG with its legend: a plan with a place for everything, drawn."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Final

from cnnspec.views.pictures.drawing import Drawing
from cnnspec.views.pictures.font import shorten, text_width
from cnnspec.views.pictures.page import PicturePage, Surround, draw_legend
from cnnspec.views.pictures.paint import FIGURES, card_tone, entries_of, row_tone
from cnnspec.views.pictures.palette import Theme
from cnnspec.views.pictures.placed import Rect
from cnnspec.views.pictures.plan import (
    FRAME_TITLE,
    MESSAGE_LINE,
    NAME,
    PAD,
    TEXT,
    Card,
    CardRow,
    Plan,
)
from cnnspec.views.pictures.svg import SvgWriter, rounded

RADIUS: Final = 6.0


def draw(plan: Plan, drawing: Drawing, theme: Theme, surround: Surround) -> str:
    """The SVG of a plan that is laid out."""
    picture = _GraphPicture(plan, drawing, theme)
    return page_of(plan, drawing.width, drawing.height, theme, surround).document(picture.contents)


def page_of(plan: Plan, width: float, height: float, theme: Theme, surround: Surround) -> PicturePage:
    """The page around a drawing of so much."""
    entries = entries_of(plan.shown, plan.heat, theme)
    entries = {text: replace(tone, hatch="") for text, tone in entries.items()}
    legend = partial(draw_legend, entries, words_of(plan)) if surround.legend else None
    return PicturePage(plan.title, plan.subtitle, width, height, surround, theme, legend)


class _GraphPicture:
    def __init__(self, plan: Plan, drawing: Drawing, theme: Theme) -> None:
        self.plan, self.drawing, self.theme = plan, drawing, theme

    def contents(self, writer: SvgWriter) -> None:
        """Draws the plan, and its inset."""
        self.writer = writer
        for plan in filter(None, (self.plan, self.plan.inset)):
            self._contents(plan)

    def _contents(self, plan: Plan) -> None:
        self.sizes = plan.sizes()
        frames = [cluster for cluster in plan.root.walk() if cluster.key in self.drawing.frames]
        for cluster in frames:
            x, y, w, h = self.drawing.frames[cluster.key]
            with self.writer.group("frame", name=cluster.key):
                self.writer.rect(
                    x, y, w, h, rx=RADIUS + 3, fill=self.theme.frame_fill, stroke=self.theme.frame,
                    stroke_width=1,
                )  # fmt: skip
        cards = {card.key for card in plan.cards}
        gone = {card.key for card in plan.cards if card.kind == "removed"}
        for arrow in self.drawing.arrows:
            if arrow.tail not in cards:
                continue
            with self.writer.group("edge", name=f"{arrow.tail} {arrow.head}"):
                self.writer.path(
                    rounded(arrow.points), fill="none", stroke=self.theme.edge, stroke_width=1.2,
                    stroke_dasharray="4 3" if gone & {arrow.tail, arrow.head} else None,
                )  # fmt: skip
                self.writer.arrow(arrow.tip, arrow.toward, 7.5, self.theme.edge)
        for cluster in frames:
            x, y = self.drawing.titles[cluster.key]
            with self.writer.group("frame-title", name=cluster.key):
                self.writer.text(
                    x, y, cluster.heading, size=FRAME_TITLE, bold=True, fill=self.theme.faint
                )  # fmt: skip
        for card in plan.cards:
            self._card(card, self.drawing.cards[card.key])

    # Cards -------------------------------------------------------------------------

    def _card(self, card: Card, rect: Rect) -> None:
        width, height = self.sizes[card.key]
        x, y = rect[0] + (rect[2] - width) / 2, rect[1] + (rect[3] - height) / 2
        stroke = card_tone(card, self.plan, self.theme).line
        with self.writer.group("card", name=card.key):
            if card.kind == "block":
                self.writer.rect(x + 4, y + 4, width, height, rx=RADIUS, fill=self.theme.page, stroke=stroke)
            top, lines = y, card.lines
            for n, line in enumerate(lines):
                last = n == len(lines) - 1 and not card.message
                self._line(card, line, (x, top, width, line[0].height), first=n == 0, last=last)
                top += line[0].height
            for n, text in enumerate(card.message):
                self.writer.text(x + PAD, top + 14 + n * MESSAGE_LINE, text, size=TEXT)
            dash = "5 3" if card.is_dashed else None
            self.writer.rect(
                x, y, width, height, rx=RADIUS, fill="none", stroke=stroke, stroke_width=1.1,
                stroke_dasharray=dash,
            )  # fmt: skip

    def _line(self, card: Card, line: list[CardRow], box: Rect, *, first: bool, last: bool) -> None:
        x, y, w, h = box
        top, bottom = RADIUS if first else 0.0, RADIUS if last else 0.0
        rest = (w - sum(row.width for row in line)) / len(line)
        for n, row in enumerate(line):
            width, left, right = row.width + rest, n == 0, n == len(line) - 1
            corners = (top if left else 0, top if right else 0, bottom if right else 0, bottom if left else 0)
            self._cell(card, row, (x, y, width, h), corners)
            if not left:
                self.writer.line((x, y), (x, y + h), stroke=self.theme.page, stroke_width=1)
            x += width
        if not first:
            self.writer.line((box[0], y), (box[0] + w, y), stroke=self.theme.page, stroke_width=1)

    def _cell(self, card: Card, row: CardRow, box: Rect, corners: tuple[float, float, float, float]) -> None:
        with self.writer.group("row", title=row.tooltip, layer=row.layer, about=row.about):
            self.writer.path(_plate(box, corners), fill=row_tone(row, self.plan, self.theme, card.kind).fill)
            if row.main:
                self._main(row, box)
            else:
                self._pair(box, box[1] + 13.2, row.text, row.right, TEXT, False)

    def _main(self, row: CardRow, box: Rect) -> None:
        _, y, _, h = box
        self._pair(box, y + 17.3, row.heading, row.shape, NAME, True)
        if h > 30:
            self._pair(box, y + 32, row.text, row.figure, TEXT, False)

    def _pair(self, box: Rect, baseline: float, left: str, right: str, size: float, bold: bool) -> None:
        x, _, w, _ = box
        small = size - 1 if bold else size
        room = w - 2 * PAD - (text_width(right, small) + 8 if right else 0)
        ink = self.theme.ink if bold else self.theme.second
        if left:
            self.writer.text(
                x + PAD, baseline, shorten(left, room, size, bold), size=size, bold=bold, fill=ink
            )
        if right:
            self.writer.text(x + w - PAD, baseline, right, size=small, fill=ink, anchor="end")


def _plate(box: Rect, corners: tuple[float, float, float, float]) -> str:
    """A rectangle with its corners rounded as told, clockwise from the upper left."""
    x, y, w, h = box
    a, b, c, d = corners
    return (
        f"M{x:.2f} {y + a:.2f}q0 {-a:g} {a:g} {-a:g}H{x + w - b:.2f}q{b:g} 0 {b:g} {b:g}"
        f"V{y + h - c:.2f}q0 {c:g} {-c:g} {c:g}H{x + d:.2f}q{-d:g} 0 {-d:g} {-d:g}Z"
    )


# Around the drawing ----------------------------------------------------------------


def words_of(plan: Plan) -> str:
    """What stands on the cards, in words."""
    rows = [row for card in plan.cards if card.kind in ("layers", "block") for row in card.rows]
    if not rows:
        return ""
    if plan.is_comparison:
        return "At the right: output shape, parameters more or less. “→” leads from before to now."
    figure = f"share of the {FIGURES[plan.heat]}" if plan.heat else "parameters"
    if plan.heat and any(cluster.times > 1 for cluster in plan.root.walk()):
        figure += " (of all repeats)"
    stride = "; “/2” is a stride of 2" if any("/" in row.text for row in rows) else ""
    return f"At the right: output shape, {figure}{stride}."
