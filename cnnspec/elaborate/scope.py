"""What a place in a spec can see: names, blocks, labels, and where it stands in the network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain

from cnnspec.binding.binder import Signature
from cnnspec.binding.values import TRUTH, Sight, Value, Word
from cnnspec.diagnostics import Label
from cnnspec.network.graph import Group, Node
from cnnspec.records import record, single_record
from cnnspec.syntax import tree
from cnnspec.text import Span


@dataclass(eq=False)
class Module:
    """One file: its blocks and constants. ``name`` is its path as ``use`` writes it."""

    name: str
    blocks: dict[str, Definition] = field(default_factory=dict)
    values: dict[str, Value] = field(default_factory=dict)


@single_record
class Definition:
    """A block with the file whose names its body can see."""

    block: tree.BlockDefinition
    module: Module

    @cached_property
    def parameters(self) -> dict[str, tree.Parameter]:
        return {parameter.name: parameter for parameter in self.block.parameters}

    def takes_words(self, name: str) -> bool:
        """Whether a name is a parameter that may be a word: its default is one, or it has none."""
        parameter = self.parameters.get(name)
        if parameter is None or parameter.default is None:
            return parameter is not None
        default, others = parameter.default, (self.parameters, self.module.values, TRUTH)
        return isinstance(default, tree.Name) and not any(default.text in names for names in others)

    @cached_property
    def signature(self) -> BlockSignature:
        """How a use of it is written."""
        names, defined = tuple(self.parameters), Label(self.block.name.span, "defined here")
        return BlockSignature(self.block.name.text, names, names, labels=(defined,), definition=self)

    @cached_property
    def scope(self) -> Scope:
        """Where its defaults are evaluated: what its file defines, and nothing of any use of it."""
        return Scope(self.module)

    @cached_property
    def lets(self) -> dict[str, Span]:
        """The constants in its body."""
        return lets_in(self.block.body)

    @cached_property
    def reserved(self) -> dict[str, Span]:
        """The labels in its body."""
        return labels_in(self.block.body)


@record
class BlockSignature(Signature):
    """What a block takes: its parameters, by place or by name."""

    definition: Definition | None = None
    noun = "parameter"

    @property
    def usage(self) -> str:
        """``bottleneck width stride=1``."""
        parameters = self.definition.parameters.values() if self.definition else ()
        return " ".join((self.title, *(_usage(parameter) for parameter in parameters)))

    @property
    def listing(self) -> str:
        return f"write {self.usage}"


def _usage(parameter: tree.Parameter) -> str:
    return parameter.name if parameter.default is None else f"{parameter.name}={parameter.default.span.text}"


class BlockWord(Word):
    """A word that was given where it names a block: it stands for that block elsewhere too."""

    __slots__ = ("definition",)
    definition: Definition


@single_record
class Twin:
    """The block instance whose weights another one shares: its layers by their names inside."""

    option: tree.Option
    label: str
    prefix: str
    """What the names of the sharing layers begin with."""
    owners: Mapping[str, Node]


@dataclass(eq=False)
class Scope:
    """A naming scope: the network itself, a block instance, or a side head."""

    module: Module
    path: tuple[str, ...] = ()
    prefix: str = ""
    """What the full names of its layers begin with."""
    reserved: Mapping[str, Span] = field(default_factory=dict)
    """Labels written anywhere in the body; automatic names keep off them."""
    calls: tuple[tree.LayerSentence, ...] = ()
    """The block uses that led here, outermost first."""
    outer: Scope | None = None
    """Where the block is used."""
    entered: tuple[object, ...] = ()
    """What the block was entered with: what flows in, and its parameters."""
    definition: Definition | None = None
    """The block, where this is an instance of one."""
    lets: Mapping[str, Span] = field(default_factory=dict)
    """Constants written anywhere in the body."""
    counts: dict[str, int] = field(default_factory=dict)
    """For each word, the last ordinal given here."""
    twin: Twin | None = None
    """Whose weights the layers share."""

    @cached_property
    def prefixes(self) -> tuple[str, ...]:
        """Where a label is looked for: here first, then outwards."""
        return tuple("".join(f"{part}." for part in self.path[:n]) for n in range(len(self.path), -1, -1))


@dataclass(eq=False, slots=True)
class Context:
    """The names and groups in force inside one pair of braces."""

    scope: Scope
    values: dict[str, Value]
    parent: Context | None = None
    groups: tuple[Group, ...] = ()
    depth: int = 0
    repeating: bool = False
    given: set[str] | None = None
    """The names given in this turn of a repeat; None where every name is given once for all."""
    turns: frozenset[str] = frozenset()
    """The names of the turns of the repeats around, which no ``let`` may give."""
    sight: Sight | None = None
    """What expressions see here, made for the first that is evaluated."""

    def path(self) -> Context:
        """Inside a path of a merge: what is named there is known there alone."""
        return Context(self.scope, {}, self, self.groups, self.depth + 1, self.repeating)

    def condition(self) -> Context:
        """Inside the braces of an ``if``, which are no place of their own for names."""
        depth, repeating, given = self.depth + 1, self.repeating, self.given
        return Context(self.scope, self.values, self.parent, self.groups, depth, repeating, given, self.turns)

    def turn(self, group: Group, name: str | None) -> Context:
        """Inside a turn of a repeat: as if it were written there, but each turn gives its names anew."""
        groups, turns = (*self.groups, group), self.turns
        if name is not None:
            self.values[name], turns = group.turn, turns | {name}
        return Context(self.scope, self.values, self.parent, groups, self.depth + 1, True, set(), turns)

    def has(self, name: str) -> bool:
        """Whether a name has a value that stays: it was given, and not in the turn of a repeat before."""
        outer = self.parent
        while outer is not None:
            if name in outer.values:
                return True
            outer = outer.parent
        return name in self.turns or name in (self.values if self.given is None else self.given)

    def give(self, name: str, value: Value) -> None:
        self.values[name] = value
        if self.given is not None:
            self.given.add(name)

    def takes_words(self, name: str) -> bool:
        """Whether a name is a parameter of the block around that may be a word."""
        definition = self.scope.definition
        return definition is not None and definition.takes_words(name)

    def tables(self) -> Iterator[dict[str, Value]]:
        """The values of names in sight, the innermost first."""
        context: Context | None = self
        while context is not None:
            yield context.values
            context = context.parent
        yield self.scope.module.values

    def get(self, name: str) -> Value | None:
        """The value a name is bound to, or None."""
        context: Context | None = self
        while context is not None:
            if name in context.values:
                return context.values[name]
            context = context.parent
        return self.scope.module.values.get(name)

    def names(self) -> Iterator[str]:
        """Every bound name in sight."""
        return chain.from_iterable(self.tables())


class Names:
    """The names given so far; each is unique, and giving one takes constant time."""

    __slots__ = ("dotted", "taken")

    def __init__(self) -> None:
        self.taken: set[str] = set()
        self.dotted = False
        """Whether a label was given that may be another layer's name inside a block."""

    def automatic(self, word: str, context: Context) -> str:
        """``conv2``: the next free ordinal; labels of the scope are left alone.

        The label of a layer in a repeat is numbered likewise, a turn at a time.
        """
        scope, taken = context.scope, self.taken
        number, begin, reserved = scope.counts.get(word, 0) + 1, scope.prefix + word, scope.reserved
        name = f"{begin}{number}"
        while name in taken or (reserved and f"{word}{number}" in reserved):
            number += 1
            name = f"{begin}{number}"
        scope.counts[word] = number
        taken.add(name)
        return name

    def label(self, label: str, context: Context) -> str | None:
        """The full name of a label, or None when it is taken."""
        name = context.scope.prefix + label
        if name in self.taken:
            return None
        self.taken.add(name)
        self.dotted |= "." in label
        return name


def labels_in(statements: tuple[tree.Statement, ...]) -> dict[str, Span]:
    """The labels written in a body with their places."""
    layers = (each for each in _inside(statements) if isinstance(each, tree.LayerSentence))
    return {layer.label.text: layer.label.span for layer in layers if layer.label is not None}


def lets_in(statements: tuple[tree.Statement, ...]) -> dict[str, Span]:
    """The constants that a body names, with their places."""
    return {each.name.text: each.name.span for each in _inside(statements) if isinstance(each, tree.Let)}


def _inside(statements: tuple[tree.Statement, ...]) -> Iterator[tree.Statement]:
    """The statements of a body, through repeats, conditions and branches."""
    stack = list(statements)
    while stack:
        statement = stack.pop()
        yield statement
        if isinstance(statement, tree.LayerSentence):
            stack.extend(inner for path in statement.paths or () for inner in path.statements)
        elif isinstance(statement, tree.Repeat):
            stack.extend(statement.body)
        elif isinstance(statement, tree.If):
            stack.extend((*statement.then, *statement.otherwise))
