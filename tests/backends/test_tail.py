"""Bias, batch norm and ReLU within the pass of the step before them: the same values in fewer steps."""

from __future__ import annotations

import numpy as np
import pytest
from cases.special import kinds

import cnnspec
from cnnspec.backends.numpy import program as program_module
from cnnspec.backends.numpy.compile.lower import Lowered, joined
from cnnspec.backends.numpy.engine import NumpyEngine
from cnnspec.backends.numpy.kernels import conv_winograd, step, tail
from cnnspec.backends.numpy.kernels.conv_shift import ShiftConv
from cnnspec.backends.numpy.kernels.conv_winograd import WinogradConv
from cnnspec.backends.numpy.layout import Array

LAYERS = {
    "rows": "input 12x13x3; conv 5 3x3 padding=1",
    "rows of one axis": "input 31x3; conv 5 3 padding=1",
    "one column": "input 12x13x3; conv 5 1x1",
    "slabs": "input 14x14x96; conv 96 1x1",
    "patches": "input 12x13x4; conv 6 3x3 groups=2 dilation=2",
    "three axes": "input 6x7x8x2; conv 3 2x2x2",
    "Winograd": "input 20x20x64; conv 64 3x3 padding=same",
    "shifted": "input 12x13x6; depthwise 3x3 padding=1",
    "depthwise": "input 12x13x4; depthwise 3x3 multiplier=2",
    "dense": "input 40; dense 24",
}
AFTER = [
    "batchnorm",
    "relu",
    "batchnorm -> relu",
    "batchnorm -> relu max=6",
    "batchnorm -> batchnorm -> relu",
]


def both(
    spec: str, batch: int, lanes: int, monkeypatch: pytest.MonkeyPatch, sow: float | None = None
) -> list[Array]:
    """What programs with tails and without make of the same images, and how many steps they have."""
    engine = NumpyEngine(cnnspec.parse(spec), seed=3)
    random = np.random.default_rng(0)
    for name, values in engine.weights.items():
        if name.rpartition(".")[2] in ("running_var", "running_mean", "bias"):
            values[...] = random.uniform(0.3, 2, values.shape)
    images = random.standard_normal((batch, *engine.network.input)).astype(np.float32)
    if sow is not None:
        images[0].reshape(-1)[images[0].size // 3] = sow
    found = []
    for change in (joined, as_it_is):
        monkeypatch.setattr(program_module, "joined", change)
        program = engine.compile(batch, lanes=lanes, keep=())
        engine._programs.clear()
        program.load(images)
        with np.errstate(all="ignore"):
            program.forward()
        found += [program.result().copy(), np.array(len(program.steps))]
    return found


def as_it_is(lowered: Lowered) -> Lowered:
    return lowered


@pytest.mark.parametrize("after", ["", *AFTER])
@pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)
@pytest.mark.parametrize("batch, lanes", [(1, 1), (1, 2), (3, 2)])
def test_a_tail_makes_what_steps_of_their_own_make(
    layer: str, after: str, batch: int, lanes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(step, "SHARED_BYTES", 0)
    monkeypatch.setattr(tail, "BLOCK", 256)
    spec = " -> ".join(filter(None, [layer, after]))
    found, fewer, expected, more = both(spec, batch, lanes, monkeypatch)
    assert fewer == 1
    assert more == 2 + (after.count("->") + 1 if after else 0)
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)
@pytest.mark.parametrize("lanes, tiles", [(1, 1), (2, 1), (2, 1 << 20)])
def test_what_is_not_finite_goes_through_a_tail(
    layer: str, lanes: int, tiles: int, value: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conv_winograd, "SLAB_BYTES", 1)
    monkeypatch.setattr(conv_winograd, "TILES_OF_A_LANE", tiles)
    found, _, expected, _ = both(f"{layer} -> batchnorm -> relu", 1, lanes, monkeypatch, sow=value)
    np.testing.assert_array_equal(kinds(found), kinds(expected))


def test_sums_are_cut_off_in_their_pass() -> None:
    program = NumpyEngine(cnnspec.parse("input 4; a: dense 4; dense 4 -> add a -> relu")).compile(2)
    assert [type(each).__name__ for each in program.steps] == ["DenseStep", "DenseStep", "AddStep"]


def test_what_others_read_or_the_user_wants_is_left() -> None:
    engine = NumpyEngine(cnnspec.parse("input 4; a: dense 4; relu -> add a; last: dense 2 -> relu"))
    kernels = [type(each).__name__ for each in engine.compile(2).steps]
    assert kernels == ["DenseStep", "ReluStep", "AddStep", "DenseStep"]
    assert len(engine.compile(2, keep=["last"]).steps) == 5
    images = np.ones((2, 4), np.float32)
    kept = engine.forward(images, ["last", "relu2"])
    np.testing.assert_array_equal(np.maximum(kept["last"], 0), kept["relu2"])


def test_the_running_mean_that_training_writes_counts() -> None:
    engine = NumpyEngine(cnnspec.parse("input 4; dense 4 -> batchnorm -> relu"))
    images = np.random.default_rng(0).random((8, 4), np.float32)
    before = engine.predict(images)
    engine.compile(8, training=True, loss="mse").step(images, np.zeros((8, 4), np.float32))
    after, fresh = engine.predict(images), NumpyEngine(engine.network)
    fresh.weights.update({name: values.copy() for name, values in engine.weights.items()})
    assert not np.array_equal(before, after)
    np.testing.assert_array_equal(after, fresh.predict(images))


def test_the_kernels_meant_above_are_those() -> None:
    for name, kind in (("Winograd", WinogradConv), ("shifted", ShiftConv)):
        assert isinstance(NumpyEngine(cnnspec.parse(LAYERS[name])).compile(1).steps[0], kind)
