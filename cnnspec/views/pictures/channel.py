"""Between two steps of a graph: the room where edges go across, each on a track of its own.

An edge runs down from a pin above, along a track, and down to a pin below. What one card sends to
several goes along one track, and so does what one card reads from several.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from cnnspec.views.pictures.plan import Link
from cnnspec.views.pictures.svg import Point

Pin: TypeAlias = "tuple[float, frozenset[Link]]"
"""Where some edges pass an upper or a lower end, from the axis, and which."""
Ways: TypeAlias = "dict[Link, list[Point]]"

STRAIGHT: Final = 18.0
"""Height of a channel with nothing but straight edges."""
ABOVE, BELOW, TRACK = 9.0, 15.0, 8.0
"""Above the first track, below the last, and from one to the next."""


@dataclass(slots=True)
class _Track:
    """A level line with the pins above and below that it joins."""

    upper: set[float] = field(default_factory=set)
    lower: set[float] = field(default_factory=set)
    level: int = 0

    @property
    def ends(self) -> Point:
        every = self.upper | self.lower
        return min(every), max(every)

    def meets(self, other: _Track) -> bool:
        return self.ends[0] < other.ends[1] + 6 and other.ends[0] < self.ends[1] + 6


def route(upper: Sequence[Pin], lower: Sequence[Pin]) -> tuple[float, Ways]:
    """The height of a channel, and the points of each edge within it, from the upper pin to the lower."""
    joins, sources = [*_joins(upper, lower)], dict[float, set[float]]()
    for up, low, _ in joins:
        sources.setdefault(low, set()).add(up)
    merging = {low for low, ups in sources.items() if len(ups) > 1}
    tracks: dict[tuple[str, float], _Track] = {}
    for up, low, _ in joins:
        if up != low or low in merging:
            track = tracks.setdefault(_key(up, low, merging), _Track())
            track.upper.add(up)
            track.lower.add(low)
    levels = _level([*tracks.values()])
    height = ABOVE + BELOW + TRACK * (levels - 1) if levels else STRAIGHT
    ways: Ways = {}
    for up, low, links in joins:
        key = _key(up, low, merging)
        y = ABOVE + TRACK * tracks[key].level if key in tracks else 0.0
        middle = [(up, y), (low, y)] if up != low else []
        ways.update((link, [(up, 0.0), *middle, (low, height)]) for link in links)
    return height, ways


def _key(up: float, low: float, merging: set[float]) -> tuple[str, float]:
    return ("into", low) if low in merging else ("from", up)


def _joins(upper: Sequence[Pin], lower: Sequence[Pin]) -> Iterator[tuple[float, float, frozenset[Link]]]:
    ending = dict[Link, list[int]]()
    for n, (_, coming) in enumerate(lower):
        for link in coming:
            ending.setdefault(link, []).append(n)
    for up, leaving in upper:
        together = dict[int, list[Link]]()
        for link in leaving:
            for n in ending.get(link, ()):
                together.setdefault(n, []).append(link)
        for n in sorted(together):
            yield up, lower[n][0], frozenset(together[n])


def _level(tracks: list[_Track]) -> int:
    """Gives each track a level: above those that need its lower pins' places, apart from all it meets."""
    placed: list[_Track] = []
    left = sorted(tracks, key=lambda track: track.ends[0] - track.ends[1])
    while left:
        free = (t for t in left if not any(o is not t and t.lower & o.upper - t.upper for o in left))
        track = next(free, left[0])
        left.remove(track)
        track.level = 1 + max((one.level for one in placed if one.meets(track)), default=-1)
        placed.append(track)
    return 1 + max((track.level for track in placed), default=-1)
