"""Laws of special values: NaN, infinities, signed zeros, means far from zero; kernels and definitions."""

from __future__ import annotations

import numpy as np
import pytest
from cases.registry import CASES, Case
from cases.single import model_of, network_of, run
from cases.special import FINITE, SPECIAL, adds, fast, kinds, sown, zeros

from cnnspec.backends.numpy.compile.memory import Allocator
from cnnspec.backends.numpy.engine import NumpyEngine
from cnnspec.backends.numpy.losses import CrossEntropyLoss
from cnnspec.layers.activation import Relu
from cnnspec.layers.base import Layer
from cnnspec.layers.curves import LeakyRelu
from cnnspec.layers.norm import BatchNorm, GroupNorm, LayerNorm
from cnnspec.layers.pool import MaxPool
from cnnspec.layers.resample import Upsample

KEEPS_SECOND = bool(np.signbit(np.maximum(np.zeros(64, np.float32), np.full(64, -0.0, np.float32))).all())
"""Of two zeros the processor's maximum gives the second: so on x86. On others PyTorch's signs differ too."""


@pytest.mark.parametrize("values, share", [(SPECIAL, 0.03), (SPECIAL, 0.5), (FINITE, 0.5)])
@pytest.mark.parametrize("case", CASES, ids=repr)
def test_fast_equals_reference(case: Case, values: np.ndarray, share: float) -> None:
    images, direction = sown(case, values, share)
    actual, expected = fast(case, images, direction), fast(case, images, direction, reference=True)
    alike(case, actual.output, expected.output)
    np.testing.assert_array_equal(kinds(actual.input_gradient), kinds(expected.input_gradient))
    for name, gradient in expected.gradients.items():
        np.testing.assert_array_equal(kinds(actual.gradients[name]), kinds(gradient), err_msg=name)
    predicted, wanted = (model_of(case, dtype="float32", reference=plain) for plain in (False, True))
    alike(case, predicted.predict(images), wanted.predict(images))


def alike(case: Case, actual: np.ndarray, expected: np.ndarray) -> None:
    np.testing.assert_array_equal(kinds(actual), kinds(expected))
    if adds(case) or getattr(case.layer, "mode", None) in ("bilinear", "bicubic"):
        return
    np.testing.assert_array_equal(actual == 0, expected == 0)
    if KEEPS_SECOND:
        np.testing.assert_array_equal(zeros(actual), zeros(expected))


def predict(layer: Layer, values: list[float]) -> list[float]:
    """A layer's outputs for these pixels of one row, as the model predicts them."""
    pixels = np.array(values, np.float32).reshape(1, 1, -1, 1)
    model = NumpyEngine(network_of(Case("", layer, (pixels.shape[1:],))))
    return [float(value) for value in model.predict(pixels).ravel()]


def test_one_pixel_that_is_no_number_reaches_its_neighbours_alone() -> None:
    images = np.zeros((1, 16, 16, 1), np.float32)
    images[0, 7, 9] = np.nan
    model = NumpyEngine(network_of(Case("", Upsample(scale=2, mode="bilinear"), ((16, 16, 1),))))
    assert 16 == np.isnan(model.predict(images)).sum()


@pytest.mark.parametrize("layer", [Relu(), Relu(max=6), LeakyRelu(slope=0.1), LeakyRelu(slope=0)], ids=repr)
def test_activations_keep_the_sign_of_zero(layer: Layer) -> None:
    first, second = predict(layer, [-0.0, 0.0])
    assert np.signbit(first) == (KEEPS_SECOND or isinstance(layer, LeakyRelu))
    assert not np.signbit(second)


def test_a_slope_of_zero_leaves_the_sign() -> None:
    assert [True, True, False] == np.signbit(predict(LeakyRelu(slope=0), [-3.0, -1e30, 2.0])).tolist()


@pytest.mark.parametrize("pixels, negative", [([-0.0, 0.0], True), ([0.0, -0.0], False)])
def test_the_first_of_equal_zeros_is_pooled(pixels: list[float], negative: bool) -> None:
    (pooled,) = predict(MaxPool(kernel=(1, 2)), pixels)
    assert np.signbit(pooled) == (negative and KEEPS_SECOND)


@pytest.mark.parametrize("mean", [0, 1, 100, 1000])
def test_batchnorm_is_exact_far_from_zero(mean: float) -> None:
    random = np.random.default_rng(0)
    images = (random.standard_normal((16, 8, 8, 3)) + mean).astype(np.float32)
    model = NumpyEngine(network_of(Case("", BatchNorm(), ((8, 8, 3),))))
    direction = random.standard_normal(images.shape).astype(np.float32)
    exact, axes = images.astype(np.float64), (0, 1, 2)
    deviation = np.sqrt(exact.var(axes) + 1e-5)
    normal = (exact - exact.mean(axes)) / deviation
    slope = (direction - direction.mean(axes) - normal * (direction * normal).mean(axes)) / deviation
    found = run(model, images, direction)
    np.testing.assert_allclose(found.output, normal, rtol=0, atol=1e-6)
    np.testing.assert_allclose(found.input_gradient, slope, rtol=0, atol=1e-6)
    momentum, batch = BatchNorm().momentum, exact.mean(axes)
    np.testing.assert_allclose(model.weights["layer.running_mean"], momentum * batch, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("mean", [0, 1, 100, 1000])
@pytest.mark.parametrize("layer", [LayerNorm(), LayerNorm(over="channels"), GroupNorm(groups=2)], ids=repr)
def test_a_samples_norm_is_exact_far_from_zero(layer: LayerNorm | GroupNorm, mean: float) -> None:
    """By the same layer in double precision, which 1e-13 of the mean is lost in."""
    random = np.random.default_rng(0)
    case = Case("", layer, ((7, 7, 8),))
    images = (random.standard_normal((4, 7, 7, 8)) + mean).astype(np.float32)
    direction = random.standard_normal(images.shape).astype(np.float32)
    found, exact = (run(model_of(case, dtype=kind), images, direction) for kind in ("float32", "float64"))
    np.testing.assert_allclose(found.output, exact.output, rtol=0, atol=5e-6)
    np.testing.assert_allclose(found.input_gradient, exact.input_gradient, rtol=0, atol=5e-6)


@pytest.mark.parametrize("smoothing, finite", [(0.0, True), (0.1, False)])
def test_a_masked_class_costs_nothing_unless_it_is_wanted(smoothing: float, finite: bool) -> None:
    logits = np.array([[1.0, 0.0], [-np.inf, 2.0], [3.0, -np.inf]], np.float32)
    loss = CrossEntropyLoss(logits, Allocator(np.float32), smoothing=smoothing)
    loss.set_targets(np.array([0, 1]))
    loss.measure()
    assert np.isfinite(loss.value) == finite
    assert np.isfinite(loss.gradient).all()
    loss.set_targets(np.array([1, 1]))
    loss.measure()
    assert np.inf == loss.value
