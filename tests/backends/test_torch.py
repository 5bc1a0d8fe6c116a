"""PyTorch agrees, forward and backward, to 1e-5 of the largest value."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from cases.registry import CASES, Case
from cases.single import data, model_of, run

from cnnspec.backends.numpy.compile.memory import Allocator
from cnnspec.backends.numpy.layout import Array
from cnnspec.backends.numpy.losses import CrossEntropyLoss, MeanSquaredErrorLoss
from cnnspec.backends.numpy.optimizers import clip, make_optimizer
from cnnspec.layers.activation import Relu
from cnnspec.recipe.optimizers import Adam, AdamW, RmsProp, Sgd

pytestmark = pytest.mark.torch
torch = pytest.importorskip("torch")
pytorch = pytest.importorskip("cases.pytorch")
in_torch, KNOWN = pytorch.in_torch, pytorch.KNOWN


def close(actual: Array, expected: Array) -> None:
    assert expected.shape == actual.shape
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-5 * max(1.0, float(np.abs(expected).max())))


@pytest.mark.parametrize("case", KNOWN, ids=repr)
def test_agrees(case: Case) -> None:
    model = model_of(case, dtype="float32")
    images, direction = data(model, 4)
    weights = {name.removeprefix("layer."): values.copy() for name, values in model.weights.items()}
    expected = in_torch(case, images, direction, weights)
    actual = run(model, images, direction)
    close(actual.output, expected.output)
    close(actual.input_gradient, expected.input_gradient)
    assert expected.gradients.keys() == actual.gradients.keys()
    for name, gradient in expected.gradients.items():
        close(actual.gradients[name], gradient)


POOLS = [case for case in CASES if case.layer.word in ("maxpool", "minpool")]
NASTY = np.array([0.0, -0.0, 1.0, 1.0, -1.0, np.inf, -np.inf, np.nan], np.float32)


@pytest.mark.parametrize("case", POOLS, ids=repr)
@pytest.mark.parametrize("values", [NASTY[:5], NASTY[:7], NASTY], ids=["ties", "infinite", "nan"])
def test_ties_zeros_infinities_and_nan_are_pooled_alike(case: Case, values: Array) -> None:
    model = model_of(case, dtype="float32")
    random = np.random.default_rng(0)
    images = random.choice(values, (16, *model.network.input)).astype(np.float32)
    direction = random.standard_normal((16, *model.network.output)).astype(np.float32)
    if (
        not pytorch.own_padding(case) or len(case.inputs[0]) == 4
    ):  # there PyTorch leaves a window of infinities
        images = np.maximum(images, -1e30) if case.layer.word == "maxpool" else np.minimum(images, 1e30)
    expected = in_torch(case, images, direction, {})
    actual = run(model, images, direction)
    np.testing.assert_array_equal(actual.output, expected.output)
    np.testing.assert_array_equal(np.isnan(actual.input_gradient), np.isnan(expected.input_gradient))
    np.testing.assert_allclose(actual.input_gradient, expected.input_gradient, atol=1e-6)


RELUS = [case for case in CASES if isinstance(case.layer, Relu) and case.layer.max is None]


@pytest.mark.parametrize("case", RELUS, ids=repr)
def test_relu_of_nasty_values(case: Case) -> None:
    model = model_of(case, dtype="float32")
    random = np.random.default_rng(0)
    images = random.choice(NASTY, (16, *model.network.input)).astype(np.float32)
    direction = random.standard_normal((16, *model.network.output)).astype(np.float32)
    expected, actual = in_torch(case, images, direction, {}), run(model, images, direction)
    np.testing.assert_array_equal(actual.output, expected.output)
    np.testing.assert_array_equal(actual.input_gradient, expected.input_gradient)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("shape", [(5,), (3, 2, 5)], ids=["vector", "map"])
def test_cross_entropy(smoothing: float, weighted: bool, shape: tuple[int, ...]) -> None:
    random = np.random.default_rng(1)
    inner = (*shape[:-2], shape[-1], *shape[-2:-1], 7) if len(shape) > 1 else (5, 7)
    logits = random.standard_normal(inner).astype(np.float32)
    labels = random.integers(0, 5, (7, *shape[:-1]))
    weights = random.random(5).astype(np.float32) + 0.5 if weighted else None
    given = None if weights is None else weights.tolist()
    loss = CrossEntropyLoss(logits, Allocator(np.float32), smoothing=smoothing, class_weights=given)
    loss.set_targets(labels)
    order = (3, 1, 0, 2) if len(shape) > 1 else (1, 0)
    tensor = torch.tensor(logits.transpose(order).copy(), requires_grad=True)
    theirs = torch.nn.functional.cross_entropy(
        tensor, torch.tensor(labels), weight=None if weights is None else torch.tensor(weights),
        label_smoothing=smoothing,
    )  # fmt: skip
    theirs.backward()
    loss.measure()
    assert loss.value == pytest.approx(theirs.item(), rel=1e-6)
    close(loss.gradient.transpose(order), tensor.grad.numpy())


def test_mean_squared_error() -> None:
    random = np.random.default_rng(1)
    output = random.standard_normal((5, 7)).astype(np.float32)
    target = random.standard_normal((7, 5)).astype(np.float32)
    loss = MeanSquaredErrorLoss(output, Allocator(np.float32))
    loss.set_targets(target)
    tensor = torch.tensor(output.T.copy(), requires_grad=True)
    theirs = torch.nn.functional.mse_loss(tensor, torch.tensor(target))
    theirs.backward()
    loss.measure()
    assert loss.value == pytest.approx(theirs.item(), rel=1e-6)
    close(loss.gradient.T, tensor.grad.numpy())


SETTINGS: dict[str, Any] = {"sgd": Sgd, "adam": Adam, "adamw": AdamW, "rmsprop": RmsProp}
OPTIONS = [
    ("sgd", {}, {}),
    ("sgd", {"momentum": 0.9, "decay": 0.01}, {"momentum": 0.9, "weight_decay": 0.01}),
    ("sgd", {"momentum": 0.8, "nesterov": True}, {"momentum": 0.8, "nesterov": True}),
    ("adam", {"decay": 0.01}, {"weight_decay": 0.01}),
    ("adam", {"beta1": 0.8, "beta2": 0.95, "epsilon": 1e-6}, {"betas": (0.8, 0.95), "eps": 1e-6}),
    ("adamw", {"decay": 0.1}, {"weight_decay": 0.1}),
    ("rmsprop", {"memory": 0.9}, {"alpha": 0.9}),
    ("rmsprop", {"momentum": 0.5, "decay": 0.01}, {"momentum": 0.5, "weight_decay": 0.01}),
]


@pytest.mark.parametrize("name, ours, theirs", OPTIONS)
def test_optimizers(name: str, ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    random = np.random.default_rng(2)
    flat = random.standard_normal(50).astype(np.float32)
    tensor = torch.tensor(flat.copy(), requires_grad=True)
    optimizer = make_optimizer(SETTINGS[name](**ours), flat)
    kinds = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW,
             "rmsprop": torch.optim.RMSprop}  # fmt: skip
    other = kinds[name]([tensor], lr=0.01, **theirs)
    for _ in range(80):
        gradient = random.standard_normal(50).astype(np.float32)
        tensor.grad = torch.tensor(gradient.copy())
        other.step()
        optimizer.update(gradient, 0.01)
    np.testing.assert_allclose(flat, tensor.detach().numpy(), rtol=2e-5, atol=2e-6)


def test_clipping() -> None:
    gradient = np.arange(6, dtype=np.float32)
    tensor = torch.zeros(6, requires_grad=True)
    tensor.grad = torch.tensor(gradient.copy())
    norm = torch.nn.utils.clip_grad_norm_([tensor], 2.0)
    assert clip(gradient, 2.0) == pytest.approx(norm.item())
    close(gradient, tensor.grad.numpy())
