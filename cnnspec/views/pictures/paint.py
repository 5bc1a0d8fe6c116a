"""Which colours a card or a solid has: of its family, of a heated figure, or of what changed."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, Protocol

from cnnspec.layers.base import Family
from cnnspec.views.pictures.palette import STATUSES, Theme, Tone, mix
from cnnspec.views.pictures.plan import Card, CardRow, Plan, hottest_of

FIGURES: Final = {"params": "parameters", "multiplies": "multiplies", "memory": "activation memory"}


class Coloured(Protocol):
    """A row of a card, or a solid."""

    @property
    def family(self) -> Family: ...
    @property
    def share(self) -> float | None:
        """Its part of the heated figure, in all repeats."""

    @property
    def status(self) -> str:
        """Where two networks are compared: same, changed, added or removed."""


def tone_of(it: Coloured, theme: Theme, hottest: float) -> Tone:
    """The fill of a row or a solid, and the line that goes with it; ``hottest`` is the largest share."""
    if it.status:
        return theme.status(it.status)
    if it.share is not None:
        return Tone(theme.heat_at(it.share / hottest), theme.edge)
    return theme.tone(it.family)


def row_tone(row: CardRow, plan: Plan, theme: Theme, kind: str = "layers") -> Tone:
    """The colours of a row of a card of that kind."""
    return theme.fault if kind == "fault" else tone_of(row, theme, plan.hottest)


def card_tone(card: Card, plan: Plan, theme: Theme) -> Tone:
    """The fill and the line of a whole card: of all its rows together where they are heated."""
    if card.kind not in ("fault", "output") and plan.heat:
        share = sum(row.share or 0.0 for row in card.rows) / plan.hottest
        return Tone(theme.heat_at(share), mix(theme.edge, theme.heat[-1], min(1.0, share)))
    return row_tone(card.rows[0], plan, theme, card.kind)


def entries_of(shown: Collection[Coloured], heat: str | None, theme: Theme) -> dict[str, Tone]:
    """What the colours mean; the scale of the heat is a square root and ends at the hottest."""
    if there := {it.status for it in shown if it.status}:
        return {status: theme.status(status) for status in STATUSES if status in there}
    if not heat:
        families = {it.family for it in shown}
        return {str(family): theme.tone(family) for family in Family if family in families}
    hottest, last = hottest_of(it.share for it in shown), len(theme.heat) - 1
    texts = [
        f"0 % of {FIGURES[heat]}",
        *(f"{100 * hottest * (n / last) ** 2:.3g} %" for n in range(1, last + 1)),
    ]
    return {text: Tone(color, theme.edge) for text, color in zip(texts, theme.heat, strict=True)}
