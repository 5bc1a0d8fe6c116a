"""The budget of a reading, what it refuses, and the places of both in the file."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from time import thread_time
from typing import Any, Final

from cnnspec.exchange.code_in.trace import FAULTS, NotFollowed
from cnnspec.exchange.code_in.values import (
    PLAIN,
    BudgetSpent,
    Library,
    NameScope,
    UnknownValue,
)
from cnnspec.text import Source, Span, words_of

MOST_STEPS: Final = 400_000
SECONDS: Final = 1.5
"""Of the processor, so that a busy machine reads the same code."""
A_STEP: Final = 64
"""Values, letters, or bytes of a number that Python makes or goes through as one step."""
NESTING: Final = (list, tuple, dict, set)


class ReturnReached(Exception):
    def __init__(self, value: Any) -> None:
        self.value = value


class BreakReached(Exception):
    pass


class ContinueReached(Exception):
    pass


class BudgetedReading:
    """Steps, seconds and sizes are bounded; what is beyond the budget ends the reading."""

    def __init__(self, source: Source, library: Library, place: Callable[[Any], None]) -> None:
        self.source, self.library, self.place = source, library, place
        self.names = NameScope()
        self.steps, self.depth, self.end = 0, 0, thread_time() + SECONDS
        self.faults: dict[int, NotFollowed] = {}

    def call(self, target: Any, arguments: list[Any], options: dict[str, Any], node: Any) -> Any:
        """What a call gives; ``calling`` says it."""
        raise NotImplementedError

    def assign(self, target: Any, value: Any, names: NameScope) -> None:
        """Puts a value where a statement says; the interpreter does it."""
        raise NotImplementedError

    def block(self, body: list[ast.stmt], names: NameScope) -> None:
        """The statements of a body, in order; the interpreter goes through them."""
        raise NotImplementedError

    def step(self) -> None:
        self.steps += 1
        if self.steps > MOST_STEPS or (self.steps % 256 == 0 and thread_time() > self.end):
            raise BudgetSpent

    def weigh(self, *values: Any) -> None:
        """Counts what Python goes through to compare or to make values: lists in lists each time."""
        for value in values:
            size = value.bit_length() // 8 if isinstance(value, int) else 0
            if isinstance(value, str | list | tuple | dict | set):
                size = len(value)
            if size >= A_STEP:
                self.steps += size // A_STEP
                if thread_time() > self.end:
                    raise BudgetSpent
            if isinstance(value, NESTING):
                self.step()
                inner = (*value, *value.values()) if isinstance(value, dict) else value
                self.weigh(*(one for one in inner if isinstance(one, NESTING)))

    def items(self, value: Any, node: Any) -> Iterator[Any]:
        """What a value holds, each a step."""
        if isinstance(value, UnknownValue):
            raise self.fault(node, "what is gone through here is not in the code")
        if isinstance(value, list | tuple | range | str | dict | set):
            for one in value:
                self.step()
                yield one
            return
        found = self._asked(node, lambda: self.library.attribute(value, "__iter__"))
        if found is NotImplemented:
            raise self.fault(node, "the reader cannot go through this")
        yield from found

    def truth(self, value: Any) -> bool:
        return bool(value) if isinstance(value, PLAIN) else True

    def _checked(self, node: Any, work: Callable[[], Any], *values: Any) -> Any:
        """Python's own work on plain ``values``; what it refuses is told at the place."""
        self.weigh(*values)
        try:
            made = work()
            self.weigh(made)
            return made
        except (NotFollowed, BudgetSpent, ReturnReached, BreakReached, ContinueReached) as known:
            if isinstance(known, NotFollowed) and known.span is None:
                known.span = self.span(node)
            raise
        except Exception as error:
            raise self.fault(
                node, f"Python would stop here: {type(error).__name__}: {words_of(error)[:80]}"
            ) from error

    def _asked(self, node: Any, work: Callable[[], Any]) -> Any:
        """A library's answer; arguments that it cannot take are told at the place."""
        try:
            return work()
        except NotFollowed as fault:
            if fault.span is None:
                fault.span = self.span(node)
            raise
        except FAULTS as error:
            raise self.fault(node, f"what is given here cannot be read ({words_of(error)[:80]})") from error

    def fault(self, node: Any, message: str, *help: str) -> NotFollowed:
        found = NotFollowed(message, *help)
        found.span = self.span(node)
        return found

    def span(self, node: Any) -> Span | None:
        """The place of a node in the file."""
        if not hasattr(node, "lineno"):
            return None
        return Span(
            self.source, self._offset(node.lineno, node.col_offset),
            self._offset(node.end_lineno, node.end_col_offset),
        )  # fmt: skip

    def _offset(self, line: int, column: int) -> int:
        """Characters before a place that Python gives in bytes of UTF-8."""
        start = self.source.line_starts[line - 1]
        return start + len(self.source.line(line).encode()[:column].decode(errors="ignore"))
