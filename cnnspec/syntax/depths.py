"""How deep the nodes of a tree are nested: found while it grows, so that nothing has to recurse."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

DEEPEST: Final = 64
"""Braces within braces, else-ifs, and operators within operators."""


class Depths:
    """The depth of every node with parts, by identity; a node without is at 0."""

    def __init__(self) -> None:
        self._known: dict[int, int] = {}
        self._alive: list[object] = []
        """The nodes that have a depth, kept so that no other node can get their identity."""

    def fits(self, node: object, parts: Sequence[object]) -> bool:
        """Whether a node of these parts is shallow enough; its depth is kept where it is."""
        depth = 1 + max((self._known.get(id(part), 0) for part in parts), default=0)
        if depth > DEEPEST:
            return False
        self._known[id(node)] = depth
        self._alive.append(node)
        return True
