"""onnxruntime's engine predicts what NumPy's does, with the weights as they are now."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cnnspec
from cnnspec.diagnostics import SpecError
from cnnspec.resources import example_path

pytestmark = pytest.mark.torch
pytest.importorskip("onnxruntime")

NAMES = ("lenet", "siamese_mnist", "segnet_digits", "vit_tiny_mnist", "mnist_best", "autoencoder_tied")


def images_for(network: cnnspec.Network, count: int) -> Any:
    random = np.random.default_rng(0)
    found = {node.name: random.integers(0, 256, (count, *node.output), np.uint8) for node in network.inputs}
    return found if len(found) > 1 else found[network.inputs[0].name]


@pytest.mark.parametrize("name", NAMES)
def test_it_gives_numpys_values(name: str) -> None:
    network = cnnspec.load(example_path(name))
    ours, theirs = network.build(1), network.build(1, "onnxruntime")
    images, last = images_for(network, 5), network.nodes[network.outputs[0].node].name
    keep = [network.layers[len(network.layers) // 2].name, last]
    expected, found = (model.forward(images, keep, batch=2) for model in (ours, theirs))
    assert found.keys() == expected.keys()
    for key, values in expected.items():
        np.testing.assert_allclose(found[key], values, atol=1e-5 * max(1.0, float(np.abs(values).max())))


def test_nobody_is_told_what_is_predicted(tmp_path: Path) -> None:
    """onnxruntime lays a file among the temporary ones where it means to tell its makers of a model."""
    quiet = {"CI", "ORT_DISABLE_TELEMETRY", "ORT_RUNNING_UNIT_TESTS"}
    variables = {name: value for name, value in os.environ.items() if name not in quiet}
    command = "import cnnspec; cnnspec.parse('input 2; dense 1').build(0, 'onnxruntime').predict([[1.0, 2]])"
    for before, left in (("", []), ("import onnxruntime;", [".ses"])):
        environment = variables | {"TMPDIR": str(tmp_path)}
        subprocess.run([sys.executable, "-c", before + command], check=True, env=environment)
        assert [path.name for path in tmp_path.iterdir()] == left


def test_assigned_weights_count_and_written_ones_are_refused() -> None:
    network = cnnspec.parse("input 3x3x1; conv 1 2x2")
    model, images = network.build(0, "onnxruntime"), np.ones((1, 3, 3, 1), np.float32)
    model.weights["conv1.weight"] = np.ones((1, 1, 2, 2))
    assert (model.predict(images) == 4).all()
    model.weights["conv1.bias"] = np.array([3.0])
    assert (model.predict(images) == 7).all()
    with pytest.raises(ValueError, match="read-only"):
        model.weights["conv1.bias"][...] = 0
    other = pickle.loads(pickle.dumps(model))
    other.weights["conv1.bias"] = np.array([0.0])
    assert (other.predict(images) == 4).all()
    assert (model.predict(images) == 7).all()


def test_no_images_have_no_answers() -> None:
    model = cnnspec.parse("input 4x4x1; flatten -> dense 2 -> softmax").build(0, "onnxruntime")
    assert (0, 2) == model.predict(np.zeros((0, 4, 4, 1), np.float32)).shape


def test_it_does_not_train_and_computes_in_32_bits() -> None:
    network = cnnspec.parse("input 4x4x1; flatten -> dense 2 -> softmax")
    with pytest.raises(SpecError, match="does not train"):
        network.build(0, "onnxruntime").fit((np.zeros((4, 4, 4, 1), np.uint8), np.array([0, 1, 0, 1])))
    with pytest.raises(ValueError, match="float32"):
        network.build(0, "onnxruntime", dtype="float64")
