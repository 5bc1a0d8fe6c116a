"""What a search that found nothing came to: how near it was, and which demands were out of reach."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from cnnspec.analysis.solve.problem import Demand
from cnnspec.analysis.solve.stage import Size, Values
from cnnspec.elaborate.claims import distance
from cnnspec.layers.base import AXES, AXIS_NAMES
from cnnspec.syntax import tree
from cnnspec.text import Span

MOST_FAILED: Final = 60
"""Values kept, of those that fail at the last claim."""


@dataclass
class ClaimedShape:
    """The shapes that one claimed shape was compared with."""

    claim: tree.Size
    axes: list[set[int]]
    """The sizes seen on each axis, where the shapes had as many axes as the claim."""
    other: Size | None = None
    """A shape with another number of axes."""
    met: bool = False

    def why(self, solved_channels: bool) -> str | None:
        """Which of its sizes cannot be had, and those that can; None where it was met or each can be had."""
        if self.met:
            return None
        if self.other is not None and not any(self.axes):
            shape = "x".join("?" if size is None else str(size) for size in self.other)
            return f"the shape there has another number of axes, as in {shape}"
        names = (
            *(AXIS_NAMES[name] for name in AXES[len(self.axes) - 1]),
            "channels" if self.axes[1:] else "size",
        )
        parts = [
            _why(name, part, seen, ends=not (solved_channels and name in ("channels", "size")))
            for name, part, seen in zip(names, self.claim.parts, self.axes, strict=True)
            if part is not None and seen and part not in seen
        ]
        return "; ".join(parts) or None


def _why(name: str, wanted: int, seen: set[int], *, ends: bool) -> str:
    """``the height can be 26 or 28, not 27 (24 to 36 in all)``."""
    below, above = [one for one in seen if one < wanted], [one for one in seen if one > wanted]
    near = [str(one) for one in (*([max(below)] if below else []), *([min(above)] if above else []))]
    told = f"the {name} can be {' or '.join(near)}, not {wanted}"
    return told + (f" ({min(seen)} to {max(seen)} in all)" if ends and len(seen) > len(near) else "")


@dataclass
class Missed:
    """Collected while values are tried."""

    claims: dict[Span, ClaimedShape] = field(default_factory=dict)
    costs: dict[Span | None, tuple[Demand, bool]] = field(default_factory=dict)
    failed: dict[Any, Values] = field(default_factory=dict)
    near: dict[Any, Values] = field(default_factory=dict)

    def compare(self, claim: tree.Size, size: Size, holds: bool) -> None:
        """Notes the shape that was there for a claim."""
        seen = self.claims.setdefault(claim.span, ClaimedShape(claim, [set() for _ in claim.parts]))
        if len(size) != len(claim.parts):
            seen.other = seen.other or size
            return
        for axis, one in zip(seen.axes, size, strict=True):
            if one is not None:
                axis.add(one)
        seen.met |= holds and None not in size

    def cost(self, demand: Demand, holds: bool) -> None:
        span = demand.expectation.span
        self.costs[span] = (demand, holds or self.costs.get(span, (demand, False))[1])

    def fail(self, claim: tree.Size, size: Size, values: Values) -> None:
        """Notes values for all unknowns that fail at the last claim."""
        off = distance(tuple(one or 0 for one in size), claim.parts)
        self.failed.setdefault((off, claim.span, size), values)
        if len(self.failed) > 10 * MOST_FAILED:
            self.failed = _least(self.failed, MOST_FAILED)

    def add(self, off: float, gives: str, values: Sequence[Any]) -> None:
        """Notes values for all unknowns that come near, and what they give."""
        self.near.setdefault((off, gives), tuple(values))
        if len(self.near) > 200:
            self.near = _least(self.near, 20)

    @property
    def failing(self) -> Iterable[Values]:
        """Values that fail at the last claim, the nearest first."""
        return _least(self.failed, MOST_FAILED).values()

    @property
    def nearest(self) -> tuple[tuple[Values, str], ...]:
        return tuple((values, gives) for (_, gives), values in _least(self.near, 4).items())

    def demands(self, solved_counts: bool) -> Iterator[str]:
        """The demands that no value met, with what can be had.

        Where counts were solved for and not tried one by one, a cost among other
        demands is not judged: alone, it might have been met.
        """
        for seen in self.claims.values():
            if why := seen.why(solved_counts):
                yield f"{_place(seen.claim.span)}: => {seen.claim.span.text}: {why}"
        if solved_counts and len(self.claims) + len(self.costs) > 1:
            return
        for demand, met in self.costs.values():
            if not met:
                yield f"{_place(demand.expectation.span)}: expect {demand.expectation.text}"


def _least(found: dict[Any, Values], most: int) -> dict[Any, Values]:
    """The first items by the first part of their keys."""
    return dict(sorted(found.items(), key=lambda item: item[0][0])[:most])


def _place(span: Span | None) -> str:
    if span is None:
        return "here"
    name = span.source.name
    return f"line {span.line}" if name.startswith("<") else f"{name}, line {span.line}"
