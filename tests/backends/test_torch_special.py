"""PyTorch agrees on what is NaN, infinite, or a zero of which sign, in every layer both know.

Where it does not, the reason stands here. Gradients are not compared by the signs of their
zeros: there a product with 0 and a choice of 0 differ, and no update sees it.
"""

from __future__ import annotations

import numpy as np
import pytest
from cases.registry import Case
from cases.single import model_of
from cases.special import FINITE, SPECIAL, adds, fast, kinds, sown, tamed, zeros

from cnnspec.backends.numpy.compile.memory import Allocator
from cnnspec.backends.numpy.layout import Array
from cnnspec.backends.numpy.losses import CrossEntropyLoss
from cnnspec.layers import activation, arithmetic, curves
from cnnspec.layers.base import Layer
from cnnspec.layers.norm import PerSample
from cnnspec.layers.resample import Upsample

pytestmark = pytest.mark.torch
torch = pytest.importorskip("torch")
F = torch.nn.functional
pytorch = pytest.importorskip("cases.pytorch")
in_torch, KNOWN = pytorch.in_torch, pytorch.KNOWN

VECTORS = {"relu", "elu", "selu", "hardtanh", "hardswish"}
"""At NaN PyTorch's gradient depends on whether a value falls in a vector: see the test of whole vectors."""

EXTREMES = {"max", "maximum", "minimum"}
"""Of zeros of both signs PyTorch gives another one in a vector than beside it; beside a NaN every input of
its maximum has the whole gradient."""


def sowing(case: Case, values: Array) -> Array:
    """What is sown: values whose squares are finite where PyTorch itself goes wrong otherwise.

    Of 1e30 the variance overflows: in PyTorch's running sum to NaN, in ours to an infinity: all become 0.
    """
    return tamed(values) if isinstance(case.layer, PerSample) else values


@pytest.mark.parametrize("values, share", [(SPECIAL, 0.03), (SPECIAL, 0.5), (FINITE, 0.5)])
@pytest.mark.parametrize("case", KNOWN, ids=repr)
def test_agrees(case: Case, values: Array, share: float) -> None:
    images, direction = sown(case, sowing(case, values), share)
    actual = fast(case, images, direction)
    weights = {n.removeprefix("layer."): w for n, w in model_of(case, dtype="float32").weights.items()}
    expected = in_torch(case, images, direction, weights)
    if isinstance(case.layer, Upsample) and case.layer.mode in ("bilinear", "bicubic"):
        # Where a weight is 0 PyTorch multiplies the infinity by it, differently for each rank and layout.
        np.testing.assert_array_equal(np.isfinite(actual.output), np.isfinite(expected.output))
        np.testing.assert_array_equal(kinds(actual.input_gradient), kinds(expected.input_gradient))
        return
    np.testing.assert_array_equal(kinds(actual.output), kinds(expected.output))
    known = np.isnan(images) if case.layer.word in VECTORS else np.zeros(images.shape, bool)
    ours, theirs = (np.where(known, 0, each.input_gradient) for each in (actual, expected))
    np.testing.assert_array_equal(kinds(ours), kinds(theirs))
    for name, gradient in expected.gradients.items():
        np.testing.assert_array_equal(kinds(actual.gradients[name]), kinds(gradient), err_msg=name)
    if not adds(case):
        if case.layer.word not in EXTREMES:
            np.testing.assert_array_equal(zeros(actual.output), zeros(expected.output))
        if case.layer.word not in EXTREMES or not np.isnan(values).any():
            np.testing.assert_array_equal(ours == 0, theirs == 0)


VALUES = [np.nan, np.inf, -np.inf, -0.0, 0.0, 1e30, -1e30, 3e38, -3e38, 1e-40, -1e-40, 6.0, 3.0, -3.0]
WHOLE = np.repeat(np.array(VALUES, np.float32), 64)
"""Each value often enough to fill PyTorch's widest vectors."""
CURVES: list[Layer] = [
    activation.Relu(), activation.Relu(max=6), curves.Sigmoid(), curves.Tanh(),
    curves.LeakyRelu(slope=0.1), curves.LeakyRelu(slope=0), curves.Elu(), curves.Elu(alpha=2), curves.Gelu(),
    curves.Gelu(approximate="tanh"), curves.Silu(), curves.Hardswish(), curves.Hardsigmoid(),
    curves.Softplus(), curves.Softplus(beta=2),
    curves.Selu(), curves.Mish(), curves.Hardtanh(), curves.Hardtanh(min=0, max=6), arithmetic.Abs(),
    arithmetic.Exp(), arithmetic.Log(), arithmetic.Square(), arithmetic.Sqrt(),
    *(arithmetic.FixedPower(exponent=n) for n in (3, 2, 0, -1)),
]  # fmt: skip
BETTER = {
    "gelu": ([np.inf, 3e38], "oneDNN gives NaN and an infinity; the limit is x itself"),
    "hardswish": ([3e38], "PyTorch multiplies by 6 before it divides by 6 and overflows; it is x itself"),
}
"""Values at which ours is the better mathematics."""


@pytest.mark.parametrize("layer", CURVES, ids=repr)
def test_whole_vectors_of_one_value(layer: Layer) -> None:
    case = Case("", layer, ((len(WHOLE),),))
    images, direction = WHOLE[None], np.ones((1, len(WHOLE)), np.float32)
    actual, theirs = fast(case, images, direction), in_torch(case, images, direction, {})
    values, _ = BETTER.get(layer.word, ([], ""))
    same = ~np.isin(WHOLE, np.array(values, np.float32))
    output, expected = actual.output[0], theirs.output[0]
    np.testing.assert_array_equal(output[~same], WHOLE[~same])
    np.testing.assert_array_equal(zeros(output[same]), zeros(expected[same]))
    np.testing.assert_allclose(output[same], expected[same], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(actual.input_gradient, theirs.input_gradient, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weights", [None, [1.0, 2.0, 0.5]])
@pytest.mark.parametrize("labels", [[0, 1, 2, 0], [1, 1, 2, 0]], ids=["masked", "wanted"])
@pytest.mark.parametrize("special", [None, np.inf, np.nan])
def test_cross_entropy_of_masked_classes(
    smoothing: float, weights: list[float] | None, labels: list[int], special: float | None
) -> None:
    inf = np.inf
    logits = np.array([[1, -inf, 2], [-inf, 0, -inf], [1, 2, 3], [0, -inf, -inf]], np.float32)
    if special is not None:
        logits[2, 1] = special
    loss = CrossEntropyLoss(
        logits.T.copy(), Allocator(np.float32), smoothing=smoothing, class_weights=weights
    )
    loss.set_targets(np.array(labels))
    tensor = torch.tensor(logits, requires_grad=True)
    mass = None if weights is None else torch.tensor(weights)
    theirs = F.cross_entropy(tensor, torch.tensor(labels), weight=mass, label_smoothing=smoothing)
    theirs.backward()
    with np.errstate(invalid="ignore"):
        loss.measure()
    np.testing.assert_allclose(loss.value, theirs.item(), rtol=1e-6)
    np.testing.assert_allclose(loss.gradient.T, tensor.grad.numpy(), atol=1e-6)
