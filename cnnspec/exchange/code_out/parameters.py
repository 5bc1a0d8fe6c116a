"""What differs between the instances of a design, as its parameters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from cnnspec.exchange.code_out.parts import (
    BlockItem,
    BlockParameter,
    Design,
    Expression,
    Item,
    LayerItem,
    Loop,
)


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
    known: dict[tuple[Any, ...], str] = {}
    taken = {*reserved, *(item.name for item in design.first.items if not isinstance(item, Loop))}
    differing = [column for column in dict.fromkeys(columns) if not _constant(column)]
    for role, column in zip(roles, columns, strict=True):
        if column in known or _constant(column) or any(_multiple(column, other) for other in differing):
            continue
        name, number = role, 2
        while name in taken:
            name, number = f"{role}{number}", number + 1
        taken.add(name)
        known[column] = name
        design.parameters.append(BlockParameter(name, column))
    for column in columns:
        design.slots.append(column[0] if _constant(column) else _expressed(column, known))


def _expressed(column: tuple[Any, ...], known: dict[tuple[Any, ...], str]) -> Expression:
    if column in known:
        return Expression(known[column])
    return next(
        Expression(name, times) for other, name in known.items() if (times := _multiple(column, other))
    )


def _constant(column: tuple[Any, ...]) -> bool:
    return all(value == column[0] and type(value) is type(column[0]) for value in column)


def _multiple(column: tuple[Any, ...], other: tuple[Any, ...]) -> int:
    """How many times ``other`` a column is everywhere; 0 where it is not, or the same."""
    if not all(type(value) is int and value > 0 for value in (*column, *other)):
        return 0
    times = column[0] // other[0]
    return times if times > 1 and all(a == times * b for a, b in zip(column, other, strict=True)) else 0
