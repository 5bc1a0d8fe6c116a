"""Shared weights: counted once, used each time, moved by the sum of gradients, saved once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file
from tools import Command, codes

import cnnspec
from cnnspec.backends.numpy.engine import NumpyEngine
from cnnspec.network.as_json import from_json, to_json
from cnnspec.network.write import write
from cnnspec.views.documents.as_json import document

SIAMESE = """
block tower {
  conv 4 3x3 -> relu -> maxpool 2
  conv 6 3x3 bias=no -> batchnorm -> relu -> flatten
}
input left 10x10x1
input right 10x10x1
from left
a: tower
from right
tower share=a
concat a
dense 3
"""
RECURRENT = """
input 6x6x2
conv 4 3x3 padding=1
c: conv 4 3x3 padding=1
repeat 2 { relu -> conv 4 3x3 padding=1 share=c }
flatten -> dense 3
"""


AUTOENCODER = """
input 6x6x2
flatten
enc1: dense 12 -> tanh
code: dense 3
dense 12 tied=code -> tanh
dense 72 tied=enc1 -> sigmoid
dense 3
"""
MIRRORED = """
input 8x8x3
a: conv 6 3x3 stride=2 padding=1 groups=3 -> tanh
b: conv 4 2x2 -> tanh
upconv 6 2x2 tied=b -> tanh
upconv 3 3x3 stride=2 padding=1 output_padding=1 groups=3 tied=a => 8x8x3
u: upconv 5 2x2 -> tanh
conv 3 2x2 tied=u
flatten -> dense 3
"""


def shares(text: str) -> dict[str, str]:
    return {node.name: node.share for node in cnnspec.parse(text).layers if node.share}


def test_each_layer_of_a_block_shares_with_its_twin() -> None:
    found = {"tower1.conv1": "a.conv1", "tower1.conv2": "a.conv2", "tower1.batchnorm1": "a.batchnorm1"}
    assert found == shares(SIAMESE)
    assert {"conv2": "c", "conv3": "c"} == shares(RECURRENT)


def test_what_shares_may_be_shared_again() -> None:
    text = "input 4; a: dense 4; b: dense 4 share=a; dense 4 share=b"
    assert {"b": "a", "dense1": "a"} == shares(text)
    nested = (
        "block in { dense 4 }; block out { x: in; in share=x }; input 4; a: out; b: out share=a; out share=b"
    )
    assert {"a.x.dense1"} == set(shares(nested).values())
    assert 5 == len(shares(nested))


def test_counted_once_and_each_time() -> None:
    analysis = cnnspec.analyze(SIAMESE)
    alone = cnnspec.analyze("input 10x10x1; conv 4 3x3 -> relu -> maxpool 2; conv 6 3x3 bias=no -> batchnorm")
    dense = 2 * 24 * 3 + 3
    assert alone.totals.params + dense == analysis.totals.params
    assert alone.totals.buffers == analysis.totals.buffers
    assert 2 * alone.totals.multiplies + 2 * 24 * 3 == analysis.totals.multiplies
    assert 4 * (analysis.totals.params + analysis.totals.buffers) >= analysis.totals.weight_bytes
    assert "counted there" in str(cnnspec.parse(SIAMESE).explain("tower1.conv1"))
    shared = next(layer for layer in document(analysis)["layers"] if layer["name"] == "tower1.conv2")
    assert ("a.conv2", 0) == (shared["share"], shared["params"])


def test_a_tied_weight_is_counted_once_and_a_bias_is_its_own() -> None:
    analysis = cnnspec.analyze(AUTOENCODER)
    rows = {row.name: (row.params, row.multiplies) for row in analysis.rows}
    assert {"enc1": (876, 864), "code": (39, 36), "dense1": (12, 36), "dense2": (72, 864)} == {
        name: rows[name] for name in ("enc1", "code", "dense1", "dense2")
    }
    assert 4 * analysis.totals.params == analysis.totals.weight_bytes
    assert analysis.totals.params == sum(
        array.size for array in cnnspec.parse(AUTOENCODER).build().weights.values()
    )
    assert "transposed, counted there" in str(cnnspec.parse(AUTOENCODER).explain("dense2"))
    told = next(layer for layer in document(analysis)["layers"] if layer["name"] == "dense2")
    assert ("enc1", 72, None) == (told["tied"], told["params"], told.get("share"))


def test_a_block_with_a_tied_layer_can_be_used_twice() -> None:
    text = "block coder { e: dense 3 -> tanh; dense 5 tied=e }; input 5; a: coder; coder share=a; dense 3"
    network = cnnspec.parse(text)
    again = network["coder1.dense1"]
    assert ("a.dense1", "a.e") == (again.share, again.tied)
    assert ["a.e.weight", "a.e.bias", "a.dense1.bias", "dense1.weight", "dense1.bias"] == list(
        network.weights
    )
    assert network == from_json(json.loads(json.dumps(to_json(network))))


@pytest.mark.parametrize("text", [SIAMESE, RECURRENT, AUTOENCODER, MIRRORED])
def test_written_and_read_again(text: str) -> None:
    network = cnnspec.parse(text)
    again = cnnspec.parse(write(network))
    assert [node.sharing for node in network.nodes] == [node.sharing for node in again.nodes]
    assert network.nodes == again.nodes or shares(text)
    assert network == from_json(json.loads(json.dumps(to_json(network))))


@pytest.mark.parametrize(
    "text, code",
    [
        ("input 8x8x3; a: conv 4 3x3; conv 4 3x3 share=a", "share-mismatch"),
        ("input 8x8x4; a: conv 4 3x3; conv 4 1x1 share=a", "share-mismatch"),
        ("input 8x8x4; a: conv 4 3x3; conv 4 3x3 bias=no share=a", "share-mismatch"),
        ("input 8x8x4; a: conv 4 3x3; upconv 4 3x3 share=a", "share-mismatch"),
        ("input 8x8x4; a: conv 4 3x3; relu share=a", "share-mismatch"),
        ("input 8x8x4; a: relu; conv 4 3x3 share=a", "share-mismatch"),
        ("input 8x8x4; a: conv 4 3x3; conv 4 3x3 frozen=yes share=a", "share-mismatch"),
        ("input 8x8x4; conv 4 3x3 share=b; b: conv 4 3x3", "unknown-label"),
        ("input 8x8x4; conv 4 3x3 share=nothing", "unknown-label"),
        ("block t n { conv n 1x1 }; input 8x8x4; a: t 4; t 5 share=a", "share-mismatch"),
        ("block t { conv 4 1x1 }; block u { conv 4 1x1 }; input 8x8x4; a: t; u share=a", "share-mismatch"),
        ("block t { conv 4 1x1 }; input 8x8x4; a: conv 4 1x1; t share=a", "share-mismatch"),
        ("block t { conv 4 1x1 }; input 8x8x4; a: t; conv 4 1x1 share=a", "share-mismatch"),
        ("block t n { repeat n { conv 4 1x1 } }; input 8x8x4; a: t 1; t 2 share=a", "share-mismatch"),
        ("block t { conv 4 1x1 }; input 8x8x4; t share=b", "unknown-label"),
        ("input 4; a: dense 5; dense 3 tied=a", "share-mismatch"),
        ("input 4; a: dense 5; relu tied=a", "share-mismatch"),
        ("input 4; a: relu; dense 4 tied=a", "share-mismatch"),
        ("input 4; a: dense 4; dense 4 tied=a share=a", "share-mismatch"),
        ("input 4; a: dense 4; b: dense 4 tied=a; dense 4 tied=b", "share-mismatch"),
        ("input 4; a: dense 5 frozen=yes; dense 4 tied=a", "share-mismatch"),
        ("input 8x8x4; a: conv 4 3x3; conv 4 3x3 tied=a", "share-mismatch"),
        ("input 8x8x4; a: conv 6 3x3 groups=2; upconv 2 3x3 tied=a", "share-mismatch"),
        ("block t { dense 4 }; input 4; a: dense 4; t tied=a", "share-mismatch"),
        ("input 4; dense 4 tied=a; a: dense 4", "unknown-label"),
    ],
)
def test_what_does_not_fit(text: str, code: str) -> None:
    assert [code] == codes(text)


@pytest.mark.parametrize(
    "text",
    [
        "input 8x8x4; a: conv 4 3x3 stride=2; conv 4 3x3 padding=1 dilation=2 share=a",
        "block t share=2 { conv share 1x1 }; input 8x8x4; t share=3",
        "input 8x8x4; a: conv 4 3x3 init=zeros frozen=yes; conv 4 3x3 share=a",
        "input 8x8x4; a: conv 6 3x3 stride=2; upconv 4 3x3 dilation=2 bias=no tied=a",
    ],
)
def test_what_may_differ(text: str) -> None:
    assert [] == codes(text)


# Engine ---------------------------------------------------------------------------------


def batch(text: str, count: int = 4, kind: Any = np.float32) -> tuple[Any, np.ndarray]:
    network, random = cnnspec.parse(text), np.random.default_rng(3)
    found = {node.name: random.random((count, *node.output)).astype(kind) for node in network.inputs}
    return found, np.arange(count) % 3


def test_weights_are_there_once(tmp_path: Path) -> None:
    model = cnnspec.parse(SIAMESE).build(1)
    assert not any(name.startswith("tower1") for name in model.weights)
    model.save(tmp_path / "w.safetensors")
    assert set(model.weights) == set(load_file(tmp_path / "w.safetensors"))
    images, _ = batch(SIAMESE)
    again = cnnspec.parse(SIAMESE).build(2).load(tmp_path / "w.safetensors")
    np.testing.assert_array_equal(model.predict(images), again.predict(images))


def test_equal_images_are_seen_equally() -> None:
    model = cnnspec.parse(SIAMESE).build(1)
    images, _ = batch(SIAMESE)
    same = {"left": images["left"], "right": images["left"]}
    kept = model.forward(same, keep=["a.flatten1", "tower1.flatten1"])
    np.testing.assert_allclose(kept["a.flatten1"], kept["tower1.flatten1"], atol=1e-6)


@pytest.mark.parametrize("kernels", ["fast", "reference"])
@pytest.mark.parametrize("text", [SIAMESE, RECURRENT, AUTOENCODER, MIRRORED])
def test_gradients_agree_with_differences(text: str, kernels: Any) -> None:
    engine = NumpyEngine(cnnspec.parse(text), dtype=np.float64, kernels=kernels)
    images, labels = batch(text, kind=np.float64)
    program = engine.compile(4, True)
    for _ in range(2):  # nothing of the step before is left
        program.step(images, labels)
    gradients = {name: values.copy() for name, values in engine.gradients.items()}

    def loss() -> float:
        program.forward()
        return program.loss()

    for name, gradient in gradients.items():
        place = np.unravel_index(gradient.size // 2, gradient.shape)
        before = engine.weights[name][place]
        both = []
        for by in (1e-6, -1e-6):
            engine.weights[name][place] = before + by
            both.append(loss())
        engine.weights[name][place] = before
        assert np.isclose(gradient[place], (both[0] - both[1]) / 2e-6, atol=1e-6), name


def test_a_use_that_no_loss_sees_adds_nothing() -> None:
    text = "input 6; a: dense 6; k: dense 6 share=a; from a; dense 3"
    alone, other = (
        NumpyEngine(cnnspec.parse(each), seed=5) for each in (text, "input 6; a: dense 6; dense 3")
    )
    random = np.random.default_rng(0).random((4, 6), np.float32)
    for engine in (alone, other):
        engine.weights.update({name: np.ones_like(v) / 7 for name, v in engine.weights.items()})
        for _ in range(3):
            engine.compile(4, True).step(random, np.arange(4) % 3)
    np.testing.assert_allclose(alone.gradients["a.weight"], other.gradients["a.weight"], atol=1e-6)


@pytest.mark.torch
def test_trains_as_in_pytorch() -> None:
    torch = pytest.importorskip("torch")
    nn = torch.nn
    tower = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 6, 3, bias=False),
        nn.BatchNorm2d(6), nn.ReLU(), nn.Flatten(),
    )  # fmt: skip
    end = nn.Linear(48, 3)
    engine = NumpyEngine(cnnspec.parse(SIAMESE), seed=1)
    names = {
        "a.conv1.weight": tower[0].weight, "a.conv1.bias": tower[0].bias, "a.conv2.weight": tower[3].weight,
        "a.batchnorm1.weight": tower[4].weight, "a.batchnorm1.bias": tower[4].bias,
        "dense1.weight": end.weight, "dense1.bias": end.bias,
    }  # fmt: skip
    with torch.no_grad():
        for name, values in names.items():
            values.copy_(torch.from_numpy(np.array(engine.weights[name])))
    images, labels = batch(SIAMESE, 6)
    left, right = (torch.from_numpy(images[name]).permute(0, 3, 1, 2) for name in ("left", "right"))
    optimizer = torch.optim.SGD([*tower.parameters(), *end.parameters()], lr=0.1)
    program = engine.compile(6, True)
    for _ in range(4):
        optimizer.zero_grad()
        first, second = tower(left), tower(right)
        loss = nn.functional.cross_entropy(end(torch.cat([second, first], 1)), torch.from_numpy(labels))
        loss.backward()
        mine, _ = program.step(images, labels)
        assert np.isclose(mine / 6, loss.item(), atol=1e-5)
        for name, values in names.items():
            np.testing.assert_allclose(engine.gradients[name], values.grad.numpy(), atol=1e-5, err_msg=name)
        optimizer.step()
        engine.flat -= np.float32(0.1) * engine.flat_gradient
    for name, values in (("running_mean", tower[4].running_mean), ("running_var", tower[4].running_var)):
        np.testing.assert_allclose(engine.weights[f"a.batchnorm1.{name}"], values.numpy(), atol=1e-5)


@pytest.mark.torch
@pytest.mark.parametrize("text", [AUTOENCODER, MIRRORED])
def test_tied_weights_move_as_in_pytorch(text: str) -> None:
    """By the sum of the gradients of both uses, over several steps."""
    torch = pytest.importorskip("torch")
    f = torch.nn.functional

    def coded(x: Any, w: Any) -> Any:
        x = x.permute(0, 3, 1, 2).flatten(1)
        x = f.linear(f.linear(x, w["enc1.weight"], w["enc1.bias"]).tanh(), w["code.weight"], w["code.bias"])
        x = f.linear(x, w["code.weight"].T, w["dense1.bias"]).tanh()
        x = f.linear(x, w["enc1.weight"].T, w["dense2.bias"]).sigmoid()
        return f.linear(x, w["dense3.weight"], w["dense3.bias"])

    def mirrored(x: Any, w: Any) -> Any:
        x = f.conv2d(x.permute(0, 3, 1, 2), w["a.weight"], w["a.bias"], 2, 1, groups=3).tanh()
        x = f.conv2d(x, w["b.weight"], w["b.bias"]).tanh()
        x = f.conv_transpose2d(x, w["b.weight"], w["upconv1.bias"]).tanh()
        x = f.conv_transpose2d(x, w["a.weight"], w["upconv2.bias"], 2, 1, 1, groups=3)
        x = f.conv_transpose2d(x, w["u.weight"], w["u.bias"]).tanh()
        x = f.conv2d(x, w["u.weight"], w["conv1.bias"])
        return f.linear(x.flatten(1), w["dense1.weight"], w["dense1.bias"])

    run = coded if text == AUTOENCODER else mirrored
    engine = NumpyEngine(cnnspec.parse(text), seed=1, dtype=np.float64)
    weights = {name: torch.tensor(np.array(values)) for name, values in engine.weights.items()}
    for values in weights.values():
        values.requires_grad_()
    images, labels = batch(text, 6, np.float64)
    given = torch.tensor(next(iter(images.values())))
    program = engine.compile(6, True)
    for _ in range(3):
        loss = f.cross_entropy(run(given, weights), torch.from_numpy(labels))
        found = dict(zip(weights, torch.autograd.grad(loss, [*weights.values()]), strict=True))
        program.step(images, labels)
        for name, expected in found.items():
            np.testing.assert_allclose(engine.gradients[name], expected.numpy(), atol=1e-10, err_msg=name)
        engine.flat -= 0.5 * engine.flat_gradient
        with torch.no_grad():
            for name, gradient in found.items():
                weights[name] -= 0.5 * gradient


# Views ----------------------------------------------------------------------------------


def test_shown_and_exported_as_one_module(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    path = tmp_path / "siamese.cnn"
    path.write_text(SIAMESE)
    _, out, _ = command("analyze", str(path))
    assert "conv 4 3x3 share=a.conv1 ← right" in " ".join(out.split())
    assert "weights of a.conv1" in cnnspec.parse(SIAMESE).draw()
    code, out, err = command("export", str(path), "--to", "pytorch", "-o", "-")
    assert (0, "") == (code, err)
    assert (1, 2) == (out.count("self.a = "), out.count("self.a("))


def test_tied_layers_are_told(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    path = tmp_path / "tied.cnn"
    path.write_text(AUTOENCODER)
    _, out, _ = command("analyze", str(path))
    assert "dense 72 tied=enc1" in out
    assert "weights of enc1, transposed" in cnnspec.parse(AUTOENCODER).draw()


@pytest.mark.torch
@pytest.mark.parametrize("text", [AUTOENCODER, MIRRORED, "input 4; a: dense 4; relu; dense 4 tied=a"])
def test_tied_weights_go_out_to_onnx(text: str) -> None:
    runtime = pytest.importorskip("onnxruntime")
    from cnnspec.exchange.onnx_out.encode import encoded

    model = cnnspec.parse(text).build(1)
    images, _ = batch(text)
    (given,) = images.values()
    session = runtime.InferenceSession(encoded(model.network, dict(model.weights)))
    (found,) = session.run(None, {session.get_inputs()[0].name: np.moveaxis(given, -1, 1)})
    np.testing.assert_allclose(model.predict(given), found.reshape(len(given), -1), atol=1e-5)


def test_the_sum_of_a_tied_weights_gradients_is_written_out(command: Command) -> None:
    spec = "input 2; a: dense 2; relu; dense 2 tied=a; softmax"
    given = ["gradient", "-e", spec, "--input", "1 2", "--target", "0", "--weights", "a=1 2; 3 4"]
    code, out, _ = command(*given)
    assert 0 == code
    engine = NumpyEngine(cnnspec.parse(spec), dtype=np.float64)
    engine.weights.update({"a.weight": [[1, 2], [3, 4]]})
    engine.compile(1, True).step(np.array([[1.0, 2.0]]), np.array([0]))
    assert f"{engine.gradients['a.weight'][0, 1]:.4g}".rstrip("0") in out
