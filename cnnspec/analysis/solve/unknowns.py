"""Where a spec has a ``?``, what it stands for, and the values it may take."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from math import log2
from typing import Any, Final, TypeAlias

from cnnspec.binding.values import unknown_places
from cnnspec.elaborate.candidates import candidates, counts, is_count
from cnnspec.layers.base import Layer
from cnnspec.layers.registry import LAYERS
from cnnspec.syntax import tree
from cnnspec.text import Span

Use: TypeAlias = "tuple[type[Layer], str] | None"
TURNS: Final = tuple(range(65))
SIZES: Final = tuple(dict.fromkeys([28, 32, 64, 224, 96, 128, 256, 512, 1, 3, *range(1, 513)]))


@dataclass(frozen=True, eq=False)
class Unknown:
    """One ``?``: its place, its sentence, and what may stand there, the most usual first."""

    span: Span
    sentence: Span
    name: str
    """What it is: ``filters``, ``kernel``, ``turns``."""
    values: tuple[Any, ...]
    count: bool
    """Whether it is a number of things (filters, units), on which sizes and costs hang smoothly."""
    size: Span | None = None
    """The size it is a part of, as in ``?x?``."""
    direct: bool = False
    """Whether it is an option's own value in a layer outside any block, so that nothing else hangs on it."""

    @property
    def first_of_size(self) -> bool:
        """Whether it is the first part of its size."""
        return self.size is not None and "?" not in self.size.text[: self.span.start - self.size.start]

    def rank(self, value: Any) -> float:
        """How unusual a value is: 0 is the most usual."""
        if not self.count:
            place = self.values.index(value) if value in self.values else len(self.values)
            return place if place < 4 else 2 * place
        roundness = next((n for n, unit in enumerate((16, 8, 4, 2)) if value % unit == 0), 4)
        power = value >= 8 and value & (value - 1) == 0
        return (0 if power else 1 + roundness) + log2(value) / 16


def unknowns_of(spec: tree.Spec) -> tuple[Unknown, ...]:
    """Every ``?`` that a network can hang on, in order of place; claims and expectations have none."""
    found = list(_Walk(spec).body(spec.statements))
    return tuple(sorted(found, key=lambda unknown: unknown.span.start))


class _Walk:
    def __init__(self, spec: tree.Spec) -> None:
        self.spec, self.inside = spec, False
        self.blocks = {s.name.text: s for s in spec.statements if isinstance(s, tree.BlockDefinition)}
        inputs = [s.shape for s in spec.statements if isinstance(s, tree.Input)]
        sizes = inputs[0].parts if inputs and isinstance(inputs[0], tree.Size) else ()
        self.given: dict[int, dict[str, list[tuple[str, str]]]] = {}
        """By statements, what is given to their layers by name."""
        self.longest = max((size for size in sizes[:-1] if size), default=64)

    def body(self, statements: Sequence[tree.Statement]) -> Iterator[Unknown]:
        for statement in statements:
            yield from self._statement(statement)

    def _statement(self, statement: tree.Statement) -> Iterator[Unknown]:
        match statement:
            case tree.LayerSentence():
                yield from self._layer(statement)
            case tree.Let():
                uses = self._uses_of(statement.name.text, self.spec.statements)
                yield from self._value(statement.value, statement.name.text, uses, statement.span)
            case tree.Input():
                yield from self._sizes(statement)
            case tree.Repeat():
                for span, size in _places(statement.count):
                    yield Unknown(span, statement.count.span, "turns", TURNS, False, size)
                self.inside, before = True, self.inside
                yield from self.body(statement.body)
                self.inside = before
            case tree.If():
                for span, size in _places(statement.condition):
                    yield Unknown(span, statement.condition.span, "number", TURNS, False, size)
                yield from self.body((*statement.then, *statement.otherwise))
            case tree.BlockDefinition():
                yield from self._block(statement)
            case tree.Head():
                yield from self.body(statement.body)

    def _block(self, block: tree.BlockDefinition) -> Iterator[Unknown]:
        for parameter in block.parameters:
            if parameter.default is not None:
                uses = self._uses_of(parameter.name, block.body)
                yield from self._value(parameter.default, parameter.name, uses, parameter.span)
        self.inside = True
        yield from self.body(block.body)
        self.inside = False

    def _sizes(self, statement: tree.Input) -> Iterator[Unknown]:
        for span, size in _places(statement.shape):
            yield Unknown(span, statement.span, "size", SIZES, False, size)

    def _layer(self, sentence: tree.LayerSentence) -> Iterator[Unknown]:
        for name, value in self._given(sentence):
            direct = sentence.word in LAYERS and not self.inside
            found = self._value(value, name, self._use(sentence.word, name), sentence.span)
            yield from (replace(unknown, direct=direct) for unknown in found)
        for path in sentence.paths or ():
            yield from self.body(path.statements)

    def _given(self, sentence: tree.LayerSentence) -> Iterator[tuple[str, tree.Expression]]:
        kind, block = LAYERS.get(sentence.word), self.blocks.get(sentence.word)
        names: Sequence[str] = ()
        if kind is not None:
            names = kind.positional
        elif block is not None:
            names = [parameter.name for parameter in block.parameters]
        for n, argument in enumerate(sentence.arguments):
            yield (names[n] if n < len(names) else "value"), argument
        for option in sentence.options:
            yield option.name, option.value

    def _use(self, word: str, name: str, seen: set[tuple[str, str]] | None = None) -> Use:
        """The layer's option that a layer's or block's value ends up as."""
        kind, block = LAYERS.get(word), self.blocks.get(word)
        if kind is not None:
            return (kind, name) if name in kind.option_fields() else None
        seen = set() if seen is None else seen
        if block is None or (word, name) in seen:
            return None
        seen.add((word, name))
        return self._uses_of(name, block.body, seen)

    def _uses_of(
        self, name: str, statements: Sequence[tree.Statement], seen: set[tuple[str, str]] | None = None
    ) -> Use:
        """The first option that a constant or parameter is given to as it is."""
        if id(statements) not in self.given:
            self.given[id(statements)] = self._given_in(statements)
        for word, field in self.given[id(statements)].get(name, ()):
            use = self._use(word, field, seen)
            if use is not None:
                return use
        return None

    def _given_in(self, statements: Sequence[tree.Statement]) -> dict[str, list[tuple[str, str]]]:
        """By name, the words and options that something of this name is given to as it is."""
        found = dict[str, list[tuple[str, str]]]()
        for sentence in sentences(statements):
            for field, value in self._given(sentence):
                if isinstance(value, tree.Name):
                    found.setdefault(value.text, []).append((sentence.word, field))
        return found

    def _value(self, value: tree.Expression, name: str, use: Use, sentence: Span) -> Iterator[Unknown]:
        for span, size in _places(value):
            values = _values(use, self.longest, span == value.span)
            yield Unknown(span, sentence, name, values, use is None or is_count(*use), size)


@lru_cache(maxsize=256)
def _values(use: Use, longest: int, is_whole: bool) -> tuple[Any, ...]:
    """What may stand there, the usual first; numbers alone within an expression. Many share one tuple."""
    values = counts() if use is None else candidates(*use, longest)
    return tuple(v for v in values if is_whole or (isinstance(v, int) and not isinstance(v, bool)))


def _places(expression: tree.Expression) -> Iterator[tuple[Span, Span | None]]:
    """Each ``?`` of an expression, with the size it is a part of."""
    match expression:
        case tree.QuestionMark():
            yield expression.span, None
        case tree.Size():
            yield from ((span, expression.span) for span in unknown_places(expression))
        case tree.Tuple():
            for item in expression.items:
                yield from ((span, expression.span) for span, _ in _places(item))
        case tree.Unary():
            yield from _places(expression.operand)
        case tree.Binary():
            yield from _places(expression.left)
            yield from _places(expression.right)


def sentences(statements: Sequence[tree.Statement]) -> Iterator[tree.LayerSentence]:
    """Every layer and block use, through braces."""
    for statement in statements:
        match statement:
            case tree.LayerSentence():
                yield statement
                for path in statement.paths or ():
                    yield from sentences(path.statements)
            case tree.Repeat() | tree.Head() | tree.BlockDefinition():
                yield from sentences(statement.body)
            case tree.If():
                yield from sentences((*statement.then, *statement.otherwise))
