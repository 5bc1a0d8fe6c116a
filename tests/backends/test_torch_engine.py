"""One contract, two engines: PyTorch's does what NumPy's does, layer by layer and step by step."""

from __future__ import annotations

import pickle
import subprocess
import sys
from copy import copy
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cases.registry import CASES, Case
from cases.single import data, model_of, network_of, run
from numpy.typing import NDArray

import cnnspec
from cnnspec.backends.numpy.engine import NumpyEngine
from cnnspec.diagnostics import SpecError
from cnnspec.model import BACKENDS, Model
from cnnspec.recipe.models import Recipe
from cnnspec.resources import example_path

pytestmark = pytest.mark.torch
torch = pytest.importorskip("torch")
measure = pytest.importorskip("cnnspec.backends.torch.profile").measure

Array = NDArray[Any]
RANDOM = {"dropout", "droppath"}
"""What is drawn anew by each engine."""
OVERLAPPING = "unpool overlapping"
"""There PyTorch gives values that were written over a gradient too."""
ROUNDED = {"hardsigmoid", "hardswish"}
"""PyTorch rounds the sixth in them to 32 bits, whatever the values have."""


def in_torch(network: cnnspec.Network, **options: Any) -> Any:
    return BACKENDS["torch"]()(network, device="cpu", **options)


def words_of(case: Case) -> Any:
    """PyTorch's engine for a case; skips what PyTorch has no words for."""
    try:
        return in_torch(network_of(case), dtype="float64")
    except SpecError as error:
        pytest.skip(error.diagnostics[0].message)


def test_a_network_is_built_without_pytorchs_compiler() -> None:
    """It takes a second to load, and lays a folder among the temporary files."""
    spec = "input 4x4x2; attention 2; positions; token 1; layernorm"
    command = f"import sys, cnnspec; cnnspec.parse({spec!r}).build(0, 'torch')"
    command += "; print('torch._dynamo' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "False"


def test_building_leaves_pytorchs_generator_as_it_was() -> None:
    before = torch.get_rng_state()
    in_torch(cnnspec.parse("input 4x4x2; positions; conv 3 1x1"))
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("case", CASES, ids=repr)
def test_a_layer_gives_the_same_forward_and_backward(case: Case) -> None:
    engine, ours = words_of(case), model_of(case)
    engine.weights.update(ours.weights)
    images, direction = data(ours, 4)
    if case.layer.word in RANDOM and getattr(case.layer, "rate", 0) > 0:
        np.testing.assert_allclose(engine.forward(images)["output"], ours.predict(images), atol=1e-12)
        return
    expected = run(ours, images, direction)
    engine.module.train()
    (given,) = engine.take(images)
    given.requires_grad_()
    (output,) = engine.values([given], (engine.network.outputs[0].node,))
    (output * torch.from_numpy(direction).movedim(-1, 1)).sum().backward()
    bound = 1e-7 if case.layer.word in ROUNDED else 1e-9
    close(output.detach().movedim(1, -1).numpy(), expected.output, bound)
    if case.name != OVERLAPPING:
        close(given.grad.movedim(1, -1).numpy(), expected.input_gradient, bound)
    assert engine.trained().keys() == expected.gradients.keys()
    for name, tensor in engine.trained().items():
        close(tensor.grad.numpy(), expected.gradients[name])
    for name, values in ours.weights.items():  # the statistics of batch norm
        close(engine.weights[name], values)


def close(actual: Array, expected: Array, bound: float = 1e-9) -> None:
    bound *= max(1.0, float(np.abs(expected).max(initial=0)))
    np.testing.assert_allclose(actual, expected, rtol=0, atol=bound)


LOSSES = {
    "crossentropy": ("softmax", "classes"), "crossentropy smoothing=0.1": ("softmax", "classes"),
    "dice": ("softmax", "masks"), "bce": ("sigmoid", "wanted"), "mse": ("identity", "wanted"),
    "mae": ("identity", "wanted"), "huber delta=0.3": ("identity", "wanted"),
}  # fmt: skip
MAP = "input 5x4x3; conv 6 3x3 padding=1 -> batchnorm -> relu -> conv 4 1x1 -> {end}"
VECTOR = "input 5x4x3; conv 6 3x3 -> relu -> flatten -> dense 4 -> {end}"


class Given:
    """Batches that are given as they are."""

    def __init__(self, *batches: tuple[Array, Array]) -> None:
        self.batches = batches

    def epoch(self, epoch: int, first: int = 0) -> Any:
        return iter(self.batches[first:])

    def shard(self, part: int, parts: int) -> Given:
        return self

    def whole(self) -> None: ...

    def places(self, epoch: int, first: int = 0) -> Any: ...


def targets_of(kind: str, shape: tuple[int, ...], random: np.random.Generator) -> Array:
    if kind == "wanted":
        return random.random((8, *shape)).astype(np.float32)
    labels = random.integers(0, shape[-1], (8, *shape[:-1]))
    if len(shape) == 1:
        return labels
    masks = labels.astype(np.uint8)
    masks[0, 0] = 255
    return masks


@pytest.mark.parametrize("spec", [MAP, VECTOR], ids=["map", "vector"])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("weighted", [False, True])
def test_a_loss_gives_the_same_value_gradients_and_number_right(spec: str, loss: str, weighted: bool) -> None:
    end, kind = LOSSES[loss]
    if weighted and not loss.startswith("crossentropy"):
        pytest.skip("classes are weighted in the cross entropy alone")
    network = cnnspec.parse(spec.format(end=end))
    recipe = Recipe().changed(loss=loss, batch=8)
    random = np.random.default_rng(0)
    images = random.random((8, 5, 4, 3)).astype(np.float32)
    batch = images, targets_of(kind, network.output, random)
    weights = (0.5, 1.0, 2.0, 3.0) if weighted else None
    found = []
    for engine in (NumpyEngine(network, dtype="float64"), in_torch(network, dtype="float64")):
        session = engine.train(recipe, Given(batch), weights)
        given, labels = next(iter(session.epoch(0, 0)))
        result = session.backward(given, labels, 0)
        found.append((result, {name: np.array(values) for name, values in session.gradients.items()}))
    (ours, expected), (theirs, gradients) = found
    assert theirs.loss == pytest.approx(ours.loss, rel=1e-9)
    assert (theirs.correct, theirs.samples) == (pytest.approx(ours.correct), ours.samples)
    for name, values in expected.items():
        close(gradients[name], values)


OPTIMIZERS = [
    "sgd rate=0.05", "sgd rate=0.05 momentum=0.9 decay=0.01", "sgd rate=0.05 momentum=0.8 nesterov=yes",
    "adam rate=0.01 decay=0.01", "adam rate=0.01 beta1=0.8 beta2=0.95", "adamw rate=0.01 decay=0.1",
    "rmsprop rate=0.001", "rmsprop rate=0.001 momentum=0.5 memory=0.9 decay=0.01",
]  # fmt: skip
SMALL = "input 6x6x1; conv 3 3x3 bias=no -> batchnorm -> relu -> flatten -> dense 4 -> softmax"


def small_data(samples: int = 40) -> tuple[Array, Array]:
    random = np.random.default_rng(1)
    labels = random.integers(0, 4, samples)
    images = random.integers(0, 100, (samples, 6, 6, 1), np.uint8)
    images[np.arange(samples), labels, labels] += 100
    return images, labels


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("first", ["numpy", "torch"])
def test_a_run_goes_on_in_the_other_engine(optimizer: str, first: str, tmp_path: Path) -> None:
    """Half of a training by each gives what one alone gives, the optimizer's memory included."""
    network = cnnspec.parse(SMALL)
    second = "torch" if first == "numpy" else "numpy"
    options: dict[str, Any] = {"optimizer": optimizer, "batch": 8, "clip": 1.0}
    whole = build(network, first)
    rows = whole.fit(small_data(), epochs=6, **options).rows
    build(network, first).fit(small_data(), epochs=3, folder=tmp_path / "run", **options)
    gone_on = build(network, second)
    found = gone_on.fit(small_data(), epochs=6, folder=tmp_path / "run", resume=True, **options).rows
    assert [row.loss for row in found] == pytest.approx([row.loss for row in rows], rel=1e-9)
    for name, values in whole.weights.items():
        close(gone_on.weights[name], values)


def build(network: cnnspec.Network, backend: str, dtype: str = "float64") -> Model:
    options = {"device": "cpu"} if backend == "torch" else {}
    return network.build(3, backend, dtype=dtype, **options)


def test_an_unknown_device_and_layers_without_words_are_told() -> None:
    with pytest.raises(SpecError) as found:
        BACKENDS["torch"]()(cnnspec.parse(SMALL), device="tpu")
    assert found.value.diagnostics[0].code == "engine-unavailable"
    made: Any = BACKENDS["torch"]()(cnnspec.parse(SMALL), device=torch.device("cpu"))
    assert "cpu" == made.device.type


def test_a_copy_has_weights_of_its_own() -> None:
    model = build(cnnspec.parse(SMALL), "torch")
    images, _ = small_data()
    before = model.predict(images)
    for other in (copy(model), pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(other.predict(images), before)
        other.weights["conv1.weight"] = np.zeros_like(other.weights["conv1.weight"])
        assert not np.array_equal(other.predict(images), before)
    np.testing.assert_array_equal(model.predict(images), before)


def test_lenet_makes_the_same_first_fifty_steps() -> None:
    network = cnnspec.load(example_path("lenet"))
    random = np.random.default_rng(4)
    labels = random.integers(0, 10, 50 * 64)
    images = random.integers(0, 256, (len(labels), 28, 28, 1), np.uint8)
    ours, theirs = (network.build(1, backend) for backend in ("numpy", "torch"))
    losses = [model.fit((images, labels), epochs=1, batch=64).rows[0].loss for model in (ours, theirs)]
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)
    for name, values in ours.weights.items():
        close(theirs.weights[name], values, 1e-4)


@pytest.mark.parametrize("training", [False, True])
def test_every_layer_is_timed(training: bool) -> None:
    engine: Any = build(cnnspec.load(example_path("segnet_digits")), "torch", "float32").engine
    found = measure(engine, 2, training=training, rounds=1)
    assert [row.layer for row in found.rows] == [node.name for node in engine.network.layers]
    assert all(row.forward > 0 for row in found.rows)
    assert any(row.backward > 0 for row in found.rows) is training
    assert {"Conv2d", "MaxUnpool2d"} <= {row.kernel for row in found.rows}


WHOLE = (
    "lenet1998", "vit_tiny_mnist", "unet_digits", "segnet_digits", "siamese_mnist", "autoencoder_tied",
    "mnist_best", "wavenet_small", "xs_and_os", "pooling_average",
)  # fmt: skip
"""Examples with shared and tied weights, several inputs, heads, attention, unpooling."""


@pytest.mark.parametrize("name", WHOLE)
def test_a_whole_network_gives_the_same_values_and_gradients(name: str) -> None:
    network = cnnspec.load(example_path(name))
    recipe = Recipe().changed(loss="mse", batch=4)
    random = np.random.default_rng(2)
    inputs = {node.name: random.random((4, *node.output)).astype(np.float32) for node in network.inputs}
    images: Any = inputs if len(inputs) > 1 else inputs[network.inputs[0].name]
    wanted = random.random((4, *network.output)).astype(np.float32)
    ours, theirs = NumpyEngine(network, dtype="float64"), in_torch(network, dtype="float64")
    layer = network.layers[len(network.layers) // 2].name
    expected, found = (engine.forward(images, [layer], 3) for engine in (ours, theirs))
    for kept, values in expected.items():
        close(found[kept], values, 1e-7)
    if any(node.word in RANDOM for node in network.layers):
        return
    sessions = [engine.train(recipe, Given((images, wanted))) for engine in (ours, theirs)]
    results = [session.backward(images, wanted, 0) for session in sessions]
    assert results[1].loss == pytest.approx(results[0].loss, rel=1e-9)
    for weight, gradient in sessions[0].gradients.items():
        close(sessions[1].gradients[weight], gradient, 1e-7)


def test_an_old_pytorch_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "__version__", "1.13.1+cpu")
    with pytest.raises(SpecError, match="too old"):
        build(cnnspec.parse(SMALL), "torch")


def test_the_engines_learn_alike() -> None:
    """Over five seeds the means of the accuracies are no further apart than twice their deviation."""
    network, data = cnnspec.load(example_path("lenet")), cnnspec.data("digits")
    found = []
    for backend in ("numpy", "torch"):
        models = [network.build(seed, backend) for seed in range(5)]
        for model in models:
            model.fit(data, epochs=3, optimizer="adam rate=0.002", schedule="constant")
        found.append([model.evaluate(data).accuracy for model in models])
    ours, theirs = map(np.asarray, found)
    assert min(ours.min(), theirs.min()) > 0.8
    assert abs(ours.mean() - theirs.mean()) <= 2 * max(ours.std(ddof=1), theirs.std(ddof=1))


@pytest.mark.parametrize("example", ["lenet", "siamese_mnist", "autoencoder_mnist"])
def test_samples_that_lie_on_the_device_change_nothing(example: str) -> None:
    """There they stay as bytes; here the device is the processor."""
    network = cnnspec.load(example_path(example))
    found = []
    for resident in (False, True):
        model = network.build(2, "torch", device="cpu")
        vars(model.engine)["resident"] = resident
        data = cnnspec.data("digits_pairs" if "siamese" in example else "digits")
        found.append(model.fit(data, epochs=1).rows[0].loss)
    assert found[0] == found[1]


def test_the_class_of_number_255_counts_where_classes_are_many() -> None:
    """In masks of bytes 255 counts nowhere; a class number is a class."""
    network = cnnspec.parse("input 4; dense 300 -> softmax")
    random = np.random.default_rng(0)
    images, labels = random.random((8, 4)).astype(np.float32), np.full(8, 255)
    recipe = Recipe().changed(batch=8)
    engines = NumpyEngine(network, dtype="float64"), in_torch(network, dtype="float64")
    ours, theirs = (
        engine.train(recipe, Given((images, labels))).backward(images, labels, 0) for engine in engines
    )
    assert theirs.loss == pytest.approx(ours.loss, rel=1e-9)
    assert ours.loss > 0


@pytest.mark.parametrize("option, least", [("bf16", 1e-4), ("compiled", 0.0)])
def test_what_is_for_gpus_trains_and_predicts_here_too(
    option: str, least: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network is compiled without a compiler of C++, which may be missing."""
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="aot_eager"))
    network, (images, labels) = cnnspec.parse(SMALL), small_data()
    chosen: tuple[dict[str, Any], ...] = ({}, {option: True})
    models = [network.build(3, "torch", device="cpu", **options) for options in chosen]
    losses = [model.fit((images, labels), epochs=3, batch=8).rows[-1].loss for model in models]
    assert losses[1] == pytest.approx(losses[0], rel=5e-2 if least else 1e-4)
    plain, other = (model.predict(images) for model in models)
    assert other.dtype == np.float32
    assert least <= np.abs(other - plain).max() < 0.1


def test_a_missing_compiler_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise OSError("No working C++ compiler found")

    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend=fails))
    model = cnnspec.parse(SMALL).build(3, "torch", device="cpu", compiled=True)
    with pytest.raises(SpecError) as found:
        model.predict(small_data()[0])
    assert "torch.compile cannot compile" in found.value.diagnostics[0].message
    assert "No working C++ compiler" in found.value.diagnostics[0].message
