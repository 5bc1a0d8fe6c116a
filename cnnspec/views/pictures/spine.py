"""Which edges an engine should keep straight: those of the longest way through."""

from __future__ import annotations

from collections import defaultdict
from typing import Final

from cnnspec.views.pictures.plan import Plan

STRAIGHT, EVEN, SIDE = 12, 2, 1
"""Weights: of the spine and of plain chains, of several branches side by side, of what goes beside."""
SEVERAL: Final = 3
"""From so many branches on none is the main one: they spread evenly."""


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
