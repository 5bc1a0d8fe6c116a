"""A network being made of an ONNX graph, layer by layer, and one node of the graph while it is read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import prod
from typing import Any

import numpy as np
import onnx
from onnx import helper
from pydantic import ValidationError

from cnnspec.diagnostics import Diagnostic, LayerError, Severity, SpecError
from cnnspec.exchange.onnx_file import OnnxFile, refused
from cnnspec.exchange.onnx_values import Array, Flow, Value, channels_first, channels_last, words_for
from cnnspec.layers.base import Shape, show
from cnnspec.layers.registry import LAYERS
from cnnspec.network.assemble import NamedLayer


class CannotRead(Exception):
    """Why a node cannot be said in a spec."""


@dataclass
class GraphReader:
    """The layers found so far, with their weights."""

    file: OnnxFile
    batch: int = 1
    """The size of the batch where the graph fixes one."""
    is_open: bool = True
    """Whether the graph leaves the batch open."""
    parts: list[NamedLayer] = field(default_factory=list)
    shapes: dict[str, Shape] = field(default_factory=dict)
    weights: dict[str, dict[str, Array]] = field(default_factory=dict)
    """By layer, then by the name of the array."""
    labels: dict[str, str] = field(default_factory=dict)
    """What the graph calls a layer, where it has a name that a person chose."""
    stored: set[str] = field(default_factory=set)
    """The tensors that the file holds."""
    notes: list[Diagnostic] = field(default_factory=list)
    values: dict[str, Value] = field(default_factory=dict)
    """By the name of the tensor."""
    readers: Counter[str] = field(default_factory=Counter)
    """How often each tensor of the graph is read."""
    at: dict[str, int] = field(default_factory=dict)
    reads: Counter[str] = field(default_factory=Counter)
    """How often each layer is read by another."""
    tensors: dict[str, list[str]] = field(default_factory=dict)
    """The tensors that a layer's result is seen as."""

    def keep(self, tensor: str, value: Value) -> None:
        """What a tensor of the graph is."""
        self.values[tensor] = value
        if isinstance(value, Flow):
            self.tensors.setdefault(value.part, []).append(tensor)

    def add(
        self, word: str, options: Mapping[str, Any], inputs: Sequence[Flow], arrays: Mapping[str, Array] = {},
        label: str = "",
    ) -> Flow:  # fmt: skip
        """A layer behind others, whose results are plain; raises CannotRead where it cannot be."""
        try:
            layer = LAYERS[word](**options)
        except ValidationError as error:
            fault = error.errors(include_url=False)[0]
            raise CannotRead(f"{word} {'.'.join(map(str, fault['loc']))}: {fault['msg']}") from error
        name = f"{word}{len(self.parts) + 1}"
        inputs_shapes = tuple(flow.shape for flow in inputs)
        try:
            shape = layer.shape(inputs_shapes)
            wanted = {each.name: each.shape for each in layer.arrays(inputs_shapes)}
        except LayerError as error:
            raise CannotRead(error.message) from error
        given = {key: np.ascontiguousarray(each, "float32") for key, each in arrays.items()}
        if {key: each.shape for key, each in given.items()} != wanted:
            raise CannotRead(f"its weights do not have the sizes that {word} has")
        self.at[name] = len(self.parts)
        self.parts.append(NamedLayer(name, layer, [flow.part for flow in inputs]))
        self.reads.update(flow.part for flow in inputs)
        self.shapes[name], self.weights[name] = shape, given
        if label:
            self.labels[name] = label
        return Flow(name, shape, channels_first(shape))

    def change(self, part: str, options: Mapping[str, Any], arrays: Mapping[str, Array]) -> None:
        """Another layer in place of one, of the same shape."""
        at, layer = self.at[part], self.layer_of(part)
        made = type(layer)(**{**layer.options(), **options})
        self.parts[at] = replace(self.parts[at], layer=made)
        self.weights[part] = {key: np.ascontiguousarray(each, "float32") for key, each in arrays.items()}

    def layer_of(self, part: str) -> Any:
        """The layer of a name; None for the input."""
        return self.parts[self.at[part]].layer if part in self.at else None

    def plain(self, flow: Flow) -> Flow:
        """The flow as a map or a vector of its own, moved by layers where it has to be."""
        moves = words_for(flow)
        if moves is None:
            raise CannotRead("values are moved before it in a way that no word of the language says")
        for word, options in moves:
            base = Flow(flow.part, flow.shape, channels_first(flow.shape))
            moved = self.add(word, options, [base])
            flow = replace(flow, part=moved.part, shape=moved.shape)
        return Flow(flow.part, flow.shape, channels_first(flow.shape))

    def last(self, flow: Flow) -> Flow | None:
        """The layer's own result where it is seen height x width x channels; None where it is not."""
        return Flow(flow.part, flow.shape, channels_first(flow.shape)) if channels_last(flow) else None

    def told(self, message: str) -> None:
        note = Diagnostic("changed-on-import", message, severity=Severity.NOTE)
        if note not in self.notes:
            self.notes.append(note)

    def is_read_once(self, flow: Flow) -> bool:
        """Whether nothing but one node reads a layer's result."""
        tensors = self.tensors.get(flow.part, [])
        return not self.reads[flow.part] and sum(self.readers[name] for name in tensors) <= max(
            1, len(tensors)
        )


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
        found = self.input(n)
        if not isinstance(found, Flow):
            raise CannotRead(f"its input {n + 1} is a constant, and a layer's result is needed")
        return found

    def flow(self, n: int = 0) -> Flow:
        """An input that is computed, as a map or a vector."""
        flow = self.raw(n)
        if not flow.is_plain:
            flow = self.builder.plain(flow)
            self.builder.keep(self.node.input[n], flow)
        return flow

    def steady(self) -> Flow:
        """The first input, moved by a layer where a word does that, so that what cuts it stays simple."""
        flow = self.raw()
        if flow.places is not None and flow.dims == flow.plain and words_for(flow):
            return self.flow()
        return flow

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
        if isinstance(found, Flow):
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
        return self.builder.add(word, options, inputs, arrays, self.label)

    def each(self, word: str, **options: Any) -> Flow:
        """A layer that works on every value alone, so that their order does not matter."""
        flow = self.raw()
        if flow.places is None or not flow.is_whole:
            return self.add(word, options, self.flow())
        base = Flow(flow.part, flow.shape, channels_first(flow.shape))
        return replace(flow, part=self.add(word, options, base).part)

    def moved(self, flow: Flow, places: Array) -> Flow:
        return flow.reordered(places)

    def needs(self, *outputs: int) -> None:
        """Raises CannotRead where an output is read that no layer gives."""
        for n in outputs:
            if (
                len(self.node.output) > n
                and self.node.output[n]
                and self.builder.readers[self.node.output[n]]
            ):
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
    return _spread(values, flow)


def _spread(values: Array, flow: Flow) -> Array | None:
    try:
        full = np.broadcast_to(values, flow.dims)
    except ValueError as error:
        raise CannotRead("its constant is larger than what it meets") from error
    if not flow.is_whole or prod(flow.dims) > 1 << 25:
        return None
    at_home = np.empty(full.size, values.dtype)
    at_home[flow.numbers.ravel()] = full.ravel()
    rows = at_home.reshape(flow.shape[-1], -1)
    return rows[:, 0] if (rows == rows[:, :1]).all() else None


def error_at(call_name: str, kind: str, reason: str) -> SpecError:
    return refused(f"the node {call_name} ({kind}) cannot be said in a spec: {reason}")
