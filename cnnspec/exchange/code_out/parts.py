"""What a network is made of once it is code: layers, uses of blocks, loops, and the designs of blocks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, TypeAlias

from cnnspec.exchange.code_out.sayings import MUST, Saying
from cnnspec.network.graph import Node
from cnnspec.records import record

NUMBERED: Final = re.compile(r"(.*?)([1-9][0-9]{,9})")


class Value(NamedTuple):
    """What flows: a layer's output, or the places that a pool remembers.

    A tuple, for these are looked up more often than anything else is done.
    """

    node: int
    kind: str = ""


@record
class LayerItem:
    """One layer; ``slots`` are the values of its arguments."""

    name: str
    node: Node
    saying: Saying
    uses: str = ""
    """The layer whose weights it uses; nothing where it has its own."""
    tied: str = ""
    """The layer whose weight it uses transposed."""

    @property
    def slots(self) -> tuple[Any, ...]:
        return tuple(argument.value for argument in self.saying.arguments)

    @property
    def shape_of_it(self) -> object:
        said = self.saying
        keys = tuple((a.key, a.title, a.default is MUST) for a in said.arguments)
        return (said.make, said.use, keys, said.after, self.node.word, self.uses, self.tied)


@dataclass(eq=False)
class BlockItem:
    """An instance of a design, under a name."""

    name: str
    scope: BlockScope
    uses: str = ""
    """The instance whose weights it uses; nothing where it has its own."""

    @property
    def slots(self) -> tuple[Any, ...]:
        return tuple(self.scope.given.values())


@dataclass(eq=False)
class Loop:
    """Equal turns, each reading the one before it: ``turns[0]`` stands for all.

    ``names`` are those of the first turn's items, with ``{n}`` for what counts; the number goes up by
    ``pace`` a turn from ``start``, and argument k of item i by ``steps[i][k]``.
    """

    turns: list[list[Single]]
    names: list[tuple[str, int]]
    start: int
    steps: list[tuple[Any, ...]] = field(default_factory=list)

    @property
    def times(self) -> int:
        return len(self.turns)

    @property
    def slots(self) -> tuple[Any, ...]:
        inner = [slot for item in self.turns[0] for slot in item.slots]
        return (self.times, self.start, *inner, *(step for steps in self.steps for step in steps))


Single: TypeAlias = LayerItem | BlockItem
Item: TypeAlias = Single | Loop


@dataclass(eq=False)
class BlockParameter:
    """A parameter of a design, and its value in each instance."""

    name: str
    values: tuple[Any, ...]


@record
class Expression:
    """A slot that is a parameter, or so many times one."""

    parameter: str
    times: int = 1

    def __str__(self) -> str:
        return self.parameter if self.times == 1 else f"{self.times} * {self.parameter}"


@dataclass(eq=False)
class Design:
    """Scopes that are built alike: the first stands for all; ``slots`` are what its arguments are."""

    name: str
    scopes: list[BlockScope]
    parameters: list[BlockParameter] = field(default_factory=list)
    slots: list[Any] = field(default_factory=list)
    """For every slot of the items, in order: a plain value, or an Expression."""

    @property
    def first(self) -> BlockScope:
        return self.scopes[0]


@dataclass(eq=False)
class BlockScope:
    """The layers under one name, and what they read and give."""

    path: tuple[str, ...]
    home: tuple[str, ...]
    """Where its weights are: its own path, or that of the instance whose weights it uses."""
    title: str
    nodes: list[Node]
    items: list[Item] = field(default_factory=list)
    inputs: list[Value] = field(default_factory=list)
    outputs: list[Value] = field(default_factory=list)
    given: dict[str, Any] = field(default_factory=dict)
    """Values of the design's parameters."""
    design: Design | None = None
    height: int = 0


def all_scopes(scope: BlockScope) -> Iterator[BlockScope]:
    yield scope
    for item in scope.items:
        if isinstance(item, BlockItem):
            yield from all_scopes(item.scope)


def title_of(node: Node, depth: int, key: str) -> str:
    """What a block is called: as its groups say, else its name without the number."""
    blocks = [group.title for group in node.groups if group.repeat is None]
    if len(blocks) == len(path_of(node)) - 1:
        return blocks[depth]
    return number_of(key)[0] or key


def number_of(name: str) -> tuple[str, int]:
    found = NUMBERED.fullmatch(name)
    return (found[1], int(found[2])) if found else (name, 0)


def difference(a: Any, b: Any) -> Any:
    """0 for equal values, b - a for whole numbers, None for others."""
    if a == b and type(a) is type(b):
        return 0
    return b - a if type(a) is int and type(b) is int else None


def kind_of(item: Item) -> object:
    if isinstance(item, LayerItem):
        return (number_of(item.name)[0], item.shape_of_it)
    if isinstance(item, BlockItem):
        return (number_of(item.name)[0], id(item.scope.design), item.uses)
    return tuple(map(kind_of, item.turns[0])), tuple(item.names)


def indices(item: Item) -> Iterator[int]:
    if isinstance(item, LayerItem):
        yield item.node.index
    elif isinstance(item, BlockItem):
        yield from (node.index for node in item.scope.nodes)


def path_of(node: Node) -> list[str]:
    """The parts of a layer's name."""
    return node.name.split(".")
