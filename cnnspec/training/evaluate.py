"""Predictions as probabilities, and a model held against labelled samples."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnspec.backends.contract import Predictor
from cnnspec.recipe.models import CrossEntropy, Normalise, SettingModel
from cnnspec.training.data.dataset import Bytes, Dataset, Labels, fitted
from cnnspec.training.data.faults import no_samples
from cnnspec.views.terminal.paint import compact


def probabilities(model: Predictor, images: NDArray[Any]) -> NDArray[np.float32]:
    """The model's probabilities (samples, classes); a network without a softmax gets one at its end.

    Weights out of all measure give NaN, without a word.
    """
    return _probabilities(model, _outputs(model, images))


def _outputs(model: Predictor, images: NDArray[Any]) -> NDArray[np.float32]:
    return model.forward(images)["output"].reshape(len(images), -1).astype(np.float32, copy=False)


def _probabilities(model: Predictor, outputs: NDArray[np.float32]) -> NDArray[np.float32]:
    with np.errstate(all="ignore"):
        if model.network.logits().index != model.network.outputs[0].node:  # it ends with a softmax
            return outputs
        powers: NDArray[np.float32] = np.exp(outputs - outputs.max(1, keepdims=True))
        np.divide(powers, powers.sum(1, keepdims=True), out=powers)
        return powers


def evaluate(
    model: Predictor, images: Bytes, labels: Labels, names: tuple[str, ...], loss: SettingModel
) -> Evaluation:
    """The model's figures on labelled images, with the ``loss`` of its recipe."""
    if not len(labels):
        raise no_samples("judge")
    begin = perf_counter()
    outputs = _outputs(model, images)
    answers = _probabilities(model, outputs)
    if isinstance(loss, CrossEntropy):
        value = cross_entropy(answers, labels, loss.smoothing)
    else:
        value = squared_error(outputs, labels)
    return evaluation(answers, labels, names, perf_counter() - begin, value)


def fit_data(model: Predictor, data: Dataset, resize_images: bool = False) -> Dataset:
    """The data as the model takes them; raises SpecError where they do not fit."""
    return fitted(data, model.network.input, model.network.output, resize_images=resize_images)


def scaling_of(normalise: Normalise, images: Bytes) -> tuple[list[float], list[float]]:
    """(factor, shift) a channel, so that byte·factor + shift is what the recipe asks for."""
    if normalise.kind == "none":
        return [1.0], [0.0]
    mean, std = np.atleast_1d(normalise.mean), np.atleast_1d(normalise.std)
    if normalise.kind == "standard":
        mean, std = _statistics(images)
    factor, shift = np.broadcast_arrays(1 / (255 * std), -mean / std)
    return factor.tolist(), shift.tolist()


def _statistics(images: Bytes) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and deviation of each channel on the scale 0..1, from counts of the 256 values; exact."""
    flat = images.reshape(-1, images.shape[-1]) if images.ndim == 4 else images.reshape(-1, 1)
    values = np.arange(256) / 255
    counts = np.stack([np.bincount(channel, minlength=256) for channel in flat.T])
    shares = counts / counts.sum(1, keepdims=True)
    mean = shares @ values
    deviation = np.sqrt((shares * (values - mean[:, None]) ** 2).sum(1))
    return mean, np.where(deviation > 0, deviation, 1.0)


def number(value: float) -> float | None:
    """A value for JSON, which has neither NaN nor infinity."""
    return value if isfinite(value) else None


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The result of looking at labelled samples.

    ``confusion[t, p]`` counts the samples of class t taken for p. ``worst`` are
    places of wrongly answered samples, the most confident first. ``notes`` say what was
    read otherwise than it stands.
    """

    samples: int
    loss: float
    confusion: NDArray[np.int64]
    names: tuple[str, ...]
    seconds: float
    worst: tuple[Misclassification, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def correct(self) -> int:
        return int(np.trace(self.confusion))

    @property
    def accuracy(self) -> float:
        return self.correct / max(1, self.samples)

    @property
    def images_per_second(self) -> float:
        return self.samples / self.seconds if self.seconds else 0.0

    @property
    def recall(self) -> NDArray[np.float64]:
        """Of each class, the share that was found."""
        return _shares(np.diag(self.confusion), self.confusion.sum(1))

    @property
    def precision(self) -> NDArray[np.float64]:
        """Of what was taken for each class, the share that was it."""
        return _shares(np.diag(self.confusion), self.confusion.sum(0))

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for ``json.dumps``."""
        rows = zip(self.names, self.precision, self.recall, self.confusion.sum(1), strict=True)
        return {
            "schema": "cnnspec/evaluation/1",
            "samples": self.samples,
            "accuracy": self.accuracy,
            "loss": number(self.loss),
            "classes": [
                {"name": name, "precision": float(p), "recall": float(r), "samples": int(n)}
                for name, p, r, n in rows
            ],
            "confusion": self.confusion.tolist(),
            "worst": [mistake.to_dict(self.names) for mistake in self.worst],
        }

    def __repr__(self) -> str:
        figures = f"accuracy {self.accuracy:.4f}, loss {compact(self.loss)}"
        return f"<Evaluation: {figures}, {self.samples:,} samples>"


@dataclass(frozen=True, slots=True)
class Misclassification:
    """One sample, its class, its answer, and the confidence (0 to 1)."""

    index: int
    label: int
    answer: int
    probability: float

    def to_dict(self, names: tuple[str, ...]) -> dict[str, Any]:
        words = {"label": names[self.label], "answer": names[self.answer]}
        return {"index": self.index, **words, "probability": number(self.probability)}


def evaluation(
    probabilities: NDArray[np.float32], labels: NDArray[np.int64], names: tuple[str, ...], seconds: float,
    loss: float,
) -> Evaluation:  # fmt: skip
    """The figures of probabilities (samples, classes) against labels, with the loss they were judged by."""
    classes = probabilities.shape[1]
    answers = probabilities.argmax(1)
    confusion = np.bincount(labels * classes + answers, minlength=classes * classes)
    return Evaluation(
        len(labels), loss, confusion.reshape(classes, classes), names, seconds,
        tuple(_mistakes(probabilities, labels, answers)),
    )  # fmt: skip


def cross_entropy(
    probabilities: NDArray[np.float32], labels: NDArray[np.int64], smoothing: float = 0.0
) -> float:
    """The mean of -Σ target·log p over samples; a probability of 0 counts as the least float32."""
    logs = np.log(np.maximum(probabilities, np.finfo(np.float32).tiny), dtype=np.float64)
    right = logs[np.arange(len(labels)), labels]
    return _mean((1 - smoothing) * right + smoothing * logs.mean(1)) * -1


def squared_error(outputs: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """The mean of (output - one-hot target)² over all outputs (samples, classes)."""
    missing = outputs - np.eye(outputs.shape[1], dtype=np.float64)[labels]
    return _mean(missing * missing)


def _mean(values: NDArray[np.float64]) -> float:
    return float(values.mean()) if values.size else 0.0


def _mistakes(
    probabilities: NDArray[np.float32], labels: NDArray[np.int64], answers: NDArray[np.intp]
) -> list[Misclassification]:
    wrong = np.flatnonzero(answers != labels)
    confidence = probabilities[wrong, answers[wrong]]
    return [
        Misclassification(int(n), int(labels[n]), int(answers[n]), float(probabilities[n, answers[n]]))
        for n in wrong[np.argsort(-confidence, kind="stable")]
    ]


def _shares(parts: NDArray[np.int64], wholes: NDArray[np.int64]) -> NDArray[np.float64]:
    """Parts of wholes; 0 where there is no whole."""
    return np.where(wholes > 0, parts / np.maximum(wholes, 1), 0.0)
