"""Whether the paths that meet in a merge look at the same places of the input."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from math import lcm
from typing import Final

from cnnspec.analysis.receptive_field import Track, branch_tracks
from cnnspec.diagnostics import Diagnostic, Severity
from cnnspec.layers.base import AXES, AXIS_NAMES, Family
from cnnspec.network.graph import Network

MOST_PLACES: Final = 512
"""Positions at which the paths of a merge are compared."""


def misaligned(network: Network, tracks: Sequence[tuple[Track, ...]]) -> Iterator[Diagnostic]:
    """A note on each merge whose paths see different places; ``tracks`` are those of all nodes."""
    for node in network.layers:
        rank = len(tracks[node.index])
        if len(node.inputs) < 2 or len(node.output) - 1 != rank or node.layer.family is not Family.MERGE:
            continue
        if any(len(tracks[source]) != rank for source in node.inputs):
            continue
        seen = [tracks[source] for source in node.inputs]
        branches = branch_tracks(node.layer, node.input_shapes, node.output, seen, rank)
        for axis, paths in enumerate(zip(*branches, strict=True)):
            moving = tuple(track for track in paths if track.advance)
            place = _apart(moving, node.output[axis], causal=rank == 1)
            if place is not None:
                at = f"position {place + 1}" if place else "the first position"
                yield Diagnostic(
                    "branches-misaligned",
                    f"the paths of this {node.word} look at different places of the input",
                    node.span,
                    Severity.NOTE,
                    help=("crop or pad evenly on both sides, and give the paths the same strides",),
                    notes=(
                        f"at {at} along the {AXIS_NAMES[AXES[rank][axis]]}:",
                        *(_seen_at(n, track.at(place)) for n, track in enumerate(moving, 1)),
                    ),
                )
                break


@lru_cache(maxsize=8192)
def _apart(tracks: tuple[Track, ...], size: int, causal: bool) -> int | None:
    """The position where paths look at the most different places; None where they belong together.

    What was made larger sees the same from several positions on end, so it is in its place only on average,
    and to half a step of its own. Where a sequence is not to look ahead, its paths end at the same value.
    """
    if len(tracks) < 2 or tracks.count(tracks[0]) == len(tracks):
        return None
    even = len({track.slope for track in tracks}) == 1
    period = lcm(*(len(track.spans) for track in tracks)) if even else size
    seen = [[track.at(place) for track in tracks] for place in range(min(period + 1, MOST_PLACES))]
    rows = [[sum(span) / 2 for span in spans if span] for spans in seen if None not in spans]
    if not rows or (causal and all(len({span[1] for span in spans if span}) < 2 for spans in seen)):
        return None
    means = [sum(path[:period]) / len(path[:period]) for path in zip(*rows, strict=True)]
    steps = [abs(b - a) for path in zip(*rows, strict=True) for a, b in pairwise(path)] if period > 1 else [0]
    if even and max(means) - min(means) <= max(steps, default=0) / 2:
        return None
    return max(range(min(len(rows), size)), key=lambda place: max(rows[place]) - min(rows[place]))


def _seen_at(path: int, span: tuple[int, int] | None) -> str:
    if span is None:
        return f"path {path} sees nothing"
    return f"path {path} sees pixels {span[0]} to {span[1]}, around {(span[0] + span[1]) / 2:g}"
