"""The graph picture as a file of draw.io (diagrams.net): every layer a cell that can be moved and changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from xml.sax.saxutils import quoteattr

from cnnspec.views.pictures.paint import card_tone, row_tone
from cnnspec.views.pictures.palette import LIGHT, Theme
from cnnspec.views.pictures.placed import Rect
from cnnspec.views.pictures.plan import FRAME_TITLE, MESSAGE_LINE, TEXT, Card, CardRow, Cluster, Plan
from cnnspec.views.pictures.svg import clean, number

ROUND = "rounded=1;absoluteArcSize=1;arcSize=12;html=1;"
BESIDE, ABOVE = 10.0, 24.0
"""Pixels between a frame and what it holds; above them stands its title."""


def write(plan: Plan, places: Mapping[str, Rect], *, theme: Theme = LIGHT) -> str:
    """A plan as an uncompressed draw.io document; ``places`` has each card's rectangle in pixels."""
    title = quoteattr(clean(plan.title or "network"))
    return "\n".join((
        f'<mxfile host="cnnspec"><diagram name={title}><mxGraphModel background="{theme.page}"><root>',
        '<mxCell id="0"/><mxCell id="1" parent="0"/>',
        *_frames(plan.root, places, theme),
        *(line for card in plan.cards for line in _card(card, plan, places[card.key], theme)),
        *(_edge(f"e{n}", link.tail, link.head, theme) for n, link in enumerate(plan.links)),
        "</root></mxGraphModel></diagram></mxfile>",
        "",
    ))  # fmt: skip


def _frames(root: Cluster, places: Mapping[str, Rect], theme: Theme) -> Iterator[str]:
    for cluster in root.walk():
        if cluster is not root:
            x, y, right, bottom = _around(cluster, places)
            style = f"{ROUND}verticalAlign=top;align=left;spacingLeft=6;fontStyle=1;fontSize={FRAME_TITLE};"
            style += f"fillColor={theme.frame_fill};strokeColor={theme.frame};fontColor={theme.faint};"
            yield _cell(cluster.key, escape(cluster.heading), style, "1", (x, y, right - x, bottom - y))


def _around(cluster: Cluster, places: Mapping[str, Rect]) -> tuple[float, float, float, float]:
    """(left, top, right, bottom) of a frame: what it holds, and room for its title."""
    ends = [(x, y, x + w, y + h) for x, y, w, h in (places[key] for key in cluster.cards)]
    ends += [_around(inner, places) for inner in cluster.clusters]
    lefts, tops, rights, bottoms = zip(*ends, strict=True)
    return min(lefts) - BESIDE, min(tops) - ABOVE, max(rights) + BESIDE, max(bottoms) + BESIDE


def _card(card: Card, plan: Plan, rect: Rect, theme: Theme) -> Iterator[str]:
    """A container with a cell for each row."""
    x, y, w, h = rect
    tone = card_tone(card, plan, theme)
    dash = "dashed=1;" if card.is_dashed else ""
    style = f"container=1;collapsible=0;{ROUND}{dash}fillColor={tone.fill};strokeColor={tone.line};"
    yield _cell(card.key, "", style, "1", (x, y, w, h))
    top = 0.0
    for place, line in enumerate(card.lines):
        for n, row in enumerate(line):
            tone, share = row_tone(row, plan, theme, card.kind), w / len(line)
            style = f"{ROUND}align=left;spacingLeft=8;spacingRight=8;fontSize={TEXT};strokeColor=none;"
            style += f"fillColor={tone.fill};fontColor={theme.ink};"
            key = f"{card.key}r{place}.{n}"
            yield _cell(key, _row(row), style, card.key, (n * share, top, share, line[0].height))
        top += line[0].height
    if card.message:
        style = f"text;html=1;align=left;spacingLeft=8;fontSize={TEXT};fontColor={theme.ink};"
        text = "<br>".join(map(escape, card.message))
        yield _cell(f"{card.key}m", text, style, card.key, (0, top, w, len(card.message) * MESSAGE_LINE))


def _row(row: CardRow) -> str:
    """The texts of a row as HTML, the left ones and the right ones at their ends."""
    lines = [
        f'<tr><td>{left}</td><td align="right">{right}</td></tr>'
        for left, right in ([escape(clean(text)) for text in pair] for pair in row.pairs)
    ]
    if row.main:
        lines[0] = lines[0].replace("<td>", "<td><b>", 1).replace("</td>", "</b></td>", 1)
    return f'<table width="100%" cellpadding="0" cellspacing="0">{"".join(lines)}</table>'


def _edge(key: str, tail: str, head: str, theme: Theme) -> str:
    style = f"edgeStyle=orthogonalEdgeStyle;rounded=1;endSize=4;strokeColor={theme.edge};"
    return (
        f'<mxCell id="{key}" style="{style}" edge="1" parent="1" source="{tail}" target="{head}">'
        '<mxGeometry relative="1" as="geometry"/></mxCell>'
    )


def _cell(key: str, value: str, style: str, parent: str, rect: Rect) -> str:
    x, y, w, h = map(number, rect)
    return (
        f'<mxCell id="{key}" value={quoteattr(value)} style="{style}" vertex="1" parent="{parent}">'
        f'<mxGeometry x="{x}" y="{y}" width="{w}" height="{h}" as="geometry"/></mxCell>'
    )
