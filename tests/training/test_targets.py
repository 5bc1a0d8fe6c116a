"""Training for every kind of target, from arrays in Python; what does not fit is told before any step."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tools import fault_of

import cnnspec
from cnnspec.backends.contract import IGNORED
from cnnspec.recipe.models import Data
from cnnspec.recipe.targets import AnyTarget, BinaryTarget, ImageTarget, MaskTarget, NumbersTarget
from cnnspec.training import figures
from cnnspec.training.data import load_for
from cnnspec.training.data.dataset import Dataset, Samples
from cnnspec.training.data.fitting import aimed, fitted, wanted
from cnnspec.training.evaluate import Evaluation
from cnnspec.training.targets import JUDGES, evaluate, validate

COUNT = 60
Array = NDArray[Any]


def pictures(seed: int = 0) -> Array:
    """Two bright squares on dark ground, 8x8."""
    random = np.random.default_rng(seed)
    found = np.zeros((COUNT, 8, 8, 1), np.uint8)
    for image, (row, column, level) in zip(found, random.integers(0, (5, 5, 2), (COUNT, 3)), strict=True):
        image[row : row + 3, column : column + 3] = 120 + 120 * level
    return found


IMAGES = pictures()
BRIGHT = (IMAGES.max((1, 2, 3)) > 200).astype(np.uint8)
MASKS = ((IMAGES > 0).astype(np.uint8) + (IMAGES > 200))[..., 0]
PLACES = np.stack([IMAGES.max((2, 3)).argmax(1), IMAGES.max((1, 3)).argmax(1)], 1) / 4.0


@dataclass(frozen=True)
class Case:
    """A network, what it is trained for, and how good it must become."""

    spec: str
    targets: Array | None
    figure: str
    least: float
    changes: dict[str, Any]


CASES = {
    "mask": Case("conv 8 3x3 padding=same -> relu -> conv 3 1x1", MASKS, "mean IoU", 0.9, {}),
    "mask, dice": Case(
        "conv 8 3x3 padding=same -> relu -> conv 3 1x1 -> softmax", MASKS, "mean IoU", 0.8, {"loss": "dice"}
    ),
    "binary": Case("flatten -> dense 8 -> relu -> dense 1 -> sigmoid", BRIGHT, "AUC", 0.95, {}),
    "binary of two": Case(
        "flatten -> dense 16 -> relu -> dense 2", np.stack([BRIGHT, 1 - BRIGHT], 1), "F1", 0.9, {}
    ),
    "numbers": Case("flatten -> dense 32 -> relu -> dense 2", PLACES, "R²", 0.8, {}),
    "numbers, huber": Case(
        "flatten -> dense 32 -> relu -> dense 2", PLACES, "R²", 0.8, {"loss": "huber delta=0.5"}
    ),
    "image": Case(
        "conv 6 3x3 padding=same -> relu -> conv 1 3x3 padding=same -> sigmoid", None, "PSNR", 20.0, {}
    ),
}  # fmt: skip


def trained(case: Case, kind: str) -> tuple[cnnspec.Model, Evaluation]:
    model = cnnspec.parse(f"input 8x8x1; {case.spec}").build()
    data = IMAGES if case.targets is None else (IMAGES, case.targets)
    model.fit(data, target=kind, epochs=60, batch=20, rate=0.01, **case.changes)
    return model, model.evaluate(data)


@pytest.mark.parametrize("name", CASES)
def test_each_target_is_learned_and_told_by_its_own_figures(name: str) -> None:
    case, kind = CASES[name], name.split()[0].rstrip(",")
    model, found = trained(case, kind)
    assert found.target == kind
    assert found.figures[case.figure] >= case.least
    assert np.isfinite(found.loss)
    assert found.to_dict()["figures"][case.figure] == found.figures[case.figure]
    assert case.figure in repr(found)
    assert model.recipe is not None
    assert model.recipe.target is not None
    assert (
        model.recipe.loss.kind
        == str(case.changes.get("loss", type(model.recipe.target).losses[0]().kind)).split()[0]
    )


@pytest.mark.parametrize("name", CASES)
def test_the_loss_of_an_evaluation_is_that_of_the_engine(name: str) -> None:
    """The two are written apart."""
    case, kind = CASES[name], name.split()[0].rstrip(",")
    model = cnnspec.parse(f"input 8x8x1; {case.spec}").build()
    data = IMAGES if case.targets is None else (IMAGES, case.targets)
    history = model.fit(data, target=kind, epochs=1, batch=COUNT, optimizer="sgd rate=1e-12", **case.changes)
    assert history.rows[0].loss == pytest.approx(model.evaluate(data).loss, rel=1e-4)


@pytest.mark.parametrize(
    "kind, told", [("mask", True), ("binary", True), ("numbers", False), ("image", False)]
)
def test_an_accuracy_is_told_where_answers_are_right_or_wrong(kind: str, told: bool) -> None:
    case = CASES[kind]
    model = cnnspec.parse(f"input 8x8x1; {case.spec}").build()
    data = IMAGES if case.targets is None else (IMAGES, case.targets)
    history = model.fit(data, target=kind, epochs=1, validation=0.2)
    row = history.rows[0]
    assert (row.accuracy is not None, row.validation_accuracy is not None) == (told, told)
    assert row.validation_loss is not None
    assert ("accuracy" in repr(history)) == told


@pytest.mark.parametrize("kind", ["image", "binary", "mask"])
def test_validation_looks_at_loss_and_accuracy_alone(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are those of an evaluation, without the figures that take longer than the epoch."""
    case = CASES[kind]
    model = cnnspec.parse(f"input 8x8x1; {case.spec}").build()
    targets = IMAGES if case.targets is None else case.targets
    samples = Samples(IMAGES, targets[:, None] if kind == "binary" else targets)
    names = ("yes",) if kind == "binary" else ("a", "b", "c")
    target = cnnspec.Recipe().changed(target=kind).target
    assert target
    loss = target.losses[0]()
    found = evaluate(model, samples, names, loss, kind)
    for slow in ("similarities", "noise_ratios", "area_under_curve", "overlaps"):
        monkeypatch.delattr(figures, slow)
    right = None if kind == "image" else found.accuracy
    assert validate(model, samples, names, loss, kind) == (found.loss, right)


def test_two_workers_have_the_gradient_of_one() -> None:
    weights = []
    for workers in (1, 2):
        model = cnnspec.parse(f"input 8x8x1; {CASES['mask'].spec}").build()
        model.fit((IMAGES, MASKS), target="mask", epochs=1, batch=20, workers=workers)
        weights.append(np.concatenate([values.ravel() for values in model.weights.values()]))
    np.testing.assert_allclose(weights[0], weights[1], atol=1e-5)


def test_ignored_pixels_change_no_weight() -> None:
    masks, weights = MASKS.copy(), []
    masks[:, :3] = IGNORED
    for seed in (1, 2):
        images = IMAGES.copy()
        model = cnnspec.parse("input 8x8x1; conv 3 1x1").build()
        images[:, :3] = np.random.default_rng(seed).integers(0, 255, images[:, :3].shape)
        model.fit((images, masks), target="mask ignore=255", epochs=1)
        weights.append(model.weights["conv1.weight"].copy())
    np.testing.assert_array_equal(weights[0], weights[1])


def test_masks_move_with_their_images() -> None:
    model = cnnspec.parse("input 8x8x1; conv 3 1x1").build()
    model.fit((IMAGES, MASKS), target="mask", epochs=40, batch=20, rate=0.05, augment="shift=2 flip=yes")
    assert model.evaluate((IMAGES, MASKS)).accuracy > 0.85


# What does not fit -------------------------------------------------------------------------


def refused(spec: str, targets: Array, kind: str, images: Array = IMAGES, **changes: Any) -> str:
    model = cnnspec.parse(f"input 8x8x1; {spec}").build()
    fault = fault_of(model.fit, (images, targets), target=kind, **changes)
    assert fault.help
    return fault.message


@pytest.mark.parametrize(
    "spec, targets, kind, message",
    [
        ("conv 3 1x1", MASKS[:, 1:], "mask", "the training images of samples are 8x8, its masks 7x8"),
        ("conv 2 1x1", MASKS, "mask", "samples has 3 classes, the network gives 2 channels"),
        ("conv 3 3x3", MASKS, "mask", "the masks of samples are 8x8, the network's output is 6x6x3"),
        ("flatten; dense 3", MASKS, "mask", "the masks of samples are 8x8, the network's output is 3"),
        ("conv 3 1x1", MASKS + 0.5, "mask", "samples: labels must hold class numbers from 0 to 254"),
        ("flatten; dense 2", BRIGHT, "binary", "the target is 1 number (yes) a sample, the network's"),
        ("flatten; dense 1", BRIGHT * 2, "binary", "samples: labels["),
        ("flatten; dense 2", PLACES * np.nan, "numbers", "samples: labels[0, 0] is nan"),
        ("flatten; dense 3", PLACES, "numbers", "the target is 2 numbers (number 1, number 2) a sample"),
        ("conv 2 3x3 padding=same", IMAGES, "image", "the images to give are 8x8x1, the network's"),
        ("conv 1 3x3 padding=same", IMAGES[:9], "image", "samples: labels has shape (9, 8, 8, 1);"),
    ],
)  # fmt: skip
def test_targets_that_do_not_fit_are_told_before_the_first_step(
    spec: str, targets: Array, kind: str, message: str
) -> None:
    model = cnnspec.parse(f"input 8x8x1; {spec}").build()
    before = {name: values.copy() for name, values in model.weights.items()}
    assert fault_of(model.fit, (IMAGES, targets), target=kind).message.startswith(message)
    assert all(np.array_equal(before[name], values) for name, values in model.weights.items())


def test_a_class_beyond_those_named_is_told_with_its_place() -> None:
    masks = MASKS.copy()
    masks[4, 2, 7] = 11
    message = refused("conv 3 1x1", masks, 'mask classes="ground, dim, bright"')
    assert message == "class 11 of 3 at (2, 7) in training mask 4 of samples"


@pytest.mark.parametrize(
    "kind, loss",
    [("mask", "bce"), ("image", "crossentropy"), ("numbers", "dice"), ("binary", "huber"), ("class", "mae")],
)
def test_a_loss_of_another_target_is_refused(kind: str, loss: str) -> None:
    message = refused("flatten; dense 3", BRIGHT, kind, loss=loss)
    assert message.startswith(f"loss {loss} does not go with target {kind}, whose answer is ")


# Data with another target ------------------------------------------------------------------

DIGITS = Dataset(
    "two", IMAGES[:40], BRIGHT[:40].astype(int), IMAGES[40:], BRIGHT[40:].astype(int), ("dim", "bright")
)


def test_two_classes_are_a_yes_or_no() -> None:
    found = aimed(DIGITS, BinaryTarget())
    assert (("bright",), (40, 1)) == (found.names, found.train_labels.shape)
    assert fitted(found, (8, 8, 1), 1) is found


def test_an_image_is_to_give_itself_smaller_or_noisy() -> None:
    plain = fitted(aimed(DIGITS, ImageTarget()), (8, 8, 1), (8, 8, 1))
    np.testing.assert_array_equal(plain.train_images, plain.train_labels)
    small = fitted(aimed(DIGITS, ImageTarget(smaller=2)), (4, 4, 1), (8, 8, 1))
    assert ((40, 4, 4, 1), (20, 8, 8, 1)) == (small.train_images.shape, small.test_labels.shape)
    noisy = fitted(aimed(DIGITS, ImageTarget(noise=20)), (8, 8, 1), (8, 8, 1))
    assert 5 < np.abs(noisy.train_images.astype(int) - noisy.train_labels).mean() < 20
    for found in (small, noisy):
        once_more = fitted(found, found.shape, (8, 8, 1))
        np.testing.assert_array_equal(once_more.train_images, found.train_images)
    again = fitted(aimed(DIGITS, ImageTarget(noise=20)), (8, 8, 1), (8, 8, 1))
    np.testing.assert_array_equal(again.train_images, noisy.train_images)


def test_what_is_seen_smaller_is_brought_to_the_size_of_the_output() -> None:
    """Scenes are made as large as what is wanted, files are resized to it: not to the small input."""
    pytest.importorskip("sklearn")
    found = load_for(Data(name="digits_scene"), (8, 8, 1), (24, 24, 1), target=ImageTarget(smaller=3))
    assert ((8, 8, 1), (24, 24, 1)) == (found.shape, found.train_labels.shape[1:])
    assert ImageTarget() == found.target
    digits = load_for(Data(name="digits"), (14, 14, 1), (28, 28, 1), target=ImageTarget(smaller=2))
    assert ((14, 14, 1), (28, 28, 1)) == (digits.shape, digits.test_labels.shape[1:])


@pytest.mark.parametrize("target", [MaskTarget(), NumbersTarget()])
def test_data_that_cannot_give_a_target_are_refused(target: AnyTarget) -> None:
    message = fault_of(aimed, DIGITS, target).message
    assert message == f"two gives one class; the target of the recipe is {target.answer}"


def test_bytes_of_an_image_become_0_to_1() -> None:
    np.testing.assert_allclose(wanted("image", IMAGES[:2], (64,)), IMAGES[:2].reshape(2, 64) / 255, rtol=1e-6)


# Floats ------------------------------------------------------------------------------------


def test_floats_of_any_range_are_scaled_as_the_recipe_says_everywhere(tmp_path: Any) -> None:
    random = np.random.default_rng(0)
    values = random.standard_normal((80, 3)).astype(np.float32) * (1, 100, 0.01) + (5, -300, 0)
    targets = ((values - values.mean(0)) / values.std(0)).sum(1)
    model = cnnspec.parse("input 3; dense 1; train { target numbers; normalise standard }").build()
    model.fit((values, targets), epochs=80, batch=10, rate=0.05)
    assert model.evaluate((values, targets)).figures["R²"] > 0.99
    answers = model.predict(values)[:, 0]
    assert np.corrcoef(answers, targets)[0, 1] > 0.99
    model.save(tmp_path / "w.safetensors")
    again = cnnspec.parse("input 3; dense 1").build().load(tmp_path / "w.safetensors")
    np.testing.assert_array_equal(again.predict(values)[:, 0], answers)


@pytest.mark.parametrize("shape", [(16, 1), (16, 2), (4, 6, 6, 1)])
def test_sequences_and_volumes_train(shape: tuple[int, ...]) -> None:
    random = np.random.default_rng(0)
    values = random.standard_normal((40, *shape)).astype(np.float32)
    values[::2] += 3
    size = "x".join(map(str, shape))
    kernel = "x".join("3" for _ in shape[:-1])
    network = cnnspec.parse(f"input {size}; conv 4 {kernel} -> relu; flatten; dense 2")
    given = values[..., 0] if shape[-1] == 1 else values
    model = network.build()
    model.fit((given, np.arange(40) % 2), epochs=20, batch=10)
    assert model.evaluate((given, np.arange(40) % 2)).accuracy > 0.9


# Figures -------------------------------------------------------------------------------------


def test_the_area_under_the_curve_is_the_share_of_pairs_in_order() -> None:
    random = np.random.default_rng(0)
    chances, truths = np.round(random.random(50), 1), random.integers(0, 2, 50)
    pairs = [(p > n) + (p == n) / 2 for p in chances[truths == 1] for n in chances[truths == 0]]
    assert figures.area_under_curve(chances, truths) == pytest.approx(np.mean(pairs))
    assert np.isnan(figures.area_under_curve(chances, np.ones(50)))


def test_overlap_is_intersection_over_union() -> None:
    truths, answers = np.array([0, 0, 1, 1, 2]), np.array([0, 1, 1, 1, 0])
    found = figures.overlaps(figures.confusion(truths, answers, 4))
    assert found[:3].tolist() == [1 / 3, 2 / 3, 0]
    assert np.isnan(found[3])


def test_the_same_image_is_wholly_similar_and_noise_is_not() -> None:
    images = IMAGES[:4].astype(np.float32) / 255
    noisy = images + np.random.default_rng(0).normal(0, 0.1, images.shape).astype(np.float32)
    assert figures.similarities(images, images).tolist() == pytest.approx([1.0] * 4)
    assert figures.similarities(noisy, images).mean() < 0.9
    assert figures.noise_ratios(images, images).tolist() == [100.0] * 4
    assert figures.noise_ratios(images + 0.1, images).tolist() == pytest.approx([20.0] * 4, rel=1e-4)


def test_every_target_of_the_language_is_judged() -> None:
    from typing import get_args

    kinds = {model.model_fields["kind"].default for model in get_args(get_args(AnyTarget)[0])}
    assert kinds == JUDGES.keys()


def test_a_hand_made_dataset_says_its_target_itself() -> None:
    data = Dataset("own", IMAGES[:40], MASKS[:40], IMAGES[40:], MASKS[40:], ("ground", "dim", "bright"),
                   target=MaskTarget())  # fmt: skip
    model = cnnspec.parse("input 8x8x1; conv 3 1x1").build()
    model.fit(data, epochs=40, rate=0.05, batch=10)
    assert model.evaluate(data).figures["pixel accuracy"] > 0.9
    wrong = replace(data, test_labels=data.test_labels + 7)
    assert "class 7 of 3 at" in fault_of(model.evaluate, wrong).message
