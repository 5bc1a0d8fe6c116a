"""What layers need of the shapes that flow in; each refusal states the fact and a cure."""

from __future__ import annotations

from math import gcd, prod

from cnnspec.diagnostics import LayerError
from cnnspec.layers.base import Shape, show


def need_vector(word: str, shape: Shape) -> None:
    """Refuse a map where one row of numbers is needed."""
    if len(shape) != 1:
        raise LayerError(
            "needs-a-vector",
            f"{word} needs a vector, not the map {show(shape)}",
            notes=(f"flattened, {show(shape)} is a vector of {prod(shape):,} values",),
            help=("put flatten before it",),
        )


def need_spatial(word: str, shape: Shape, fewest: int = 1, most: int = 3) -> None:
    """Refuse a shape whose number of spatial axes the layer cannot take."""
    if not fewest <= len(shape) - 1 <= most:
        raise LayerError(
            "needs-a-map",
            f"{word} needs a map with {fewest} to {most} spatial axes, not {show(shape)}",
            help=("put it before flatten, or reshape the vector into a map",),
        )


def need_groups(what: str, count: int, groups: int, also: int = 0) -> None:
    """Refuse a count that the groups do not divide; ``also`` is another count they must divide."""
    if count % groups:
        divided = f"{count} and {also}" if also not in (0, count) else str(count)
        raise LayerError(
            "groups-do-not-divide",
            f"{count} {what} cannot be cut into {groups} equal groups",
            notes=(f"{count} = {count // groups}·{groups} + {count % groups}",),
            help=(f"take a number of groups that divides {divided}: {_divisors(gcd(count, also))}",),
            option="groups",
        )


def _divisors(number: int) -> str:
    found = [str(n) for n in range(1, min(number, 4096) + 1) if number % n == 0]
    return ", ".join(found[:12]) + (" …" if len(found) > 12 else "")
