"""What a layer is called in another language: a call that makes it, and an expression that uses it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from cnnspec.layers.base import Shape, Shapes, Weight
from cnnspec.network.graph import Node
from cnnspec.records import record

MUST: Final = object()
"""The default of an argument that has none."""


@record
class Argument:
    """One argument of a call, not written where it has its default; without a key it stands alone."""

    key: str
    value: Any
    default: Any = MUST
    role: str = ""
    """What it is called where a block takes it as a parameter."""

    @property
    def title(self) -> str:
        return self.role or self.key


@record
class Saying:
    """One layer in another language.

    ``make`` is the function that makes it, with ``arguments``; a layer that nothing makes is only used.
    ``use`` is the expression of its output: ``{m}`` is what was made, ``{x}`` its first input, ``{0}``,
    ``{1}`` … its inputs by number, ``{w}`` the layer it is tied to. ``helpers`` are functions and classes
    that the file must then hold.
    """

    use: str = "{m}({x})"
    make: str = ""
    arguments: tuple[Argument, ...] = ()
    helpers: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    """Statements once it is made, with ``{m}`` for it."""
    outputs: int = 1
    """2 for a pool that tells its places."""


@record
class Place:
    """A node with what its sayer may have to know about its surroundings."""

    node: Node
    nodes: tuple[Node, ...]
    readers: tuple[tuple[int, ...], ...]

    @property
    def layer(self) -> Any:
        return self.node.layer

    @property
    def inputs(self) -> Shapes:
        return self.node.input_shapes

    @property
    def rank(self) -> int:
        """Spatial axes of the first input."""
        return len(self.inputs[0]) - 1

    @property
    def channels(self) -> int:
        return self.inputs[0][-1]

    @property
    def output(self) -> Shape:
        return self.node.output

    @property
    def axes(self) -> tuple[Any, ...]:
        found: tuple[Any, ...] = self.layer.axes(self.inputs)
        return found

    def before(self, which: int) -> Node:
        """The node that input ``which`` comes from."""
        return self.nodes[self.node.inputs[which]]


Sayer: TypeAlias = Callable[[Place], Saying]


class Wordless(Exception):
    """The target has no words for a layer; the text says why."""


def own_arrays(place: Place) -> tuple[Weight, ...]:
    """The arrays of a layer without the weight that it is tied to."""
    arrays = place.layer.arrays(place.inputs)
    return tuple(one for one in arrays if not (place.node.tied and one.name == "weight"))


def at(key: str, value: Any, default: Any = MUST, role: str = "") -> Argument:
    return Argument(key, value, default, role)


def first(role: str, value: Any) -> Argument:
    """An argument that is written without its key."""
    return Argument("", value, MUST, role)


def squeezed(sizes: tuple[int, ...]) -> Any:
    """One number where all are equal."""
    return sizes[0] if len(set(sizes)) == 1 else sizes
