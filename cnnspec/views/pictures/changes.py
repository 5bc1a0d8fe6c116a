"""A graph picture of what changed between two networks: the plan of the newer one, marked.

What was removed stands, dashed, where it stood, linked to what it read and what read it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby, pairwise
from typing import Final

from cnnspec.analysis.compare import Comparison, Pair, status_of
from cnnspec.analysis.report import Row
from cnnspec.layers.base import Family
from cnnspec.layers.facts import Picture
from cnnspec.views.pictures.plan import Card, CardRow, Cluster, Link, Plan
from cnnspec.views.pictures.planning import Planner
from cnnspec.views.pictures.wording import block_text, layer_text, own_name, shape_text
from cnnspec.views.terminal.comparison import SIGNS, runs_of

MOST_TOLD: Final = 12
"""Removed layers that a sentence names."""


def with_changes(plan: Plan, planner: Planner, comparison: Comparison) -> Plan:
    """The plan of the newer network of a comparison with every row marked, and what was removed added."""
    marker = _Marker(plan, planner, comparison)
    for _, runs in groupby(runs_of(list(comparison.pairs)), _gone):
        marker.visit(list(runs))
    marker.link_readers()
    return replace(
        plan, cards=tuple(marker.cards), links=(*plan.links, *marker.links),
        title=titled(comparison, plan.title), subtitle=comparison.summary,
    )  # fmt: skip


def _gone(run: Sequence[Pair]) -> object:
    """Equal for removed blocks of the same layers, which stand as one ×N."""
    layers = tuple(pair.before.node.layer for pair in run if pair.after is None and pair.before is not None)
    return layers if len(layers) > 1 else id(run)


def counts_text(pairs: Sequence[Pair]) -> str:
    """``2 changed, 1 added``; empty where all are the same."""
    counts = Counter(pair.status for pair in pairs)
    return ", ".join(f"{counts[name]} {name}" for name in ("changed", "added") if counts[name])


def delta_text(pairs: Sequence[Pair]) -> str:
    """``+1,200``: how many parameters more, or less."""
    more = sum(pair.delta("params") for pair in pairs)
    return f"{more:+,}".replace("-", "−") if more else ""


def removed_text(comparison: Comparison) -> str:
    """What a picture without room for it says of layers that are gone."""
    runs = [run for run in runs_of(list(comparison.pairs)) if run[0].status == "removed"]
    gone = [run[0].name.rpartition(".")[0] if len(run) > 1 else run[0].name for run in runs]
    more = f" and {len(gone) - MOST_TOLD} more" if len(gone) > MOST_TOLD else ""
    return f" Removed: {', '.join(gone[:MOST_TOLD])}{more}." if gone else ""


def titled(comparison: Comparison, title: str) -> str:
    """Both names, where they differ."""
    before = comparison.before.network.name
    return f"{before} → {title}" if before and before != title else title


class _Marker:
    def __init__(self, plan: Plan, planner: Planner, comparison: Comparison) -> None:
        self.plan, self.planner, self.comparison = plan, planner, comparison
        self.alike: dict[int, list[Pair]] = {}
        self.now: dict[int, int] = {}
        """Layer before -> the same layer now, by their places."""
        for pair in comparison.pairs:
            if pair.after is not None:
                place = pair.after.node.index
                self.alike.setdefault(planner.standing.get(place, place), []).append(pair)
                if pair.before is not None:
                    self.now[pair.before.node.index] = place
        inputs = zip(comparison.before.network.inputs, planner.network.inputs, strict=False)
        self.now |= {before.index: after.index for before, after in inputs}
        self.cards = [self._marked(card) for card in plan.cards]
        self.links: list[Link] = []
        self.homes: dict[int, str] = {}
        """Removed layer -> the card that shows it."""
        self.latest = self.cards[0].key

    # Layers that are there -----------------------------------------------------------

    def _marked(self, card: Card) -> Card:
        return replace(card, rows=tuple(self._row(card, row) for row in card.rows)) if card.rows else card

    def _row(self, card: Card, row: CardRow) -> CardRow:
        pairs = self._pairs(card, row)
        if not pairs:
            changed = row.family is Family.INPUT and card.kind == "layers" and self.comparison.input
            return _signed(row, "changed" if changed else "same")
        status = status_of(pairs)
        row = replace(row, figure=delta_text(pairs))
        told = counts_text(pairs)
        if status == "changed" and told != f"{len(pairs)} changed":
            row = replace(row, text=f"{told} of {len(pairs)}")
        elif status == "changed" and card.kind != "block":
            row = _with_both(row, pairs[0])
        return _signed(row, status)

    def _pairs(self, card: Card, row: CardRow) -> list[Pair]:
        if card.kind != "block":
            return self.alike.get(self.planner.network[row.layer].index, []) if row.layer else []
        mine = (index for index, key in self.planner.owner.items() if key == card.key)
        return [pair for index in mine for pair in self.alike.get(index, [])]

    # Layers that are gone ------------------------------------------------------------

    def visit(self, runs: Sequence[Sequence[Pair]]) -> None:
        """Goes on past layers that are there; removed ones become a card, or a strip of one."""
        pairs = [pair for run in runs for pair in run]
        gone = [pair.before for pair in pairs if pair.after is None and pair.before is not None]
        if not gone:
            after = pairs[-1].after
            self.latest = self._card_now(after.node.index) if after else self.latest
            return
        first = gone[0].node
        sources = [key for source in first.inputs if (key := self._home(source))]
        host = self._place(sources[0]) if sources else None
        is_strip = len(gone) == 1 and first.layer.picture is Picture.STRIP
        if is_strip and host is not None and self.cards[host].kind in ("layers", "removed"):
            self.cards[host] = replace(
                self.cards[host], rows=(*self.cards[host].rows, _ghost(gone, 1, False))
            )
            key = self.cards[host].key
        else:
            key = self._insert(Card(f"x{first.index}", (_ghost(gone, len(runs), True),), "removed"))
            before = [source for source in sources if self._place(source) < self._place(key)]
            self.links += [Link(source, key) for source in dict.fromkeys(before)]
        self.homes.update((row.node.index, key) for row in gone)

    def link_readers(self) -> None:
        """Links what was removed to the layers that read it and are still there."""
        order = {card.key: place for place, card in enumerate(self.cards)}
        for before, after in self.now.items():
            for source in self.comparison.before.network.nodes[before].inputs:
                tail, head = self.homes.get(source, ""), self._card_now(after)
                link = Link(tail, head)
                if tail.startswith("x") and order[tail] < order[head] and link not in self.links:
                    self.links.append(link)

    def _insert(self, card: Card) -> str:
        """Puts a card behind the latest one, in its cluster."""
        self.cards.insert(self._place(self.latest) + 1, card)
        _holder(self.plan.root, self.latest).cards.append(card.key)
        self.latest = card.key
        return card.key

    def _home(self, before: int) -> str:
        if before in self.homes:
            return self.homes[before]
        return self._card_now(self.now[before]) if before in self.now else ""

    def _card_now(self, index: int) -> str:
        return self.planner.card_of(self.planner.network.nodes[index])

    def _place(self, key: str) -> int:
        return next(place for place, card in enumerate(self.cards) if card.key == key)


def _holder(root: Cluster, key: str) -> Cluster:
    """The innermost cluster around a card that stands in the network once."""
    holders = [each for each in root.walk() if any(key in inner.cards for inner in each.walk())]
    return next((before for before, each in pairwise(holders) if each.times > 1), holders[-1])


def _ghost(gone: Sequence[Row], times: int, main: bool) -> CardRow:
    """The row of a layer, or of so many equal blocks, that are no longer there."""
    node, last, layers = gone[0].node, gone[-1].node, len(gone) // times
    name = ".".join(node.path[:-1]) if layers > 1 else own_name(node)
    row = CardRow(
        name=name.rstrip("0123456789") if times > 1 else name, times=times,
        text=f"{layers} layers" if layers > 1 else layer_text(node.layer),
        shape=shape_text(last.output), figure=delta_text([Pair(before, None) for before in gone]),
        family=node.layer.family, main=main,
        tooltip=block_text([one.node for one in gone]),
    )  # fmt: skip
    return _signed(row, "removed")


def _with_both(row: CardRow, pair: Pair) -> CardRow:
    """A row that tells the layer and its shape before and now, where they differ."""
    assert pair.before is not None
    assert pair.after is not None
    before, after = (layer_text(one.node.layer) for one in (pair.before, pair.after))
    old, new = (shape_text(one.output) for one in (pair.before, pair.after))
    text = row.text if before == after else f"{before} → {after}"
    return replace(row, text=text, shape=new if old == new and row.shape else f"{old} → {new}" * (old != new))


def _signed(row: CardRow, status: str) -> CardRow:
    """A row with its status, and the sign of it before its first word."""
    sign = f"{SIGNS[status]} " if SIGNS[status] else ""
    if row.main:
        return replace(row, status=status, name=sign + row.name)
    return replace(row, status=status, text=sign + row.text)
