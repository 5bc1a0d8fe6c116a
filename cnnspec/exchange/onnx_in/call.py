"""One node of an ONNX graph while it is read: its attributes, and what flows in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from typing import Any

import numpy as np
import onnx
from onnx import helper

from cnnspec.exchange.onnx_in.build import CannotRead, GraphReader
from cnnspec.exchange.onnx_in.values import MOST_PLACES, Array, Const, Flow, Scores, Value, short, words_for
from cnnspec.layers.base import show


@dataclass
class NodeCall:
    """One node of the graph, with what flows in."""

    builder: GraphReader
    node: Any
    version: int
    given: list[Value | None]

    @cached_property
    def attributes(self) -> dict[str, Any]:
        found = {}
        for each in self.node.attribute:
            value = helper.get_attribute_value(each)
            if each.type == onnx.AttributeProto.TENSOR:
                value = self.builder.file.array(each.t)
            found[each.name] = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
        return found

    def attribute(self, name: str, default: Any) -> Any:
        """An attribute, of the kind of its default; raises CannotRead for another kind."""
        value = self.attributes.get(name, default)
        if isinstance(default, float):
            value = float(value) if isinstance(value, int | float) else value
        if default is not None and not isinstance(value, type(default)):
            raise CannotRead(f"its attribute {name} has no value of the right kind")
        return value

    def ints(self, name: str) -> list[int] | None:
        found = self.attributes.get(name)
        if found is None:
            return None
        if isinstance(found, str | bytes) or not isinstance(found, Iterable):
            raise CannotRead(f"its attribute {name} is no list of numbers")
        return [int(each) for each in found]

    @property
    def name(self) -> str:
        return str(self.node.name or (self.node.output[0] if self.node.output else self.node.op_type))

    def input(self, n: int) -> Value | None:
        return self.given[n] if n < len(self.given) else None

    def raw(self, n: int = 0) -> Flow:
        """An input that is computed, in whatever order its values stand."""
        return self.settled(self.view(n))

    def settled(self, flow: Flow) -> Flow:
        """The flow behind the batch, with no factor that waits."""
        if not flow.led:
            raise CannotRead("the batch stands at another place before it")
        if flow.factor == 1:
            return flow
        bare = replace(flow, factor=1.0)
        return self.on(bare, "scale", by=short(flow.factor))

    def view(self, n: int = 0) -> Flow:
        """The same for what moves values only: the batch may stand elsewhere, and a factor wait."""
        found = self.input(n)
        if isinstance(found, Scores):
            raise CannotRead("it works on the products of queries and keys, which attention keeps to itself")
        if not isinstance(found, Flow):
            raise CannotRead(f"its input {n + 1} is a constant, and a layer's result is needed")
        return found

    def follow(self, flow: Flow, places: Array, across: bool, reason: str) -> Flow:
        """The flow moved, the batch along with it where the file is for one sample alone."""
        if across and not self.builder.is_one:
            raise CannotRead(reason)
        return flow.seen_as(places) if self.builder.is_one else flow.reordered(places[0])

    def flow(self, n: int = 0) -> Flow:
        """An input that is computed, as a map or a vector."""
        flow = self.raw(n)
        if not flow.is_plain:
            flow = self.builder.plain(flow)
            self.builder.keep(self.node.input[n], flow)
        return flow

    def steady(self) -> Flow:
        """The first input, moved by a layer where a word does that, so that what cuts it stays simple."""
        flow = self.view()
        if flow.led and flow.places is not None and flow.dims == flow.plain and words_for(flow):
            return self.flow()
        return flow

    def positions(self, flow: Flow) -> Flow:
        """What is seen as positions x channels: that map or sequence, the positions row after row."""
        return flow.base if flow.is_sequence else self.along(flow, 2)[0]

    def positions_last(self, sequence: Flow) -> Flow:
        """A sequence seen as positions x channels."""
        return sequence.moved(lambda places: np.moveaxis(places, 0, -1))

    def map(self, n: int = 0) -> Flow:
        """The same; raises CannotRead for a vector."""
        found = self.flow(n)
        if len(found.shape) < 2:
            raise CannotRead(f"its input is a vector of {show(found.shape)}, and a map is needed")
        return found

    def const(self, n: int, default: Any = None) -> Any:
        """An input that is known beforehand; raises CannotRead where it is computed."""
        found = self.input(n)
        if found is None:
            return default
        if not isinstance(found, Const):
            raise CannotRead(f"its input {n + 1} is computed, and a constant is needed")
        if found.other is not None:
            raise CannotRead(f"its input {n + 1} depends on the size of the batch")
        return found.values

    def weight(self, n: int) -> Array:
        """A constant of 32-bit floats."""
        found = self.const(n)
        if found is None or found.dtype != np.float32:
            raise CannotRead(f"its input {n + 1} holds {getattr(found, 'dtype', 'nothing')}, not float32")
        return np.asarray(found)

    @property
    def label(self) -> str:
        """The name that a person gave: that of the weights, else the node's own."""
        for name in self.node.input[1:]:
            scope, _, last = name.rpartition(".")
            if scope and last in ("weight", "bias", "running_mean", "running_var"):
                return str(scope)
        plain = self.node.name == (self.node.output[0] if self.node.output else "")
        return str(self.node.name) if plain and "/" not in self.node.name else ""

    def add(self, word: str, options: Mapping[str, Any], *inputs: Flow, **arrays: Array) -> Flow:
        made = self.builder.add(word, options, inputs, arrays, self.label)
        self.builder.sources[made.part] = tuple(
            name for name in self.node.input[1:] if name in self.builder.stored
        )
        return made

    def each(self, word: str, **options: Any) -> Flow:
        """A layer that works on every value of the first input alone, so that their order does not matter."""
        flow = self.view()
        if flow.factor != 1 or (flow.led and (flow.places is None or not flow.is_whole)):
            return self.add(word, options, self.flow())
        return self.on(flow, word, **options)

    def on(self, flow: Flow, word: str, **options: Any) -> Flow:
        """The same on any flow that has each value once."""
        if not flow.is_whole:
            return self.add(word, options, self.builder.plain(flow))
        return replace(flow, part=self.add(word, options, flow.base).part)

    def along(self, flow: Flow, axis: int) -> tuple[Flow, Callable[[Flow], Flow]]:
        """The flow with an axis in the place of the channels, and how a result's axes go back."""
        if axis == 0:
            raise CannotRead("it works across the samples of the batch")
        if axis == 2 == len(flow.dims) and flow.is_sequence and len(flow.shape) > 2:
            return flow.base, lambda result: result.reordered(result.base.sequence)
        front = flow if axis == 1 else flow.moved(lambda places: np.moveaxis(places, axis - 1, 0))

        def back(result: Flow) -> Flow:
            return result if axis == 1 else result.moved(lambda places: np.moveaxis(places, 0, axis - 1))

        return self.builder.plain(front), back

    def align(self) -> None:
        """Brings a constant in the second place to the axes where versions before 7 lay it."""
        axis, second = self.attributes.get("axis"), self.input(1)
        if self.version >= 7 or axis is None or not isinstance(second, Const) or second.other is not None:
            return
        first = self.given[0]
        rank = first.values.ndim if isinstance(first, Const) else len(self.raw().dims) + 1
        behind = rank - int(axis) % rank - second.values.ndim
        if behind < 0:
            raise CannotRead("its constant has more axes than what it meets")
        self.given[1] = Const(second.values.reshape(*second.values.shape, *(1,) * behind))

    def is_read(self, n: int) -> bool:
        """Whether something reads this output, counted from 0."""
        name = self.node.output[n] if len(self.node.output) > n else ""
        return bool(name and self.builder.readers[name])

    def needs(self, *outputs: int) -> None:
        """Raises CannotRead where an output is read that no layer gives."""
        for n in filter(self.is_read, outputs):
            raise CannotRead(f"its output {n + 1} is used, which no layer gives")


def per_channel(values: Array, flow: Flow) -> Array | None:
    """A constant that meets a flow value by value, as one number a channel; None if it is more."""
    if values.ndim > len(flow.dims) + 1 or (values.ndim == len(flow.dims) + 1 and values.shape[0] != 1):
        raise CannotRead("its constant has more axes than what it meets")
    if values.ndim == len(flow.dims) + 1:
        values = values[0]
    channels = flow.shape[-1]
    if values.size == 1:
        return np.full(channels, values.ravel()[0])
    if flow.is_plain:
        full = values.reshape((1,) * (len(flow.dims) - values.ndim) + values.shape)
        if full.shape[0] in (1, channels) and full.size == full.shape[0]:
            return np.broadcast_to(full.ravel(), (channels,))
    if not flow.is_whole or prod(flow.dims) > MOST_PLACES:
        return None
    rows = spread(values, flow)
    return rows[:, 0] if (rows == rows[:, :1]).all() else None


def spread(values: Array, flow: Flow) -> Array:
    """A constant that meets a flow value by value, as (channels, positions) of its layer."""
    values = values[0] if values.ndim == len(flow.dims) + 1 else values
    try:
        full = np.broadcast_to(values, flow.dims)
    except ValueError as error:
        raise CannotRead("its constant is larger than what it meets") from error
    at_home = np.empty(full.size, values.dtype)
    at_home[flow.numbers.ravel()] = full.ravel()
    return at_home.reshape(flow.shape[-1], -1)
