"""Positions along one axis: neighbours in a row are a ``range`` whatever their number, others are listed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, TypeAlias

from cnnspec.analysis.receptive_field import spread_from
from cnnspec.diagnostics import LayerError
from cnnspec.layers.base import Slide, Spread, Stretch, Window

Positions: TypeAlias = "range | frozenset[int]"
"""A range has steps of 1."""

MOST: Final = 1_000_000
"""Positions that are followed one by one."""


def behind(window: Window, wanted: Positions, size: int) -> Positions:
    """The positions of an input axis of ``size`` that the wanted ones of the output are made of.

    Raises LayerError where there are too many that do not lie in a row.
    """
    if not wanted:
        return range(0)
    if isinstance(wanted, range) and (found := _row(window, wanted, size)) is not None:
        return found
    _check(len(wanted) * getattr(window, "kernel", 2))
    return packed(sources(window, wanted, size))


def union(one: Positions, other: Positions) -> Positions:
    if not one or not other:
        return one or other
    if isinstance(one, range) and isinstance(other, range):
        low, high = max(one.start, other.start), min(one.stop, other.stop)
        if low <= high:
            return range(min(one.start, other.start), max(one.stop, other.stop))
    _check(len(one) + len(other))
    return packed((*one, *other))


def packed(positions: Iterable[int]) -> Positions:
    """A range where they lie in a row."""
    found = frozenset(positions)
    if not found:
        return range(0)
    low, high = min(found), max(found)
    return range(low, high + 1) if high - low + 1 == len(found) else found


def sources(window: Window, positions: Iterable[int], size: int) -> Iterator[int]:
    """The input positions, of ``size``, behind output positions of one axis; some more than once."""
    if isinstance(window, Slide):
        found = (place for position in positions for place in _slid_from(window, position, size))
    elif isinstance(window, Spread):
        found = (place for position in positions for place in spread_from(window, position))
    elif isinstance(window, Stretch):
        spans = (window.span(position) for position in positions)
        found = (_held(place, size) for first, last in spans for place in range(first, last + 1))
    else:
        return iter(range(size))
    return (place for place in found if 0 <= place < size)


def _slid_from(window: Slide, position: int, size: int) -> Iterator[int]:
    for tap in range(window.kernel):
        place = position * window.stride - window.before + tap * window.dilation
        if window.outside == "replicate":
            yield _held(place, size)
        else:
            yield _mirrored(place, size) if window.outside == "reflect" else place


def _check(count: int) -> None:
    if count > MOST:
        message = (
            f"what this unit sees has holes and is too much to follow: {count:,} positions along an axis"
        )
        note = f"up to {MOST:,} are followed one by one; without holes any number is"
        cure = "ask about a smaller input, or a layer nearer to it"
        raise LayerError("field-too-large", message, notes=(note,), help=(cure,))


# A row of neighbours ---------------------------------------------------------------


def _row(window: Window, wanted: range, size: int) -> Positions | None:
    """What is behind a row, where that is a row again; None where it may have holes."""
    if isinstance(window, Slide):
        return _row_slid(window, wanted, size)
    if isinstance(window, Spread):
        if window.dilation > 1 and window.kernel > 1:
            return None
        first = -((window.kernel - 1 - window.before - wanted.start) // window.stride)
        return _inside(first, (wanted[-1] + window.before) // window.stride, size)
    if isinstance(window, Stretch):
        if window.reads == "cubic" or (window.inputs > window.outputs and window.reads != "area"):
            return None
        first, last = window.span(wanted.start)[0], window.span(wanted[-1])[1]
        return range(_held(first, size), _held(last, size) + 1)
    return range(size)


def _row_slid(window: Slide, wanted: range, size: int) -> Positions | None:
    if not _leaves_no_hole(window, len(wanted)):
        return None
    first = wanted.start * window.stride - window.before
    last = wanted[-1] * window.stride - window.before + (window.kernel - 1) * window.dilation
    if window.outside == "replicate":
        return range(_held(first, size), _held(last, size) + 1)
    inside = _inside(first, last, size)
    if window.outside == "zeros":
        return inside
    before, after = range(first, min(last + 1, 0)), range(max(first, size), last + 1)
    _check(len(before) + len(after))
    mirrored = (_mirrored(place, size) for place in (*before, *after))
    return union(inside, packed(place for place in mirrored if 0 <= place < size))


def _leaves_no_hole(window: Slide, count: int) -> bool:
    if window.dilation == 1 or window.kernel == 1:
        return count == 1 or window.kernel >= window.stride
    return window.stride == 1 and count >= window.dilation


def _inside(first: int, last: int, size: int) -> range:
    return range(max(first, 0), max(min(last, size - 1) + 1, max(first, 0)))


def _held(place: int, size: int) -> int:
    return min(max(place, 0), size - 1)


def _mirrored(place: int, size: int) -> int:
    return size - 1 - abs(size - 1 - abs(place))
