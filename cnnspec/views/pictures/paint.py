"""Which colours a card and its rows have: those of their families, or of a heated figure."""

from __future__ import annotations

from cnnspec.views.pictures.palette import Theme, Tone, mix
from cnnspec.views.pictures.plan import Card, CardRow, Plan


def row_tone(row: CardRow, plan: Plan, theme: Theme, kind: str = "layers") -> Tone:
    """The fill of a row and the line that goes with it; ``kind`` is its card's."""
    if kind == "fault":
        return theme.fault
    if row.share is not None:
        return Tone(theme.heat_at(row.share / plan.hottest), theme.edge)
    return theme.tone(row.family)


def card_tone(card: Card, plan: Plan, theme: Theme) -> Tone:
    """The fill and the line of a whole card: of all its rows together where they are heated."""
    if card.kind not in ("fault", "output") and plan.heat:
        share = sum(row.share or 0.0 for row in card.rows) / plan.hottest
        return Tone(theme.heat_at(share), mix(theme.edge, theme.heat[-1], min(1.0, share)))
    return row_tone(card.rows[0], plan, theme, card.kind)
