"""A network and its weights from a live Keras model, by the configuration that Keras itself saves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cnnspec.diagnostics import SpecError
from cnnspec.exchange.code_in.keras.model import KerasLayer, KerasModel, KerasTensor
from cnnspec.exchange.code_in.keras.table import KINDS
from cnnspec.exchange.code_in.result import Read
from cnnspec.exchange.code_in.signature import signature
from cnnspec.exchange.code_in.trace import NotFollowed


def from_keras(model: Any) -> Read:
    """The network of a model, and its weights by the names of the network.

    Raises SpecError for what the language cannot say, by layer.
    """
    try:
        graph = _model(type(model).__name__, model.get_config())
        shape = tuple(model.inputs[0].shape[1:])
        first = next((one for one in graph.layers if isinstance(one, KerasLayer)), None)
        if first and first.kind == "Flatten" and len(shape) == 2:
            shape = (*shape, 1)  # rows and columns of a picture, not a sequence
        return graph.finished(str(model.name), (shape,), dict(_arrays(model)))
    except NotFollowed as fault:
        raise SpecError([fault.diagnostic()]) from fault
    except NotImplementedError as error:
        raise SpecError.of("code-not-followed", f"this model has no configuration: {error}") from error


def _arrays(model: Any) -> Iterator[tuple[str, Any]]:
    for layer in model._flatten_layers():
        for weight in layer.weights:
            yield (
                f"{layer.name}.{weight.name}",
                weight.numpy()
                if not hasattr(weight.value, "detach")
                else (weight.value.detach().cpu().numpy()),
            )


def _model(kind: str, config: dict[str, Any]) -> KerasModel:
    if kind == "Sequential":
        return KerasModel([_layer(one) for one in config["layers"] if one["class_name"] != "InputLayer"])
    if "input_layers" not in config:
        raise NotFollowed(f"a {kind} whose layers are in its own code is not read from the live model")
    return _functional(config)


def _layer(entry: dict[str, Any]) -> Any:
    kind, config = entry["class_name"], entry["config"]
    if kind in ("Sequential", "Functional", "Model"):
        return _model(kind, config)
    if kind not in KINDS:
        raise NotFollowed(f"the language cannot say {config.get('name', '')} ({kind})")
    name = str(config.get("name", ""))
    return KerasLayer(kind, {**signature(KINDS[kind].arguments), **config, "_key": name}, name)


def _functional(config: dict[str, Any]) -> KerasModel:
    """Every layer once its inputs are known."""
    known: dict[tuple[str, int, int], KerasTensor] = {}
    waiting = []
    for entry in config["layers"]:
        name = entry.get("name") or entry["config"]["name"]
        if entry["class_name"] == "InputLayer":
            shape = entry["config"].get("batch_shape") or entry["config"]["batch_input_shape"]
            known[name, 0, 0] = KerasTensor(None, (), tuple(shape[1:]))
        else:
            layer = _layer(entry)
            waiting += [(name, n, layer, list(_reads(node))) for n, node in enumerate(entry["inbound_nodes"])]
    while waiting:
        ready = [one for one in waiting if all(read in known for read in one[3])]
        if not ready:
            raise NotFollowed("the layers of this model read each other in a circle")
        for name, n, layer, reads in ready:
            inputs = tuple(known[read] for read in reads)
            made = layer.applied(inputs) if isinstance(layer, KerasModel) else [KerasTensor(layer, inputs)]
            known.update({(name, n, k): tensor for k, tensor in enumerate(made)})
        waiting = [one for one in waiting if one not in ready]
    first, last = ([known[key] for key in _ends(config[part])] for part in ("input_layers", "output_layers"))
    return KerasModel([], first, last)


def _reads(node: Any) -> Iterator[tuple[str, int, int]]:
    """The tensors among the arguments of a call, in order."""
    if isinstance(node, dict):
        if node.get("class_name") == "__keras_tensor__":
            name, index, place = node["config"]["keras_history"]
            yield name, index, place
        else:
            for part in node.values():
                yield from _reads(part)
    elif isinstance(node, list | tuple):
        for part in node:
            yield from _reads(part)


def _ends(part: Any) -> list[tuple[str, int, int]]:
    listed = [part] if part and isinstance(part[0], str) else part
    return [(name, index, place) for name, index, place in listed]
