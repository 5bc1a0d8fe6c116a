"""Networks as flat specs and as JSON: what is read back is the same network."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

import cnnspec
from cnnspec.layers.conv import Conv
from cnnspec.layers.dense import Dense
from cnnspec.layers.registry import LAYERS
from cnnspec.layers.writing import sentence
from cnnspec.network.as_json import SCHEMA, from_json, to_json
from cnnspec.network.assemble import NamedLayer, assemble
from cnnspec.network.graph import Network
from cnnspec.network.write import legal_name, write
from cnnspec.resources import example_names


def flat(network: Network) -> Network:
    """Without the groups of blocks and repeats, which a flat spec cannot have."""
    return replace(network, nodes=tuple(replace(node, groups=()) for node in network.nodes))


@pytest.mark.parametrize("name", example_names())
def test_every_example_is_written_and_read_the_same(name: str) -> None:
    network = cnnspec.load(name)
    assert flat(network) == cnnspec.parse(write(network))


@pytest.mark.parametrize("name", example_names())
def test_every_example_goes_through_json(name: str) -> None:
    network = cnnspec.load(name)
    document = json.loads(json.dumps(to_json(network)))
    assert (SCHEMA, network) == (document["schema"], from_json(document))


def test_a_plain_chain_needs_no_labels() -> None:
    network = cnnspec.parse("network N; input 8x8x1; conv 2 3x3 padding=same -> relu; conv 2 3 bias=no")
    assert (
        "network N\n\ninput 8x8x1\nconv 2 3x3 padding=same\nrelu\nconv 2 3 bias=no\n"
    ) == write(network)  # fmt: skip


def test_what_is_read_from_afar_is_labelled() -> None:
    network = cnnspec.parse("input 4; dense 4; add { | relu | tanh }; head a weight=0.5 { dense 2 }; dense 3")
    lines = write(network).splitlines()
    assert ["input 4", "dense1: dense 4", "relu1: relu", "from dense1", "tanh1: tanh"] == lines[:5]
    assert ["from relu1", "add1: add tanh1", "a.dense1: dense 2", "from add1"] == lines[5:9]
    assert ["dense 3", "head a weight=0.5 { from a.dense1 }"] == lines[9:]


def test_names_that_no_count_would_give_are_labelled() -> None:
    network = cnnspec.parse("input 4; relu; relu7: relu; x: relu; relu")
    text = write(network)
    assert "input 4\nrelu\nrelu7: relu\nx: relu\nrelu\n" == text
    assert network == cnnspec.parse(text)


def test_names_keep_their_paths() -> None:
    network = cnnspec.parse("block b { relu; tanh }\ninput 4\nb\nb")
    assert "input 4\nb1.relu1: relu\nb1.tanh1: tanh\nb2.relu1: relu\nb2.tanh1: tanh\n" == write(network)
    assert ("b2", "tanh1") == cnnspec.parse(write(network))["b2.tanh1"].path


def test_expectations_bring_their_constants_and_the_recipe_comes_last() -> None:
    text = "let most = 5\ninput 4\nexpect params <= most\ntrain { epochs 7; optimizer sgd rate=0.5 }"
    written = write(cnnspec.parse(text))
    assert (
        "input 4\nlet most = 5\nexpect params <= most\n\ntrain {\n  optimizer sgd rate=0.5\n  epochs 7\n}\n"
    ) == written
    assert cnnspec.parse(text) == cnnspec.parse(written)


RECIPES = [
    "data mnist validation=0.1",
    "data images \"some/folder\" resize=yes",
    "optimizer adamw rate=0.002 beta1=0.8",
    "optimizer rmsprop",
    "schedule exponential 0.6",
    "schedule step every=2 factor=0.5 warmup=1",
    "schedule onecycle 0.05 climb=0.2",
    "loss crossentropy smoothing=0.1",
    "loss mse",
    "initial glorot",
    "normalise standard",
    "augment shift=2 rotate=10 flip=yes",
    "classweights balanced",
    "classweights (1, 2, 0.5)",
    "clip 1.5",
    "stop patience=4",
    "batch 32; seed 3; epochs 1",
]  # fmt: skip


@pytest.mark.parametrize("recipe", RECIPES)
def test_recipes_are_written_and_read_the_same(recipe: str) -> None:
    network = cnnspec.parse(f"input 4x4x1\nflatten -> dense 3\ntrain {{ {recipe} }}")
    assert network.recipe is not None
    assert network.recipe == cnnspec.parse(write(network)).recipe
    assert network.recipe == from_json(json.loads(json.dumps(to_json(network)))).recipe


LAYERS_AS_WRITTEN = [
    "conv 16 5x5 stride=2 padding=same",
    "conv 16 5 padding=(1, 2, 1, 2)",
    "conv 16 5x3 stride=1x2",
    'conv 2 5x5 connections="0 1; 2 3"',
    "conv 16 5x5 connections=lenet1998",
    "conv 4 3x3 weights=edge frozen=yes",
    'conv 2 2x2 weights="[0 1; 2 3]/9 | 1/2 0; 0 -1"',
    "depthwise 3x3 multiplier=2",
    "relu max=6",
    "dropout 0.25",
    "avgpool 3x3 rounding=ceil",
    "dense 10 bias=no frozen=yes",
    "slice 0 3",
    "crop to=4x4",
    "pad (1, 2)",
]


@pytest.mark.parametrize("text", LAYERS_AS_WRITTEN)
def test_layers_are_written_as_they_are_read(text: str) -> None:
    from cnnspec.binding.values import Sight, evaluate
    from cnnspec.network.made_layers import MadeLayer, make_layer
    from cnnspec.syntax import tree
    from cnnspec.syntax.parse import parse
    from cnnspec.text import Source

    (line,) = parse(Source("x", text)).statements
    assert isinstance(line, tree.LayerSentence)
    kind = LAYERS[line.word]
    given = dict(zip(kind.positional, line.arguments, strict=False))
    given |= {option.name: option.value for option in line.options}
    made = make_layer(
        kind, {name: evaluate(value, Sight(lambda name: name.text, {})) for name, value in given.items()}
    )
    assert isinstance(made, MadeLayer)
    assert text == sentence(made.layer)


def test_names_from_elsewhere_are_made_legal_and_different() -> None:
    taken: set[str] = set()
    found = [legal_name(name, taken) for name in ("layer1.0.conv", "a b", "a-b", "", "and", "input", "/x/y")]
    assert ["layer1._0.conv", "a_b", "a_b_2", "layer", "and_", "input_", "x.y"] == found


def test_a_name_that_cannot_be_written_is_refused() -> None:
    network = assemble("N", (4, 4, 1), [NamedLayer("a b", Conv(filters=2, kernel=(3,)), ["input"])])
    with pytest.raises(ValueError, match="cannot be a name"):
        write(network)


# Built without a text ---------------------------------------------------------------


def test_layers_are_assembled_and_every_shape_inferred() -> None:
    conv, add = Conv(filters=2, kernel=(3,), padding=(1,)), LAYERS["add"]()
    network = assemble(
        "N", (6, 6, 2), [NamedLayer("a", conv, ["input"]), NamedLayer("s.b", add, ["a", "input"])]
    )
    assert cnnspec.parse("network N\ninput 6x6x2\na: conv 2 3 padding=1\ns.b: add input") == network


def test_all_layers_that_do_not_fit_are_told() -> None:
    conv, dense = Conv(filters=2, kernel=(9,)), Dense(units=3)
    parts = [
        NamedLayer("a", conv, ["input"]),
        NamedLayer("after", conv, ["a"]),
        NamedLayer("b", dense, ["input"]),
        NamedLayer("b2", dense, ["nowhere"]),
        NamedLayer("c", LAYERS["add"](), ["input"]),
    ]
    with pytest.raises(cnnspec.SpecError) as caught:
        assemble("N", (4, 4, 1), parts)
    assert [
        "needs-a-vector", "unknown-label", "window-larger-than-input", "wrong-number-of-inputs",
    ] == [item.code for item in caught.value.diagnostics]  # fmt: skip


DOCUMENT = to_json(cnnspec.parse("input 4x4x1; conv 2 3x3; relu"))


@pytest.mark.parametrize(
    "damage",
    [
        lambda d: d.update(schema="other/1"),
        lambda d: d.pop("layers"),
        lambda d: d["layers"][0].update(kind="nothing"),
        lambda d: d["layers"][0]["options"].update(kernel=[0, 3]),
        lambda d: d["layers"][0]["options"].update(foo=1),
        lambda d: d["layers"][0].update(output=[9, 9, 9]),
        lambda d: d["layers"][1].update(inputs=["nowhere"]),
        lambda d: d["layers"][1].update(groups=[3]),
        lambda d: d["outputs"][0].update(layer="nowhere"),
        lambda d: d.update(expectations=[{"text": "params <", "constants": {}}]),
        lambda d: d.update(recipe={"epochs": -1}),
        lambda d: d.update(input="x"),
    ],
)
def test_damaged_documents_are_refused(damage: Callable[[Any], object]) -> None:
    document = json.loads(json.dumps(DOCUMENT))
    damage(document)
    with pytest.raises(cnnspec.SpecError):
        from_json(document)


@pytest.mark.parametrize("document", [None, [], 3, "x", {}])
def test_what_is_no_document_is_refused(document: object) -> None:
    with pytest.raises(cnnspec.SpecError, match="not-a-network"):
        from_json(document)
