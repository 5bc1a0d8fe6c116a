"""The graph picture as DOT text: plain record labels, so that every Graphviz draws the same.

``draw -o net.dot`` writes it, to be changed by hand or laid out by a Graphviz.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from cnnspec.views.pictures.paint import card_tone
from cnnspec.views.pictures.palette import LIGHT, Theme
from cnnspec.views.pictures.plan import FRAME_TITLE, TEXT, Card, CardRow, Cluster, Plan

POINTS = 72.0
"""Graphviz measures nodes in inches; a pixel of ours is one of its points."""
STRAIGHT, EVEN, SIDE = 12, 2, 1
"""Weights: of the spine and of plain chains, of several branches side by side, of what goes beside."""
SEVERAL: Final = 3
"""From so many branches on none is the main one: they spread evenly."""


def write(plan: Plan, *, direction: str = "TB", theme: Theme = LIGHT) -> str:
    """A plan as a DOT document, ``direction`` TB or LR."""
    return "\n".join(_Writer(plan, direction, theme).lines()) + "\n"


class _Writer:
    def __init__(self, plan: Plan, direction: str, theme: Theme) -> None:
        self.plan, self.direction, self.theme = plan, direction, theme
        self.sizes = plan.sizes()
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
        yield f'  edge [color="{theme.edge}", arrowsize=0.6, penwidth=1]'
        for card in self.plan.cards:
            yield f"  {card.key} [{self._card(card)}]"
        for cluster in self.plan.root.clusters:
            yield from self._frame(cluster, "  ")
        for link in self.plan.links:
            yield f"  {link.tail} -> {link.head} [weight={self.weights[link.tail, link.head]}]"
        yield "}"

    def _card(self, card: Card) -> str:
        fields = "|".join(_line(line) for line in card.lines)
        message = "".join(f"{record(line)}\\l" for line in card.message)
        label = f"{fields}|{message}" if message else fields
        label = f"{{{label}}}" if self.direction == "TB" else label
        width, height = self.sizes[card.key]
        tone = card_tone(card, self.plan, self.theme)
        tooltip = "\n".join(row.tooltip for row in card.rows if row.tooltip)
        about = f", tooltip={quoted(tooltip)}" if tooltip else ""
        return (
            f'label="{label}", width={width / POINTS:.3f}, height={height / POINTS:.3f}, '
            f'fillcolor="{tone.fill}", color="{tone.line}"{about}'
        )

    def _frame(self, cluster: Cluster, indent: str) -> Iterator[str]:
        yield f"{indent}subgraph cluster_{cluster.key} {{"
        theme = self.theme
        yield (
            f'{indent}  label={quoted(cluster.heading)}; labeljust=l; style="rounded,filled"; margin=10; '
            f'color="{theme.frame}"; fillcolor="{theme.frame_fill}"'
        )
        if cluster.cards:
            yield f"{indent}  {'; '.join(cluster.cards)}"
        for inner in cluster.clusters:
            yield from self._frame(inner, indent + "  ")
        yield f"{indent}}}"


def _line(line: list[CardRow]) -> str:
    fields = "|".join(map(_field, line))
    return f"{{{fields}}}" if len(line) > 1 else fields


def _field(row: CardRow) -> str:
    lines = ("   ".join(filter(None, pair)) for pair in row.pairs)
    return "".join(f"{record(line)}\\l" for line in lines if line)


def quoted(text: str) -> str:
    """A DOT string; Graphviz would read ``&lt;`` as an entity."""
    escaped = text.replace("&", "&amp;").replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def record(text: str) -> str:
    """Text inside a record label that stands in quotes."""
    escaped = "".join(f"\\{c}" if c in '{}|<>\\"' else c for c in text.replace("&", "&amp;"))
    return escaped.replace("  ", "\\ \\ ")


def spine_weights(plan: Plan) -> dict[tuple[str, str], int]:
    """(tail, head) -> weight. A skip gives way to the path it skips, a head to the trunk."""
    heads, tails = defaultdict(list), defaultdict(list)
    for link in plan.links:
        heads[link.tail].append(link.head)
        tails[link.head].append(link.tail)
    keys = [card.key for card in plan.cards]
    before = _longest(keys, tails)
    after = _longest(keys[::-1], heads)
    weights = {}
    for link in plan.links:
        out, into = heads[link.tail], tails[link.head]
        main = link.head == max(out, key=lambda key: after[key])
        main = main and link.tail == max(into, key=lambda key: before[key])
        several = max(len(out), len(into)) >= SEVERAL
        weights[link.tail, link.head] = EVEN if several else STRAIGHT if main else SIDE
    return weights


def _longest(keys: list[str], neighbours: dict[str, list[str]]) -> dict[str, int]:
    """For each card the length of the longest way to it; ``keys`` in the order of travel."""
    length: dict[str, int] = {}
    for key in keys:
        length[key] = 1 + max((length.get(other, 0) for other in neighbours[key]), default=-1)
    return length
