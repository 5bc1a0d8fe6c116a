"""A network being made of an ONNX graph, layer by layer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
from pydantic import ValidationError

from cnnspec.diagnostics import Diagnostic, LayerError, Severity, SpecError
from cnnspec.exchange.onnx_in.file import OnnxFile, refused
from cnnspec.exchange.onnx_in.values import Array, Flow, Value, channels_last, words_for
from cnnspec.layers.base import Shape, channels_first
from cnnspec.layers.registry import LAYERS
from cnnspec.network.assemble import NamedLayer

MOST_AXES: Final = 4


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
    sources: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """By layer, the tensors of the file that its weights are."""
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

    made: dict[tuple[str, tuple[int, ...], bytes], Flow] = field(default_factory=dict)
    """What was moved by layers already."""

    @property
    def is_one(self) -> bool:
        """Whether the file is for one sample alone, so that its axis may stand anywhere."""
        return self.batch == 1 and not self.is_open

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
        given = self._kept(arrays)
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
        self.weights[part] = self._kept(arrays)

    def _kept(self, arrays: Mapping[str, Array]) -> dict[str, Array]:
        self.file.budget.make(sum(4 * each.size for each in arrays.values()))
        return {key: np.ascontiguousarray(each, "float32") for key, each in arrays.items()}

    def layer_of(self, part: str) -> Any:
        """The layer of a name; None for the input."""
        return self.parts[self.at[part]].layer if part in self.at else None

    def plain(self, flow: Flow) -> Flow:
        """The flow as a map or a vector of its own, moved by layers where it has to be."""
        if flow.is_plain:
            return flow
        if not flow.led:
            raise CannotRead("the batch stands at another place before it")
        key = (flow.part, flow.dims, b"" if flow.places is None else flow.places.tobytes())
        if key not in self.made:
            moves = words_for(flow)
            if len(flow.dims) > MOST_AXES:
                raise CannotRead(f"it leaves {len(flow.dims)} axes, and a map has at most {MOST_AXES}")
            if moves is None:
                raise CannotRead("values are moved before it in a way that no word of the language says")
            made = flow.base
            for word, options in moves:
                made = self.add(word, options, [made])
            self.made[key] = made
        return self.made[key]

    def last(self, flow: Flow) -> Flow | None:
        """The layer's own result where it is seen height x width x channels; None where it is not."""
        return flow.base if channels_last(flow) else None

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


def error_at(call_name: str, kind: str, reason: str) -> SpecError:
    return refused(f"the node {call_name} ({kind}) cannot be said in a spec: {reason}")
