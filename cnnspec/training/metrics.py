"""What a trained network got right: accuracy, loss, confusion, precision and recall."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnspec.views.terminal.paint import compact


def number(value: float) -> float | None:
    """A value for JSON, which has neither NaN nor infinity."""
    return value if isfinite(value) else None


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The result of looking at labelled samples.

    ``confusion[t, p]`` counts the samples of class t taken for p. ``worst`` are
    places of wrongly answered samples, the surest of its error first.
    """

    samples: int
    loss: float
    confusion: NDArray[np.int64]
    names: tuple[str, ...]
    seconds: float
    worst: tuple[Mistake, ...] = ()

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

    def to_json(self) -> dict[str, Any]:
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
            "worst": [mistake.to_json(self.names) for mistake in self.worst],
        }

    def __repr__(self) -> str:
        return (
            f"<Evaluation: accuracy {self.accuracy:.4f}, loss {compact(self.loss)}, {self.samples:,} samples>"
        )


@dataclass(frozen=True, slots=True)
class Mistake:
    """One sample, its class, what it was taken for, and how surely."""

    index: int
    label: int
    answer: int
    probability: float

    def to_json(self, names: tuple[str, ...]) -> dict[str, Any]:
        return {
            "index": self.index,
            "label": names[self.label],
            "answer": names[self.answer],
            "probability": number(self.probability),
        }


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
) -> list[Mistake]:
    wrong = np.flatnonzero(answers != labels)
    sureness = probabilities[wrong, answers[wrong]]
    return [
        Mistake(int(n), int(labels[n]), int(answers[n]), float(probabilities[n, answers[n]]))
        for n in wrong[np.argsort(-sureness, kind="stable")]
    ]


def _shares(parts: NDArray[np.int64], wholes: NDArray[np.int64]) -> NDArray[np.float64]:
    """Parts of wholes; 0 where there is no whole."""
    return np.where(wholes > 0, parts / np.maximum(wholes, 1), 0.0)
