"""OperatorRows of the table of operators, and how their numbers are written in the language.

A row lists the attributes it has decided about; a node with another one is refused, and so is a version that
no row names. What a row cannot say it refuses with the reason.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from cnnspec.exchange.onnx_in.call import NodeCall
from cnnspec.exchange.onnx_in.values import Value

Result: TypeAlias = Value | list[Value]
Write: TypeAlias = Callable[[NodeCall], Result]


@dataclass(frozen=True)
class OperatorRow:
    """One operator in some versions."""

    write: Write
    attributes: frozenset[str]


class OperatorRows(dict[tuple[str, int], OperatorRow]):
    """By operator, and the version of ONNX's operators since which it is so."""

    def say(self, kind: str, versions: str, attributes: str = "") -> Callable[[Write], Write]:
        """Enters a function for an operator in these versions."""

        def enter(write: Write) -> Write:
            for version in versions.split():
                self[kind, int(version)] = OperatorRow(write, frozenset(attributes.split()))
            return write

        return enter


def sizes(values: tuple[int, ...]) -> tuple[int, ...]:
    """One number where all are equal."""
    return values[:1] if len(set(values)) == 1 else values


def sides(pairs: tuple[tuple[int, int], ...]) -> tuple[int, ...]:
    """Pixels before and after each axis, as shortly as the language says them."""
    if all(before == after for before, after in pairs):
        return sizes(tuple(before for before, _ in pairs))
    return tuple(pixel for pair in pairs for pixel in pair)
