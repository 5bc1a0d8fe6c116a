"""One training: its state, a step, an epoch, and how it is saved and taken up again."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, partial
from math import isfinite
from pathlib import Path
from time import perf_counter
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cnnspec.backends.contract import Engine, Images
from cnnspec.backends.images import sample_shape
from cnnspec.backends.weights import ScalingWords
from cnnspec.diagnostics import Diagnostic, SpecError
from cnnspec.recipe.faults import unlike_channels
from cnnspec.recipe.models import CrossEntropy, Recipe
from cnnspec.training import checks
from cnnspec.training.augment import augmenter_of
from cnnspec.training.batches import Batches
from cnnspec.training.callback import Callback, TrainingProgress
from cnnspec.training.checkpoint import Checkpoint, alike
from cnnspec.training.data.dataset import Dataset, divide
from cnnspec.training.data.faults import unlike
from cnnspec.training.data.fitting import wanted
from cnnspec.training.evaluate import scaling_of
from cnnspec.training.fingerprint import differs, fingerprint, other_test
from cnnspec.training.history import EpochRecord, TrainState
from cnnspec.training.targets import JUDGES, validate

FORMAT: Final = "cnnspec/checkpoint/1"


class Trainer:
    """An engine on its way through the epochs of a recipe.

    Everything random follows from the engine's seed, so the same seed gives the
    same weights, and ``checkpoint`` holds all that ``restore`` needs to go on
    as if nothing had happened. ``begun_from`` says whose weights it begins with.
    """

    def __init__(
        self, engine: Engine, data: Dataset, recipe: Recipe, callback: Callback, begun_from: str | None = None
    ) -> None:
        self.engine, self.recipe, self.callback, self.begun_from = engine, recipe, callback, begun_from
        (images, labels), self.validation = divide(data, recipe.data.validation, engine.seed)
        self.data = data
        augmenter = augmenter_of(recipe.augment, data.target, images, labels)
        size = min(recipe.batch, len(labels))
        shards = engine.shards(recipe)
        joined = checks.must_join(engine.network, len(labels), size, shards)
        self.kind = data.target.kind
        give = partial(wanted, self.kind, outputs=engine.network.output)
        self.batches = Batches(images, labels, size, engine.seed, augmenter, joined=joined, give=give)
        if odd := tuple(unlike_channels(recipe.normalise, sample_shape(images))):
            raise SpecError(odd)
        self.scaling = engine.scaling = scaling_of(recipe.normalise, images)
        engine.classes = data.names
        self.class_weights = _class_weights(recipe, labels, data.classes)
        self.session = engine.train(recipe, self.batches, self.class_weights)
        self.state = TrainState()
        self.notes: list[Diagnostic] = []
        if joined:
            self.note(checks.joined_batches(len(labels), size))
        if recipe.workers > 1 and shards != recipe.workers:
            self.note(checks.workers_unused(recipe.workers))
        self._seen_at_start, self._started = 0, perf_counter()

    def note(self, diagnostic: Diagnostic) -> None:
        """Something is odd, but the training goes on."""
        self.notes.append(diagnostic)
        self.callback.note(diagnostic)

    @cached_property
    def fingerprint(self) -> dict[str, Any]:
        """What must be the same for this training to be gone on with; it reads all samples."""
        return fingerprint(self.engine, self.recipe, self.data)

    def join(self) -> None:
        """All processes begin where the first one does; raises SpecError where one trains something else."""
        group = self.engine.processes
        if group.size == 1:
            return
        first = group.share(self.fingerprint)
        faults = group.gather(differs(f"process {group.rank + 1}", first, self.fingerprint))
        if odd := [fault.diagnostics[0] for fault in faults if fault]:
            raise SpecError(map(checks.process_differs, odd))
        session, state = self.session, self.state
        arrays, known, self.state = group.share((dict(session.arrays), session.state, state))
        session.restore(arrays, known)
        self.level()

    def level(self) -> None:
        """All processes have the weights of the first one."""
        group, weights = self.engine.processes, self.engine.weights
        if group.size > 1:
            weights.update(group.share({name: np.array(values) for name, values in weights.items()}))

    @property
    def steps(self) -> int:
        """Steps of the whole training."""
        return self.recipe.epochs * self.batches.per_epoch

    @property
    def finished(self) -> bool:
        stop = self.recipe.stop
        return self.state.epoch >= self.recipe.epochs or bool(stop and self.state.waited >= stop.patience)

    def rate(self) -> float:
        """The learning rate of the step to come."""
        return self._rate_at(self.state.step)

    def _rate_at(self, step: int) -> float:
        recipe = self.recipe
        return recipe.schedule.rate(recipe.optimizer.rate, step, self.batches.per_epoch, self.steps)

    def epoch(self, interrupted: Callable[[], bool], after_step: Callable[[], None] | None = None) -> bool:
        """The rest of the current epoch; False when it was ``interrupted`` before its end."""
        state, told = self.state, perf_counter()
        self._seen_at_start, self._started = state.seen, perf_counter()
        for images, labels in self.session.epoch(state.epoch, state.batch):
            self.step(images, labels)
            if interrupted():
                return False
            now = perf_counter()
            if now - told >= self.callback.every:
                told = now
                self.callback.step(self._progress())
            if after_step:
                after_step()
        return True

    def step(self, images: Images, labels: NDArray[Any]) -> None:
        """One batch: forward, backward, and the optimizer's move."""
        state, rate = self.state, self.rate()
        found = self.session.backward(images, labels, state.step)
        if not isfinite(found.loss):
            raise checks.not_finite(found.loss, state.step + 1, state.epoch + 1, rate)
        self._update(rate)
        state.step += 1
        state.batch += 1
        state.loss += found.loss
        state.correct += found.correct
        state.seen += found.samples

    def _update(self, rate: float) -> None:
        """The optimizer's move; after the first one it is told which weights stood still."""
        if self.state.step:
            self.session.update(rate)
            return
        still = checks.without_gradient(self.session.gradients)
        before = {name: self.engine.weights[name].copy() for name in self.session.gradients}
        self.session.update(rate)
        still |= checks.unmoved(self.engine.weights, before)
        if still:
            self.note(checks.still_weights([name for name in before if name in still]))

    def end_epoch(self) -> EpochRecord:
        """The epoch's figures; the next one begins."""
        self._check_weights()
        record = self._record()
        self.state.end_epoch(record, self.recipe.stop.change if self.recipe.stop else 0.0)
        self.callback.epoch(record)
        return record

    def _check_weights(self) -> None:
        state = self.state
        epoch = state.epoch + bool(state.seen)
        checks.check_weights(self.engine.weights, state.step, epoch, self._rate_at(max(0, state.step - 1)))

    def warn_of_guessing(self) -> None:
        """Notes that the training came to nothing, where it did."""
        last = self.state.rows[-1] if self.state.rows and self.kind == "class" else None
        if last is None or last.accuracy is None or not isinstance(self.recipe.loss, CrossEntropy):
            return
        if found := checks.guessing(last.loss, last.accuracy, self.batches.labels, last.rate):
            self.note(found)

    def _record(self) -> EpochRecord:
        state = self.state
        seconds, speed = self._speed()
        loss, accuracy = self._validated()
        return EpochRecord(
            state.epoch + 1, state.step, state.loss / state.seen, self._accuracy(),
            self._rate_at(state.step - 1), round(speed, 1), round(seconds, 4),
            loss, accuracy,
        )  # fmt: skip

    def _validated(self) -> tuple[float | None, float | None]:
        """Loss and accuracy of the validation part, where there is one."""
        if self.validation is None:
            return None, None
        return validate(self.engine, self.validation, self.data.names, self.recipe.loss, self.kind)

    def _accuracy(self) -> float | None:
        """In this epoch; None where answers are not just right or wrong."""
        return self.state.correct / self.state.seen if JUDGES[self.kind].counts_right else None

    def _speed(self) -> tuple[float, float]:
        """Seconds in this epoch, and images per second."""
        seconds = perf_counter() - self._started
        return seconds, (self.state.seen - self._seen_at_start) / max(seconds, 1e-9)

    def _progress(self) -> TrainingProgress:
        state, (_, speed) = self.state, self._speed()
        total = self.recipe.epochs * len(self.batches.labels)
        done = state.epoch * len(self.batches.labels) + state.seen
        return TrainingProgress(
            state.epoch + 1, self.recipe.epochs, state.batch, self.batches.per_epoch,
            state.loss / state.seen, self._accuracy(), self.rate(), speed,
            (total - done) / max(speed, 1e-9),
        )  # fmt: skip

    def checkpoint(self) -> Checkpoint:
        """Everything that going on needs; raises SpecError when weights are NaN or infinite."""
        self._check_weights()
        state = {
            "format": FORMAT, "step": self.state.step, "place": self.state.to_dict(), **self.session.state,
            **ScalingWords.of(self.scaling).model_dump(exclude_defaults=True), "signature": self.fingerprint,
        }  # fmt: skip
        return Checkpoint(self.engine.weights, self.session.arrays, state)

    def fault(self, checkpoint: Checkpoint) -> str | None:
        """Why a checkpoint that is whole cannot be gone on from; one of another training can."""
        state = checkpoint.state
        try:
            if state["format"] != FORMAT:
                return f"its format is {state['format']}, not {FORMAT}"
            place = TrainState.from_dict(state["place"])
            self.session.check(state)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            return f"its state is not that of a training ({error})"
        if not isinstance(state.get("signature"), dict):
            return "its state is not that of a training"
        if differs("", state["signature"], self.fingerprint):
            return None
        if not alike(checkpoint.arrays, self.checkpoint().arrays):
            return "its arrays are not those of this training"
        return None if self._has(place) else "its place is none of this training"

    def _has(self, place: TrainState) -> bool:
        """Whether a place lies in an epoch of these samples, at the step that its epochs come to."""
        each = self.batches.per_epoch
        most = min(each, place.seen) if place.step == place.epoch * each + place.batch else -1
        return place.batch <= most and place.correct <= place.seen <= len(self.batches.labels)

    def restore(self, checkpoint: Checkpoint, source: Path, rows: list[EpochRecord]) -> None:
        """Goes on from a checkpoint without a ``fault``; raises SpecError when it is of another training.

        ``rows`` are those of the metrics file, which may be further on.
        """
        if fault := differs(source, checkpoint.state["signature"], self.fingerprint):
            raise fault
        if odd := other_test(source, checkpoint.state["signature"], self.fingerprint):
            self.note(odd)
        self.engine.weights.update(checkpoint.weights)
        self.session.restore(checkpoint.optimizer, checkpoint.state)
        self.state = TrainState.from_dict(checkpoint.state["place"])
        self.state.rows = [row for row in rows if row.epoch <= self.state.epoch]


def _class_weights(recipe: Recipe, labels: NDArray[Any], classes: int) -> tuple[float, ...] | None:
    """What the errors of each class count, where the loss weighs them."""
    if not isinstance(recipe.loss, CrossEntropy) or not recipe.classweights:
        return None
    if recipe.classweights == "balanced":
        counts = np.bincount(labels.ravel(), minlength=classes)[:classes]
        return tuple((counts.sum() / (classes * np.maximum(counts, 1))).tolist())
    if len(recipe.classweights) != classes:
        raise unlike(f"classweights gives {len(recipe.classweights)} weights for {classes} classes")
    return recipe.classweights
