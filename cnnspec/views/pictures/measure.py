"""The sizes of cards: from the widths of their texts, the same for every Graphviz."""

from __future__ import annotations

from cnnspec.views.pictures.metrics import text_width
from cnnspec.views.pictures.plan import Card, Plan, Row

NAME, TEXT, FRAME_TITLE, EDGE_TEXT = 12.0, 10.0, 10.5, 9.5
"""Font sizes in pixels."""
PAD, GAP = 10.0, 14.0
NARROWEST, WIDEST = 92.0, 290.0
MAIN_TWO, MAIN_ONE, STRIP = 40.0, 26.0, 19.0
"""Heights of a main row with two lines, with one, and of a follower."""
MESSAGE_LINE = 13.0


def row_height(row: Row) -> float:
    if not row.main:
        return STRIP
    return MAIN_TWO if row.text or row.figure else MAIN_ONE


def card_height(card: Card) -> float:
    return sum(map(row_height, card.rows)) + (len(card.message) * MESSAGE_LINE + 6 if card.message else 0)


def heading(row: Row) -> str:
    return f"{row.name} ×{row.times}" if row.times > 1 else row.name


def row_width(row: Row) -> float:
    """What the row's texts need, with their padding."""
    if not row.main:
        return 2 * PAD + _pair(text_width(row.text, TEXT), text_width(" ".join(_right(row)), TEXT))
    top = _pair(text_width(heading(row), NAME, True), text_width(row.shape, NAME - 1))
    below = _pair(text_width(row.text, TEXT), text_width(row.figure, TEXT))
    return 2 * PAD + max(top, below)


def follower_right(row: Row) -> str:
    """What stands at the right of a strip: its figure, or the shape when it changes."""
    return " ".join(_right(row))


def _right(row: Row) -> list[str]:
    return [text for text in (row.shape, row.figure) if text]


def _pair(left: float, right: float) -> float:
    return left + right + (GAP if left and right else 0)


def card_width(card: Card) -> float:
    width = max(map(row_width, card.rows))
    for line in card.message:
        width = max(width, 2 * PAD + text_width(line, TEXT))
    return min(max(width, NARROWEST), WIDEST + (60 if card.message else 0))


def sizes(plan: Plan) -> dict[str, tuple[float, float]]:
    """(width, height) of every card; the layers of a frame share one width, so that columns are straight."""
    cards = {card.key: card for card in plan.cards}
    found = {}
    for frame in plan.root.walk():
        layers = [cards[key] for key in frame.cards if cards[key].kind in ("layers", "block")]
        common = max(map(card_width, layers), default=NARROWEST)
        for key in frame.cards:
            width = common if cards[key] in layers else card_width(cards[key])
            found[key] = (width, card_height(cards[key]))
    return found
