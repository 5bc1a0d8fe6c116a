"""The graph picture as a Mermaid flowchart, which wikis and READMEs draw from the text itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final

from cnnspec.views.pictures.paint import card_tone
from cnnspec.views.pictures.palette import LIGHT, Theme
from cnnspec.views.pictures.plan import Card, Cluster, Plan

SHAPES: Final = {"block": ('[["', '"]]'), "output": ('(["', '"])')}
ENTITIES: Final = str.maketrans({
    "#": "#35;", '"': "#quot;", "<": "#lt;", ">": "#gt;", "&": "#amp;", "`": "#96;", "\\": "#92;",
    "*": "#42;", "_": "#95;", "\n": " ",
})  # fmt: skip
"""Signs that mean something to Mermaid, or to Markdown, inside a label."""


def write(plan: Plan, *, direction: str = "TB", theme: Theme = LIGHT) -> str:
    """A plan as a Mermaid document, ``direction`` TB or LR."""
    return "\n".join(_lines(plan, direction, theme)) + "\n"


def _lines(plan: Plan, direction: str, theme: Theme) -> Iterator[str]:
    yield f"---\ntitle: {json.dumps(plan.title, ensure_ascii=False)}\n---\nflowchart {direction}"
    cards = {card.key: card for card in plan.cards}
    yield from _cluster(plan.root, cards, "  ")
    for link in plan.links:
        yield f"  {link.tail} --> {link.head}"
    if plan.root.clusters:
        frames = ",".join(cluster.key for cluster in plan.root.walk() if cluster is not plan.root)
        yield f"  classDef frame fill:{theme.frame_fill},stroke:{theme.frame},color:{theme.faint}"
        yield f"  class {frames} frame"
    alike: dict[str, list[str]] = {}
    for card in plan.cards:
        tone = card_tone(card, plan, theme)
        dash = ",stroke-dasharray:5 3" if card.is_dashed else ""
        alike.setdefault(f"fill:{tone.fill},stroke:{tone.line},color:{theme.ink}{dash}", []).append(card.key)
    for n, (look, keys) in enumerate(alike.items()):
        yield f"  classDef tone{n} {look}"
        yield f"  class {','.join(keys)} tone{n}"


def _cluster(cluster: Cluster, cards: dict[str, Card], indent: str) -> Iterator[str]:
    for key in cluster.cards:
        opening, closing = SHAPES.get(cards[key].kind, ('["', '"]'))
        yield f"{indent}{key}{opening}{_label(cards[key])}{closing}"
    for inner in cluster.clusters:
        yield f'{indent}subgraph {inner.key} ["{escape(inner.heading) or " "}"]'
        yield from _cluster(inner, cards, indent + "  ")
        yield f"{indent}end"


def _label(card: Card) -> str:
    first, *others = [" · ".join(escape(text) for text in pair if text) for pair in card.pairs]
    return "<br>".join((f"<b>{first}</b>", *others, *map(escape, card.message)))


def escape(text: str) -> str:
    """Text as it stands between quotes."""
    return text.translate(ENTITIES)
