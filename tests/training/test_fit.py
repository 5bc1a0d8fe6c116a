import inspect
import json
import math
import os
import random
import re
import shutil
import signal
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tools import fault_of, known, same

import cnnspec
from cnnspec.diagnostics import Severity, SpecError
from cnnspec.model import Model
from cnnspec.recipe.models import Normalise, Recipe
from cnnspec.training import loop
from cnnspec.training.callback import Callback, TrainingProgress
from cnnspec.training.checkpoint import Checkpoint, CheckpointManager, read, write
from cnnspec.training.data.dataset import Dataset
from cnnspec.training.evaluate import probabilities
from cnnspec.training.trainer import Trainer


def weights(model: Model) -> dict[str, np.ndarray]:
    return {name: values.copy() for name, values in model.weights.items()}


def test_a_network_learns(model_of: Callable[..., Model], data: Dataset) -> None:
    model = model_of("epochs 12")
    before = model.evaluate(data).accuracy
    history = model.fit(data)
    assert 12 == len(history.rows)
    assert history.rows[-1].loss < history.rows[0].loss / 2
    assert before < 0.7 < 0.9 < model.evaluate(data).accuracy
    assert "finished" == history.ending


DEEP = "input 8x8x1; flatten" + "; dense 20 -> sigmoid" * 8 + "; dense 3 -> softmax"


def test_a_loss_that_stays_where_guessing_is_is_told_with_other_cures_than_one_far_above(
    model_of: Callable[..., Model], data: Dataset
) -> None:
    history = model_of("epochs 3; optimizer sgd rate=0.01", spec=DEEP).fit(data)
    (warning,) = [note for note in history.warnings if note.code == "no-better-than-guessing"]
    assert pytest.approx(math.log(3), rel=0.02) == history.loss[-1]
    assert "initial glorot" in warning.help[0]
    assert "relu" in warning.help[1]
    assert "smaller rate" not in " ".join(warning.help)


def test_a_network_that_learns_is_no_guesser(model_of: Callable[..., Model], data: Dataset) -> None:
    assert [] == [note.code for note in model_of("epochs 6").fit(data).warnings]


def test_what_cannot_be_learned_as_written_is_told_before_training(
    model_of: Callable[..., Model], data: Dataset
) -> None:
    spec = "input 8x8x1; flatten -> dense 8 -> dense 3 -> relu"
    codes = [note.code for note in model_of("epochs 6", spec=spec).fit(data).warnings]
    assert ["dense-after-dense", "activation-before-softmax"] == codes[:2]
    better = model_of("epochs 6; loss mse", spec=spec.replace("-> dense 3", "-> relu -> dense 3"))
    assert [] == better.fit(data).warnings


@pytest.mark.parametrize("optimizer", [
    "sgd rate=0.3", "sgd rate=0.03 momentum=0.9 nesterov=yes", "adam rate=0.01",
    "adamw rate=0.01", "rmsprop rate=0.003",
])  # fmt: skip
def test_every_optimizer_makes_the_loss_fall(
    model_of: Callable[..., Model], data: Dataset, optimizer: str
) -> None:
    rows = model_of(f"optimizer {optimizer}; epochs 5").fit(data).rows
    assert rows[-1].loss < 0.8 * rows[0].loss


def test_the_mean_squared_error_can_be_trained_on(model_of: Callable[..., Model], data: Dataset) -> None:
    spec = "input 8x8x1; flatten -> dense 20 -> relu; dense 3 -> sigmoid"
    rows = model_of("optimizer adam rate=0.01; loss mse; epochs 5", spec=spec).fit(data).rows
    assert rows[-1].loss < 0.8 * rows[0].loss


def test_the_same_seed_gives_the_same_bits_and_another_does_not(
    model_of: Callable[..., Model], data: Dataset
) -> None:
    runs = []
    for seed in (0, 0, 1):
        model = model_of("epochs 2; augment shift=1", seed)
        model.fit(data)
        runs.append(weights(model))
    assert same(runs[0], runs[1])
    assert not same(runs[0], runs[2])


def test_changes_override_the_recipe(model_of: Callable[..., Model], data: Dataset) -> None:
    history = model_of("epochs 5").fit(data, epochs=1, rate=0.5)
    assert [0.5] == [row.rate for row in history.rows]


def test_a_seed_belongs_to_the_building_of_the_weights(model_of: Callable[..., Model], data: Dataset) -> None:
    with pytest.raises(TypeError, match="give them to network"):
        model_of().fit(data, seed=3)


def test_the_order_is_a_permutation_and_every_sample_is_seen(
    model_of: Callable[..., Model], data: Dataset
) -> None:
    seen = []

    class Spy(Callback):
        every = 0.0

        def step(self, now: TrainingProgress) -> None:
            seen.append((now.epoch, now.batch, now.batches))

    history = model_of("epochs 2").fit(data, callback=Spy())
    assert [(epoch, batch, 13) for epoch in (1, 2) for batch in range(1, 14)] == seen
    assert [13, 26] == [row.step for row in history.rows]


def test_pixels_are_scaled_as_the_recipe_says(model_of: Callable[..., Model], data: Dataset) -> None:
    def scaling(sentence: str) -> tuple[float, float]:
        model = model_of(f"epochs 1; normalise {sentence}")
        model.fit(data)
        return float(np.ravel(model.scaling.factor)[0]), float(np.ravel(model.scaling.shift)[0])

    pixels = data.train_images / 255
    assert (1 / 255, 0) == scaling("unit")
    assert (1, 0) == scaling("none")
    assert pytest.approx((1 / 255 / 0.5, -0.25 / 0.5)) == scaling("mean=0.25 std=0.5")
    assert pytest.approx((1 / 255 / pixels.std(), -pixels.mean() / pixels.std())) == scaling("standard")


def test_validation_is_held_out_and_reported(model_of: Callable[..., Model], data: Dataset) -> None:
    history = model_of("data digits validation=0.25; epochs 2").fit(data)
    assert [10, 20] == [row.step for row in history.rows]
    assert all(row.validation_loss and 0 <= known(row.validation_accuracy) <= 1 for row in history.rows)


def test_early_stopping_ends_with_the_best_weights(
    model_of: Callable[..., Model], data: Dataset, tmp_path: Path
) -> None:
    model = model_of("data digits validation=0.3; stop patience=2; epochs 60; optimizer adam rate=0.05")
    history = model.fit(data, folder=tmp_path)
    losses = [known(row.validation_loss) for row in history.rows]
    assert "stopped early" == history.ending
    assert history.best_epoch == 1 + int(np.argmin(losses)) == len(losses) - 2
    assert same(read(tmp_path / "best.safetensors").weights, model.weights)


def test_a_gradient_can_be_clipped(model_of: Callable[..., Model], data: Dataset) -> None:
    free, bound = model_of("epochs 1"), model_of("epochs 1; clip 0.0001; optimizer sgd rate=0.1")
    begun = weights(bound)
    free.fit(data)
    bound.fit(data)
    moved = math.sqrt(sum(((bound.weights[name] - begun[name]) ** 2).sum() for name in begun))
    assert 0 < moved < 13 * 0.1 * 0.0001 * 1.01
    assert not same(free.weights, bound.weights)


def test_class_weights_turn_the_answers(model_of: Callable[..., Model], data: Dataset) -> None:
    heavy = model_of("epochs 2; classweights (100, 1, 1)")
    heavy.fit(data)
    answers = probabilities(heavy, data.test_images).argmax(1)
    assert (answers == 0).mean() > 0.6
    fault = fault_of(model_of("classweights (1, 2)").fit, data)
    assert "classweights gives 2 weights for 3 classes" == fault.message


def test_normalise_gives_a_number_a_channel_from_python_too(
    model_of: Callable[..., Model], data: Dataset
) -> None:
    fault = fault_of(model_of().fit, data, normalise=Normalise(mean=(0.1, 0.2, 0.3)))
    assert "normalise mean has 3 numbers, and the input has 1 channel" == fault.message


def test_balanced_classes_are_weighed_by_how_rare_they_are(
    model_of: Callable[..., Model], data: Dataset
) -> None:
    model = model_of("classweights balanced")
    trainer = Trainer(model.engine, data, model.network.training_recipe, Callback())
    counts = np.bincount(data.train_labels)
    assert pytest.approx((200 / 3 / counts).tolist()) == trainer.class_weights


def test_smoothing_raises_the_least_loss(model_of: Callable[..., Model], data: Dataset) -> None:
    sentences = ("", "loss crossentropy smoothing=0.3")
    losses = [model_of(f"epochs 10; {loss}").fit(data).rows[-1].loss for loss in sentences]
    assert losses[1] > losses[0] + 0.2


def test_a_loss_that_leaves_the_numbers_names_step_and_rate(
    model_of: Callable[..., Model], data: Dataset
) -> None:
    fault = fault_of(model_of("optimizer sgd rate=1e12").fit, data)
    assert "loss-not-finite" == fault.code
    assert fault.message.startswith("the loss became ")
    assert "at step 3 (epoch 1), at a rate of 1e+12" in fault.message
    assert "take a smaller rate: --rate 1e+11" == fault.help[0]


class Spoiler(Callback):
    """Makes a weight infinite at a step, as a step that is too large does."""

    every = 0.0

    def __init__(self, model: Model, step: int, name: str) -> None:
        self.model, self.left, self.name = model, step, name

    def step(self, now: TrainingProgress) -> None:
        self.left -= 1
        if self.left == 0:
            self.model.weights[self.name].flat[0] = np.inf


@pytest.mark.parametrize("rate", [1e308, 1e200])
def test_a_last_step_that_leaves_the_numbers_is_no_success(
    model_of: Callable[..., Model], data: Dataset, tmp_path: Path, rate: float
) -> None:
    """One step: its loss is that of the first weights, and finite."""
    few = replace(data, train_images=data.train_images[:10], train_labels=data.train_labels[:10])
    fault = fault_of(model_of("epochs 1").fit, few, folder=tmp_path, rate=rate)
    assert "loss-not-finite" == fault.code
    assert fault.message.endswith(f"became NaN or infinite by step 1 (epoch 1), at a rate of {rate:.4g}")
    assert [] == CheckpointManager(tmp_path / "checkpoints").paths
    assert not (tmp_path / "weights.safetensors").exists()


def test_no_checkpoint_holds_what_is_no_number(
    model_of: Callable[..., Model], data: Dataset, tmp_path: Path
) -> None:
    """The bias goes on to nothing that the loss of this step sees."""
    model = model_of("epochs 2")
    spoiler = Spoiler(model, 5, "dense2.bias")
    fault = fault_of(model.fit, data, folder=tmp_path, save_steps=1, callback=spoiler)
    assert "dense2.bias became NaN or infinite by step 5 (epoch 1), at a rate of 0.1" == fault.message
    assert [2, 3, 4] == [read(path).step for path in CheckpointManager(tmp_path / "checkpoints").paths]


def test_a_training_that_came_to_nothing_is_told(model_of: Callable[..., Model], data: Dataset) -> None:
    spec = "input 8x8x1; flatten -> dense 3"
    history = model_of("optimizer sgd rate=1e9; epochs 1", spec=spec).fit(data)
    assert ["no-better-than-guessing"] == [warning.code for warning in history.warnings]
    (warning,) = history.warnings
    assert (Severity.WARNING, "take a smaller rate: --rate 1e+08") == (warning.severity, warning.help[0])
    assert re.search(r"its loss is \d\.?\d*e\+\d+, that of guessing 1\.0986$", warning.message)
    assert [] == model_of("epochs 3").fit(data).warnings


def test_an_evaluation_without_a_number_is_null_in_json(
    model_of: Callable[..., Model], data: Dataset
) -> None:
    model = model_of()
    model.weights["dense2.bias"][0] = np.nan
    found = json.dumps(model.evaluate(data).to_dict(), allow_nan=False)
    assert json.loads(found)["loss"] is None


def test_the_margin_of_early_stopping_decides_its_patience_and_not_which_epoch_is_best(
    model_of: Callable[..., Model], data: Dataset
) -> None:
    recipe = "data digits validation=0.3; stop patience=1 change=0.05; epochs 60; optimizer adam rate=0.003"
    history = model_of(recipe).fit(data)
    losses = [known(row.validation_loss) for row in history.rows]
    assert losses[-2] - 0.05 < losses[-1] < losses[-2], "the last epoch is better, by less than the margin"
    assert ("stopped early", len(losses)) == (history.ending, history.best_epoch)


def test_weights_that_do_not_move_are_named_in_a_warning(
    model_of: Callable[..., Model], data: Dataset
) -> None:
    model = model_of("epochs 1")
    model.weights["dense1.bias"][:] = -1000
    history = model.fit(data)
    warning, after = history.warnings
    assert "no-better-than-guessing" == after.code
    assert ("weights-not-moving", Severity.WARNING) == (warning.code, warning.severity)
    assert warning.message.endswith(": conv1.weight, conv1.bias, dense1.weight, dense1.bias, dense2.weight")
    assert [] == model_of("epochs 1").fit(data).warnings


def test_the_folder_holds_metrics_checkpoints_and_weights(
    model_of: Callable[..., Model], data: Dataset, tmp_path: Path
) -> None:
    model = model_of("epochs 4")
    history = model.fit(data, folder=tmp_path)
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [(n, history.rows[n - 1].loss) for n in (1, 2, 3, 4)] == [
        (line["epoch"], line["loss"]) for line in lines
    ]
    assert [26, 39, 52] == [read(path).step for path in CheckpointManager(tmp_path / "checkpoints").paths]
    assert same(model.weights, model_of("").load(tmp_path / "weights.safetensors").weights)


class Stopper(Callback):
    """Interrupts itself at a step, as Ctrl-C would."""

    every = 0.0

    def __init__(self, step: int) -> None:
        self.left = step

    def step(self, now: TrainingProgress) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize("recipe", [
    "epochs 3", "epochs 3; optimizer adam rate=0.01; augment shift=1 rotate=5",
    "epochs 3; data digits validation=0.1; stop 2",
])  # fmt: skip
@pytest.mark.parametrize("steps", [(1,), (5, 9, 3), (13,), (20, 1, 1)])
def test_interrupted_and_resumed_ends_with_the_same_bits(
    model_of: Callable[..., Model], data: Dataset, tmp_path: Path, recipe: str, steps: tuple[int, ...]
) -> None:
    straight = model_of(recipe)
    whole = straight.fit(data, folder=tmp_path / "straight")
    for count in steps:
        history = model_of(recipe).fit(data, folder=tmp_path / "broken", resume=True, callback=Stopper(count))
        assert "interrupted" == history.ending
    resumed = model_of(recipe)
    history = resumed.fit(data, folder=tmp_path / "broken", resume=True)
    assert same(straight.weights, resumed.weights)
    assert [(row.epoch, row.step, row.loss) for row in whole.rows] == [
        (row.epoch, row.step, row.loss) for row in history.rows
    ]
    for name in ("weights.safetensors", f"checkpoints/step-{whole.rows[-1].step:09d}.safetensors"):
        assert (tmp_path / "straight" / name).exists() == (tmp_path / "broken" / name).exists()
    lines = (tmp_path / "broken" / "metrics.jsonl").read_text().splitlines()
    assert [row.epoch for row in whole.rows] == [json.loads(line)["epoch"] for line in lines]


def test_a_metrics_file_that_was_cut_short_does_not_stop_a_run(
    model_of: Callable[..., Model], data: Dataset, tmp_path: Path
) -> None:
    model_of("epochs 2").fit(data, folder=tmp_path)
    path = tmp_path / "metrics.jsonl"
    path.write_text(path.read_text()[:-20] + "\n[]\n")
    history = model_of("epochs 3").fit(data, folder=tmp_path, resume=True)
    assert [1, 3] == [row.epoch for row in history.rows]


def test_ctrl_c_leaves_the_signal_as_it_was(model_of: Callable[..., Model], data: Dataset) -> None:
    before = signal.getsignal(signal.SIGINT)
    history = model_of("epochs 3").fit(data, callback=Stopper(2))
    assert "interrupted" == history.ending
    assert before == signal.getsignal(signal.SIGINT)


def test_training_works_outside_the_main_thread(model_of: Callable[..., Model], data: Dataset) -> None:
    found = []
    thread = threading.Thread(target=lambda: found.append(model_of("epochs 1").fit(data)))
    thread.start()
    thread.join()
    assert "finished" == found[0].ending


def test_a_damaged_checkpoint_gives_way_to_the_one_before_and_is_told(
    model_of: Callable[..., Model], data: Dataset, tmp_path: Path
) -> None:
    straight = model_of("epochs 3")
    straight.fit(data)
    model_of("epochs 3").fit(data, folder=tmp_path, save_steps=5, callback=Stopper(12))
    newest = CheckpointManager(tmp_path / "checkpoints").paths[-1]
    newest.write_bytes(newest.read_bytes()[:-7])
    resumed = model_of("epochs 3")
    history = resumed.fit(data, folder=tmp_path, resume=True)
    assert ["checkpoint-unusable"] == [warning.code for warning in history.warnings]
    assert same(straight.weights, resumed.weights)


SMALL = "input 8x8x1; flatten -> dense 3"


@pytest.mark.parametrize("recipe, options, message, cure", [
    ("epochs 1", {"seed": 1}, "seed was 0, is 1", "--seed 0"),
    ("epochs 1; optimizer sgd rate=0.2 momentum=0.9", {}, "optimizer rate was 0.1, is 0.2", "--rate 0.1"),
    ("epochs 1; optimizer adam", {}, "optimizer was sgd, is adam", None),
    ("epochs 1; workers 2", {}, "workers was 1, is 2", "--workers 1"),
    ("epochs 1; clip 1", {}, "clip was not given, is 1", None),
    ("epochs 1; augment shift=1", {}, "augment was not given, is shift=1 smooth=4", None),
    ("epochs 1; data digits validation=0.5", {}, "validation was 0, is 0.5", None),
    ("epochs 1", {"spec": SMALL}, "the network has changed", None),
])  # fmt: skip
def test_a_run_that_was_begun_otherwise_is_not_resumed(
    model_of: Callable[..., Model],
    data: Dataset,
    tmp_path: Path,
    recipe: str,
    options: dict[str, Any],
    message: str,
    cure: str | None,
) -> None:
    model_of("epochs 1").fit(data, folder=tmp_path)
    fault = fault_of(model_of(recipe, **options).fit, data, folder=tmp_path, resume=True)
    assert ("run-differs", f"{tmp_path} cannot be resumed: {message}") == (fault.code, fault.message)
    assert (cure is not None) == (f"use what the run was started with: {cure}" in fault.help)
    assert f"resume without changes: cnnspec train {tmp_path} --resume" in fault.help


def test_what_differs_is_said_at_once(model_of: Callable[..., Model], data: Dataset, tmp_path: Path) -> None:
    model_of("epochs 1").fit(data, folder=tmp_path)
    other = {"batch": 8, "workers": 2, "rate": 0.2}
    fault = fault_of(model_of("epochs 1", seed=3).fit, data, folder=tmp_path, resume=True, **other)
    assert "use what the run was started with: --seed 0 --rate 0.1 --batch 16 --workers 1" == fault.help[0]


@pytest.mark.parametrize("change, message", [
    (lambda data: data.train_images.__setitem__((7, 3, 2, 0), 255), "the training images have changed"),
    (lambda data: data.train_labels.__setitem__(7, 2 - data.train_labels[7] // 2), "the labels have changed"),
])  # fmt: skip
def test_one_changed_sample_is_noticed(
    model_of: Callable[..., Model],
    data: Dataset,
    tmp_path: Path,
    change: Callable[[Dataset], object],
    message: str,
) -> None:
    model_of("epochs 1").fit(data, folder=tmp_path)
    other = replace(data, train_images=data.train_images.copy(), train_labels=data.train_labels.copy())
    change(other)
    fault = fault_of(model_of("epochs 2").fit, other, folder=tmp_path, resume=True)
    assert f"{tmp_path} cannot be resumed: {message}" == fault.message
    fault = fault_of(
        model_of("epochs 2").fit,
        replace(data, train_images=data.train_images[:190], train_labels=data.train_labels[:190]),
        folder=tmp_path,
        resume=True,
    )
    assert fault.message.endswith("there were 200 training images, now there are 190")


def test_changed_test_images_change_no_weight_and_are_told(
    model_of: Callable[..., Model], data: Dataset, tmp_path: Path
) -> None:
    straight = model_of("epochs 2")
    straight.fit(data)
    model_of("epochs 1").fit(data, folder=tmp_path)
    resumed = model_of("epochs 2")
    other = replace(data, test_images=data.test_images[:90], test_labels=data.test_labels[:90])
    history = resumed.fit(other, folder=tmp_path, resume=True)
    (warning,) = history.warnings
    assert f"{tmp_path} was started with other test samples" == warning.message
    assert same(straight.weights, resumed.weights)


def test_what_changes_no_step_may_change(
    model_of: Callable[..., Model], data: Dataset, tmp_path: Path
) -> None:
    model_of("epochs 1").fit(data, folder=tmp_path)
    history = model_of("epochs 2; stop 5").fit(data, folder=tmp_path, resume=True)
    assert ("finished", 2) == (history.ending, len(history.rows))


def test_a_bit_flipped_anywhere_in_a_checkpoint_never_changes_what_comes_of_it(
    model_of: Callable[..., Model], data: Dataset, tmp_path: Path
) -> None:
    straight = model_of("epochs 3; optimizer adam")
    straight.fit(data)
    model_of("epochs 2; optimizer adam").fit(data, folder=tmp_path / "run")
    name, places = CheckpointManager(tmp_path / "run" / "checkpoints").paths[-1].name, random.Random(5)
    whole = (tmp_path / "run" / "checkpoints" / name).read_bytes()
    length = 8 + int.from_bytes(whole[:8], "little")
    for n, end in enumerate((length, len(whole)) * 12):
        home = shutil.copytree(tmp_path / "run", tmp_path / str(n))
        changed = bytearray(whole)
        changed[places.randrange(end)] ^= 1 << places.randrange(8)
        (home / "checkpoints" / name).write_bytes(changed)
        resumed = model_of("epochs 3; optimizer adam")
        history = resumed.fit(data, folder=home, resume=True)
        assert ["checkpoint-unusable"] == [warning.code for warning in history.warnings]
        assert same(straight.weights, resumed.weights)


def _without(*path: str) -> Callable[[Any], None]:
    def change(state: Any) -> None:
        for name in path[:-1]:
            state = state[name]
        del state[path[-1]]

    return change


def _with(value: object, *path: str) -> Callable[[Any], None]:
    def change(state: Any) -> None:
        for name in path[:-1]:
            state = state[name]
        state[path[-1]] = value

    return change


@pytest.mark.parametrize("change", [
    _without("place"), _without("place", "waited"), _with("2", "place", "step"), _with(-1, "place", "batch"),
    _without("random"), _with({"bit_generator": "MT19937"}, "random"), _with([], "random", "state"),
    _without("optimizer_count"), _with("2", "optimizer_count"), _without("signature"), _without("format"),
    _with("cnnspec/checkpoint/9", "format"), _with([], "place"),
])  # fmt: skip
def test_a_checkpoint_that_says_something_else_gives_way_to_the_one_before(
    model_of: Callable[..., Model], data: Dataset, tmp_path: Path, change: Callable[[Any], None]
) -> None:
    straight = model_of("epochs 3")
    straight.fit(data)
    model_of("epochs 2").fit(data, folder=tmp_path)
    newest = CheckpointManager(tmp_path / "checkpoints").paths[-1]
    checkpoint = read(newest)
    change(checkpoint.state)
    write(newest, checkpoint)
    resumed = model_of("epochs 3")
    history = resumed.fit(data, folder=tmp_path, resume=True)
    assert ["checkpoint-unusable"] == [warning.code for warning in history.warnings]
    assert same(straight.weights, resumed.weights)


def test_a_checkpoint_with_other_arrays_gives_way_to_the_one_before(
    model_of: Callable[..., Model], data: Dataset, tmp_path: Path
) -> None:
    model_of("epochs 2").fit(data, folder=tmp_path)
    newest = CheckpointManager(tmp_path / "checkpoints").paths[-1]
    checkpoint = read(newest)
    write(newest, Checkpoint({"conv1.weight": np.zeros(3)}, {}, checkpoint.state))
    history = model_of("epochs 3").fit(data, folder=tmp_path, resume=True)
    assert ["checkpoint-unusable"] == [warning.code for warning in history.warnings]
    assert 3 == len(history.rows)


def test_more_epochs_go_on_from_the_end(
    model_of: Callable[..., Model], data: Dataset, tmp_path: Path
) -> None:
    model_of("epochs 2").fit(data, folder=tmp_path)
    history = model_of("epochs 5").fit(data, folder=tmp_path, resume=True)
    assert [1, 2, 3, 4, 5] == [row.epoch for row in history.rows]


def test_images_and_labels_can_be_given_themselves(model_of: Callable[..., Model], data: Dataset) -> None:
    model = model_of("epochs 8")
    model.fit((data.train_images[..., 0], data.train_labels))
    assert model.evaluate(data.test_images, data.test_labels).accuracy > 0.8


@pytest.mark.parametrize("images, labels, message", [
    (np.full((4, 8, 8, 1), np.nan), [0, 1, 2, 0],
     "samples: images[0, 0, 0, 0] is nan; pixels are numbers 0 to 255, or 0 to 1 as floats"),
    (np.zeros((4, 8, 8, 1), np.uint8), [0, 1, 2], "samples: labels has shape (3,) for 4 images"),
    (np.zeros((4, 9, 8, 1), np.uint8), [0, 1, 2, 0],
     "images of samples are 9x8x1, the network's input is 8x8x1"),
])  # fmt: skip
def test_samples_that_do_not_fit_are_refused(
    model_of: Callable[..., Model], images: np.ndarray, labels: list[int], message: str
) -> None:
    assert message == fault_of(model_of().fit, (images, labels)).message


@pytest.mark.parametrize("factor, shift", [(1 / 255, 0), (2 / 255, -1), (1, 0)])
def test_floats_one_hot_labels_and_channels_first_train_as_bytes_do(
    model_of: Callable[..., Model], data: Dataset, factor: float, shift: int
) -> None:
    one, other = model_of("epochs 1"), model_of("epochs 1")
    one.fit((data.train_images, data.train_labels))
    floats = (data.train_images * factor + shift).astype(np.float32)
    other.fit((floats.transpose(0, 3, 1, 2), np.eye(3)[data.train_labels]))
    assert same(weights(one), weights(other))
    assert one.evaluate(data.test_images, data.test_labels).accuracy == other.evaluate(
        data.test_images / 255, data.test_labels
    ).accuracy  # fmt: skip


def test_labels_judged_may_leave_out_the_last_classes(model_of: Callable[..., Model], data: Dataset) -> None:
    model, chosen = model_of(), data.test_labels < 2
    found = model.evaluate(data.test_images[chosen], data.test_labels[chosen])
    assert (("0", "1", "2"), 0) == (found.names, found.confusion[2].sum())


def test_logits_become_probabilities(model_of: Callable[..., Model], data: Dataset) -> None:
    found = probabilities(model_of(), data.test_images)
    assert (100, 3) == found.shape
    np.testing.assert_allclose(1, found.sum(1), rtol=1e-6)
    with_softmax = model_of(spec="input 8x8x1; flatten -> dense 3 -> softmax")
    np.testing.assert_array_equal(
        with_softmax.predict(data.test_images), probabilities(with_softmax, data.test_images)
    )


def test_a_set_smaller_than_a_batch_is_one_step(model_of: Callable[..., Model], data: Dataset) -> None:
    small = replace(data, train_images=data.train_images[:5], train_labels=data.train_labels[:5])
    assert [1, 2] == [row.step for row in model_of("epochs 2").fit(small).rows]


def test_weights_begin_as_the_recipe_says(model_of: Callable[..., Model]) -> None:
    assert not model_of("initial zeros").weights["dense1.weight"].any()
    assert model_of("initial he").weights["dense1.weight"].any()


@pytest.mark.parametrize("name", ["fit", "evaluate"])
def test_the_models_methods_say_what_the_training_takes(name: str) -> None:
    """Their signatures are written out for help() and completion, and stay those of the functions behind."""

    def parameters(function: Callable[..., object]) -> list[tuple[str, Any, Any]]:
        _, *rest = inspect.signature(function).parameters.values()
        return [(each.name, each.kind, each.default) for each in rest if each.name != "begun_from"]

    assert parameters(getattr(loop, name)) == parameters(getattr(Model, name))


def test_a_recipe_with_another_seed_than_the_weights_is_refused(
    model_of: Callable[..., Model], data: Dataset
) -> None:
    with pytest.raises(ValueError, match="the recipe says seed 7, but the model was built with 3"):
        model_of(seed=3).fit(data, recipe=Recipe(seed=7))
    with pytest.raises(ValueError, match="the recipe says initial zeros, but the model was built with he"):
        model_of().fit(data, recipe=Recipe(initial="zeros"))
    assert 1 == len(model_of(seed=3).fit(data, recipe=Recipe(epochs=2).changed(epochs=1)).rows)
    assert 1 == len(model_of("epochs 1; seed 5", seed=3).fit(data).rows)


def test_advice_on_changes_is_told_once(model_of: Callable[..., Model], data: Dataset) -> None:
    """What the spec's own recipe is warned of was said when it was read."""
    history = model_of("epochs 2; stop 2").fit(data, schedule="cosine warmup=3")
    codes = {item.code for item in history.warnings}
    assert "warmup-too-long" in codes
    assert "stop-without-validation" not in codes


@pytest.mark.parametrize("loss", ["mse", "crossentropy smoothing=0.2"])
def test_validation_is_judged_by_the_loss_that_is_trained(loss: str) -> None:
    network = cnnspec.parse("input 8x8x1; flatten -> dense 10 -> softmax")
    model = network.build(seed=0)
    row = model.fit("digits", loss=loss, validation=0.5, epochs=1, rate=1e-9).rows[0]
    assert pytest.approx(row.loss, rel=0.05) == row.validation_loss


def test_training_begins_from_the_weights_that_fit(tmp_path: Path) -> None:
    first = cnnspec.parse("input 8x8x1; conv 4 3x3 -> relu -> flatten -> dense 10").build(seed=1)
    first.save(tmp_path / "first.safetensors")
    model = cnnspec.parse("input 8x8x1; conv 4 3x3 -> relu -> flatten -> dense 3").build(seed=2)
    fresh = weights(model)
    assert ("dense1.weight", "dense1.bias") == model.begin_from(tmp_path / "first.safetensors")
    for name in model.weights:
        expected = first.weights[name] if name.startswith("conv1") else fresh[name]
        assert np.array_equal(expected, model.weights[name])


def test_weights_of_which_none_fits_are_refused(tmp_path: Path) -> None:
    cnnspec.parse("input 5; dense 4").build().save(tmp_path / "other.safetensors")
    model = cnnspec.parse("input 8x8x1; conv 4 3x3").build()
    with pytest.raises(SpecError, match="foreign-weights"):
        model.begin_from(tmp_path / "other.safetensors")
    assert model.begun_from is None


def test_a_run_that_began_with_weights_is_resumed_with_them_before_its_first_epoch(tmp_path: Path) -> None:
    network = cnnspec.parse("input 8x8x1; flatten -> dense 10; train { batch 500; epochs 1 }")
    network.build(seed=5).save(tmp_path / "first.safetensors")

    def begun() -> Model:
        model = network.build(seed=0)
        model.begin_from(tmp_path / "first.safetensors")
        return model

    whole, broken, resumed = begun(), begun(), network.build(seed=0)
    whole.fit("digits", folder=tmp_path / "whole")
    broken.fit("digits", folder=tmp_path / "broken")
    for path in (tmp_path / "broken" / "checkpoints").glob("step-*"):
        if int(path.stem.split("-")[1]):
            path.unlink()
    resumed.fit("digits", folder=tmp_path / "broken", resume=True)
    assert same(weights(whole), weights(resumed))


def test_class_weights_are_refused_beside_numbers() -> None:
    text = "input 4; dense 1; train { target numbers; classweights balanced }"
    assert "classweights must go with loss crossentropy" in fault_of(cnnspec.parse, text).message
