"""Several networks side by side: what each costs, with and without its side heads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, Final

from cnnspec.analysis.report import Analysis, analyze
from cnnspec.network.graph import Network
from cnnspec.records import record
from cnnspec.upward import upward

FIGURES: Final = ("params", "multiplies", "peak_activation_bytes")
"""The totals that networks are compared by."""


@record
class Contender:
    """One network of several, and the name it goes by."""

    name: str
    analysis: Analysis

    @cached_property
    def heads(self) -> tuple[str, ...]:
        """The side heads, which only training uses."""
        return tuple(output.name for output in self.analysis.network.outputs[1:])

    @cached_property
    def main(self) -> Mapping[str, int]:
        """Parameters and multiplies of the layers that the main output needs."""
        network = self.analysis.network
        needed = {network.outputs[0].node}
        for node in reversed(network.nodes):
            if node.index in needed:
                needed.update(node.inputs)
        rows = [row for row in self.analysis.rows if row.node.index in needed]
        return {figure: sum(getattr(row, figure) for row in rows) for figure in ("params", "multiplies")}


@record
class SideBySide:
    """Networks in the order in which they were named."""

    contenders: tuple[Contender, ...]

    def __str__(self) -> str:
        """The table, as ``cnnspec compare`` prints it."""
        return str(upward("several_text")(self))

    def ranked(self, figure: str) -> Sequence[Contender]:
        """From the most to the least of a total."""
        return sorted(self.contenders, key=lambda one: -getattr(one.analysis.totals, figure))


def side_by_side(networks: Iterable[tuple[str, Network]], **options: Any) -> SideBySide:
    """Networks with the names they go by, numbered where they are alike; ``options`` as of ``analyze``."""
    found: dict[str, Contender] = {}
    for title, network in networks:
        name, count = title, 2
        while name in found:
            name, count = f"{title} ({count})", count + 1
        found[name] = Contender(name, analyze(network, **options))
    return SideBySide(tuple(found.values()))
