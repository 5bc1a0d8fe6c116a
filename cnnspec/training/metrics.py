"""What a trained network got right: accuracy, loss, confusion, precision and recall."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnspec.views.paint import compact


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
    probabilities: NDArray[np.float32], labels: NDArray[np.int64], names: tuple[str, ...], seconds: float
) -> Evaluation:
    """The figures of probabilities (samples, classes) against labels; the loss is cross-entropy."""
    classes = probabilities.shape[1]
    answers = probabilities.argmax(1)
    confusion = np.bincount(labels * classes + answers, minlength=classes * classes)
    right = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    loss = float(-np.log(np.maximum(right, np.finfo(np.float32).tiny)).mean()) if len(labels) else 0.0
    return Evaluation(
        len(labels), loss, confusion.reshape(classes, classes), names, seconds,
        tuple(_mistakes(probabilities, labels, answers)),
    )  # fmt: skip


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
