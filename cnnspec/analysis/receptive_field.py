"""Which input rows and columns each output position can see.

Along one axis, what a position sees is an interval that repeats: position
``o + period`` sees what ``o`` sees, moved by ``advance``. A chain of windows has
period 1 (the classic size, jump and start); an upconv or a crop out of step with
its branch gives longer periods, so that U-Net's 188 or 204 come out exactly. The
form is closed under every window and merge, so a layer costs a few operations
whatever the size of its map. Law of the classic case: Araujo, Norris, Sim 2019.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from functools import lru_cache
from math import gcd, lcm
from typing import Final, NamedTuple, TypeAlias

from cnnspec.layers.base import Layer, Shape, Shapes, Slide, Spread, Stretch, Window, spatial
from cnnspec.network.graph import Network, Node
from cnnspec.records import record

LONGEST: Final = 2**14
"""Positions that are looked at one by one; a pattern longer than that is not told."""

Interval: TypeAlias = tuple[int, int]
"""First and last pixel seen, both included; unclipped, so they may lie on padding."""


class Unwieldy(Exception):
    """What the positions see repeats only after more than ``LONGEST`` of them."""


class Track(NamedTuple):
    """The intervals of one axis: position o sees ``spans[o % period]`` moved by ``advance·(o // period)``."""

    advance: int
    spans: tuple[Interval | None, ...]
    """One period; None for a position that sees nothing."""

    def at(self, position: int) -> Interval | None:
        turns, place = divmod(position, len(self.spans))
        span = self.spans[place]
        return None if span is None else (span[0] + turns * self.advance, span[1] + turns * self.advance)

    def over(self, positions: Iterable[int]) -> Interval | None:
        """The hull of what the positions see."""
        return hull(self.at(position) for position in positions)

    @property
    def slope(self) -> Fraction:
        return Fraction(self.advance, len(self.spans))

    @property
    def centres(self) -> Track:
        """Twice the middle of each interval, as intervals of one point."""
        doubled = tuple(None if span is None else (span[0] + span[1],) * 2 for span in self.spans)
        return Track(2 * self.advance, doubled)


INPUT = Track(1, ((0, 0),))
NOTHING = Track(0, (None,))


@record
class ReceptiveField:
    """What the positions of a map see of the input, for each axis in input pixels.

    ``size`` is the largest, ``sizes`` all that occur (U-Net: 188 and 204);
    ``jump`` is how far the window moves from one position to the next on average,
    0 where all positions see the same; ``start`` is the first pixel of position 0,
    negative where padding is seen.
    """

    size: tuple[int, ...]
    jump: tuple[int | Fraction, ...]
    start: tuple[int, ...]
    sizes: tuple[tuple[int, ...], ...]
    tracks: tuple[Track, ...]


def hull(intervals: Iterable[Interval | None]) -> Interval | None:
    seen = [interval for interval in intervals if interval is not None]
    return (min(low for low, _ in seen), max(high for _, high in seen)) if seen else None


@lru_cache(maxsize=65536)
def through(track: Track, window: Window, size: int) -> Track:
    """What a layer's output sees, given what its input (of ``size`` positions) sees."""
    if isinstance(window, Slide):
        return _slide(track, window)
    if isinstance(window, Spread):
        places = len(track.spans)
        period = _manageable(places * window.stride)
        seen = (_ends(spread_from(window, o), places) for o in range(period))
        return Track(track.advance, tuple(map(track.over, seen)))
    if isinstance(window, Stretch):
        return _stretch(track, window)
    return whole(track, size)


def whole(track: Track, size: int) -> Track:
    """Every position sees all that any of ``size`` positions sees."""
    return Track(0, (track.over(_ends(range(size), len(track.spans))),))


def _manageable(positions: int) -> int:
    if positions > LONGEST:
        raise Unwieldy
    return positions


def _slide(track: Track, window: Slide) -> Track:
    period = len(track.spans)
    turns = period // gcd(period, window.stride)
    if period > 1:
        _manageable(window.kernel * turns)
    taps = _ends(range(window.kernel), period)
    spans = tuple(
        track.over(o * window.stride - window.before + tap * window.dilation for tap in taps)
        for o in range(turns)
    )
    return Track(track.advance * window.stride * turns // period, spans)


def _stretch(track: Track, window: Stretch) -> Track:
    """After ``outputs`` positions the same pattern begins again, moved by ``inputs``."""
    period = len(track.spans)
    turns = period // gcd(period, window.inputs)
    spans = []
    for o in range(_manageable(window.outputs * turns)):
        first, last = window.span(o)
        spans.append(track.over(_ends(range(first, last + 1), period)))
    return Track(track.advance * window.inputs * turns // period, tuple(spans))


def _ends(positions: range, period: int) -> Iterable[int]:
    """Those that decide: intervals only move onward, so the first and the last of each repeating place."""
    few = len(positions) <= 2 * period
    return positions if few else (*positions[:period], *positions[-period:])


def spread_from(window: Spread, position: int) -> range:
    """The input positions that spread to an output position, before clipping; the first tap's first.

    Taps reach one where ``position + before - tap·dilation`` is a multiple of the stride: every so many.
    """
    shared = gcd(window.dilation, window.stride)
    reach, step, every = position + window.before, window.dilation // shared, window.stride // shared
    if reach % shared:
        return range(0)
    tap = reach // shared * pow(step, -1, every) % every
    first, count = (reach - tap * window.dilation) // window.stride, len(range(tap, window.kernel, every))
    return range(first, first - count * step, -step)


@lru_cache(maxsize=65536)
def merge(tracks: tuple[Track, ...], size: int) -> Track:
    """What a merge of aligned or misaligned branches of ``size`` positions sees."""
    distinct = tuple(dict.fromkeys(tracks))
    if len(distinct) == 1:
        return distinct[0]
    if len({track.slope for track in distinct}) == 1:
        period = lcm(*(len(track.spans) for track in distinct))
        advance = int(distinct[0].slope * period)
        return _shortest(Track(advance, _hulls(distinct, period)))
    joined = _hulls(distinct, size)
    if len(set(joined)) == 1:
        return Track(0, joined[:1])
    fastest = max(distinct, key=lambda track: track.slope)
    return Track(int(fastest.slope * size), joined)


def _hulls(tracks: tuple[Track, ...], positions: int) -> tuple[Interval | None, ...]:
    return tuple(hull(track.at(position) for track in tracks) for position in range(_manageable(positions)))


def _shortest(track: Track) -> Track:
    """The same intervals with period 1, where a shorter one says it all."""
    period = len(track.spans)
    if period == 1 or track.advance % period:
        return track
    short = Track(track.advance // period, track.spans[:1])
    return short if all(short.at(n) == span for n, span in enumerate(track.spans)) else track


def tracks_of(network: Network) -> list[tuple[Track, ...]]:
    """For each node, the track along each axis of the input that it sees.

    None where they are unwieldy, or where it sees inputs of different sizes.
    """
    found: list[tuple[Track, ...]] = []
    seen: list[Shape | None] = []
    for node in network.nodes:
        image = _image(node, seen)
        seen.append(image)
        if not node.inputs:
            found.append((INPUT,) * len(node.output[:-1]))
        elif image is None:
            found.append(())
        else:
            rank = len(image)
            inputs = tuple([found[source] if seen[source] else (NOTHING,) * rank for source in node.inputs])
            found.append(_seen_by(node.layer, node.input_shapes, node.output, inputs, rank))
    return found


def _image(node: Node, seen: list[Shape | None]) -> Shape | None:
    """The spatial sizes of the input that a node sees; None where it sees several of different sizes.

    Where inputs are equal in size, their pixels have the same places; a vector has none.
    """
    if not node.inputs:
        return spatial(node.output)
    if len(node.inputs) == 1:
        return seen[node.inputs[0]]
    images = {seen[source] for source in node.inputs}
    images = images - {()} if len(images) > 1 else images
    return images.pop() if len(images) == 1 else None


@lru_cache(maxsize=65536)
def _seen_by(
    layer: Layer, inputs: Shapes, output: Shape, tracks: tuple[tuple[Track, ...], ...], rank: int
) -> tuple[Track, ...]:
    """What a layer's output sees, given what each of its inputs sees; one may see no pixels at all."""
    if rank and not all(tracks):
        return ()
    try:
        branches = branch_tracks(layer, inputs, output, tracks, rank)
        if len(branches) == 1:
            return branches[0]
        axes = tuple(zip(*branches, strict=True))
        sizes = spatial(output) if len(output) - 1 == len(axes) else (1,) * len(axes)
        return tuple(merge(paths, size) for paths, size in zip(axes, sizes, strict=True))
    except Unwieldy:
        return ()


def branch_tracks(
    layer: Layer, inputs: Shapes, output: Shape, tracks: Sequence[tuple[Track, ...]], rank: int
) -> list[tuple[Track, ...]]:
    """What a layer's output sees through each of its inputs, for each axis of the network's input."""
    nothing, found = (NOTHING,) * rank, list[tuple[Track, ...]]()
    windows = dict[object, tuple[Window, ...]]()  # a merge of any number asks the same of inputs alike
    for n, (shape, seen) in enumerate(zip(inputs, tracks, strict=True)):
        key = shape if layer.arity[1] is None else n
        if seen != nothing and len(shape) == len(output) == rank + 1 and key not in windows:
            windows[key] = layer.window(inputs, n)
        found.append(seen if seen == nothing else _through_layer(shape, windows.get(key), output, seen))
    return found


@lru_cache(maxsize=65536)
def _through_layer(
    shape: Shape, windows: tuple[Window, ...] | None, output: Shape, tracks: tuple[Track, ...]
) -> tuple[Track, ...]:
    if len(shape) - 1 != len(tracks):
        return tracks
    if windows is None:
        return tuple(map(whole, tracks, spatial(shape)))
    return tuple(
        whole(track, i) if i == 1 != o else through(track, window, i)
        for track, window, i, o in zip(tracks, windows, spatial(shape), spatial(output), strict=True)
    )


@lru_cache(maxsize=65536)
def summary(tracks: tuple[Track, ...], output: Shape) -> ReceptiveField | None:
    """Size, jump and start of a map; None for a vector."""
    if not tracks or len(output) - 1 != len(tracks):
        return None
    sizes, slopes = tuple(map(_sizes, tracks, output)), [track.slope for track in tracks]
    return ReceptiveField(
        size=tuple(map(max, sizes)),
        jump=tuple(slope.numerator if slope.denominator == 1 else slope for slope in slopes),
        start=tuple(
            (track.at(0) or track.over(_ends(range(n), len(track.spans))) or (0, 0))[0]
            for track, n in zip(tracks, output, strict=False)
        ),
        sizes=sizes,
        tracks=tracks,
    )


def _sizes(track: Track, positions: int) -> tuple[int, ...]:
    seen = track.spans[: max(positions, 1)]
    return tuple(sorted({0 if span is None else span[1] - span[0] + 1 for span in seen}))
