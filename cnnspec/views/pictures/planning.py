"""From a network to the plan of its graph picture: folding, joining, framing, linking."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, Final

from cnnspec.analysis.cost import bytes_of, cost_of
from cnnspec.analysis.fold import Block, Leaf, Repeated, Segment
from cnnspec.layers.base import Family
from cnnspec.layers.facts import Picture
from cnnspec.network.graph import Network, Node
from cnnspec.views.pictures.choices import Choices
from cnnspec.views.pictures.overview import segments_of, unrolled
from cnnspec.views.pictures.plan import Card, CardRow, Cluster, Link, Plan
from cnnspec.views.pictures.titles import block_path, heaviest, instance_title
from cnnspec.views.pictures.wording import (
    arithmetic,
    block_text,
    described,
    is_automatic,
    layer_text,
    own_name,
    rounded_text,
    shape_text,
    weights_of,
)

HEATS: Final[dict[str, Callable[[Node], int]]] = {
    "params": lambda node: node.own_params,
    "multiplies": lambda node: cost_of(node.layer, node.input_shapes).multiplies,
    "memory": lambda node: bytes_of(node.output),
}
"""Figure -> its amount for one node; memory is the bytes of the output of one sample."""


def representatives(segments: Iterable[Segment]) -> dict[int, int]:
    """Node -> the node drawn in its place, where a folded repeat draws one turn for all."""
    found: dict[int, int] = {}
    for segment in segments:
        if isinstance(segment, Leaf):
            continue
        inner = representatives(segment.segments)
        found.update(inner)
        if isinstance(segment, Repeated):
            first = segment.turns[0]
            for turn in segment.turns[1:]:
                for node, original in zip(turn, first, strict=True):
                    found[node.index] = inner.get(original.index, original.index)
    return found


class Planner:
    """Makes one plan; afterwards it knows which card shows a node."""

    def __init__(self, network: Network, choices: Choices) -> None:
        self.network, self.choices = network, choices
        self.segments = segments_of(network, choices, growing=True)
        self.standing = representatives(self.segments)
        self.stands_for: dict[int, list[Node]] = {}
        for node in network.nodes:
            self.stands_for.setdefault(self._representative(node.index), []).append(node)
        self.cards: dict[str, Card] = {}
        self.owner: dict[int, str] = {}
        self.last: dict[str, Node] = {}
        self.results = {output.node for output in network.outputs}
        self.total = sum(map(HEATS[choices.heat], network.nodes)) if choices.heat else 0

    def plan(self) -> Plan:
        root = Cluster("root", "")
        for node in self.network.inputs:
            self._place_card(Card(f"n{node.index}", (self._row(node),)), (node,), root)
        self._fill(root, self.segments, 0)
        _dissolve(root, self.cards, self._rename)
        links = self._links(self.network.layers)
        self._add_results(root, links)
        return Plan(
            title=self.network.name, subtitle=costs_text(self.network), cards=tuple(self.cards.values()),
            links=tuple(links), root=root, heat=self.choices.heat, inset=self._inset(),
        )  # fmt: skip

    def card_of(self, node: Node) -> str:
        """The key of the card that shows a node, or stands for it."""
        return self.owner[self._representative(node.index)]

    # Cards and clusters --------------------------------------------------------------

    def _fill(self, cluster: Cluster, segments: Sequence[Segment], depth: int) -> None:
        for segment in segments:
            if isinstance(segment, Leaf):
                self._place(segment.node, cluster)
            elif isinstance(segment, Repeated):
                self._fill_repeated(cluster, segment, depth)
            else:
                self._fill_block(cluster, segment, depth)

    def _fill_repeated(self, cluster: Cluster, segment: Repeated, depth: int) -> None:
        only = segment.segments[0]
        if len(segment.segments) == 1 and isinstance(only, Block):
            self._fill_block(cluster, only, depth, segment)
            return
        inner = Cluster(f"f{segment.turns[0][0].index}r", "", segment.times, growth=segment.growth)
        cluster.clusters.append(inner)
        self._fill(inner, segment.segments, depth)

    def _fill_block(
        self, cluster: Cluster, block: Block, depth: int, repeated: Repeated | None = None
    ) -> None:
        several = sum(node.layer.picture is not Picture.STRIP for node in block.nodes) > 1
        if self.choices.depth is not None and depth >= self.choices.depth and several:
            self._place_block(block, cluster, repeated)
            return
        times, growth = (repeated.times, repeated.growth) if repeated else (1, "")
        key = f"f{block.nodes[0].index}d{depth}"
        inner = Cluster(key, instance_title(block, times), times, growth=growth)
        cluster.clusters.append(inner)
        self._fill(inner, block.segments, depth + 1)

    def _place(self, node: Node, cluster: Cluster) -> None:
        key = self.owner.get(self._representative(node.inputs[0])) if node.inputs else None
        if key is not None and cluster.cards and cluster.cards[-1] == key and self._follows(node, key):
            card = self.cards[key]
            self.cards[key] = replace(card, rows=(*card.rows, self._row(node, main=False)))
            self._own((node,), key)
            return
        self._place_card(Card(f"n{node.index}", (self._row(node),)), (node,), cluster)

    def _follows(self, node: Node, key: str) -> bool:
        """Whether a node is a strip of the card before it: it alone reads that card's end."""
        end = self.last[key]
        return (
            self.choices.join
            and node.layer.picture is Picture.STRIP
            and len(node.inputs) == 1
            and end.layer.family is not Family.INPUT
            and len(self.network.readers[end.index]) == 1
            and end.index not in self.results
            and self.cards[key].kind == "layers"
        )

    def _place_block(self, block: Block, cluster: Cluster, repeated: Repeated | None) -> None:
        layers, times = len(block.nodes), repeated.times if repeated else 1
        end = self._turns(block.nodes[-1])[-1].output
        row = CardRow(
            name=instance_title(block, times), text=f"{layers} layer{'s' * (layers > 1)}",
            shape=shape_text(end), family=heaviest(block.nodes), times=times,
            growth=repeated.growth if repeated else "", **self._cost(block.nodes),
            tooltip=block_text(block.nodes), layer=block_path(block),
            about=described(block.nodes, self.network),
        )  # fmt: skip
        self._place_card(Card(f"n{block.nodes[0].index}", (row,), "block"), block.nodes, cluster)

    def _place_card(self, card: Card, nodes: Sequence[Node], cluster: Cluster) -> None:
        self.cards[card.key] = card
        cluster.cards.append(card.key)
        self._own(nodes, card.key)

    def _own(self, nodes: Sequence[Node], key: str) -> None:
        self.owner.update((node.index, key) for node in nodes)
        self.last[key] = nodes[-1]

    def _rename(self, key: str, cluster: Cluster) -> None:
        """A card that lost its cluster takes the cluster's name and count."""
        card = self.cards[key]
        main = card.rows[0]
        name = cluster.title.split(" · ")[0] or main.name
        row = replace(main, name=name, times=main.times * cluster.times, growth=main.growth or cluster.growth)
        self.cards[key] = replace(card, rows=(row, *card.rows[1:]))

    def _inset(self) -> Plan | None:
        """The block that stands most often as one card, with all its layers, where that is wanted."""
        found = unrolled(self.segments, self.choices.depth or 0) if self.choices.inset else None
        return _InsetPlanner(self.network, replace(self.choices, depth=None)).inset(*found) if found else None

    # Rows --------------------------------------------------------------------------

    def _row(self, node: Node, main: bool = True) -> CardRow:
        text = layer_text(node.layer) + weights_of(node, " · ")
        changes = node.input_shapes[:1] != (node.output,)
        return CardRow(
            name=own_name(node), text="" if main and text == node.word and is_automatic(node) else text,
            shape=self._shape(node) if main or changes else "", family=node.layer.family,
            tooltip=arithmetic(node), layer=node.name, main=main,
            about=described((node,), self.network), **self._cost((node,)),
        )  # fmt: skip

    def _shape(self, node: Node) -> str:
        """What flows out, in the last turn too where turns grow: ``56×56×96→256``."""
        last = self._turns(node)[-1].output
        return shape_text(node.output) + (f"→{last[-1]}" if last != node.output else "")

    def _cost(self, nodes: Sequence[Node]) -> dict[str, Any]:
        """The figure of a row, from the first turn to the last; where heated, the share of all turns."""
        amount_of = HEATS[self.choices.heat or "params"]
        if self.choices.heat is None:
            first, last = (sum(amount_of(self._turns(node)[at]) for node in nodes) for at in (0, -1))
            return {"figure": f"{first:,}{f'–{last:,}' * (last != first)}" if first else ""}
        every = {turn.index: turn for node in nodes for turn in self._turns(node)}
        share = sum(map(amount_of, every.values())) / self.total if self.total else 0.0
        return {"figure": f"{100 * share:.1f} %" if share else "", "share": share}

    def _turns(self, node: Node) -> Sequence[Node]:
        """A layer in every turn that it is drawn for."""
        return self.stands_for.get(node.index, [node])

    # Links -------------------------------------------------------------------------

    def _representative(self, index: int) -> int:
        return self.standing.get(index, index)

    def _links(self, nodes: Iterable[Node]) -> list[Link]:
        found: dict[str, dict[str, None]] = {}
        for node in nodes:
            if self._representative(node.index) != node.index:
                continue
            head = self.owner[node.index]
            read = (self.owner[self._representative(source)] for source in node.inputs)
            found.setdefault(head, {}).update((tail, None) for tail in read if tail != head)
        return [Link(tail, head, n) for head, tails in found.items() for n, tail in enumerate(tails)]

    def _add_results(self, root: Cluster, links: list[Link]) -> None:
        """Names the results where there is more than one."""
        if len(self.network.outputs) < 2:
            return
        for output in self.network.outputs:
            key = f"out{output.node}"
            weight = f"weight {output.weight:g}" if output.weight != 1 else ""
            row = CardRow(output.name, weight, "", "", Family.INPUT)
            self.cards[key] = Card(key, (row,), "output")
            root.cards.append(key)
            links.append(Link(self.owner[self._representative(output.node)], key))


class _InsetPlanner(Planner):
    """Makes the plan of a single block, fed by what it reads."""

    def inset(self, block: Block, count: int) -> Plan:
        root, self.stands_for = Cluster("root", ""), {}
        inside = {node.index for node in block.nodes}
        read = (one for node in block.nodes for one in node.inputs if one not in inside)
        for source in dict.fromkeys(map(self._representative, read)):
            node = self.network.nodes[source]
            row = CardRow(shape_text(node.output), "", "", "", Family.INPUT)
            self._place_card(Card(f"n{source}", (row,), "output"), (node,), root)
        inner = Cluster(f"f{block.nodes[0].index}", f"{block.title}, one of {count}")
        root.clusters.append(inner)
        self._fill(inner, block.segments, 0)
        root.clusters = [_joined(inner)]
        links = tuple(self._links(block.nodes))
        return _prefixed(Plan("", "", tuple(self.cards.values()), links, root, self.choices.heat))


def _prefixed(plan: Plan) -> Plan:
    """With keys of its own."""

    def renamed(cluster: Cluster) -> Cluster:
        keys, inner = [f"i{key}" for key in cluster.cards], [*map(renamed, cluster.clusters)]
        return Cluster(f"i{cluster.key}", cluster.title, cluster.times, keys, inner, cluster.growth)

    cards = tuple(replace(card, key=f"i{card.key}") for card in plan.cards)
    links = tuple(replace(link, tail=f"i{link.tail}", head=f"i{link.head}") for link in plan.links)
    return replace(plan, cards=cards, links=links, root=renamed(plan.root))


def costs_text(network: Network) -> str:
    """``61,706 parameters · 417 k multiplies``: what stands under the name."""
    params, multiplies = (sum(map(HEATS[what], network.layers)) for what in ("params", "multiplies"))
    return f"{params:,} parameters · {rounded_text(multiplies)} multiplies"


def _dissolve(cluster: Cluster, cards: dict[str, Card], rename: Callable[[str, Cluster], None]) -> None:
    """Takes away clusters around a single card; a cluster around a single cluster joins it."""
    kept: list[Cluster] = []
    for inner in cluster.clusters:
        _dissolve(inner, cards, rename)
        if len(inner.cards) == 1 and not inner.clusters:
            rename(inner.cards[0], inner)
            cluster.cards.append(inner.cards[0])
        else:
            kept.append(_joined(inner))
    cluster.clusters = kept


def _joined(outer: Cluster) -> Cluster:
    inner = outer.clusters[0] if len(outer.clusters) == 1 and not outer.cards else outer
    if inner is outer or min(outer.times, inner.times) > 1:
        return outer
    title = outer.title or inner.title
    growth = outer.growth or inner.growth
    return Cluster(outer.key, title, outer.times * inner.times, inner.cards, inner.clusters, growth)
