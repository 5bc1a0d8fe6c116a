"""Networks as ONNX files: checked, run by ONNX Runtime, equal to NumPy, equal each time."""

from __future__ import annotations

from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import pytest
from fuzz.limits import Verdict, measured

import cnnspec
from cnnspec.cli.main import run
from cnnspec.layers.registry import LAYERS
from cnnspec.network.graph import Network
from cnnspec.resources import example_names

pytestmark = pytest.mark.torch

LONG = ("dncnn", "densenet121", "resnet18")
"""Examples that take long to run."""
LARGE = 12_000_000
"""Parameters up to which an example is built here."""


def filled(network: Network, seed: int = 0) -> Any:
    """A model whose norms have statistics of their own."""
    model, rng = network.build(seed=seed), np.random.default_rng(seed)
    for name, values in model.weights.items():
        if "running" in name:
            model.weights[name] = rng.uniform(0.5, 1.5, values.shape).astype("float32")
    return model


def compare(network: Network, data: bytes, model: Any, tolerance: float) -> None:
    """What ONNX Runtime computes with the file is what the model computes."""
    onnxruntime = pytest.importorskip("onnxruntime")
    count = 2 if np.prod(network.input) < 100_000 else 1
    rng = np.random.default_rng(1)
    x = {node.name: rng.standard_normal((count, *node.output)).astype("float32") for node in network.inputs}
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    found = session.run(None, {name: np.moveaxis(values, -1, 1) for name, values in x.items()})
    wanted = model.forward(x)
    for output, values in zip(network.outputs, found, strict=True):
        scale = max(1.0, float(np.abs(wanted[output.name]).max()))
        assert np.abs(np.moveaxis(values, 1, -1) - wanted[output.name]).max() <= tolerance * scale


def exported(network: Network, model: Any, text: str = "") -> bytes:
    from cnnspec.exchange.onnx_out.encode import encoded

    return encoded(network, model.weights, text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("input 1x1x2147483648; upsample 2 mode=nails", "a constant of 8,589,934,592 values"),
        ("input 2147483648; layernorm affine=no", "a constant of 2,147,483,648 values"),
        ("input 2x2x100003; lrn 4", "a constant of 10,000,600,009 values"),
        ("input 30x30x1; repeat 500 { medianpool 5x5 stride=1; pad 2 }", "steps for 25 places"),
        ("input 100003x2x200; subsample 100003x2", "a constant of 40,001,200 values"),
        ("input 100003x2x1; upsample to=1000000007x3", "a constant of 1,000,000,010 values"),
        ("input 100003x2x1; maxpool to=100002x2", "steps for 100,004 places"),
        ("input 1000x1000x1; medianpool 101x101", "steps for 10,201 places"),
        ("input 1000000000000000x100003x64; attention 4", "larger than the 64 bits of ONNX hold"),
        ('input 9x9x2147483648; conv 2 3x3 connections="0 1; 1"', ""),
    ],
)
def test_what_goes_too_far_is_refused_before_it_is_made(text: str, said: str) -> None:
    network = cnnspec.parse(text)
    with measured(verdict := Verdict()):
        if said:
            with pytest.raises(cnnspec.SpecError) as caught:
                exported(network, network.build())
            assert said in caught.value.diagnostics[0].message
        else:
            exported(network, network.build())
    assert verdict.memory < 200_000_000


def test_very_many_attentions_are_written_in_time() -> None:
    network = cnnspec.parse("input 8x8x4" + " -> attention 2" * 500)
    model, started = network.build(), process_time()
    exported(network, model)
    assert process_time() - started < 4


@pytest.mark.parametrize("word", LAYERS)
def test_every_layer_is_written(word: str) -> None:
    network = cnnspec.parse(LAYERS[word].spec())
    model = filled(network)
    compare(network, exported(network, model), model, 1e-5)


SETTINGS = [
    "input 9x9x4; conv 6 3x3 stride=2 padding=same dilation=2 groups=2 bias=no",
    "input 9x9x4; conv 6 (3, 2) padding=(0, 1, 2, 1)",
    "input 9x9x4; depthwise 3x3 multiplier=2 padding=full",
    "input 12x3; conv 5 3", "input 6x7x8x2; conv 3 3x3x3 -> maxpool 2x2x2",
    "input 7x7x4; upconv 6 3x3 stride=2 output_padding=1 padding=1 groups=2",
    "input 7x7x4; upconv 6 2x2 stride=3 padding=same",
    "input 8x8x3; maxpool 3x3 stride=2 padding=1 rounding=ceil dilation=2",
    "input 7x7x3; avgpool 2x2 rounding=ceil", "input 7x7x3; avgpool 3x3 stride=2 padding=1",
    "input 7x7x3; avgpool 3x3 stride=2 padding=1 count_padding=no rounding=ceil",
    "input 8x8x3; avgpool 3x3 stride=2 padding=1 rounding=ceil",
    "input 7x7x3; subsample 2x2 rounding=ceil", "input 8x8x3; minpool 3x3 stride=2 padding=same",
    "input 7x7x3; p: maxpool 2x2 rounding=ceil; unpool p", "input 7x7x3; p: maxpool 2x2; unpool p",
    "input 6x6x3; pad (1, 2, 0, 1) mode=reflect", "input 6x6x3; pad 2 mode=replicate",
    "input 9x9x3; crop (1, 2, 0, 3)", "input 5x5x3; upsample 2x3 mode=nails",
    "input 5x5x3; upsample 3", "input 5x5x3; upsample 3 mode=bilinear", "input 5x4; upsample 3 mode=bilinear",
    "input 9x9x4; relu max=6; leakyrelu 0.2; elu 0.5; gelu approximate=tanh; prelu shared=yes",
    "input 9x9x4; softmax", "input 6x6x4; layernorm over=channels epsilon=1e-3", "input 6; layernorm",
    "input 6x6x4; batchnorm affine=no; groupnorm 2 affine=no; instancenorm affine=no; layernorm affine=no",
    "input 6x6x4; lrn 3 alpha=0.1 k=2", "input 4x4x8; add { | | globalavgpool | conv 8 1x1 }",
    "input 4x4x8; multiply { | | globalavgpool -> flatten -> sigmoid }", "input 8; dense 4 bias=no",
    "input 6x5x8; attention 2", "input 7x8; attention 4 bias=no scaled=no width=12",
    "input 6x5x8; a: conv 4 1x1; from input; attention 2 to=a",
    "input 5x8; a: relu; conv 8 1; attention 2 to=a",
    "input 6x5x8; positions", "input 7x8; positions; token", "input 3x4x8; token 2; crop to=1 at=start",
    "input 9x9x5; lrn 4 alpha=0.5", "input 7; lrn 2", "input 9x9x3; medianpool 3x3 stride=2",
    "input 8x6x3; medianpool 2x2", "input 9x7x3; avgpool to=4x3", "input 11x2; maxpool to=4",
    "input 6x6x3; upsample to=9x11", "input 6x6x3; upsample to=4x9 mode=bilinear",
    "input 7x7x3; upsample 1.5",
    "input 6x6x3; upsample 1.5 mode=bicubic", "input 6x6x3; upsample to=9x9 mode=bilinear align=corners",
    "input 4x6; pixelshuffle 3", "input 2x3x4x16; pixelshuffle 2 order=dcr", "input 6x4; pixelunshuffle 2",
    "input 4x6x2; pixelunshuffle 2", "input 9x9x3; p: minpool 2x2; unpool p", "input 8x8x2; transpose",
    "input 4x4x2; concat { | | relu | conv 3 1x1 }; head a { flatten; dense 2 }; flatten; dense 3",
]  # fmt: skip


@pytest.mark.parametrize("spec", SETTINGS)
def test_settings_mean_the_same_there(spec: str) -> None:
    network = cnnspec.parse(spec)
    model = filled(network)
    compare(network, exported(network, model), model, 1e-5)


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.slow) if name in LONG else name for name in example_names()],
)
def test_every_example_computes_the_same_numbers(name: str) -> None:
    network = cnnspec.load(name)
    if cnnspec.analyze(network).totals.params > LARGE:
        pytest.skip("the same layers as in smaller ones")
    model = filled(network)
    data = exported(network, model)
    compare(network, data, model, 1e-4)
    assert data == exported(network, filled(network))


def test_a_file_tells_names_batch_opset_and_spec() -> None:
    onnx = pytest.importorskip("onnx")
    network = cnnspec.load("lenet")
    model = onnx.load_from_string(exported(network, network.build(seed=0), "input 1"))
    names = {tensor.name for tensor in model.graph.initializer}
    assert names == {name for node in network.layers for name in node.weights}
    assert [node.name for node in model.graph.node][:3] == ["conv1", "relu1", "maxpool1"]
    assert model.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "N"
    assert model.opset_import[0].version == 7
    assert {entry.key: entry.value for entry in model.metadata_props} == {"cnnspec.spec": "input 1"}


def test_several_inputs_keep_their_names() -> None:
    runtime = pytest.importorskip("onnxruntime")
    network = cnnspec.parse("input a 4x4x2; input b 4x4x2; from a; conv 2 1x1; add b")
    model, rng = network.build(seed=0), np.random.default_rng(0)
    given = {name: rng.standard_normal((2, 4, 4, 2)).astype("float32") for name in ("a", "b")}
    session = runtime.InferenceSession(exported(network, model), providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {name: np.moveaxis(values, -1, 1) for name, values in given.items()})
    assert np.abs(np.moveaxis(found, 1, -1) - model.predict(given)).max() < 1e-5


def test_all_that_cannot_be_said_is_told_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = "input 8x8x4; m: medianpool 3x3 stride=1 padding=1\np: maxpool 3x3 stride=2 padding=1; conv 4 1x1"
    spec += "; unpool p"
    assert run(["export", "-e", spec, "--to", "onnx", "-o", str(tmp_path / "x.onnx")]) == 1
    said = " ".join(capsys.readouterr().err.split())
    assert [name in said for name in ("say m ", "unpool1")] == [True] * 2
    assert list(tmp_path.iterdir()) == []


def test_weights_come_from_a_file_or_a_run_and_fresh_ones_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    network = cnnspec.load("mnist_softmax")
    model = network.build(seed=5)
    model.save(tmp_path / "w.safetensors")
    place = tmp_path / "net.onnx"
    assert (
        run(["export", "mnist_softmax", "-o", str(place), "--weights", str(tmp_path / "w.safetensors")]) == 0
    )
    compare(network, place.read_bytes(), model, 1e-5)
    capsys.readouterr()
    assert run(["export", "mnist_softmax", "-o", str(place), "--seed", "3", "--force"]) == 0
    assert "fresh weights (seed 3)" in capsys.readouterr().err
    compare(network, place.read_bytes(), network.build(seed=3), 1e-5)
