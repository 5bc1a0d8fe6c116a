"""Finds the most detailed picture whose texts are still read where it is shown."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from math import ceil, inf
from typing import Final

from cnnspec.analysis.compare import Comparison, compare
from cnnspec.analysis.report import analyze
from cnnspec.diagnostics import Diagnostic, LayerError, Severity
from cnnspec.network.graph import Network
from cnnspec.views.pictures.choices import Choices
from cnnspec.views.pictures.drawing import Arrangement
from cnnspec.views.pictures.faulty import plan_with_faults
from cnnspec.views.pictures.graph import draw, page_of
from cnnspec.views.pictures.look import Look
from cnnspec.views.pictures.overview import STAGES, WHOLE, deepest, steps
from cnnspec.views.pictures.page import BESIDE, HEAD, MARGIN, NARROWEST, Surround
from cnnspec.views.pictures.palette import THEMES
from cnnspec.views.pictures.plan import TEXT, Plan
from cnnspec.views.pictures.sizes import LEAST, Measured, Room
from cnnspec.views.pictures.volumes.compose import ON_A_SLIDE
from cnnspec.views.pictures.volumes.picture import VolumePicture
from cnnspec.views.pictures.volumes.rows import APART, AROUND
from cnnspec.views.pictures.volumes.scene import OPERATION
from cnnspec.views.pictures.volumes.solids import Solid, solids_of, views_of

MOST: Final = 3000
"""Cards or solids of one picture."""
MOST_ROWS, TIGHTER = 8, 0.9
"""Of volumes; and what may be left of the width of all rows together."""
LEGEND: Final = 75.0
"""Height of a legend of volumes, about."""
ENOUGH: Final = LEAST - 0.005
"""What is told as 8.00 points is that."""


@dataclass(frozen=True)
class Subject:
    """What is drawn: a network as far as it is known, with the errors of its spec."""

    network: Network | None
    diagnostics: tuple[Diagnostic, ...] = ()
    name: str = "network"

    @property
    def has_errors(self) -> bool:
        return any(item.severity is Severity.ERROR for item in self.diagnostics)

    def plan(self, look: Look, choices: Choices) -> Plan:
        return plan_with_faults(self.name, self.network, self.diagnostics, choices, self.comparison(look))

    def comparison(self, look: Look) -> Comparison | None:
        if look.since is None or self.network is None:
            return None
        return compare(analyze(look.since), analyze(self.network))

    def steps(self, look: Look) -> Iterator[Choices]:
        """What may be shown, from the most detailed on; colours of all turns allow no inset of one."""
        if self.network is None or look.size is None:
            return iter([look.choices])
        plain = look.since is None and look.choices.heat is None and look.style == "graph"
        return (each for each in steps(self.network, look.choices) if plain or not each.inset)


@dataclass(frozen=True, slots=True)
class View:
    """What a picture shows, the points of its smallest text where it is shown, and how it is drawn."""

    choices: Choices
    text: float
    drawn: Callable[[], str]

    @property
    def is_readable(self) -> bool:
        return self.text >= ENOUGH


def fit(subject: Subject, look: Look) -> View:
    """The most detailed picture with no text below 8 points at ``look.size``; what is told to be shown, is.

    Raises LayerError where there is no room for any, or a picture would have too many parts.
    """
    if look.style == "volumes" and subject.network is not None:
        check_size(len(solids_of(subject.network, look.choices)), "solids")
    best = _largest(
        partial(_volumes if look.style == "volumes" else _graph, subject, look), subject.steps(look)
    )
    if not best.is_readable and look.size and _is_free(look) and not subject.has_errors:
        raise LayerError(
            "no-room-for-picture",
            f"{look.size.words} has no room for a picture: its smallest text would have {best.text:.1f} pt",
            help=("give a larger --width or --height",),
        )
    return best


def _largest(view_of: Callable[[Choices], View | None], steps: Iterable[Choices]) -> View:
    """The first view that is read; where none is, the one with the largest texts."""
    views, seen = [*steps], dict[Choices, View]()

    def is_readable(choices: Choices) -> bool:
        if choices not in seen and (found := view_of(choices)):
            seen[choices] = found
        return choices in seen and seen[choices].is_readable

    # Each has larger texts than the one before it, but for a block that is unrolled beside.
    first = bisect_left(views[:-1], True, key=lambda choices: is_readable(replace(choices, inset=False)))
    chosen = next(filter(is_readable, views[first:]), None)
    return seen[chosen] if chosen else max(seen.values(), key=lambda found: found.text)


def told(found: View, subject: Subject, look: Look) -> str:
    """What was folded for the size's sake and how to unfold it; nothing where all is drawn."""
    if look.size is None or subject.network is None:
        return ""
    if not found.is_readable and _is_free(look):
        return ""
    if not found.is_readable:
        return (
            f"the smallest text has {found.text:.1f} pt on {look.size.words}; "
            "without --depth and --no-fold it is folded until it has 8"
        )
    what = _folded(found.choices, look.choices)
    if not what:
        return ""
    most = deepest(subject.network)
    return f"to keep texts at 8 pt on {look.size.words}, {what}; --depth {most} draws every layer"


def _folded(shown: Choices, wanted: Choices) -> str:
    if shown.stages == WHOLE:
        return "all layers are drawn as one"
    if shown.stages == STAGES:
        return "layers of one map size are drawn as one"
    if shown.depth is None or wanted.depth is not None:
        return ""
    return f"blocks{' within blocks' * (shown.depth > 0)} are drawn as one thing each"


def check_size(count: int, things: str) -> None:
    """Refuses a picture that nobody could look at."""
    if count > MOST:
        raise LayerError(
            "picture-too-large",
            f"this picture would have {count:,} {things}; {MOST:,} can be drawn",
            help=("fold repeats (--fold), or draw blocks as one thing each (--depth 0)",),
        )


# Graphs ----------------------------------------------------------------------------


def _graph(subject: Subject, look: Look, choices: Choices) -> View | None:
    """None where it is not looked at, since its cards alone need more room than there is."""
    plan = subject.plan(look, choices)
    if subject.network is None or not _is_followed(choices, look):
        check_size(len(plan.cards), "cards")
        return _laid(plan, look, choices)
    if len(plan.cards) > MOST or _is_hopeless(plan, look):
        return None
    try:
        return _laid(plan, look, choices)
    except LayerError:  # its lines alone are too many
        return None


def _is_followed(choices: Choices, look: Look) -> bool:
    """Whether a coarser view follows."""
    return look.size is not None and _is_free(look) and choices.stages != WHOLE


def _is_free(look: Look) -> bool:
    """Whether what is shown may be chosen."""
    return look.choices.depth is None and look.choices.fold


def _is_hopeless(plan: Plan, look: Look) -> bool:
    """Whether the cards alone need more room than there is."""
    assert look.size
    room = look.size.width * look.size.height * (TEXT / LEAST) ** 2
    return sum(width * height for width, height in plan.sizes().values()) > room


def _laid(plan: Plan, look: Look, choices: Choices) -> View:
    """A plan in the columns and with the surroundings that leave its texts largest."""
    theme, size = THEMES[look.theme], look.size
    laid = Arrangement(plan, across=look.direction == "LR")
    if size is None:
        plain = Surround(look.titled, look.legend)
        return View(choices, inf, lambda: draw(plan, laid.drawing(look.columns), theme, plain))
    made = []
    for sheet, around in product(laid.sheets(look.columns), _surrounds(look)):
        page = page_of(plan, sheet.width, sheet.height, theme, around)
        made.append((Measured(*page.size, TEXT).text_at(size), sheet, around))
    text, sheet, around = max(made, key=lambda one: one[0])
    return View(choices, text, lambda: draw(plan, sheet.drawn(), theme, around))


def _surrounds(look: Look) -> list[Surround]:
    beside = (False, True) if look.titled or look.legend else (False,)
    return [Surround(look.titled, look.legend, each) for each in beside]


# Volumes ---------------------------------------------------------------------------


def _volumes(subject: Subject, look: Look, choices: Choices) -> View:
    if look.size is not None:
        return _broken(subject, look, choices, look.size)
    whole, plain = _volume(subject, look, choices, ON_A_SLIDE), Surround(look.titled, look.legend)
    return View(choices, inf, partial(whole.document, plain))


def _volume(
    subject: Subject, look: Look, choices: Choices, room: tuple[float, float],
    views: Sequence[Sequence[Solid]] | None = None,
) -> VolumePicture:  # fmt: skip
    return VolumePicture(
        subject.network, THEMES[look.theme], choices, subject.diagnostics, subject.name, look.maps,
        look.shown, subject.comparison(look), room=room, views=views,
    )  # fmt: skip


def _broken(subject: Subject, look: Look, choices: Choices, size: Room) -> View:
    """The volumes of one view in one row, or else in the fewest that are read."""
    views = None
    if subject.network is not None:
        depth = deepest(subject.network) if choices.depth is None else choices.depth
        exact = replace(choices, depth=depth)
        views = [*views_of(subject.network, exact, subject.comparison(look))]

    def view(rows: int, around: Surround) -> tuple[View, float]:
        one = _volume(subject, look, choices, _room(size, around, rows), views).in_rows(rows)
        width, height = one.page(around).size
        text = Measured(width, height, OPERATION).text_at(size)
        return View(choices, text, partial(one.document, around)), width * OPERATION / LEAST / size.width

    tries = [view(1, around) for around in _surrounds(look)]
    needed = ceil(tries[0][1] * TIGHTER)
    for rows in range(max(2, needed), min(MOST_ROWS, needed + 1) + 1):
        if not any(found.is_readable for found, _ in tries):
            tries.append(view(rows, _surrounds(look)[0]))
    return max((found for found, _ in tries), key=lambda found: found.text)


def _room(size: Room, around: Surround, rows: int) -> tuple[float, float]:
    """Width and height in pixels of all rows, one after the other, of a drawing that can be read."""
    width, height = (side * OPERATION / LEAST - 2 * MARGIN for side in (size.width, size.height))
    width -= around.beside * (BESIDE + NARROWEST)
    height -= (around.titled * HEAD + around.legend * LEGEND) * (not around.beside)
    return max(1.0, width * rows - 2 * AROUND * (rows > 1)), max(1.0, height / rows - APART * (rows > 1))
