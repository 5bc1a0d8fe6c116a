"""A network with faults: what is known of it, the faulty places marked, the messages beside."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from cnnspec.diagnostics import Diagnostic, Severity
from cnnspec.layers.base import Family
from cnnspec.network.graph import Network, Node
from cnnspec.text import Span
from cnnspec.views.pictures.font import wrap
from cnnspec.views.pictures.measure import TEXT
from cnnspec.views.pictures.plan import Card, Frame, Link, Plan, Row
from cnnspec.views.pictures.planning import EVERYTHING, Choices, Planner

MESSAGE_WIDTH: Final = 250.0
BETWEEN: Final = ("->", ";", "{", "}", "|")
MOST: Final = 12
"""Faults drawn; the terminal lists them all."""


def plan_with_faults(
    name: str, network: Network | None, diagnostics: Iterable[Diagnostic], choices: Choices = EVERYTHING
) -> Plan:
    """The plan of what is known; every error stands, dashed, after the last layer known before it."""
    errors = [item for item in diagnostics if item.severity is Severity.ERROR]
    if network is None:
        return _mark(Plan(name, "", (), (), Frame("root", "")), errors, None)
    planner = Planner(network, choices)
    plan = planner.plan()
    plan = plan if plan.title else replace(plan, title=name)
    return _mark(plan, errors, planner) if errors else plan


def _mark(plan: Plan, errors: Sequence[Diagnostic], planner: Planner | None) -> Plan:
    cards, links = list(plan.cards), list(plan.links)
    for number, error in enumerate(errors[:MOST]):
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
        node for node in network.nodes
        if node.span and node.span.source is span.source and node.span.start < span.start
    ]  # fmt: skip
    return known[-1] if known else network.nodes[0]


def _card(key: str, error: Diagnostic) -> Card:
    text = sentence_at(error.span) if error.span else error.code
    place = f"line {error.span.line}: {error.code}" if error.span else error.code
    message = wrap(error.message, MESSAGE_WIDTH, TEXT)
    for hint in error.help[:1]:
        message += wrap(f"→ {hint}", MESSAGE_WIDTH, TEXT)
    return Card(key, (Row(text, place, "", "", Family.INPUT),), "fault", tuple(message))


def sentence_at(span: Span) -> str:
    """The sentence that a place lies in: its line, between arrows, semicolons and braces."""
    line = span.source.line(span.line)
    start = max(
        (
            line.rfind(mark, 0, span.column - 1) + len(mark)
            for mark in BETWEEN
            if mark in line[: span.column - 1]
        ),
        default=0,
    )
    ends = [place for mark in (*BETWEEN, "#") if (place := line.find(mark, span.column)) >= 0]
    return " ".join(line[start : min(ends, default=len(line))].split())
