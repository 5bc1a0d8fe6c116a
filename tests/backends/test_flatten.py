"""Dense layers read a map in the weights' order, which is PyTorch's, whether or not flatten moves it."""

from __future__ import annotations

import numpy as np
import pytest
from cases.single import Toward

import cnnspec
from cnnspec.backends.numpy.engine import NumpyEngine
from cnnspec.backends.numpy.kernels import dense
from cnnspec.backends.numpy.kernels.reshape import ReshapeStep

SPECS = {
    "one": "input 5x4x3; conv 4 2x2 -> relu -> flatten -> dense 3",
    "at once": "input 5x4x3; flatten -> dense 3",
    "two readers": "input 5x4x3; conv 4 2x2; flatten; add { | dense 3 | dense 3 }",
    "frozen": "input 5x4x3; conv 4 2x2 -> flatten -> dense 3 frozen=yes",
    "three axes": "input 3x4x5x2; conv 3 2x2x2 -> flatten -> dense 3",
    "one axis": "input 6x2; conv 3 2 -> flatten -> dense 3",
    "one channel": "input 5x4x1; conv 1 2x2 -> flatten -> dense 3",
    "reshaped": "input 5x4x3; reshape 2x5x6 -> flatten -> dense 3",
    "moved": "input 5x4x3; conv 4 2x2 -> flatten -> tanh -> dense 3",
}


def trained(model: NumpyEngine, images: np.ndarray, wanted: np.ndarray) -> list[np.ndarray]:
    """The output and all gradients of a pass."""
    program = model.compile(len(images), True, loss=Toward, input_gradient=True)
    program.load(images, wanted)
    program.forward()
    output = program.result().copy()
    program.backward()
    return [output, program.input_gradient().copy(), *(values.copy() for values in model.gradients.values())]


@pytest.mark.parametrize("part_bytes", [1, 300, dense.PART_BYTES])
@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_it_equals_the_definition(spec: str, part_bytes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dense, "PART_BYTES", part_bytes)
    network, random = cnnspec.parse(spec), np.random.default_rng(0)
    images, wanted = random.standard_normal((2, *network.input)), random.standard_normal((2, 3))
    fast, plain = (
        trained(
            NumpyEngine(network, dtype="float64", kernels="reference" if reference else "fast"),
            images,
            wanted,
        )
        for reference in (False, True)
    )
    for found, expected in zip(fast, plain, strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-12)


def test_no_value_is_moved_for_dense_layers_alone() -> None:
    network = cnnspec.parse("input 5x4x3; conv 4 2x2 -> flatten -> dense 3")
    assert ReshapeStep not in map(type, NumpyEngine(network).compile(2, True).steps)
    assert ReshapeStep in map(type, NumpyEngine(network).compile(2, True, keep=["flatten1"]).steps)


def test_a_kept_flatten_is_in_pytorchs_order() -> None:
    network = cnnspec.parse("input 2x3x2; flatten -> dense 3")
    images = np.random.default_rng(0).standard_normal((2, 2, 3, 2)).astype(np.float32)
    kept = NumpyEngine(network).forward(images, keep=["flatten1"])["flatten1"]
    np.testing.assert_array_equal(kept, images.transpose(0, 3, 1, 2).reshape(2, -1))
