"""Losses: the value by its definition in PyTorch, the gradient by PyTorch and by finite differences."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from numpy.typing import NDArray

from cnnspec.backends.contract import IGNORED
from cnnspec.backends.numpy.compile.memory import Allocator
from cnnspec.backends.numpy.layout import channels_first, inner_view, outer_view
from cnnspec.backends.numpy.losses import LOSSES, Loss

if TYPE_CHECKING:
    import torch

SAMPLES, CLASSES = 7, 5
SHAPES = {"vector": (5,), "sequence": (4, 5), "map": (3, 2, 5), "volume": (2, 3, 2, 5)}
"""Of one sample of the output."""


@dataclass(frozen=True)
class Case:
    """A loss with its options, what it is to give, and PyTorch's."""

    name: str
    options: dict[str, Any]
    targets: Callable[[np.random.Generator, tuple[int, ...]], NDArray[Any]]
    theirs: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
    maps_only: bool = False


def numbers(random: np.random.Generator, shape: tuple[int, ...]) -> NDArray[Any]:
    return 2 * random.standard_normal((SAMPLES, *shape)).astype(np.float32)


def truths(random: np.random.Generator, shape: tuple[int, ...]) -> NDArray[Any]:
    return random.integers(0, 2, (SAMPLES, *shape)).astype(np.float32)


def masks(random: np.random.Generator, shape: tuple[int, ...]) -> NDArray[Any]:
    found = random.integers(0, CLASSES, (SAMPLES, *shape[:-1])).astype(np.uint8)
    found[random.random(found.shape) < 0.2] = IGNORED
    return found


def _functional() -> Any:
    import torch.nn.functional as functional

    return functional


def dice(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """As its definition says; ignored places are left out first."""
    import torch

    flat = logits.movedim(1, -1).reshape(-1, CLASSES)
    kept = labels.reshape(-1) != IGNORED
    shares = torch.softmax(flat[kept], 1)
    wanted = _functional().one_hot(labels.reshape(-1)[kept].long(), CLASSES).to(shares.dtype)
    both, whole = (shares * wanted).sum(0), shares.sum(0) + wanted.sum(0)
    return torch.as_tensor(1 - ((2 * both + 1) / (whole + 1)).mean())


def cross_entropy(smoothing: float = 0.0, weights: list[float] | None = None) -> Callable[..., torch.Tensor]:
    def theirs(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        weight = None if weights is None else logits.new_tensor(weights)
        found: torch.Tensor = _functional().cross_entropy(
            logits, labels.long(), weight=weight, ignore_index=IGNORED, label_smoothing=smoothing
        )
        return found

    return theirs


WEIGHTS = [0.5, 1.0, 2.0, 1.5, 0.7]
CASES = {
    "ignored": Case("crossentropy", {}, masks, cross_entropy()),
    "ignored, smooth": Case("crossentropy", {"smoothing": 0.1}, masks, cross_entropy(0.1)),
    "ignored, weighted": Case(
        "crossentropy", {"class_weights": WEIGHTS, "smoothing": 0.1}, masks, cross_entropy(0.1, WEIGHTS)
    ),
    "dice": Case("dice", {}, masks, dice),
    "bce": Case("bce", {}, truths, lambda x, t: _functional().binary_cross_entropy_with_logits(x, t)),
    "mse": Case("mse", {}, numbers, lambda x, t: _functional().mse_loss(x, t)),
    "mae": Case("mae", {}, numbers, lambda x, t: _functional().l1_loss(x, t)),
    "huber": Case("huber", {}, numbers, lambda x, t: _functional().huber_loss(x, t)),
    "huber, wide": Case(
        "huber", {"delta": 2.5}, numbers, lambda x, t: _functional().huber_loss(x, t, delta=2.5)
    ),
}  # fmt: skip


def made(case: Case, shape: tuple[int, ...], dtype: type = np.float32) -> tuple[Loss, NDArray[Any]]:
    """The loss with its targets set, and these."""
    random = np.random.default_rng(3)
    output: NDArray[Any] = np.ascontiguousarray(
        inner_view(3 * random.standard_normal((SAMPLES, *shape)))
    ).astype(dtype)
    loss = LOSSES[case.name](output, Allocator(np.dtype(dtype)), **case.options)
    targets = case.targets(random, shape)
    loss.set_targets(targets)
    return loss, targets


def test_every_loss_has_a_case() -> None:
    assert {case.name for case in CASES.values()} == LOSSES.keys()


@pytest.mark.torch
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
@pytest.mark.parametrize("dtype, bound", [(np.float32, 1e-5), (np.float64, 1e-9)])
def test_pytorch_agrees(case: Case, shape: tuple[int, ...], dtype: type, bound: float) -> None:
    import torch

    loss, targets = made(case, shape, dtype)
    output = loss.output.reshape(loss.shape)
    tensor = torch.tensor(channels_first(output).copy(), requires_grad=True)
    wanted = channels_first(inner_view(targets)) if targets.dtype != np.uint8 else targets
    told = torch.tensor(wanted.copy())
    theirs = case.theirs(tensor, told.to(tensor.dtype) if told.is_floating_point() else told)
    theirs.backward()
    loss.measure()
    assert loss.value == pytest.approx(theirs.item(), rel=bound)
    assert tensor.grad is not None
    np.testing.assert_allclose(
        channels_first(loss.gradient), tensor.grad.numpy(), rtol=bound, atol=bound / 10
    )


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_gradient_is_that_of_the_value(case: Case) -> None:
    loss, _ = made(case, SHAPES["map"], np.float64)
    loss.measure()
    gradient, step = loss.flat_gradient.copy(), 1e-6
    for place in np.ndindex(loss.output.shape):
        ends = []
        for side in (step, -step):
            loss.output[place] += side
            loss.measure()
            ends.append(loss.value)
            loss.output[place] -= side
        assert gradient[place] == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-4, abs=1e-8)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_weight_of_the_output_scales_value_and_gradient(case: Case) -> None:
    loss, targets = made(case, SHAPES["map"])
    half = LOSSES[case.name](
        loss.output.reshape(loss.shape), Allocator(np.dtype(np.float32)), 0.5, **case.options
    )
    half.set_targets(targets)
    loss.measure()
    half.measure()
    assert half.value == pytest.approx(loss.value / 2, rel=1e-6)
    np.testing.assert_allclose(half.gradient, loss.gradient / 2, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("name", ["crossentropy", "dice"])
def test_a_mask_of_ignored_pixels_alone_moves_nothing(name: str) -> None:
    loss, targets = made(Case(name, {}, masks, dice), SHAPES["map"])
    loss.set_targets(np.full_like(targets, IGNORED))
    loss.measure()
    assert np.isfinite(loss.value)
    assert not loss.gradient.any()
    assert loss.correct() == 0


def test_ignored_places_count_neither_right_nor_wrong() -> None:
    loss, targets = made(CASES["ignored"], SHAPES["map"])
    answers = outer_view(loss.output.reshape(loss.shape)).argmax(-1)
    loss.set_targets(np.where(targets == IGNORED, IGNORED, answers).astype(np.uint8))
    assert loss.correct() == SAMPLES


def test_a_sigmoid_at_the_end_is_part_of_binary_cross_entropy() -> None:
    import cnnspec
    from cnnspec.backends.numpy.engine import NumpyEngine

    gradients = []
    for end in ("", " -> sigmoid"):
        engine = NumpyEngine(cnnspec.parse(f"input 4x4x1; flatten -> dense 3{end}"))
        images = np.random.default_rng(1).random((6, 4, 4, 1), np.float32)
        engine.compile(6, True, loss="bce").step(images, np.eye(3, dtype=np.float32)[[0, 1, 2] * 2])
        gradients.append(engine.flat_gradient.copy())
    np.testing.assert_array_equal(gradients[0], gradients[1])
