"""The one report of a network: rows, totals, expectations, diagnostics.

The command line, the JSON and the Python face all read this object, so they
cannot disagree. Every number comes with the law it was computed by:
``row.laws.multiplies.worked()`` is the working of ``row.multiplies``.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, field
from fractions import Fraction
from functools import cached_property, lru_cache
from typing import Any

from cnnspec.analysis.advice import advise
from cnnspec.analysis.conventions import convention_of
from cnnspec.analysis.cost import COUNTS, Counts, LayerFigures, bytes_of, cost_of
from cnnspec.analysis.cost import Row as Row
from cnnspec.analysis.memory import Memory, Training, known_optimizer
from cnnspec.analysis.receptive_field import Track, summary, tracks_of
from cnnspec.analysis.silence import silence
from cnnspec.diagnostics import Diagnostic, LayerError
from cnnspec.layers.base import Layer, Shape, Shapes
from cnnspec.network.expectation import Expectation
from cnnspec.network.graph import Network, Node
from cnnspec.records import record
from cnnspec.upward import upward


@record
class Totals(Counts):
    """Sums over all layers; bytes are float32, for the whole batch."""

    weight_bytes: int
    activation_bytes: int
    peak_activation_bytes: int
    training_bytes: int


@record
class JudgedExpectation:
    """A budget as written, and whether it is kept."""

    text: str
    holds: bool
    actual: int | float | None
    """The left side of the comparison; None where nothing is compared."""
    diagnostic: Diagnostic | None = None
    """What to tell when it does not hold."""


@record
class Analysis:
    """Everything cnnspec knows about a network; the costlier parts are computed when asked for.

    Counts are for one sample, bytes for the whole batch.
    """

    network: Network
    batch: int
    convention: str
    exclude_padding: bool
    rows: tuple[Row, ...]
    """One a layer, in the network's order; the input has none."""
    tracks: tuple[tuple[Track, ...], ...] = field(repr=False)
    """For each node, what its positions see along each axis of the input."""
    optimizer: str | None = None
    """Whose state is counted in training: the recipe's when None."""

    @cached_property
    def rule(self) -> str:
        """The counting rule in force, in words."""
        rule = convention_of(self.convention).rule
        if self.exclude_padding:
            included, left_out = "taps on padding included", "taps on padding left out"
            rule = rule.replace(included, left_out) if included in rule else f"{rule}; {left_out}"
        if self.uncounted:
            rule += f"; partial: no rule for {' and '.join(self.uncounted)}"
        return rule

    @cached_property
    def uncounted(self) -> tuple[str, ...]:
        """The kinds of layers that the convention has no rule for: they count 0, and flops are partial."""
        flops = convention_of(self.convention).flops
        rows = (
            row for row in self.rows if flops(row.node.layer, row.inputs, row.output, row.figures) is None
        )
        return tuple(dict.fromkeys(row.kind for row in rows))

    @cached_property
    def totals(self) -> Totals:
        memory, training = self.memory, self.training
        return Totals(
            **_counts(self.rows),
            weight_bytes=training.weight_bytes,
            peak_activation_bytes=memory.peak_bytes,
            training_bytes=training.total,
        )

    @cached_property
    def memory(self) -> Memory:
        return Memory(self.network, self.batch)

    @cached_property
    def training(self) -> Training:
        """The parts of a training step's memory, with the optimizer asked for or the recipe's."""
        return self.memory.training(self.optimizer)

    @cached_property
    def expectations(self) -> tuple[JudgedExpectation, ...]:
        """The budgets of the spec, judged by the totals."""
        figures = {**asdict(self.totals), "layers": len(self.rows)} if self.network.expectations else {}
        return tuple(_judge(budget, figures) for budget in self.network.expectations)

    @cached_property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """Warnings of the network, advice and notes, sorted by place; silenced ones left out."""
        found = (*self.network.warnings, *advise(self))
        return silence(sorted(found, key=lambda item: item.sort_key))

    @property
    def findings(self) -> tuple[Diagnostic, ...]:
        """The diagnostics and what is to be told of broken expectations, sorted by place."""
        broken = (budget.diagnostic for budget in self.expectations)
        found = (*self.diagnostics, *(item for item in broken if item is not None))
        return tuple(sorted(found, key=lambda item: item.sort_key))

    @cached_property
    def by_name(self) -> dict[str, Row]:
        return {row.name: row for row in self.rows}

    def __getitem__(self, name: str) -> Row:
        """The row of a layer by its name; KeyError, with the nearest name, when there is none."""
        return self.by_name[self.network[name].name]

    def _repr_html_(self) -> str:
        """The table, for notebooks."""
        return str(upward("analysis_html")(self))

    def _repr_svg_(self) -> str | None:
        """The network's picture; None where nothing can lay it out."""
        drawn: str | None = upward("network_svg")(self.network)
        return drawn

    def named(self, name: str) -> tuple[Row, ...]:
        """The rows of a layer: of this name, inside the block of this name, ending so, or of this kind."""
        found = tuple(row for row in self.rows if row.name == name or row.name.startswith(f"{name}."))
        found = found or tuple(row for row in self.rows if row.name.endswith(f".{name}"))
        return found or tuple(row for row in self.rows if row.node.word == name)

    def __str__(self) -> str:
        """The table of the layers, as ``cnnspec analyze`` prints it."""
        return str(upward("analysis_text")(self))

    def __repr__(self) -> str:
        totals = self.totals
        return (
            f"<Analysis {self.network.name}: {len(self.rows)} layers, {totals.params:,} params, "
            f"{totals.multiplies:,} multiplies>"
        )


def _counts(rows: tuple[Row, ...]) -> dict[str, int]:
    """The sums of what is counted of a layer; most layers repeat and share their figures."""
    figures = {id(row.figures): row.figures for row in rows}
    times = Counter(id(row.figures) for row in rows)
    names = (*COUNTS, "elementwise", "flops", "activation_bytes")
    return {name: sum(n * getattr(figures[key], name) for key, n in times.items()) for name in names}


def analyze(
    network: Network | str | os.PathLike[str],
    *,
    batch: int = 1,
    convention: str = "cnnspec",
    exclude_padding: bool = False,
    optimizer: str | None = None,
) -> Analysis:
    """The report of a network, whole or built up to a failure; or of a text, a path, a shipped name.

    ``convention`` names another tool whose way of counting flops is to be followed;
    ``exclude_padding`` counts only taps on real pixels; ``optimizer`` is one of
    ``OPTIMIZER_STATES`` for the memory of training, the recipe's or Adam when None.
    Raises ValueError for a convention or optimizer that is not known, and for a batch below 1.
    """
    if batch < 1:
        raise ValueError(f"batch counts the samples at once: at least 1, not {batch}")
    given: Network = network if isinstance(network, Network) else upward("network_of")(network)
    known_optimizer(optimizer)
    how = (convention_of(convention).name, exclude_padding, batch)
    tracks = tuple(tracks_of(given))
    rows = tuple(
        Row(
            node,
            _figures(node.layer, node.input_shapes, node.output, _shared(node), *how),
            summary(tracks[node.index], node.output),
        )  # fmt: skip
        for node in given.layers
    )
    return Analysis(given, batch, convention, exclude_padding, rows, tracks, optimizer)


@lru_cache(maxsize=8192)
def _figures(
    layer: Layer, inputs: Shapes, output: Shape, shared: int | None, convention: str,
    exclude_padding: bool, batch: int,
) -> LayerFigures:  # fmt: skip
    """The figures of all layers that are alike; weights that are another layer's are counted there.

    ``shared`` is how many parameters are its own, where others are not.
    """
    cost = cost_of(layer, inputs, exclude_padding)
    flops = convention_of(convention).flops(layer, inputs, output, cost) or 0
    changed = {"flops": flops}
    if shared is not None:
        frozen = shared if cost.frozen else 0
        changed |= {"params": shared, "trainable": shared - frozen, "frozen": frozen, "buffers": 0}
    return LayerFigures(**vars(cost) | changed, activation_bytes=batch * bytes_of(output))


def _shared(node: Node) -> int | None:
    """How many parameters are a layer's own, where some are another's; else None."""
    return node.own_params if node.share or node.tied else None


def _judge(budget: Expectation, figures: Mapping[str, Any]) -> JudgedExpectation:
    try:
        holds, actual = budget.holds(figures), _number(budget.actual(figures))
    except LayerError as error:
        return JudgedExpectation(budget.text, False, None, error.at(budget.span))
    if holds:
        return JudgedExpectation(budget.text, True, actual)
    return JudgedExpectation(budget.text, False, actual, _broken(budget, actual, figures))


def _broken(budget: Expectation, actual: int | float | None, figures: Mapping[str, Any]) -> Diagnostic:
    known = [f"{name} = {figures[name]:,}" for name in figures if name in budget.text.split()]
    has = f"the network has {actual:,}" if actual is not None else "it is not true of this network"
    message = f"expected {budget.text}, but {has}"
    cure = "make the network fit its budget, or change the budget on this line"
    return Diagnostic("expectation-broken", message, budget.span, notes=tuple(known), help=(cure,))


def _number(value: object) -> int | float | None:
    if isinstance(value, Fraction):
        return float(value)
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None
