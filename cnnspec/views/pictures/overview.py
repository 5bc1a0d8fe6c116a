"""Coarser views of a network, for places where all of it would be too small to read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from cnnspec.analysis.fold import Block, Leaf, Repeated, Segment, fold
from cnnspec.layers.base import spatial
from cnnspec.layers.facts import Picture
from cnnspec.network.graph import Group, Network
from cnnspec.views.pictures.choices import Choices
from cnnspec.views.pictures.font import text_width
from cnnspec.views.pictures.plan import NAME
from cnnspec.views.pictures.wording import is_automatic, own_name

STAGES, WHOLE = 1, 2
"""Layers of one map size as one thing, and all layers as one."""
NEAR: Final = 1.5
"""A map that is so many times larger than another is of another size."""
LONGEST: Final = 178.0
"""Pixels of all names of a stage."""
OUTSIDE: Final = -1
"""The instance of a group that no layer lies in."""


def steps(network: Network, choices: Choices) -> Iterator[Choices]:
    """Views from the most detailed on, each coarser than the one before; one alone where depth is told."""
    yield choices
    if choices.depth is not None or not choices.fold:
        return
    for depth in range(deepest(network) - 1, -1, -1):
        yield replace(choices, depth=depth, inset=True)
        yield replace(choices, depth=depth)
    yield replace(choices, depth=0, stages=STAGES)
    yield replace(choices, depth=0, stages=WHOLE)


def deepest(network: Network) -> int:
    """How many blocks lie within one another."""
    return max((sum(group.repeat is None for group in node.groups) for node in network.nodes), default=0)


def segments_of(network: Network, choices: Choices, growing: bool = False) -> tuple[Segment, ...]:
    """The layers after the input, folded and in stages where that is chosen."""
    segments = fold(network, repeats=choices.fold, growing=growing)
    if not choices.stages:
        return segments
    runs: list[list[Segment]] = []
    for segment in segments:
        if runs and (choices.stages == WHOLE or _is_near(runs[-1][-1], segment)):
            runs[-1].append(segment)
        else:
            runs.append([segment])
    return tuple(segment for run in runs for segment in _stage(tuple(run)))


def _is_near(one: Segment, two: Segment) -> bool:
    """Whether two outputs are maps of about one size, so that nothing between them halves it."""
    a, b = (spatial(segment.nodes[-1].output) for segment in (one, two))
    return len(a) == len(b) and all(max(x, y) < NEAR * min(x, y) for x, y in zip(a, b, strict=True))


def _stage(run: tuple[Segment, ...]) -> tuple[Segment, ...]:
    """A run of segments as one block, named after what it holds, or its first and last."""
    if len(run) == 1 and not isinstance(run[0], Repeated):
        return run
    names = [*dict.fromkeys(_name(segment) for segment in run if _is_told(segment))] or [_name(run[0])]
    title = ", ".join(names)
    if text_width(title, NAME, True) > LONGEST:
        title = f"{names[0]} … {names[-1]}"
    nodes = tuple(node for segment in run for node in segment.nodes)
    return (Block(title, run, nodes, Group(title, OUTSIDE)),)


def _is_told(segment: Segment) -> bool:
    return not isinstance(segment, Leaf) or segment.node.layer.picture is not Picture.STRIP


def _name(segment: Segment) -> str:
    if isinstance(segment, Leaf):
        return segment.node.word if is_automatic(segment.node) else own_name(segment.node)
    if isinstance(segment, Repeated):
        return f"{_name(segment.segments[0])} ×{segment.times}"
    return segment.title


def unrolled(segments: Sequence[Segment], depth: int) -> tuple[Block, int] | None:
    """The block that is drawn as one card most often at a depth, and how often; None where each is once."""
    found = [*_collapsed(segments, depth, 1)]
    counts: Counter[str] = Counter()
    for block, turns in found:
        counts[block.title] += turns
    title, count = max(counts.items(), key=lambda pair: pair[1], default=("", 0))
    if count < 2:
        return None
    return max((pair for pair in found if pair[0].title == title), key=lambda pair: pair[1])[0], count


def _collapsed(segments: Sequence[Segment], depth: int, turns: int) -> Iterator[tuple[Block, int]]:
    for segment in segments:
        if isinstance(segment, Repeated):
            yield from _collapsed(segment.segments, depth, turns * segment.times)
        elif isinstance(segment, Block) and depth == 0:
            yield segment, turns
        elif isinstance(segment, Block):
            yield from _collapsed(segment.segments, depth - 1, turns)
