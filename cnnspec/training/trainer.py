"""One training: its state, a step, an epoch, and how it is saved and taken up again."""

from __future__ import annotations

from functools import cached_property
from math import isfinite
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from cnnspec.backends.numpy.optimizers import clip, make_optimizer
from cnnspec.backends.numpy.program import Program, Scaling
from cnnspec.diagnostics import Diagnostic, SpecError
from cnnspec.recipe.faults import unlike_channels
from cnnspec.recipe.models import CrossEntropy, Recipe
from cnnspec.training import checks
from cnnspec.training.augment import Augmenter
from cnnspec.training.batches import Batches
from cnnspec.training.callback import Callback, TrainingProgress
from cnnspec.training.checkpoint import Checkpoint, alike
from cnnspec.training.data.dataset import Dataset, Labels, split
from cnnspec.training.data.faults import unlike
from cnnspec.training.evaluate import evaluate, scaling_of
from cnnspec.training.fingerprint import differs, fingerprint, other_test
from cnnspec.training.history import Row
from cnnspec.training.interrupt import Interruption
from cnnspec.training.train_state import TrainState
from cnnspec.training.workers import workers_of

if TYPE_CHECKING:
    from cnnspec.backends.numpy.model import Model

FORMAT: Final = "cnnspec/checkpoint/1"


class Trainer:
    """A model on its way through the epochs of a recipe.

    Everything random follows from the model's seed, so the same seed gives the
    same weights, and ``checkpoint`` holds all that ``restore`` needs to go on
    as if nothing had happened.
    """

    def __init__(self, model: Model, data: Dataset, recipe: Recipe, watch: Callback) -> None:
        self.model, self.recipe, self.watch = model, recipe, watch
        kept, held = split(data.train_labels, recipe.data.validation, model.seed, "validation")
        whole = not len(held)
        images = data.train_images if whole else data.train_images[kept]
        labels = data.train_labels if whole else data.train_labels[kept]
        self.validation = None if whole else (data.train_images[held], data.train_labels[held])
        self.data = data
        augmenter = Augmenter(recipe.augment, images.shape[1:]) if recipe.augment else None
        self.batches = Batches(images, labels, min(recipe.batch, len(labels)), model.seed, augmenter)
        if odd := tuple(unlike_channels(recipe.normalise, images.shape[1:])):
            raise SpecError(odd)
        self.scaling = scaling_of(recipe.normalise, images)
        model.scaling = Scaling(*map(np.array, self.scaling))
        self.optimizer = make_optimizer(recipe.optimizer, model.flat)
        self.loss_options = _loss_options(recipe, labels, data.classes)
        self.place = TrainState()
        self.notes: list[Diagnostic] = []
        self.workers = workers_of(model, self.batches, self._program, recipe.workers)
        self._seen_at_start, self._started = 0, perf_counter()

    def note(self, diagnostic: Diagnostic) -> None:
        """Something is odd, but the training goes on."""
        self.notes.append(diagnostic)
        self.watch.note(diagnostic)

    @cached_property
    def signature(self) -> dict[str, Any]:
        """What must be the same for this training to be gone on with; it reads all samples."""
        return fingerprint(self.model, self.recipe, self.data)

    @property
    def steps(self) -> int:
        """Steps of the whole training."""
        return self.recipe.epochs * self.batches.per_epoch

    @property
    def finished(self) -> bool:
        stop = self.recipe.stop
        return self.place.epoch >= self.recipe.epochs or bool(stop and self.place.waited >= stop.patience)

    def rate(self) -> float:
        """The learning rate of the step to come."""
        return self._rate_at(self.place.step)

    def _rate_at(self, step: int) -> float:
        recipe = self.recipe
        return recipe.schedule.rate(recipe.optimizer.rate, step, self.batches.per_epoch, self.steps)

    def epoch(self, interruption: Interruption, after_step: Any = None) -> bool:
        """The rest of the current epoch; False when it was interrupted before its end."""
        place, told = self.place, perf_counter()
        self._seen_at_start, self._started = place.seen, perf_counter()
        for images, labels in self.workers.epoch(place.epoch, place.batch):
            self.step(images, labels)
            if interruption.wanted:
                return False
            now = perf_counter()
            if now - told >= self.watch.every:
                told = now
                self.watch.step(self._now())
            if after_step:
                after_step()
        return True

    def step(self, images: NDArray[Any], labels: Labels) -> None:
        """One batch: forward, backward, and the optimizer's move."""
        place, rate = self.place, self.rate()
        found = self.workers.step(images, labels, place.step)
        if not isfinite(found.loss):
            raise checks.not_finite(found.loss, place.step + 1, place.epoch + 1, rate)
        self._move(rate)
        place.step += 1
        place.batch += 1
        place.loss += found.loss
        place.correct += found.correct
        place.seen += found.samples

    def _program(self, batch: int) -> Program:
        return self.model.compile(batch, True, loss=self.recipe.loss.kind, **self.loss_options)

    def _move(self, rate: float) -> None:
        first, gradient = self.place.step == 0, self.model.flat_gradient
        before = self.model.flat.copy() if first else None
        still = set(checks.without_gradient(self.model)) if first else set()
        if self.recipe.clip:
            clip(gradient, self.recipe.clip)
        self.optimizer.update(gradient, rate)
        if before is not None:
            still |= set(checks.unmoved(self.model, before))
            if still:
                self.note(checks.still_weights([name for name in self.model.gradients if name in still]))

    def end_epoch(self) -> Row:
        """The epoch's row; the next one begins."""
        self._check_weights()
        row = self._row()
        self.place.end_epoch(row, self.recipe.stop.change if self.recipe.stop else 0.0)
        self.watch.epoch(row)
        return row

    def _check_weights(self) -> None:
        place = self.place
        epoch = place.epoch + bool(place.seen)
        checks.check_weights(self.model, place.step, epoch, self._rate_at(max(0, place.step - 1)))

    def warn_of_guessing(self) -> None:
        """Notes that the training came to nothing, where it did."""
        if self.place.rows and isinstance(self.recipe.loss, CrossEntropy):
            last = self.place.rows[-1]
            if found := checks.guessing(last.loss, last.accuracy, self.batches.labels, last.rate):
                self.note(found)

    def _row(self) -> Row:
        place = self.place
        seconds, speed = self._speed()
        checked = (
            evaluate(self.model, *self.validation, self.data.names, self.recipe.loss)
            if self.validation
            else None
        )
        return Row(
            place.epoch + 1, place.step, place.loss / place.seen, place.correct / place.seen,
            self._rate_at(place.step - 1),
            round(speed, 1), round(seconds, 4),
            checked.loss if checked else None, checked.accuracy if checked else None,
        )  # fmt: skip

    def _speed(self) -> tuple[float, float]:
        """Seconds in this epoch, and images a second."""
        seconds = perf_counter() - self._started
        return seconds, (self.place.seen - self._seen_at_start) / max(seconds, 1e-9)

    def _now(self) -> TrainingProgress:
        place, (_, speed) = self.place, self._speed()
        total = self.recipe.epochs * len(self.batches.labels)
        done = place.epoch * len(self.batches.labels) + place.seen
        return TrainingProgress(
            place.epoch + 1, self.recipe.epochs, place.batch, self.batches.per_epoch,
            place.loss / place.seen, place.correct / place.seen, self.rate(), speed,
            (total - done) / max(speed, 1e-9),
        )  # fmt: skip

    def checkpoint(self) -> Checkpoint:
        """Everything that going on needs; raises SpecError when the weights left the numbers."""
        self._check_weights()
        state = {
            "format": FORMAT,
            "step": self.place.step,
            "place": self.place.state(),
            "random": self.model.random.bit_generator.state,
            "optimizer_count": self.optimizer.count,
            "scaling": self.scaling,
            "signature": self.signature,
        }
        return Checkpoint(self.model.weights, self.optimizer.state, state)

    def fault(self, checkpoint: Checkpoint) -> str | None:
        """Why a checkpoint that is whole cannot be gone on from; one of another training can."""
        state = checkpoint.state
        try:
            if state["format"] != FORMAT:
                return f"its format is {state['format']}, not {FORMAT}"
            TrainState.of(state["place"])
            type(self.model.random.bit_generator)(0).state = state["random"]
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            return f"its state is not that of a training ({error})"
        if not isinstance(state.get("signature"), dict) or not isinstance(state.get("optimizer_count"), int):
            return "its state is not that of a training"
        if state["signature"] != self.signature or alike(checkpoint.arrays, self.checkpoint().arrays):
            return None
        return "its arrays are not those of this training"

    def restore(self, checkpoint: Checkpoint, source: Path, rows: list[Row]) -> None:
        """Goes on from a checkpoint without a ``fault``; raises SpecError when it is of another training.

        ``rows`` are those of the metrics file, which may be further on.
        """
        if fault := differs(source, checkpoint.state["signature"], self.signature):
            raise fault
        if odd := other_test(source, checkpoint.state["signature"], self.signature):
            self.note(odd)
        for name, values in checkpoint.weights.items():
            np.copyto(self.model.weights[name], values)
        for name, values in checkpoint.optimizer.items():
            np.copyto(self.optimizer.state[name], values)
        self.place = TrainState.of(checkpoint.state["place"])
        self.place.rows = [row for row in rows if row.epoch <= self.place.epoch]
        self.optimizer.count = checkpoint.state["optimizer_count"]
        self.model.random.bit_generator.state = checkpoint.state["random"]


def _loss_options(recipe: Recipe, labels: Labels, classes: int) -> dict[str, Any]:
    if not isinstance(recipe.loss, CrossEntropy):
        return {}
    options: dict[str, Any] = {"smoothing": recipe.loss.smoothing}
    if recipe.classweights == "balanced":
        counts = np.bincount(labels, minlength=classes)
        options["class_weights"] = tuple((len(labels) / (classes * np.maximum(counts, 1))).tolist())
    elif recipe.classweights:
        if len(recipe.classweights) != classes:
            raise unlike(f"classweights gives {len(recipe.classweights)} weights for {classes} classes")
        options["class_weights"] = recipe.classweights
    return options
