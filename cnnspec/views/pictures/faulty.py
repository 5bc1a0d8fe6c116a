"""The plan of a spec with errors: what is known of it, and the errors where they belong."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from cnnspec.analysis.compare import Comparison
from cnnspec.diagnostics import Diagnostic, Severity
from cnnspec.layers.base import Family
from cnnspec.network.graph import Network, Node
from cnnspec.views.pictures.changes import with_changes
from cnnspec.views.pictures.choices import EVERYTHING, Choices
from cnnspec.views.pictures.font import wrap
from cnnspec.views.pictures.plan import TEXT, Card, CardRow, Cluster, Link, Plan
from cnnspec.views.pictures.planning import Planner
from cnnspec.views.terminal.snippets import sentence_at

MESSAGE_WIDTH: Final = 250.0
MOST_FAULTS: Final = 12
"""Faults drawn; the terminal lists them all."""


def plan_with_faults(
    name: str, network: Network | None, diagnostics: Iterable[Diagnostic], choices: Choices = EVERYTHING,
    comparison: Comparison | None = None,
) -> Plan:  # fmt: skip
    """The plan of what is known; every error stands, dashed, after the last layer known before it."""
    errors = [item for item in diagnostics if item.severity is Severity.ERROR]
    if network is None:
        return _mark(Plan(name, "", (), (), Cluster("root", "")), errors, None)
    planner = Planner(network, choices)
    plan = planner.plan()
    plan = plan if plan.title else replace(plan, title=name)
    plan = with_changes(plan, planner, comparison) if comparison else plan
    return _mark(plan, errors, planner) if errors else plan


def _mark(plan: Plan, errors: Sequence[Diagnostic], planner: Planner | None) -> Plan:
    cards, links = list(plan.cards), list(plan.links)
    for number, error in enumerate(errors[:MOST_FAULTS]):
        card = _card(f"fault{number}", error)
        cards.append(card)
        plan.root.cards.append(card.key)
        if planner is not None:
            before = last_before(planner.network, error)
            links.append(Link(planner.card_of(before), card.key))
    count = f"{len(errors)} error{'s' * (len(errors) > 1)}"
    subtitle = f"{count} · {plan.subtitle} so far" if plan.subtitle else count
    return replace(plan, cards=tuple(cards), links=tuple(links), subtitle=subtitle)


def last_before(network: Network, error: Diagnostic) -> Node:
    """The last layer known before the place of an error."""
    span = error.span
    if span is None:
        return network.nodes[-1]
    known = [
        node
        for node in network.nodes
        if node.span and node.span.source is span.source and node.span.start < span.start
    ]
    return known[-1] if known else network.nodes[0]


def _card(key: str, error: Diagnostic) -> Card:
    text = sentence_at(error.span) if error.span else error.code
    place = f"line {error.span.line}: {error.code}" if error.span else error.code
    message = wrap(error.message, MESSAGE_WIDTH, TEXT)
    for hint in error.help[:1]:
        message += wrap(f"→ {hint}", MESSAGE_WIDTH, TEXT)
    return Card(key, (CardRow(text, place, "", "", Family.INPUT),), "fault", tuple(message))
