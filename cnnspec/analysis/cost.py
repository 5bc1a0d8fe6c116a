"""What one layer costs for the shapes that flow in: numbers at once, laws when asked for.

Most layers of a large network repeat, so answers are kept by (layer, inputs).
"""

from __future__ import annotations

from functools import cached_property, lru_cache
from operator import attrgetter
from typing import Any, Final, NamedTuple

from cnnspec.analysis.padding import real_additions, real_multiplies
from cnnspec.analysis.receptive_field import ReceptiveField
from cnnspec.formula import Formula, Number, Symbol, product, total
from cnnspec.layers.base import Item, Layer, Shape, Shapes, output_symbols
from cnnspec.network.graph import Node
from cnnspec.records import record

COUNTS: Final = ("params", "trainable", "frozen", "buffers", "multiplies", "additions")
"""What is counted of a layer, each by a law of its own."""
FLOAT_BYTES = 4
"""Every value is a float32."""


@record
class Laws:
    """The formulas of one layer; the same objects give the numbers of ``Cost``."""

    layer: Layer
    inputs: Shapes
    exclude_padding: bool = False

    @cached_property
    def output(self) -> tuple[Formula, ...]:
        """The law of each axis of the output."""
        return self.layer.output(self.inputs)

    @cached_property
    def params(self) -> Formula:
        return self.layer.params(self.inputs)

    @cached_property
    def trainable(self) -> Formula:
        return Number(0) if self._is_frozen else self.params

    @cached_property
    def frozen(self) -> Formula:
        return self.params if self._is_frozen else Number(0)

    @cached_property
    def buffers(self) -> Formula:
        return self.layer.buffers(self.inputs)

    @cached_property
    def multiplies(self) -> Formula:
        law = self.layer.multiplies(self.inputs)
        return real_multiplies(self.layer, self.inputs, law) if self.exclude_padding else law

    @cached_property
    def additions(self) -> Formula:
        law = self.layer.additions(self.inputs)
        if not self.exclude_padding:
            return law
        return real_additions(self.layer, self.inputs, law, self.multiplies)

    @cached_property
    def elementwise(self) -> tuple[Item, ...]:
        return self.layer.elementwise(self.inputs)

    @cached_property
    def flops(self) -> Formula:
        """Multiplies, additions and each elementwise item."""
        sums = {"multiplies": self.multiplies, "additions": self.additions}
        items = (*sums.items(), *((item.what, item.count) for item in self.elementwise))
        return total(Symbol(what, law.value) for what, law in items)

    @cached_property
    def activation_bytes(self) -> Formula:
        """Bytes of the output of one sample."""
        size = Symbol("b", FLOAT_BYTES, "bytes of a value")
        shape = tuple(int(axis) for axis in self.output)
        return size * product((*output_symbols(shape), Symbol("C_out", shape[-1], "output channels")))

    @property
    def _is_frozen(self) -> bool:
        return bool(getattr(self.layer, "frozen", False))


@record
class Counts:
    """What is counted of a layer, or of all of them."""

    params: int
    trainable: int
    frozen: int
    buffers: int
    multiplies: int
    additions: int
    elementwise: int
    flops: int


@record
class Cost(Counts):
    """The figures of one layer for one sample, and the formulas behind them."""

    laws: Laws
    intermediate: int
    """Values that it makes on the way to its output, and that training keeps."""
    patches: int
    """Values of its patches, where a product with them computes it."""


@lru_cache(maxsize=8192)
def cost_of(layer: Layer, inputs: Shapes, exclude_padding: bool = False) -> Cost:
    """The figures of a layer for the shapes of its inputs."""
    laws = Laws(layer, inputs, exclude_padding)
    counts = {name: int(getattr(laws, name)) for name in COUNTS}
    elementwise = sum(int(item.count) for item in laws.elementwise)
    flops = counts["multiplies"] + counts["additions"] + elementwise
    return Cost(
        **counts, elementwise=elementwise, flops=flops, laws=laws,
        intermediate=int(layer.intermediate(inputs)), patches=layer.patches(inputs),
    )  # fmt: skip


@lru_cache(maxsize=8192)
def bytes_of(shape: Shape) -> int:
    """Bytes of one float32 tensor of a shape."""
    size = FLOAT_BYTES
    for axis in shape:
        size *= axis
    return size


@record
class LayerFigures(Cost):
    """What is counted of a layer, the same for all that are alike; bytes are for the whole batch.

    ``flops`` go by the convention in force; 0 where that has no rule (see ``Analysis.uncounted``).
    """

    activation_bytes: int


def _figure(name: str) -> Any:
    return property(attrgetter(f"figures.{name}"))


class _Row(NamedTuple):
    node: Node
    figures: LayerFigures
    receptive_field: ReceptiveField | None
    """None where the output or the input has no spatial axes: a vector sees the whole input."""


class Row(_Row):
    """One layer with its figures, each by its name: bytes for the whole batch, counts for one sample."""

    __slots__ = ()

    params: int = _figure("params")
    trainable: int = _figure("trainable")
    frozen: int = _figure("frozen")
    buffers: int = _figure("buffers")
    multiplies: int = _figure("multiplies")
    additions: int = _figure("additions")
    elementwise: int = _figure("elementwise")
    flops: int = _figure("flops")
    laws: Laws = _figure("laws")
    activation_bytes: int = _figure("activation_bytes")

    @property
    def name(self) -> str:
        return self.node.name

    @property
    def kind(self) -> str:
        return self.node.word

    @property
    def path(self) -> tuple[str, ...]:
        return self.node.path

    @property
    def line(self) -> int | None:
        """The line of the text, counted from 1; None for a network without a text."""
        return self.node.span.line if self.node.span else None

    @property
    def inputs(self) -> Shapes:
        return self.node.input_shapes

    @property
    def output(self) -> Shape:
        return self.node.output
