"""Whole networks: branches, heads, tails that move, memory that is used again."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
from cases.single import Builder, Toward

import cnnspec
from cnnspec.backends.numpy.engine import NumpyEngine
from cnnspec.backends.numpy.kernels import pool_places, unpool
from cnnspec.backends.numpy.kernels.step import KernelStep
from cnnspec.backends.numpy.kernels.table import Kernels
from cnnspec.backends.numpy.layout import Array
from cnnspec.layers.conv import Conv
from cnnspec.layers.dense import Dense
from cnnspec.layers.other_pools import Unpool
from cnnspec.layers.pool import MaxPool
from cnnspec.layers.registry import LAYERS
from cnnspec.network.graph import Network

LENET = """
input 12x12x1
conv 4 3x3 padding=1 -> relu -> maxpool 2x2
conv 5 3x3 -> relu -> maxpool 2x2
flatten -> dense 7 -> relu -> dense 3 -> softmax
"""
RESIDUAL = """
input 8x8x3
conv 4 3x3 padding=1 bias=no -> batchnorm -> relu
stem: maxpool 2x2
add {
  | conv 4 3x3 padding=1 bias=no -> batchnorm -> relu -> conv 4 3x3 padding=1 bias=no -> batchnorm
  |
}
relu
concat {
  | conv 2 1x1 -> relu
  | conv 3 3x3 padding=1 -> relu
  | maxpool 3x3 stride=1 padding=1 -> conv 2 1x1
  | avgpool 3x3 stride=1 padding=1
}
add { | conv 4 1x1 | from_stem: conv 4 3x3 padding=1 }
add stem
globalavgpool -> flatten -> dense 5 -> softmax
"""
GATED = """
input 6x6x4
multiply {
  |
  | globalavgpool -> conv 2 1x1 -> relu -> conv 4 1x1 -> sigmoid
}
relu -> relu -> flatten -> relu -> dense 3
"""
TWICE = """
input 4x4x2
one: conv 2 1x1 -> a: scale
from a -> twice: add a a
from twice -> multiply twice -> square: softplus
from square -> less: subtract one square
from square -> b: scale
from twice -> divide square -> part: add b twice
from part -> join: add part twice part
from join -> concat join less -> flatten -> dense 3
"""
SPECS = {"lenet": LENET, "residual": RESIDUAL, "gated": GATED, "twice": TWICE}

every_spec = pytest.mark.parametrize("spec", SPECS.values(), ids=list(SPECS))


def batch_for(network: Network, batch: int, seed: int = 1) -> tuple[Array, Array]:
    random = np.random.default_rng(seed)
    images = random.standard_normal((batch, *network.input))
    return images, random.integers(0, network.output[-1], batch)


@every_spec
def test_fast_equals_reference_through_a_whole_network(spec: str) -> None:
    network = cnnspec.parse(spec)
    fast = NumpyEngine(network, seed=2, dtype="float64")
    plain = NumpyEngine(network, seed=2, dtype="float64", kernels="reference")
    images, labels = batch_for(network, 6)
    for _ in range(2):
        results = [model.compile(6, True).step(images, labels) for model in (fast, plain)]
        assert results[0] == pytest.approx(results[1])
        for name, gradient in plain.gradients.items():
            np.testing.assert_allclose(fast.gradients[name], gradient, rtol=1e-8, atol=1e-10, err_msg=name)
    np.testing.assert_allclose(fast.predict(images), plain.predict(images), rtol=1e-9)


@every_spec
def test_every_gradient_is_a_finite_difference(spec: str) -> None:
    network = cnnspec.parse(spec)
    model = NumpyEngine(network, seed=2, dtype="float64")
    images, labels = batch_for(network, 4)
    program = model.compile(4, True)

    def loss() -> float:
        program.load(images, labels)
        program.forward()
        return program.loss()

    program.step(images, labels)
    found = {name: gradient.copy() for name, gradient in model.gradients.items()}
    for name, gradient in found.items():
        values = model.weights[name]
        for place in np.linspace(0, values.size - 1, min(6, values.size)).astype(int):
            before = values.flat[place]
            values.flat[place] = before + 1e-6
            above = loss()
            values.flat[place] = before - 1e-6
            slope = (above - loss()) / 2e-6
            values.flat[place] = before
            assert gradient.flat[place] == pytest.approx(slope, rel=1e-4, abs=1e-7), name


@every_spec
def test_keeping_every_layer_changes_no_result(spec: str) -> None:
    """Nothing is overwritten or exchanged wrongly when memory is used again."""
    network = cnnspec.parse(spec)
    model = NumpyEngine(network, seed=2)
    images, _ = batch_for(network, 3)
    images = images.astype(np.float32)
    kept = model.forward(images, keep=[node.name for node in network.layers])
    np.testing.assert_allclose(model.predict(images), kept["output"], rtol=1e-6)
    for node in network.layers:
        assert (3, *node.output) == kept[node.name].shape
        alone = model.forward(images, keep=[node.name])[node.name]
        np.testing.assert_allclose(alone, kept[node.name], rtol=1e-6, atol=1e-7, err_msg=node.name)


def test_bias_and_relu_follow_the_pool() -> None:
    program = NumpyEngine(cnnspec.parse(LENET)).compile(2, True)
    words = [type(step).__name__ for step in program.steps[:4]]
    assert ["RowConv", "MaxPoolStep", "Bias", "ReluStep"] == words


def test_a_kept_layer_stays_before_the_pool() -> None:
    network = cnnspec.parse(LENET)
    model = NumpyEngine(network)
    images = np.random.default_rng(0).standard_normal((2, 12, 12, 1)).astype(np.float32)
    kept = model.forward(images, keep=["relu1", "maxpool1"])
    assert kept["relu1"].min() == 0
    expected = kept["relu1"].reshape(2, 6, 2, 6, 2, 4).max(axis=(2, 4))
    np.testing.assert_array_equal(kept["maxpool1"], expected)


def test_side_heads_add_to_the_loss_by_their_weight() -> None:
    builder = Builder((4,))
    stem = builder.add("stem", Dense(units=5), 0)
    network = builder.network(
        builder.add("main", Dense(units=3), stem),
        builder.add("side", Dense(units=3), stem),
    )
    images, labels = batch_for(network, 8)
    model = NumpyEngine(network, dtype="float64")
    gradients = []
    for weights in ((1.0, 0.0), (0.0, 1.0), (1.0, 1.0)):
        model._programs.clear()
        program = model.compile(8, True)
        for loss, weight in zip(program.losses, weights, strict=True):
            loss.weight = weight
        program.step(images, labels)
        gradients.append(model.flat_gradient.copy())
    np.testing.assert_allclose(gradients[0] + gradients[1], gradients[2], atol=1e-12)


def test_the_first_layers_input_gradient_is_never_computed() -> None:
    program = NumpyEngine(cnnspec.parse(LENET)).compile(2, True)
    first = program.steps[0]
    assert isinstance(first, object)
    assert getattr(first, "dx", None) is None


def test_frozen_layers_get_no_gradient_and_stop_the_backward_pass() -> None:
    network = cnnspec.parse("input 6x6x1; conv 3 3x3 frozen=yes -> relu -> flatten -> dense 2")
    model = NumpyEngine(network)
    assert {"dense1.weight", "dense1.bias"} == set(model.gradients)
    assert model.flat.size == sum(gradient.size for gradient in model.gradients.values())
    program = model.compile(3, True)
    assert {"dense1"} == {
        call.step.node.name for call in program.backward_calls if isinstance(call.step, KernelStep)
    }


def test_a_frozen_batch_norm_keeps_its_running_statistics_in_training() -> None:
    """As Keras's where ``trainable`` is false, and torchvision's FrozenBatchNorm2d."""
    spec = "input 4x4x2; batchnorm frozen=yes -> relu -> batchnorm -> flatten -> dense 3"
    for kernels in get_args(Kernels):
        model = NumpyEngine(cnnspec.parse(spec), kernels=kernels)
        model.weights["batchnorm1.running_mean"] = [1, 2]
        model.weights["batchnorm1.running_var"] = [4, 9]
        before = {name: values.copy() for name, values in model.weights.items()}
        images, labels = batch_for(model.network, 5)
        program = model.compile(5, True, keep=["batchnorm1"])
        program.step(images, labels)
        expected = (images - [1, 2]) / np.sqrt([4 + 1e-5, 9 + 1e-5])
        np.testing.assert_allclose(program.result("batchnorm1"), expected, rtol=1e-5, atol=1e-6)
        moved = {name for name, values in model.weights.items() if not np.array_equal(values, before[name])}
        assert {"batchnorm2.running_mean", "batchnorm2.running_var"} == moved


def test_every_call_is_on_a_steps_account() -> None:
    program = NumpyEngine(cnnspec.parse(RESIDUAL)).compile(2, True)
    assert set(program.steps) >= {call.step for call in program.backward_calls}
    assert {*program.steps, *program.losses} == {call.step for call in program.forward_calls()}
    added = [
        call
        for call in program.backward_calls
        if isinstance(call.step, KernelStep) and call.run != call.step.backward
    ]
    assert added


def test_a_backward_pass_needs_nothing_but_a_forward_pass() -> None:
    model = NumpyEngine(cnnspec.parse(LENET), dtype="float64")
    images, labels = batch_for(model.network, 3)
    program = model.compile(3, True)
    loss, _ = program.step(images, labels)
    expected = model.flat_gradient.copy()
    model.flat_gradient.fill(0)
    program.load(images, labels)
    program.forward()
    program.backward()
    np.testing.assert_array_equal(model.flat_gradient, expected)
    assert loss == 3 * program.loss()


def test_a_second_reader_keeps_a_value_from_being_overwritten() -> None:
    builder = Builder((3,))
    stem = builder.add("stem", Dense(units=4), 0)
    network = builder.network(
        builder.add("sum", LAYERS["add"](), builder.add("cut", LAYERS["relu"](), stem), stem)
    )
    model = NumpyEngine(network, dtype="float64")
    images = np.random.default_rng(0).standard_normal((5, 3))
    values = images @ model.weights["stem.weight"].T + model.weights["stem.bias"]
    np.testing.assert_allclose(model.predict(images), np.maximum(values, 0) + values)


def test_unpool_keeps_its_pool_where_it_is() -> None:
    builder = Builder((4, 4, 1))
    cut = builder.add("cut", LAYERS["relu"](), builder.add("conv1", Conv(filters=2, kernel=(1,)), 0))
    largest = MaxPool(kernel=2)
    pooled = builder.add("pool1", largest, cut)
    undone = Unpool(pool="pool1").bind((largest, ((4, 4, 2),)))
    network = builder.network(builder.add("back", undone, pooled, pooled))
    model = NumpyEngine(network, dtype="float64")
    steps = [type(step) for step in model.compile(2, True).steps]
    assert [pool_places.PlaceMaxPool, unpool.UnpoolStep] == steps[-2:]
    images = np.random.default_rng(0).standard_normal((2, 4, 4, 1))
    kept = model.forward(images, keep=["cut", "pool1"])
    largest_there = np.repeat(np.repeat(kept["pool1"], 2, 1), 2, 2)
    expected = np.where(kept["cut"] == largest_there, kept["cut"], 0)
    np.testing.assert_allclose(kept["output"], expected)


def test_memory_is_used_again_when_predicting() -> None:
    spec = "input 16x16x8;" + "conv 8 3x3 padding=1 bias=no -> tanh;" * 12
    model = NumpyEngine(cnnspec.parse(spec))
    twelve = model.compile(4).memory.nbytes
    two = NumpyEngine(cnnspec.parse("input 16x16x8;" + "conv 8 3x3 padding=1 bias=no -> tanh;" * 2)).compile(
        4
    )
    activation = 4 * 16 * 16 * 8 * 4
    assert twelve - two.memory.nbytes < 10 * (3.6 * activation)


def test_a_gradient_of_the_images_is_there_on_request() -> None:
    network = cnnspec.parse("input 3x3x2; flatten -> dense 2 bias=no")
    model = NumpyEngine(network, dtype="float64")
    images = np.random.default_rng(0).standard_normal((2, 3, 3, 2))
    program = model.compile(2, True, loss=Toward, input_gradient=True)
    program.load(images, np.array([[1.0, 0.0], [0.0, 1.0]]))
    program.forward()
    program.backward()
    expected = model.weights["dense1.weight"].reshape(2, 2, 3, 3).transpose(0, 2, 3, 1)
    np.testing.assert_allclose(program.input_gradient(), expected)


def test_float32_from_end_to_end() -> None:
    model = NumpyEngine(cnnspec.parse(RESIDUAL))
    program = model.compile(4, True)
    images, labels = batch_for(model.network, 4)
    program.step(images.astype(np.float32), labels)
    arrays = [
        value for step in program.steps for value in vars(step).values() if isinstance(value, np.ndarray)
    ]
    assert not [array.dtype for array in arrays if array.dtype == np.float64]
    assert np.float32 == model.predict(images.astype(np.float32)).dtype


def test_the_same_seed_gives_the_same_bits(tmp_path: object) -> None:
    def trained(seed: int) -> bytes:
        model = NumpyEngine(cnnspec.parse(LENET + "\n"), seed=seed)
        images, labels = batch_for(model.network, 8)
        for _ in range(3):
            model.compile(8, True).step(images.astype(np.float32), labels)
            model.flat -= 0.1 * model.flat_gradient
        return model.flat.tobytes()

    assert trained(1) == trained(1)
    assert trained(1) != trained(2)


OF_TWO = [(word, reads) for word in ("subtract", "divide") for reads in ("a: a", "b: a", "a: b")]
OF_MANY = [
    (word, reads)
    for word in ("add", "multiply", "maximum")
    for reads in ("a: a", "a: a a", "a: b a", "b: a a", "b: b a", "b: a b")
]


@pytest.mark.parametrize("merge, reads", OF_TWO + OF_MANY)
def test_a_map_that_a_merge_reads_twice_is_not_written_over(merge: str, reads: str) -> None:
    start, others = reads.split(":")
    spec = f"input 3x3x2; a: scale; b: scale; from {start} -> {merge}{others}"
    images = np.random.default_rng(3).standard_normal((2, 3, 3, 2)).astype(np.float32)
    plain, fast = (NumpyEngine(cnnspec.parse(spec), kernels=kernels) for kernels in ("reference", "fast"))
    for model in (plain, fast):
        for name in model.weights:
            model.weights[name] = np.full(2, 3.0)
    np.testing.assert_array_equal(fast.predict(images), plain.predict(images))
