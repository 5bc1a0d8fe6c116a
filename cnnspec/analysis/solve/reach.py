"""What was within reach of a search that found nothing: for each demand, the values it came to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from cnnspec.analysis.solve.demands import Demand
from cnnspec.elaborate.claims import fits
from cnnspec.layers.base import AXES, AXIS_NAMES, Shape, show
from cnnspec.syntax import tree
from cnnspec.text import Span


@dataclass
class Reached:
    """The shapes that one claimed shape was compared with."""

    claim: tree.Size
    axes: list[set[int]]
    """The sizes seen on each axis, where the shapes had as many axes as the claim."""
    other: Shape | None = None
    """A shape with another number of axes."""
    met: bool = False

    def why(self, solved_channels: bool) -> str | None:
        """Which of its sizes cannot be had, and those that can; None where it was met or each can be had."""
        if self.met:
            return None
        if self.other is not None and not any(self.axes):
            return f"what is there has another number of axes, as in {show(self.other)}"
        names = (
            *(AXIS_NAMES[name] for name in AXES[len(self.axes) - 1]),
            "channels" if self.axes[1:] else "size",
        )
        parts = [
            _missed(name, part, seen, ends=not (solved_channels and name in ("channels", "size")))
            for name, part, seen in zip(names, self.claim.parts, self.axes, strict=True)
            if part is not None and seen and part not in seen
        ]
        return "; ".join(parts) or None


def _missed(name: str, wanted: int, seen: set[int], *, ends: bool) -> str:
    """``the height can be 26 or 28, not 27 (24 to 36 in all)``."""
    below, above = [one for one in seen if one < wanted], [one for one in seen if one > wanted]
    near = [str(one) for one in (*([max(below)] if below else []), *([min(above)] if above else []))]
    told = f"the {name} can be {' or '.join(near)}, not {wanted}"
    return told + (f" ({min(seen)} to {max(seen)} in all)" if ends and len(seen) > len(near) else "")


@dataclass
class Reach:
    """Collected while values are tried."""

    claims: dict[Span, Reached] = field(default_factory=dict)
    costs: dict[Span | None, tuple[Demand, bool]] = field(default_factory=dict)

    def shape(self, claim: tree.Size, shape: Shape, channels: bool) -> None:
        """A claim beside the shape that was there; without ``channels`` the last size says nothing yet."""
        reached = self.claims.setdefault(claim.span, Reached(claim, [set() for _ in claim.parts]))
        if len(shape) != len(claim.parts):
            reached.other = shape
            return
        count = len(shape) - (not channels)
        for seen, size in zip(reached.axes[:count], shape, strict=False):
            seen.add(size)
        reached.met |= channels and fits(claim.parts, shape)

    def cost(self, demand: Demand, holds: bool) -> None:
        span = demand.expectation.span
        self.costs[span] = (demand, holds or self.costs.get(span, (demand, False))[1])

    def missed(self, solved_counts: bool) -> Iterator[str]:
        """The demands that no value met, with what can be had.

        Where counts were solved for and not tried one by one, a cost among other
        demands is not judged: alone, it might have been met.
        """
        for reached in self.claims.values():
            if why := reached.why(solved_counts):
                yield f"{_place(reached.claim.span)}: => {reached.claim.span.text}: {why}"
        if solved_counts and len(self.claims) + len(self.costs) > 1:
            return
        for demand, met in self.costs.values():
            if not met:
                yield f"{_place(demand.expectation.span)}: expect {demand.expectation.text}"


def _place(span: Span | None) -> str:
    if span is None:
        return "here"
    name = span.source.name
    return f"line {span.line}" if name.startswith("<") else f"{name}, line {span.line}"
