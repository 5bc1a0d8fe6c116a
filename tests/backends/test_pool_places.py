"""Places that pools remember, medians: whatever the values are, and however large the window."""

from __future__ import annotations

import numpy as np
import pytest
from cases.single import Toward

import cnnspec
from cnnspec.backends.numpy.engine import NumpyEngine
from cnnspec.backends.numpy.kernels.pool_places import PlacePool

STRANGE = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, 2.0])
SPECS = {
    "apart": "input 6x6x2; p: maxpool 2x2 -> unpool p",
    "overlapping": "input 6x6x2; p: maxpool 3x3 stride=1 -> unpool p",
    "padded": "input 6x6x2; p: minpool 3x3 stride=2 padding=1 -> unpool p",
    "rest": "input 7x6x2; p: maxpool 3x2 stride=(2, 3) -> unpool p",
    "twice": "input 6x6x2; p: maxpool 2x2 ; add { | tanh -> unpool p | unpool p }",
    "nested": "input 8x8x1; p: maxpool 2x2; q: maxpool 2x2; unpool q -> unpool p",
    "wide": "input 18x18x1; p: maxpool 17x17 stride=1 -> unpool p",
    "median": "input 6x6x2; medianpool 3x3 stride=1 padding=1",
    "median of four": "input 6x6x2; medianpool 2x2",
    "wide median": "input 17x17x1; medianpool 17x16 stride=1",
}


@pytest.mark.parametrize("strange", [False, True], ids=["plain", "strange"])
@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_it_equals_the_definition(spec: str, strange: bool) -> None:
    network, random = cnnspec.parse(spec), np.random.default_rng(1)
    images = random.standard_normal((2, *network.input)).round(1)
    if strange:
        where = random.random(images.shape) < 0.3
        images[where] = random.choice(STRANGE, np.count_nonzero(where))
    wanted = random.standard_normal((2, *network.output))
    found = []
    for reference in (False, True):
        program = NumpyEngine(network, dtype="float64", kernels="reference" if reference else "fast").compile(
            2, True, loss=Toward, input_gradient=True
        )
        program.load(images, wanted)
        with np.errstate(invalid="ignore"):
            program.forward()
            output = program.result().copy()
            program.backward()
        found.append((output, program.input_gradient().copy()))
    for fast, plain in zip(*found, strict=True):
        np.testing.assert_allclose(fast, plain, rtol=1e-12, atol=1e-12)


def test_predicting_gives_what_training_gives() -> None:
    network = cnnspec.parse("input 7x7x2; p: maxpool 3x3 stride=2 -> conv 2 1x1 -> unpool p -> conv 3 3x3")
    model = NumpyEngine(network)
    images = np.random.default_rng(0).standard_normal((2, 7, 7, 2)).astype(np.float32)
    program = model.compile(2, True, loss="mse")
    program.load(images, np.zeros((2, *network.output), np.float32))
    program.forward()
    np.testing.assert_allclose(model.predict(images), program.result(), atol=1e-6)


@pytest.mark.parametrize("window, kind", [("16x16", np.uint8), ("17x16", np.uint16)])
def test_a_place_is_as_small_as_its_window_allows(window: str, kind: type) -> None:
    network = cnnspec.parse(f"input 34x34x1; p: maxpool {window} -> unpool p")
    pools = [step for step in NumpyEngine(network).compile(1).steps if isinstance(step, PlacePool)]
    assert [np.dtype(kind)] == [pool.places.dtype for pool in pools]


@pytest.mark.parametrize("strange", [False, True], ids=["plain", "strange"])
@pytest.mark.parametrize(
    "spec",
    [
        "input 3x400x2; globalmaxpool",
        "input 400x3; minpool 150 stride=40",
        "input 600x1; maxpool 150 dilation=3 stride=2",
        "input 500x2; maxpool to=3",
        "input 500x2; maxpool 301 stride=100 padding=150",
        "input 500x2; avgpool 301 stride=100 padding=150",
        "input 500x2; avgpool 301 stride=100 padding=150 count_padding=yes",
    ],
)
def test_windows_of_many_taps_predict_what_the_definition_says(spec: str, strange: bool) -> None:
    network, random = cnnspec.parse(spec), np.random.default_rng(1)
    images = random.standard_normal((2, *network.input))
    if strange and "avg" not in spec:
        where = random.random(images.shape) < 0.01
        images[where] = random.choice(STRANGE, np.count_nonzero(where))
    fast, slow = (
        NumpyEngine(network, dtype="float64", kernels=kernels).predict(images)
        for kernels in ("fast", "reference")
    )
    np.testing.assert_allclose(fast, slow, rtol=1e-12)
