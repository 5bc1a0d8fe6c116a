"""A network as JSON and back, nothing lost but the places in the text."""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel, ValidationError

from cnnspec.diagnostics import LayerError, SpecError
from cnnspec.layers.base import Layer
from cnnspec.layers.registry import LAYERS
from cnnspec.network.assemble import NamedLayer, assemble, unknown
from cnnspec.network.expectation import Expectation
from cnnspec.network.graph import Group, Network, Node
from cnnspec.syntax import tree
from cnnspec.syntax.parse import parse
from cnnspec.text import Source

SCHEMA: Final = "cnnspec/network/1"


def to_json(network: Network) -> dict[str, Any]:
    """The network as plain lists, numbers and words, ready for ``json.dumps``."""
    groups: dict[Group, int] = {}
    return {
        "schema": SCHEMA,
        "name": network.name,
        "input": list(network.input),
        **({"inputs": inputs} if (inputs := _inputs(network)) else {}),
        "layers": [_layer(node, network, groups) for node in network.layers],
        "groups": [_group(group) for group in groups],
        "outputs": [
            {"name": output.name, "layer": network.nodes[output.node].name, "weight": output.weight}
            for output in network.outputs
        ],
        "expectations": [_expectation(item) for item in network.expectations],
        "recipe": None if network.recipe is None else to_dict(network.recipe),
    }


def _inputs(network: Network) -> dict[str, list[int]]:
    """The inputs by name, in order; nothing where there is one, named ``input``."""
    found = {node.name: list(node.output) for node in network.inputs}
    return found if list(found) != ["input"] else {}


def _layer(node: Node, network: Network, groups: dict[Group, int]) -> dict[str, Any]:
    return {
        "name": node.name,
        "kind": node.word,
        "options": {name: _plain(value) for name, value in node.layer.options().items()},
        "inputs": [network.nodes[n].name for n in node.inputs],
        "output": list(node.output),
        "groups": [groups.setdefault(group, len(groups)) for group in node.groups],
        **{key: name for key in ("share", "tied") if (name := getattr(node, key))},
    }


def _group(group: Group) -> dict[str, Any]:
    return {
        "title": group.title, "instance": group.instance, "turn": group.turn, "turns": group.turns,
        "repeat": group.repeat,
    }  # fmt: skip


def _expectation(item: Expectation) -> dict[str, Any]:
    return {"text": item.text, "constants": {name: _plain(value) for name, value in item.constants}}


def to_dict(model: BaseModel) -> dict[str, Any]:
    """What a recipe says: every field that differs from its default, and the kind of each sentence."""
    document = {}
    for name, field in type(model).model_fields.items():
        value = getattr(model, name)
        if isinstance(value, BaseModel):
            document[name] = to_dict(value)
        elif name == "kind" or value != field.default:
            document[name] = _plain(value)
    return document


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def from_json(document: Any) -> Network:
    """The network of a document that ``to_json`` made; raises SpecError where it is none."""
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise unknown(f'this is not a network: its schema is not "{SCHEMA}"')
    try:
        return _network(document)
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        raise unknown(f"this network's JSON is damaged: {fault['loc'][0]}: {fault['msg']}") from None
    except LayerError as error:
        raise SpecError([error.at(None)]) from None
    except (KeyError, TypeError, IndexError, AttributeError, ValueError) as error:
        raise unknown(f"this network's JSON is damaged: {type(error).__name__} {error}") from None


def _network(document: dict[str, Any]) -> Network:
    groups = [Group(**group) for group in document["groups"]]
    shapes = document.get("inputs", {"input": document["input"]})
    network = assemble(
        str(document["name"]),
        {str(name): tuple(map(int, shape)) for name, shape in shapes.items()},
        [_part(item, groups) for item in document["layers"]],
        [(item["name"], item["layer"], float(item["weight"])) for item in document["outputs"]],
        _recipe(document["recipe"]),
        tuple(map(_read_expectation, document["expectations"])),
    )
    for node, item in zip(network.layers, document["layers"], strict=True):
        if list(node.output) != item["output"]:
            raise unknown(f"{node.name} gives {node.output}, but the document says {item['output']}")
    return network


def _part(item: dict[str, Any], groups: list[Group]) -> NamedLayer:
    options = {name: tuple(v) if isinstance(v, list) else v for name, v in item["options"].items()}
    layer: Layer = LAYERS[item["kind"]](**options)
    inside = tuple(groups[n] for n in item["groups"])
    whose = item.get("share"), item.get("tied")
    return NamedLayer(item["name"], layer, item["inputs"], None, inside, *whose)


def _recipe(document: Any) -> Any:
    if document is None:
        return None
    from cnnspec.recipe.models import Recipe  # only networks with a recipe pay for it

    return Recipe.model_validate_json(_dumps(document))


def _dumps(document: Any) -> str:
    import json

    return json.dumps(document)


def _read_expectation(item: dict[str, Any]) -> Expectation:
    spec = parse(Source("<json>", f"expect {item['text']}"))
    statement = spec.statements[0]
    if not isinstance(statement, tree.Expect):
        raise unknown(f"{item['text']} is not an expectation")
    constants = ((name, tuple(v) if isinstance(v, list) else v) for name, v in item["constants"].items())
    return Expectation(item["text"], statement.condition, None, tuple(constants))
