"""Winograd's convolutions in training: against the definition, where they are chosen, and what they round."""

from __future__ import annotations

import numpy as np
import pytest

import cnnspec
from cnnspec.backends.numpy.engine import NumpyEngine
from cnnspec.backends.numpy.kernels import conv_winograd_training, table
from cnnspec.backends.numpy.kernels.conv_winograd_training import WinogradTraining
from cnnspec.backends.numpy.kernels.step import Choice
from cnnspec.backends.numpy.kernels.table import Kernels
from cnnspec.backends.numpy.kernels.winograd_choice import BOUND, CHOICES, grid_of, tiled
from cnnspec.backends.numpy.layout import Array
from cnnspec.network.graph import Network
from cnnspec.resources import example_text


def wherever_it_fits(network: Network, batch: int, bound: float) -> dict[int, Choice]:
    grids = {node.index: grid_of(node, batch) for node in network.layers if node.word == "conv"}
    return {index: CHOICES[grid.rows.kernel] for index, grid in grids.items() if grid}


def gradients(engine: NumpyEngine, images: Array, labels: Array) -> dict[str, Array]:
    """All gradients of a step, the images' too, after one that left its traces in every array."""
    program = engine.compile(len(images), True, input_gradient=True)
    program.step(images[::-1], labels)
    program.step(images, labels)
    found = {name: gradient.copy() for name, gradient in engine.gradients.items()}
    return found | {"images": program.input_gradient().copy()}


SHAPES = [
    ("8x8x3", "3x3 padding=1", 1), ("7x9x2", "3x3 padding=1", 3), ("5x6x4", "3x3", 2), ("3x3x1", "3x3", 1),
    ("1x2x3", "3x3 padding=1", 2), ("11x12x2", "3x3 padding=2", 2), ("6x5x2", "5x5 padding=same", 5),
    ("10x13x2", "5x5 padding=2", 2), ("14x14x3", "5x5", 3), ("9x9x2", "5x5 padding=4", 2),
    ("13x5x2", "5x5", 1),
]  # fmt: skip


@pytest.mark.parametrize("slab", [1, 1 << 30])
@pytest.mark.parametrize("shape, window, batch", SHAPES)
def test_both_passes_equal_the_definition(
    slab: int, shape: str, window: str, batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conv_winograd_training, "SLAB_BYTES", slab)
    monkeypatch.setattr(table, "tiled", wherever_it_fits)
    network = cnnspec.parse(f"input {shape}; conv 2 3x3 padding=1; conv 3 {window}; flatten; dense 4")
    fast, plain = (NumpyEngine(network, dtype="float64", kernels=kind) for kind in ("fast", "reference"))
    assert WinogradTraining in map(type, fast.compile(batch, True, input_gradient=True).steps)
    images = np.random.default_rng(0).standard_normal((batch, *network.input))
    labels = np.arange(batch) % 4
    actual, expected = gradients(fast, images, labels), gradients(plain, images, labels)
    for name, gradient in expected.items():
        np.testing.assert_allclose(actual[name], gradient, atol=1e-11, err_msg=name)


@pytest.mark.parametrize("frozen", ["", " frozen=yes"])
def test_nothing_is_read_that_was_not_written(frozen: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The arrays of all steps share memory: here it holds NaN before a step."""
    monkeypatch.setattr(table, "tiled", wherever_it_fits)
    text = f"input 6x7x2; conv 2 3x3 padding=1; conv 3 5x5 padding=2{frozen} -> relu; flatten; dense 4"
    network = cnnspec.parse(text)
    images = np.random.default_rng(0).random((3, *network.input), np.float32)
    engines = [NumpyEngine(network) for _ in range(2)]
    for engine, fill in zip(engines, (np.nan, 0.0), strict=True):
        program = engine.compile(3, True)
        program.memory._arena.view(np.float32).fill(fill)
        program.step(images, np.arange(3))
    assert np.isfinite(engines[0].flat_gradient).all()
    assert engines[0].flat_gradient.tobytes() == engines[1].flat_gradient.tobytes()


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_what_is_not_finite_stays_where_it_belongs(value: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "tiled", wherever_it_fits)
    network = cnnspec.parse("input 9x9x2; conv 3 3x3 padding=1")
    images = np.random.default_rng(0).random((2, *network.input), np.float32)
    images[0, 4, 4, 0] = value
    results = []
    for kernels in ("fast", "reference"):
        program = NumpyEngine(network, kernels=kernels).compile(2, True, loss="mse")
        with np.errstate(all="ignore"):
            program.load(images, np.zeros((2, 9, 9, 3), np.float32))
            program.forward()
        results.append(program.result())
    actual, expected = results
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-5)


def chosen(text: str, batch: int) -> list[str]:
    network = cnnspec.parse(text)
    return [network.nodes[index].name for index in sorted(tiled(network, batch))]


def test_it_is_chosen_where_it_gains() -> None:
    assert chosen(example_text("lenet"), 64) == []
    assert chosen(example_text("mnist_cnn"), 64) == ["conv2"]
    assert chosen("input 16x16x32; conv 64 3x3 padding=1", 32) == ["conv1"]
    assert chosen(FIVES, 32) == ["conv3"]
    assert chosen(FIVES.replace("->", "-> batchnorm ->", 1), 32) == []
    assert chosen(CHAIN, 32) == ["conv10", "conv11"]
    for shape, window, batch in (
        ("16x16x8", "64 3x3 padding=1", 64), ("5x5x64", "64 3x3 padding=1", 64),
        ("14x14x256", "256 3x3 padding=1", 1), ("56x56x32", "64 3x3 padding=1", 1),
        ("16x16x32", "64 3x3 padding=1 stride=2", 32), ("16x16x32", "64 3x5 padding=same", 32),
        ("16x16x32", "64 3x3 padding=1 groups=2", 32), ("16x32", "64 3 padding=1", 32),
        ("16x16x32", "64 3x3 padding=2 dilation=2", 32), ("16x16x32", "64 7x7 padding=3", 32),
    ):  # fmt: skip
        assert chosen(f"input {shape}; conv {window}", batch) == []


def test_direct_kernels_sum_directly_in_training_and_in_predicting() -> None:
    network = cnnspec.parse("input 14x14x128; conv 128 3x3 padding=1")

    def kinds(kernels: Kernels, training: bool) -> str:
        program = NumpyEngine(network, kernels=kernels).compile(8, training, loss="mse")
        return " ".join(type(step).__name__ for step in program.steps)

    assert [kinds("direct", training) for training in (True, False)] == ["RowConv Bias", "RowConv"]
    assert "WinogradTraining" in kinds("fast", True)
    assert "WinogradConv" in kinds("fast", False)


BATCH = 8
CHAIN = """
input 16x16x3
conv 32 3x3 padding=1 -> batchnorm -> relu
repeat 10 { conv 32 3x3 padding=1 -> batchnorm -> relu }
globalavgpool -> flatten -> dense 10 -> softmax
"""
RESIDUAL = """
input 16x16x3
conv 32 3x3 padding=1 bias=no -> batchnorm -> relu
repeat 9 {
  add {
  | conv 32 3x3 padding=1 bias=no -> batchnorm -> relu -> conv 32 3x3 padding=1 bias=no -> batchnorm
  | identity
  }
  relu
}
globalavgpool -> flatten -> dense 10 -> softmax
"""
NORMED = """
input 32x32x3
conv 32 3x3 padding=same bias=no -> batchnorm -> relu
conv 32 3x3 padding=same bias=no -> batchnorm -> relu -> maxpool 2x2
conv 64 3x3 padding=same bias=no -> batchnorm -> relu
conv 64 3x3 padding=same bias=no -> batchnorm -> relu -> maxpool 2x2
flatten
dense 256 -> relu
dense 10 -> softmax
"""
FIVES = """
input 16x16x3
repeat 3 { conv 32 5x5 padding=2 -> relu }
globalavgpool -> flatten -> dense 10 -> softmax
"""
EXAMPLES = ("mnist_cnn", "fashion_mnist", "mnist_best", "three_convs", "segnet_digits", "unet_digits")
PLAIN = CHAIN.replace(" -> batchnorm", "")
NETWORKS = {name: example_text(name) for name in EXAMPLES} | {
    "chain": CHAIN, "plain": PLAIN, "normed": NORMED, "residual": RESIDUAL, "fives": FIVES
}  # fmt: skip


def rounded(text: str, kernels: Kernels, seed: int) -> float:
    """The norm of the whole gradient's difference from direct sums in float64, over its norm."""
    network = cnnspec.parse(text)
    random = np.random.default_rng(seed)
    images = random.random((BATCH, *network.input), np.float32)
    *sizes, classes = network.output
    labels = random.integers(0, classes, (BATCH, *sizes))
    found = []
    for kind, dtype in ((kernels, "float32"), ("direct", "float64")):
        engine = NumpyEngine(network, seed=seed, dtype=dtype, kernels=kind)
        engine.compile(BATCH, True).step(images.astype(dtype), labels)
        found.append(engine.flat_gradient.astype(float))
    actual, exact = found
    return float(np.linalg.norm(actual - exact) / np.linalg.norm(exact))


@pytest.mark.parametrize("text", NETWORKS.values(), ids=NETWORKS)
def test_the_whole_gradient_stays_within_the_bound(text: str) -> None:
    """The middle of eleven: a value on the edge of a ReLU or a maximum tips now and then, in any sums."""
    assert tiled(cnnspec.parse(text), BATCH)
    assert np.median([rounded(text, "fast", seed) for seed in range(11)]) < BOUND


def test_more_layers_than_the_bound_allows_round_more() -> None:
    assert np.median([rounded(CHAIN, "winograd4", seed) for seed in range(11)]) > BOUND
