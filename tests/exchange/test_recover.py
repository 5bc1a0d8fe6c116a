"""Flat networks as specs that a person would have written: known blocks, repeats, and where these begin."""

from __future__ import annotations

import pytest

import cnnspec
from cnnspec.exchange.recover.spec import recover

SAID = {
    "resnet18": "repeat 2 { residual 64 }\nresidual 128 stride=2\nresidual 128\n",
    "resnet34": "residual 256 stride=2\nrepeat 5 { residual 256 }\n",
    "resnet50": "repeat 3 { bottleneck 64 }\nbottleneck 128 stride=2\nrepeat 3 { bottleneck 128 }\n",
    "mobilenet_v1": "repeat 5 {\n  depthwise 3x3 padding=1 bias=no -> batchnorm -> relu -> conv 512 1x1",
    "mobilenet_v2": "inverted_residual 64 stride=2\nrepeat 3 { inverted_residual 64 }\n",
    "vgg16": "repeat 2 { repeat 3 { conv 512 3x3 padding=1 -> relu } -> maxpool 2x2 }\nflatten\n",
    "vit_tiny_mnist": "repeat 4 {\n  add { | layernorm over=channels -> attention 4 | }",
    "convnext_mnist": "repeat 4 {\n  add {\n    | depthwise 7x7 padding=3 -> layernorm epsilon=1e-06",
    "siamese_mnist": "conv 16 5x5 share=",
}


@pytest.mark.parametrize("name", SAID)
def test_an_example_is_found_again(name: str) -> None:
    network = cnnspec.load(name)
    found = recover(network)
    assert SAID[name] in found.text
    again = cnnspec.parse(found.text)
    assert len(again.layers) == len(network.layers)
    assert cnnspec.analyze(again).totals.params == cnnspec.analyze(network).totals.params
    assert set(found.names) == {node.name for node in network.layers}


@pytest.mark.parametrize("spec, said", [
    ("input 8x8x24; inverted_residual 32 stride=2; inverted_residual 32", "stride=2\ninverted_residual 32\n"),
    ("input 8x8x32; conv 32 1x1; squeeze_excite 4; squeeze_excite", "squeeze_excite 4\nsqueeze_excite\n"),
    ("input 8x8x8; a: residual 8; conv 4 1x1; head side { from a; conv 2 1x1 }", "a.relu2: relu"),
    ("input 8x8x8; subtract { | conv 8 1x1 | }", "subtract { | conv 8 1x1 | }"),
], ids=["stride", "squeeze", "named from elsewhere", "an order that counts"])  # fmt: skip
def test_known_blocks_are_named(spec: str, said: str) -> None:
    assert said in recover(cnnspec.parse(spec)).text
