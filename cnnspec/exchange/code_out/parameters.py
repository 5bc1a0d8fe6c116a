"""What differs between the instances of a design, as its parameters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from math import gcd
from typing import Any, TypeAlias

from cnnspec.exchange.code_out.parts import (
    BlockItem,
    BlockParameter,
    Design,
    Expression,
    Item,
    LayerItem,
    Loop,
)

Column: TypeAlias = tuple[Any, ...]
"""The values of one slot, in each instance."""


def slot_roles(items: Sequence[Item]) -> Iterator[str]:
    """The names of all slots, in the order of ``slots``."""
    for item in items:
        if isinstance(item, LayerItem):
            yield from (argument.title for argument in item.saying.arguments)
        elif isinstance(item, BlockItem):
            yield from item.scope.given
        else:
            yield from ("depth", "first", *slot_roles(item.turns[0]))
            yield from (f"{role}_step" for role in slot_roles(item.turns[0]))


def parametrize(design: Design, reserved: frozenset[str]) -> None:
    """Slots that differ between instances become parameters, equal ones the same one."""
    rows = [[slot for item in scope.items for slot in item.slots] for scope in design.scopes]
    columns = list(zip(*rows, strict=True))
    roles = list(slot_roles(design.first.items))
    taken = {*reserved, *(item.name for item in design.first.items if not isinstance(item, Loop))}
    numbers = Counter[str]()
    rays = {column: _ray(column) for column in columns if not _constant(column)}
    alike = dict[Column, list[Column]]()
    for column, (ray, _) in rays.items():
        alike.setdefault(ray, []).append(column)
    known: dict[Column, str] = {}
    for role, column in zip(roles, columns, strict=True):
        if column not in rays or column in known:
            continue
        ray, times = rays[column]
        if any(times > (other := rays[each][1]) and times % other == 0 for each in alike[ray]):
            continue  # so many times another one
        known[column] = _free(role, taken, numbers)
        design.parameters.append(BlockParameter(known[column], column))
    for column in columns:
        design.slots.append(_expressed(column, known, rays, alike) if column in rays else column[0])


def _free(role: str, taken: set[str], numbers: Counter[str]) -> str:
    """A name for a parameter that nothing else has."""
    name = role
    while name in taken:
        numbers[role] += 1
        name = f"{role}{numbers[role] + 1}"
    taken.add(name)
    return name


def _expressed(
    column: Column, known: dict[Column, str], rays: dict[Column, tuple[Column, int]],
    alike: dict[Column, list[Column]],
) -> Expression:  # fmt: skip
    if column in known:
        return Expression(known[column])
    ray, times = rays[column]
    others = (each for each in alike[ray] if each in known and times % rays[each][1] == 0)
    other = next(others)
    return Expression(known[other], times // rays[other][1])


def _ray(column: Column) -> tuple[Column, int]:
    """The least whole numbers of the same proportions, and how many times those a column is."""
    if not all(type(value) is int and value > 0 for value in column):
        return column, 1
    times = gcd(*column)
    return tuple(value // times for value in column), times


def _constant(column: tuple[Any, ...]) -> bool:
    return all(value == column[0] and type(value) is type(column[0]) for value in column)
