"""The graph picture as DOT text: plain record labels, so that every Graphviz draws the same.

``render`` is what ``draw -o net.dot`` writes. The same text, with sizes fixed by
our own measure of the texts, is what an engine lays out for the other formats.
"""

from __future__ import annotations

from collections.abc import Iterator

from cnnspec.network.graph import Network
from cnnspec.views.pictures.measure import (
    EDGE_TEXT,
    FRAME_TITLE,
    TEXT,
    follower_right,
    heading,
    lines_of,
    sizes,
)
from cnnspec.views.pictures.palette import LIGHT, Theme
from cnnspec.views.pictures.plan import Card, Frame, Plan, Row
from cnnspec.views.pictures.planning import EVERYTHING, Choices, plan_of
from cnnspec.views.pictures.spine import spine_weights

POINTS = 72.0
"""Graphviz measures nodes in inches; a pixel of ours is one of its points."""


def render(
    network: Network, *, choices: Choices = EVERYTHING, direction: str = "TB", theme: Theme = LIGHT
) -> str:
    """The network as a DOT document, ``direction`` TB or LR."""
    return write(plan_of(network, choices), direction=direction, theme=theme)


def write(plan: Plan, *, direction: str = "TB", theme: Theme = LIGHT) -> str:
    """A plan as a DOT document."""
    return "\n".join(_Writer(plan, direction, theme).lines()) + "\n"


class _Writer:
    def __init__(self, plan: Plan, direction: str, theme: Theme) -> None:
        self.plan, self.direction, self.theme = plan, direction, theme
        self.sizes = sizes(plan)
        self.weights = spine_weights(plan)

    def lines(self) -> Iterator[str]:
        theme = self.theme
        yield f"digraph {quoted(self.plan.title)} {{"
        yield (
            f'  graph [rankdir={self.direction}, bgcolor="{theme.page}", nodesep=0.28, ranksep=0.3, '
            f'fontname="Helvetica", fontsize={FRAME_TITLE}, fontcolor="{theme.faint}", splines=true]'
        )
        yield (
            f'  node [shape=Mrecord, style="filled,rounded", fontname="Helvetica", fontsize={TEXT}, '
            f'fontcolor="{theme.ink}", margin="0.08,0.03", penwidth=1]'
        )
        yield (
            f'  edge [fontname="Helvetica", fontsize={EDGE_TEXT}, fontcolor="{theme.faint}", '
            f'color="{theme.edge}", arrowsize=0.6, penwidth=1]'
        )
        for card in self.plan.cards:
            yield f"  {card.key} [{self._card(card)}]"
        for frame in self.plan.root.frames:
            yield from self._frame(frame, "  ")
        for link in self.plan.links:
            weight = f"weight={self.weights[link.tail, link.head]}"
            label = f"label={quoted(link.label)}" if link.label else ""
            yield f"  {link.tail} -> {link.head} [{', '.join(filter(None, (label, weight)))}]"
        yield "}"

    def _card(self, card: Card) -> str:
        fields = "|".join(_line(line) for line in lines_of(card))
        message = "".join(f"{record(line)}\\l" for line in card.message)
        label = f"{fields}|{message}" if message else fields
        label = f"{{{label}}}" if self.direction in ("TB", "BT") else label
        width, height = self.sizes[card.key]
        fill, line = self._colors(card)
        tooltip = "\n".join(row.tooltip for row in card.rows if row.tooltip)
        about = f", tooltip={quoted(tooltip)}" if tooltip else ""
        return (
            f'label="{label}", width={width / POINTS:.3f}, height={height / POINTS:.3f}, '
            f'fillcolor="{fill}", color="{line}"{about}'
        )

    def _colors(self, card: Card) -> tuple[str, str]:
        if card.kind == "fault":
            return self.theme.fault.fill, self.theme.fault.line
        share = sum(row.share or 0.0 for row in card.rows)
        if self.plan.heat and card.kind != "output":
            return self.theme.heat_at(share), self.theme.edge
        tone = self.theme.tone(card.family)
        return tone.fill, tone.line

    def _frame(self, frame: Frame, indent: str) -> Iterator[str]:
        yield f"{indent}subgraph cluster_{frame.key} {{"
        theme = self.theme
        yield (
            f'{indent}  label={quoted(frame.heading)}; labeljust=l; style="rounded,filled"; margin=10; '
            f'color="{theme.frame}"; fillcolor="{theme.frame_fill}"'
        )
        if frame.cards:
            yield f"{indent}  {'; '.join(frame.cards)}"
        for inner in frame.frames:
            yield from self._frame(inner, indent + "  ")
        yield f"{indent}}}"


def _line(line: list[Row]) -> str:
    fields = "|".join(map(_field, line))
    return f"{{{fields}}}" if len(line) > 1 else fields


def _field(row: Row) -> str:
    if not row.main:
        right = follower_right(row)
        return f"{record(row.text)}{'   ' + record(right) if right else ''}\\l"
    top = "   ".join(text for text in (heading(row), row.shape) if text)
    below = "   ".join(text for text in (row.text, row.figure) if text)
    return "".join(f"{record(line)}\\l" for line in (top, below) if line)


def quoted(text: str) -> str:
    """A DOT string; Graphviz would read ``&lt;`` as an entity."""
    escaped = text.replace("&", "&amp;").replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def record(text: str) -> str:
    """Text inside a record label that stands in quotes."""
    escaped = "".join(f"\\{c}" if c in '{}|<>\\"' else c for c in text.replace("&", "&amp;"))
    return escaped.replace("  ", "\\ \\ ")
