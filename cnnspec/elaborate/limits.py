"""How far a spec may expand, and a count made before expanding it."""

from __future__ import annotations

from typing import Final

from cnnspec.elaborate.scope import Definition, Module
from cnnspec.syntax import tree

MOST_STEPS: Final = 50_000
"""Layers, block uses, branches and turns that a spec may expand to."""
DEEPEST: Final = 100
"""Braces inside braces, blocks and their uses included."""


class StepBound:
    """A lower bound of what statements expand to, from plain numbers alone; each block is counted once."""

    def __init__(self) -> None:
        self._known: dict[Definition, int] = {}

    def of_block(self, definition: Definition, depth: int = 0) -> int:
        """At least so many steps for one use of a block."""
        if definition not in self._known:
            self._known[definition] = 1
            self._known[definition] = self.of(definition.block.body, definition.module, depth + 1)
        return self._known[definition]

    def of(self, statements: tuple[tree.Statement, ...], module: Module, depth: int = 0) -> int:
        """At least so many steps for a body."""
        if depth > DEEPEST:
            return 0
        count = sum(self._one(statement, module, depth) for statement in statements)
        return min(count, MOST_STEPS + 1)

    def _one(self, statement: tree.Statement, module: Module, depth: int) -> int:
        if isinstance(statement, tree.LayerSentence):
            inside = sum(self.of(path.statements, module, depth + 1) + 1 for path in statement.paths or ())
            definition = module.blocks.get(statement.word)
            return 1 + inside + (self.of_block(definition, depth) if definition else 0)
        if isinstance(statement, tree.Repeat) and isinstance(statement.count, tree.NumberLiteral):
            turns = int(max(0, statement.count.value))
            return turns * (1 + self.of(statement.body, module, depth + 1))
        if isinstance(statement, tree.If):
            branches = (statement.then, statement.otherwise)
            return 1 + min(self.of(branch, module, depth + 1) for branch in branches)
        return 0
