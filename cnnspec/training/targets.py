"""How each kind of target is judged: answers are added up batch by batch, and come out as figures.

``JUDGES`` has one for each kind; what a kind asks of data and outputs stands in ``data.fitting``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from time import perf_counter
from typing import Any, ClassVar, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cnnspec.backends.contract import IGNORED, Predictor
from cnnspec.recipe.models import CrossEntropy, Dice, Huber, MeanAbsoluteError, SettingModel
from cnnspec.recipe.targets import BinaryCrossEntropy
from cnnspec.training import figures
from cnnspec.training.data.dataset import Samples
from cnnspec.training.data.faults import no_samples
from cnnspec.training.data.fitting import wanted
from cnnspec.training.evaluate import Evaluation, Misclassification, answers_of

Array: TypeAlias = NDArray[Any]
Details: TypeAlias = Mapping[str, tuple[float, ...]]
"""Figures by name, a number each class, question or column."""
AT_ONCE: Final = 256
"""Samples whose outputs are in memory at a time."""


def evaluate(
    model: Predictor, samples: Samples, names: tuple[str, ...], loss: SettingModel, kind: str = "class"
) -> Evaluation:
    """The model's figures on samples, by the ``kind`` of their target, with the ``loss`` of its recipe."""
    begin = perf_counter()
    judge = _judged(model, samples, JUDGES[kind](names, loss), kind)
    return judge.result(perf_counter() - begin)


def validate(
    model: Predictor, samples: Samples, names: tuple[str, ...], loss: SettingModel, kind: str
) -> tuple[float, float | None]:
    """Loss and accuracy alone, as each epoch tells them; None where answers are not just right or wrong."""
    judge = JUDGES[kind](names, loss)
    judge.brief = True
    with np.errstate(all="ignore"):
        return _judged(model, samples, judge, kind).summary()


def _judged(model: Predictor, samples: Samples, judge: Judge, kind: str) -> Judge:
    images, labels = samples
    if not len(labels):
        raise no_samples("judge")
    if labels.dtype != np.uint8:
        judge.range = float(labels.max() - labels.min()) or 1.0
    for start in range(0, len(images), AT_ONCE):
        outputs = model.forward(images[start : start + AT_ONCE])["output"].astype(np.float32, copy=False)
        answers = answers_of(model, outputs, kind)
        judge.add(outputs, answers, wanted(kind, labels[start : start + AT_ONCE], model.network.output))
    return judge


class Judge(ABC):
    """Adds up what came of batches: outputs as they are, answers (as probabilities), what was wanted."""

    counts_right: ClassVar[bool] = True
    """Whether an answer is right or wrong, so that there is an accuracy to be told after each epoch."""
    ranked: ClassVar[str] = ""
    """The figure by which samples are ranked, where they are not just right or wrong."""
    highest_first: ClassVar[bool] = False
    """Whether the samples with the greatest figure are the hardest."""
    brief = False
    """Whether loss and accuracy are all that is wanted."""

    def __init__(self, names: tuple[str, ...], loss: SettingModel) -> None:
        self.names, self.loss = names, loss
        self.samples, self.range = 0, 1.0
        self.total = self.weight = 0.0
        self.ranks: list[Array] = []

    def add(self, outputs: Array, answers: Array, targets: Array) -> None:
        self.samples += len(targets)
        with np.errstate(all="ignore"):
            self._add(outputs, answers, targets)

    def _losses(self, values: Array) -> None:
        """Values of the loss, whose mean over all batches is the loss."""
        self.total += float(values.sum(dtype=float))
        self.weight += values.size

    def result(self, seconds: float) -> Evaluation:
        with np.errstate(all="ignore"):
            details = self._details()
            return Evaluation(
                self.samples, self._loss(), self._confusion(), self.names, seconds, self._worst(),
                target=self._kind(), figures=self._figures(details), details=details, ranked=self.ranked,
                hardest=self._hardest(), pairs=self._pairs(),
            )  # fmt: skip

    def summary(self) -> tuple[float, float | None]:
        """Loss and accuracy."""
        return self._loss(), self._accuracy() if self.counts_right else None

    def _accuracy(self) -> float:
        """The share of samples, pixels or answers that are right."""
        counts = self._confusion()
        return int(np.trace(counts)) / max(1, int(counts.sum()))

    def _kind(self) -> str:
        return next(kind for kind, judge in JUDGES.items() if type(self) is judge)

    def _loss(self) -> float:
        return self.total / max(self.weight, 1)

    def _hardest(self) -> tuple[tuple[int, float], ...]:
        if not self.ranks:
            return ()
        values = np.concatenate(self.ranks)
        order = np.argsort(-values if self.highest_first else values, kind="stable")
        return tuple((int(place), float(values[place])) for place in order)

    @abstractmethod
    def _add(self, outputs: Array, answers: Array, targets: Array) -> None: ...

    @abstractmethod
    def _figures(self, details: Details) -> Mapping[str, float]: ...

    def _details(self) -> Details:
        return {}

    def _confusion(self) -> Array:
        return np.zeros((0, 0), np.int64)

    def _worst(self) -> tuple[Misclassification, ...]:
        return ()

    def _pairs(self) -> tuple[Array, Array] | None:
        return None


class ClassJudge(Judge):
    """One class a sample: accuracy, the confusion, the most confident mistakes."""

    def __init__(self, names: tuple[str, ...], loss: SettingModel) -> None:
        super().__init__(names, loss)
        self.counts = np.zeros((len(names), len(names)), np.int64)
        self.mistakes: list[Misclassification] = []

    def _add(self, outputs: Array, answers: Array, targets: Array) -> None:
        outputs, answers = outputs.reshape(len(targets), -1), answers.reshape(len(targets), -1)
        if isinstance(self.loss, CrossEntropy):
            self._losses(figures.cross_entropies(answers, targets, self.loss.smoothing))
        else:
            self._losses((outputs - np.eye(outputs.shape[1], dtype=np.float64)[targets]) ** 2)
        taken = answers.argmax(1)
        self.counts += figures.confusion(targets, taken, len(self.counts))
        first = self.samples - len(targets)
        self.mistakes += [
            Misclassification(first + int(n), int(targets[n]), int(taken[n]), float(answers[n, taken[n]]))
            for n in np.flatnonzero(taken != targets)
        ]

    def _figures(self, details: Details) -> Mapping[str, float]:
        return {"accuracy": self._accuracy()}

    def _confusion(self) -> Array:
        return self.counts

    def _worst(self) -> tuple[Misclassification, ...]:
        confidence = -np.array([one.probability for one in self.mistakes])
        return tuple(self.mistakes[n] for n in np.argsort(confidence, kind="stable"))


class MaskJudge(Judge):
    """A class at every pixel: pixel accuracy, and for each class intersection over union."""

    ranked = "pixel accuracy"

    def __init__(self, names: tuple[str, ...], loss: SettingModel) -> None:
        super().__init__(names, loss)
        self.counts = np.zeros((len(names), len(names)), np.int64)
        self.both, self.whole = np.zeros(len(names)), np.zeros(len(names))

    def _add(self, outputs: Array, answers: Array, targets: Array) -> None:
        valid, taken = targets != IGNORED, answers.argmax(-1)
        shares, wanted_classes = answers[valid], targets[valid]
        if isinstance(self.loss, Dice):
            self.whole += shares.sum(0, dtype=float) + np.bincount(wanted_classes, minlength=len(self.whole))
            right = shares[np.arange(len(shares)), wanted_classes]
            self.both += np.bincount(wanted_classes, right, len(self.both))
        else:
            self._losses(
                figures.cross_entropies(shares, wanted_classes, getattr(self.loss, "smoothing", 0.0))
            )
        self.counts += figures.confusion(wanted_classes, taken[valid], len(self.counts))
        places = tuple(range(1, targets.ndim))
        self.ranks.append(((taken == targets) & valid).sum(places) / np.maximum(valid.sum(places), 1))

    def _loss(self) -> float:
        if isinstance(self.loss, Dice):
            return 1 - float(((2 * self.both + 1) / (self.whole + 1)).mean())
        return super()._loss()

    def _figures(self, details: Details) -> Mapping[str, float]:
        overlaps = figures.overlaps(self.counts)
        known = overlaps[np.isfinite(overlaps)]
        return {
            "mean IoU": float(known.mean()) if len(known) else float("nan"),
            "pixel accuracy": self._accuracy(),
        }

    def _details(self) -> Details:
        right = np.diag(self.counts)
        found = {
            "IoU": figures.overlaps(self.counts),
            "recall": figures.shares(right, self.counts.sum(1)),
            "precision": figures.shares(right, self.counts.sum(0)),
            "pixels": self.counts.sum(1),
        }
        return {name: tuple(map(float, values)) for name, values in found.items()}

    def _confusion(self) -> Array:
        return self.counts


class _Columns(Judge):
    """What is judged by columns: all answers and truths are kept, as they are few."""

    def __init__(self, names: tuple[str, ...], loss: SettingModel) -> None:
        super().__init__(names, loss)
        self.truths: list[Array] = []
        self.answers: list[Array] = []

    def _keep(self, answers: Array, targets: Array) -> tuple[Array, Array]:
        """Both as (samples, columns), remembered."""
        answers, targets = (values.reshape(len(values), -1) for values in (answers, targets))
        self.truths.append(targets)
        self.answers.append(answers)
        return answers, targets

    def _pairs(self) -> tuple[Array, Array]:
        return np.concatenate(self.truths), np.concatenate(self.answers)


class BinaryJudge(_Columns):
    """Yes or no: accuracy, precision, recall, F1 and the area under the ROC curve, for each question."""

    ranked = "loss"
    highest_first = True

    def _add(self, outputs: Array, answers: Array, targets: Array) -> None:
        chances, truths = self._keep(answers, targets)
        if isinstance(self.loss, BinaryCrossEntropy):
            losses = figures.binary_cross_entropies(chances, truths)
        else:
            losses = (outputs.reshape(truths.shape).astype(np.float64) - truths) ** 2
        self._losses(losses)
        self.ranks.append(losses.mean(1))

    def _accuracy(self) -> float:
        truths, chances = self._pairs()
        return float(((truths > 0.5) == (chances > 0.5)).mean())

    def _details(self) -> Details:
        truths, chances = self._pairs()
        yes, said = truths > 0.5, chances > 0.5
        right = (yes & said).sum(0)
        found = {
            "accuracy": (yes == said).mean(0),
            "precision": figures.shares(right, said.sum(0)),
            "recall": figures.shares(right, yes.sum(0)),
            "F1": figures.shares(2 * right, yes.sum(0) + said.sum(0)),
            "AUC": [figures.area_under_curve(*pair) for pair in zip(chances.T, truths.T, strict=True)],
            "yes": yes.sum(0),
        }
        return {name: tuple(map(float, values)) for name, values in found.items()}

    def _figures(self, details: Details) -> Mapping[str, float]:
        return {
            name: float(np.nanmean(details[name]))
            for name in ("accuracy", "precision", "recall", "F1", "AUC")
        }

    def _worst(self) -> tuple[Misclassification, ...]:
        """Wrong answers, of each question, the most confident first."""
        truths, chances = self._pairs()
        said = chances > 0.5
        sure = np.where(said, chances, 1 - chances)
        wrong = np.argwhere(said != (truths > 0.5))
        found = [
            Misclassification(n, 2 * q + (not said[n, q]), 2 * q + int(said[n, q]), float(sure[n, q]))
            for n, q in wrong.tolist()
        ]
        return tuple(sorted(found, key=lambda one: -one.probability))

    def _confusion(self) -> Array:
        """Of a single question: no and yes down, what was said across."""
        if len(self.names) > 1:
            return super()._confusion()
        truths, chances = self._pairs()
        return figures.confusion((truths > 0.5).astype(int), (chances > 0.5).astype(int), 2)


class NumbersJudge(_Columns):
    """Numbers: mean absolute error and R² of each column."""

    counts_right = False
    ranked = "error"
    highest_first = True

    def _add(self, outputs: Array, answers: Array, targets: Array) -> None:
        found, truths = self._keep(answers, targets)
        errors = found.astype(np.float64) - truths
        self._losses(_errors_by(self.loss, errors))
        self.ranks.append(np.abs(errors).max(1))

    def _details(self) -> Details:
        truths, answers = (values.astype(np.float64) for values in self._pairs())
        errors = answers - truths
        found = {
            "MAE": np.abs(errors).mean(0),
            "RMSE": np.sqrt((errors**2).mean(0)),
            "R²": figures.determination(truths, errors),
            "mean": truths.mean(0),
        }
        return {name: tuple(map(float, values)) for name, values in found.items()}

    def _figures(self, details: Details) -> Mapping[str, float]:
        return {"R²": float(np.mean(details["R²"])), "MAE": float(np.mean(details["MAE"]))}


class ImageJudge(Judge):
    """Images: signal to noise (PSNR) and structural similarity (SSIM), means over images."""

    counts_right = False
    ranked = "PSNR"

    def __init__(self, names: tuple[str, ...], loss: SettingModel) -> None:
        super().__init__(names, loss)
        self.similar: list[Array] = []

    def _add(self, outputs: Array, answers: Array, targets: Array) -> None:
        self._losses(_errors_by(self.loss, answers - targets))
        if self.brief:
            return
        self.ranks.append(figures.noise_ratios(answers, targets, self.range))
        if targets.ndim == 4:
            self.similar.append(figures.similarities(answers, targets, self.range))

    def _figures(self, details: Details) -> Mapping[str, float]:
        found = {"PSNR": float(np.concatenate(self.ranks).mean())}
        return found | ({"SSIM": float(np.concatenate(self.similar).mean())} if self.similar else {})


def _errors_by(loss: SettingModel, errors: Array) -> Array:
    """Each error as a loss has it."""
    if isinstance(loss, MeanAbsoluteError):
        return np.abs(errors)
    return figures.huber(errors, loss.delta) if isinstance(loss, Huber) else errors**2


JUDGES: Final[dict[str, type[Judge]]] = {
    "class": ClassJudge, "mask": MaskJudge, "binary": BinaryJudge, "numbers": NumbersJudge,
    "image": ImageJudge,
}  # fmt: skip
"""By the kinds of targets."""
