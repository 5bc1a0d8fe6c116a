"""One layer being written in ONNX: its constants, its nodes, and operators that many layers need."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, Final, TypeAlias

import numpy as np

from cnnspec.layers.base import Shape
from cnnspec.network.graph import Node

MOST_PLACES: Final = 10_000
"""Places for which layers are written out step by step, of a whole file."""
MOST_VALUES: Final = 2**24
"""Values of constants that are no weights, of a whole file."""


class CannotSay(Exception):
    """Why ONNX cannot say a layer."""


@dataclass(frozen=True)
class LayerWriter:
    """One layer being written."""

    graph: Any
    node: Node

    @property
    def layer(self) -> Any:
        return self.node.layer

    @property
    def shapes(self) -> tuple[Shape, ...]:
        return self.node.input_shapes

    @property
    def rank(self) -> int:
        """Spatial axes of the first input."""
        return len(self.shapes[0]) - 1

    @property
    def inputs(self) -> list[str]:
        return [self.graph.names[n] for n in self.node.inputs]

    @property
    def output(self) -> str:
        name: str = self.graph.names[self.node.index]
        return name

    def weight(self, name: str) -> str:
        """The initializer of one of the layer's arrays."""
        full = next(full for full, each in self.node.weights.items() if each.name == name)
        return self.constant(full, self.graph.arrays[full])

    def constant(self, name: str, values: Any) -> str:
        found: str = self.graph.constant(name, values)
        return found

    def own(self, name: str, values: Any, kind: str = "float32") -> str:
        """A constant of this layer that is no weight."""
        return self.constant(f"{self.node.name}/{name}", np.asarray(values, kind))

    def need(self, *, places: int = 0, values: int = 0) -> None:
        """Takes room for steps at so many places, or a constant; raises CannotSay where there is none."""
        self.graph.places += places
        self.graph.values += values
        if self.graph.places > MOST_PLACES:
            raise CannotSay(f"it takes steps for {places:,} places; a file has {MOST_PLACES:,} at most")
        if self.graph.values > MOST_VALUES:
            raise CannotSay(f"it takes a constant of {values:,} values; a file has {MOST_VALUES:,} at most")

    def filled(self, name: str, shape: Sequence[int], value: float = 1) -> str:
        self.need(values=prod(shape))
        return self.own(name, np.full(shape, value, "float32"))

    def sizes(self, name: str, values: Sequence[int] | Sequence[Sequence[int]]) -> str:
        try:
            return self.own(name, values, "int64")
        except OverflowError as error:
            raise CannotSay("one of its sizes is larger than the 64 bits of ONNX hold") from error

    def op(self, kind: str, *inputs: str, since: int = 1, name: str = "", **attributes: Any) -> str:
        """A node; with a ``name`` it is a step on the way, without it the layer's result."""
        output = f"{self.node.name}/{name}" if name else self.output
        self.graph.add(kind, inputs or self.inputs, [output], since, **attributes)
        return output

    def shaped(self, value: str, shape: Sequence[int], name: str = "") -> str:
        """A tensor in another shape; 0 keeps an axis, the batch."""
        return self.op("Reshape", value, self.sizes(f"{name or 'to'}_shape", shape), since=5, name=name)


Write: TypeAlias = Callable[[LayerWriter], None]


def per_channel(call: LayerWriter, name: str) -> str:
    return call.shaped(call.weight(name), [-1, *(1 for _ in range(call.rank))], name)


def plain(kind: str, since: int = 1, **attributes: Any) -> Callable[[LayerWriter], None]:
    """A layer that is one operator, with the same settings always."""

    def write(call: LayerWriter) -> None:
        call.op(kind, since=since, **attributes)

    return write
