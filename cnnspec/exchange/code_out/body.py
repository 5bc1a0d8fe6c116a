"""The statements of one design: which variable holds what, loops, shapes as comments."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, count
from keyword import iskeyword
from typing import Any, Final, Protocol

from cnnspec.exchange.code_out.blueprint import Blueprint
from cnnspec.exchange.code_out.calls import Raw, literal
from cnnspec.exchange.code_out.parts import (
    BlockItem,
    Design,
    Expression,
    Item,
    LayerItem,
    Loop,
    Single,
    Value,
)
from cnnspec.exchange.code_out.sayings import Argument
from cnnspec.layers.base import show

VARIABLES: Final = ("x", "y", "z", "u", "v", "w")
LONG: Final = 6
"""Items over which a value lives long enough for a name of its own."""
COUNTER: Final = "n"


@dataclass
class Turn:
    """Where the statements are: how deep, and in which loop."""

    indent: int = 8
    loop: Loop | None = None
    from_zero: bool = False
    """Whether the loop counts its turns from 0, since arguments go up with them."""
    start: Any = 1

    def name_of(self, item: Single) -> str:
        """The item's name as code: a string, with the loop's number where it is in one."""
        if self.loop is None:
            return literal(item.name)
        base, offset = self.loop.names[self.loop.turns[0].index(item)]
        number = added(COUNTER, added(self.start, offset) if self.from_zero else offset)
        return f'f"{base}{{{number}}}"'


class Writer(Protocol):
    """How a language writes an item that is in ``turn``: its outputs from its inputs."""

    def leaf(
        self, item: LayerItem, arguments: list[str], reads: list[str], out: str, turn: Turn
    ) -> list[str]: ...

    def use(
        self, item: BlockItem, arguments: list[str], reads: list[str], out: str, turn: Turn
    ) -> list[str]: ...


@dataclass
class Body:
    """Writes the items of a design, once through."""

    blueprint: Blueprint
    design: Design
    target: Writer
    reserved: frozenset[str] = frozenset()
    prefix: str = ""
    """What stands before a parameter: ``self.`` where it is not at hand."""
    variables: dict[Value, str] = field(default_factory=dict)
    """Those that are still read, and the outputs."""
    holders: Counter[str] = field(default_factory=Counter)
    """How many values each variable stands for."""
    free: int = 0
    """All fresh words before it are taken."""

    def __post_init__(self) -> None:
        self.outputs = frozenset(self.design.first.outputs)
        self.more, self.fresh, self.places = self._fresh(), list[str](), dict[str, int]()

    def inputs(self) -> list[str]:
        """Names for what flows in."""
        values, inputs = self.design.first.inputs, self.blueprint.network.inputs
        is_named = self.design.first is self.blueprint.root and len(inputs) > 1
        names = (self._named(node.name, ()) for node in inputs) if is_named else self._fresh()
        for value, name in zip(values, names, strict=False):
            self._hold(value, name)
        return [self.variables[value] for value in values]

    def lines(self, indent: int) -> list[str]:
        scope = self.design.first
        slots = iter(self.design.slots)
        return list(self._items(scope.items, slots, Turn(indent), scope.outputs))

    def results(self) -> list[str]:
        return [self.variables[value] for value in self.design.first.outputs]

    # Items ---------------------------------------------------------------------------

    def _items(
        self, items: Sequence[Item], slots: Iterator[Any], turn: Turn, outputs: list[Value], forced: str = ""
    ) -> Iterator[str]:
        last = self._last_uses(items, outputs)
        for n, item in enumerate(items):
            own = [next(slots) for _ in item.slots]
            if isinstance(item, Loop):
                yield from self._loop(item, own, turn, last, n)
                continue
            is_end = n == len(items) - 1
            yield from self._single(item, own, turn, last, n, forced if is_end else "")

    def _single(
        self,
        item: Single,
        own: list[Any],
        turn: Turn,
        last: dict[Value, int],
        n: int,
        forced: str,
    ) -> Iterator[str]:
        reads, gives = self.blueprint.ends(item)
        words = [self.variables[value] for value in reads]
        if isinstance(item, LayerItem):
            gives = gives[: item.saying.outputs]
        names = self._outputs(reads, gives, last, n, item, forced)
        out = ", ".join(names)
        if isinstance(item, LayerItem):
            yield from self.target.leaf(item, written(item.saying.arguments, own), words, out, turn)
        else:
            arguments = [f"{key}={literal(shown(v))}" for key, v in zip(item.scope.given, own, strict=True)]
            yield from self.target.use(item, arguments, words, out, turn)

    def _loop(self, loop: Loop, own: list[Any], turn: Turn, last: dict[Value, int], n: int) -> Iterator[str]:
        (read,), (end,) = self.blueprint.ends(loop)
        before = self.variables[read]
        (carried,) = self._outputs([read], [end], last, n, None, "")
        if carried != before:
            yield f"{' ' * turn.indent}{carried} = {before}"
        times, start, *rest = own
        size = sum(len(item.slots) for item in loop.turns[0])
        values, steps = rest[:size], rest[size:]
        moving = any(step != 0 for step in steps)
        inner = Turn(turn.indent + 4, loop, moving, start)
        bounds = _bounds(self._bound(start), self._bound(times), moving)
        yield f"{' ' * turn.indent}for {COUNTER} in range({bounds}):"
        moved = iter([_moved(value, step) for value, step in zip(values, steps, strict=True)])
        outside = dict(self.variables), Counter(self.holders), self.free
        self._drop(end)
        self._hold(read, carried)
        ends = self.blueprint.outer(loop.turns[0])[1]
        yield from self._items(loop.turns[0], moved, inner, ends, carried)
        self.variables, self.holders, self.free = outside

    def _bound(self, value: Any) -> Any:
        return f"{self.prefix}{value}" if isinstance(value, Expression) else value

    def _last_uses(self, items: Sequence[Item], outputs: list[Value]) -> dict[Value, int]:
        last: dict[Value, int] = {}
        for n, item in enumerate(items):
            last.update(dict.fromkeys(self.blueprint.ends(item)[0], n))
        outer = {value: len(items) + LONG for value in outputs}
        return {**last, **outer}

    # Variables -----------------------------------------------------------------------

    def _outputs(
        self, reads: list[Value], gives: list[Value], last: dict[Value, int], n: int,
        item: Single | None, forced: str,
    ) -> list[str]:  # fmt: skip
        """A variable for each output: that of an input which nobody reads any more, else a new one."""
        gone = dict.fromkeys(self._drop(value) for value in reads if last.get(value, -1) <= n)
        dying = sorted((name for name in gone if name and not self.holders[name]), key=_rank)
        names: list[str] = []
        for value in gives:
            if value.kind:
                name = self._named(f"{item.name if item else 'pool'}_places", names)
            elif forced:
                name = forced
            elif item and last.get(value, 0) - n > LONG and value not in self.outputs:
                name = self._named(item.name, names)
            else:
                name = next((word for word in dying if word not in names), None) or self._new(names)
            names.append(name)
        for value, name in zip(gives, names, strict=True):
            if value in last:
                self._hold(value, name)
        return names

    def _hold(self, value: Value, name: str) -> None:
        self._drop(value)
        self.variables[value] = name
        self.holders[name] += 1

    def _drop(self, value: Value) -> str:
        """The variable that stood for it, which may be free now; empty where none did."""
        name = self.variables.pop(value, "")
        self.holders[name] -= 1
        if not self.holders[name]:
            self.free = min(self.free, self.places.get(name, self.free))
        return name

    def _is_free(self, word: str, taken: Sequence[str]) -> bool:
        return not self.holders[word] and word not in taken

    def _new(self, taken: Sequence[str]) -> str:
        """The first fresh word that is free."""
        while True:
            if self.free == len(self.fresh):
                self.fresh.append(next(self.more))
                self.places[self.fresh[-1]] = self.free
            if self._is_free(self.fresh[self.free], taken):
                return self.fresh[self.free]
            self.free += 1

    def _named(self, name: str, taken: Sequence[str]) -> str:
        word = name.replace(".", "_")
        word = f"{word}_" if iskeyword(word) or word in self.reserved else word
        return next(w for w in chain((word,), (f"{word}_{k}" for k in count(2))) if self._is_free(w, taken))

    def _fresh(self) -> Iterator[str]:
        words = chain(VARIABLES, (f"x{n}" for n in count(2)))
        return (word for word in words if word not in self.reserved)


def _rank(word: str) -> int:
    return VARIABLES.index(word) if word in VARIABLES else len(VARIABLES)


def note_of(item: Single) -> str:
    """The comment of a statement: the shape of its output, where it is another than its input's."""
    nodes = [item.node] if isinstance(item, LayerItem) else item.scope.nodes
    out = nodes[-1].output
    return show(out) if not isinstance(item, LayerItem) or out != nodes[0].input_shapes[0] else ""


def shown(value: Any) -> Any:
    return Raw(str(value)) if isinstance(value, Expression) else value


def written(arguments: Sequence[Argument], values: Sequence[Any]) -> list[str]:
    """The arguments of a call, without those that have their default."""
    texts = []
    for argument, value in zip(arguments, values, strict=True):
        if not isinstance(value, Expression | Raw) and value == argument.default:
            continue
        text = literal(shown(value))
        texts.append(f"{argument.key}={text}" if argument.key else text)
    return texts


def added(one: Any, other: Any) -> Any:
    """A sum as code, worked out where both are numbers."""
    if isinstance(one, int) and isinstance(other, int):
        return one + other
    if other == 0:
        return one
    return f"{one} + {other}" if not (isinstance(other, int) and other < 0) else f"{one} - {-other}"


def _moved(value: Any, step: Any) -> Any:
    """An argument of a loop's turn, from that of the first."""
    if step == 0:
        return value
    rise = COUNTER if step == 1 else f"{step} * {COUNTER}"
    return Raw(rise if value == 0 else f"{value} + {rise}")


def _bounds(start: Any, times: Any, from_zero: bool) -> str:
    if from_zero or start == 0:
        return str(times)
    return f"{start}, {added(start, times)}"
