"""A model of Keras as code makes it: layers in order, or from its inputs to its outputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cnnspec.exchange.code_in.keras.layering import ACTIVATIONS, Layering, Map, activation
from cnnspec.exchange.code_in.keras.options import tell
from cnnspec.exchange.code_in.keras.table import KINDS
from cnnspec.exchange.code_in.result import Read, finished_nodes
from cnnspec.exchange.code_in.trace import FAULTS, NotFollowed, Trace
from cnnspec.exchange.code_in.values import UnknownValue
from cnnspec.layers.base import Shape
from cnnspec.layers.kernels import kernels_text
from cnnspec.network.write import legal_name
from cnnspec.text import Span, words_of


@dataclass(eq=False)
class KerasLayer:
    """A layer of the library with its options."""

    kind: str
    options: dict[str, Any]
    name: str = ""
    span: Span | None = None

    @property
    def shape(self) -> Shape | None:
        """The input that the first layer of a model may name."""
        found = self.options.get("input_shape")
        if found is None and (batch := self.options.get("batch_input_shape")) is not None:
            found = batch[1:]
        if found is None and isinstance(dim := self.options.get("input_dim"), int):
            found = (dim,)
        return shape_from(found)


@dataclass(eq=False)
class KerasTensor:
    """What a layer gives for others: ``layer`` is None for an input, which has a shape."""

    layer: KerasLayer | None
    inputs: tuple[KerasTensor, ...] = ()
    shape: Shape | None = None
    name: str = ""


@dataclass(eq=False)
class KerasModel:
    """A model: layers in order, or from its inputs to its outputs."""

    layers: list[Any] = field(default_factory=list)
    inputs: list[KerasTensor] = field(default_factory=list)
    outputs: list[KerasTensor] = field(default_factory=list)
    name: str = ""
    used: list[KerasModel] = field(default_factory=list)
    """Models that were called while it was made."""
    named: dict[str, KerasLayer] = field(default_factory=dict)
    """Its layers by name, once one was asked for; a layer that is used twice is there once."""

    def applied(self, given: Sequence[KerasTensor]) -> list[KerasTensor]:
        """The model within another."""
        if self.outputs:
            if len(given) != len(self.inputs):
                raise NotFollowed(f"a model of {len(self.inputs)} inputs is given {len(given)}")
            known = {id(own): x for own, x in zip(self.inputs, given, strict=True)}
            return [_moved(output, known) for output in self.outputs]
        (x,) = given
        for layer in self.layers:
            if isinstance(layer, KerasLayer) and layer.options.get("_input"):
                continue
            x = layer.applied([x])[0] if isinstance(layer, KerasModel) else KerasTensor(layer, (x,))
        return [x]

    def starts(self, asked: Sequence[Shape]) -> dict[str, KerasTensor]:
        """The inputs by name, of the shapes that are asked for."""
        if len(self.inputs) < 2:
            return {"input": self._start(asked[0] if asked else None)}
        if asked and len(asked) != len(self.inputs):
            raise NotFollowed(
                f"this model takes {len(self.inputs)} inputs, but {len(asked)} shapes are given"
            )
        taken: set[str] = set()
        names = [legal_name(one.name or f"input{n}", taken) for n, one in enumerate(self.inputs, 1)]
        shapes: Sequence[Shape | None] = asked or [one.shape for one in self.inputs]
        return {name: KerasTensor(None, (), shape) for name, shape in zip(names, shapes, strict=True)}

    def _start(self, asked: Shape | None) -> KerasTensor:
        if self.inputs:
            found = self.inputs[0].shape
        else:
            first = next(layers_of(self), None)
            found = first.shape if first else None
            if first and found and first.kind == "Flatten" and len(found) == 2:
                found = (*found, 1)  # rows and columns of a picture, not a sequence
        shape = asked or found
        if shape is None:
            raise NotFollowed(
                "the code does not say the input of this model",
                "give input_shape, or a shape behind the file",
                code="input-without-size",
            )  # fmt: skip
        return KerasTensor(None, (), shape)

    def finished(self, name: str, asked: Sequence[Shape], arrays: Any = None) -> Read:
        starts = self.starts(asked)
        shapes = {name: start.shape for name, start in starts.items() if start.shape}
        trace = Trace()
        trace.start(shapes)
        memo = {id(start): Map(name) for name, start in starts.items()}
        results = [evaluate(output, trace, memo) for output in self.applied([*starts.values()])]
        ends = [(one.node, one.flat) for one in results]
        return finished_nodes(self.name or name, trace, shapes, ends, arrays or {})


def unmet(tensor: KerasTensor, known: Mapping[int, Any]) -> Iterator[KerasTensor]:
    """The parts of a graph that are not known yet, each after what it reads; the caller makes them known.

    Deep graphs take no deep calls.
    """
    todo = [tensor]
    while todo:
        here = todo[-1]
        waiting = [one for one in here.inputs if id(one) not in known]
        if id(here) in known:
            todo.pop()
        elif waiting:
            todo += waiting
        elif here.layer is None:
            raise NotFollowed("an output of the model comes from another input than the model's")
        else:
            yield here
            todo.pop()


def starts_of(tensor: KerasTensor) -> list[KerasTensor]:
    """The inputs that a tensor comes from."""
    todo, seen, found = [tensor], set[int](), list[KerasTensor]()
    while todo:
        here = todo.pop()
        if id(here) in seen:
            continue
        seen.add(id(here))
        todo += here.inputs
        found += [here] if here.layer is None else []
    return found


def _moved(tensor: KerasTensor, known: dict[int, KerasTensor]) -> KerasTensor:
    """A copy of a graph with another input, each part once."""
    for here in unmet(tensor, known):
        known[id(here)] = KerasTensor(here.layer, tuple(known[id(one)] for one in here.inputs))
    return known[id(tensor)]


def evaluate(tensor: KerasTensor, trace: Trace, memo: dict[int, Map]) -> Map:
    """The layers up to a tensor, made where they are not yet."""
    for here in unmet(tensor, memo):
        assert here.layer is not None
        memo[id(here)] = made(here.layer, [memo[id(one)] for one in here.inputs], trace)
    return memo[id(tensor)]


def made(layer: KerasLayer, inputs: list[Map], trace: Trace) -> Map:
    trace.here = layer.span
    try:
        layering = Layering(trace, layer.options, inputs, layer.name)
        tell(layering, layer.kind)
        if layer.kind in ACTIVATIONS:
            return activation(trace, layering.x, layer.kind)
        return KINDS[layer.kind].make(layering)
    except NotFollowed as fault:
        if fault.span is None:
            fault.span = layer.span
        raise
    except FAULTS as error:
        other = NotFollowed(f"{layer.kind} with these options is not read ({words_of(error)[:80]})")
        other.span = layer.span
        raise other from error


def shape_from(found: Any) -> Shape | None:
    if found is None:
        return None
    sizes = (found,) if isinstance(found, int) else tuple(found)
    if not sizes or not all(type(size) is int and size > 0 for size in sizes):
        return None
    return sizes


def models_within(value: KerasModel) -> Iterator[KerasModel]:
    """The models that are layers of a model, or whose layers are."""
    for layer in value.layers:
        if isinstance(layer, KerasModel):
            yield layer
            yield from models_within(layer)
    yield from value.used


def layers_of(value: Any) -> Iterator[KerasLayer]:
    """A layer, or all layers of a model and of the models within it."""
    if isinstance(value, KerasLayer):
        yield value
        return
    todo, seen = list(value.outputs), set[int]()
    while todo:
        here = todo.pop()
        if id(here) not in seen:
            seen.add(id(here))
            todo += here.inputs
            yield from [here.layer] if here.layer else []
    for layer in value.layers:
        yield from layers_of(layer)


def parts_of(model: KerasModel) -> list[Any]:
    """The layers of a model as ``model.layers`` has them: its inputs too, each after what it reads."""
    if not model.outputs:
        return list(model.layers)
    found: list[Any] = [KerasLayer("Identity", {"_input": True}, one.name) for one in model.inputs]
    known: dict[int, Any] = {id(one): one for one in model.inputs}
    for output in model.outputs:
        for here in unmet(output, known):
            known[id(here)] = here
            if here.layer is not None and all(here.layer is not one for one in found):
                found.append(here.layer)
    return found


def layer_by(layers: Sequence[Any], name: str | None = None, index: int | None = None) -> Any:
    if index is not None:
        return layers[index]
    named = [one for one in layers if one.name == name]
    if len(named) != 1:
        raise NotFollowed(f"the reader knows no layer of this model by the name {name}")
    return named[0]


def give(model: KerasModel, name: str, shape: Shape, given: Shape, text: str) -> None:
    """Takes the numbers that a file of ours gives a layer's weight."""
    owner = name.rpartition(".")[0].replace(".", "_")
    if owner not in model.named:
        model.named = {one.name: one for one in layers_of(model)}
    layer = layer_by([*filter(None, [model.named.get(owner)])], owner)
    taps_from = 1 if layer.kind == "cnnspec.TableConv2D" else 2
    layer.options["_given"] = kernels_text(text.split(), given, taps_from)


def append_layer(model: KerasModel, layer: Any) -> None:
    if isinstance(layer, KerasTensor) and layer.layer is None:
        model.layers.append(KerasLayer("Identity", {"input_shape": layer.shape, "_input": True}))
    elif isinstance(layer, KerasLayer | KerasModel):
        model.layers.append(layer)
    elif isinstance(layer, UnknownValue):
        raise NotFollowed(f"a layer of this model cannot be followed: {layer.why}")
    else:
        raise NotFollowed("something is added to this model that is no layer")
