"""Predictions as probabilities, and a model held against samples whose targets are known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import isfinite
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from cnnspec.backends.contract import Predictor, Scaling
from cnnspec.backends.images import is_joined, parted
from cnnspec.recipe.models import Normalise
from cnnspec.training.data.dataset import Dataset
from cnnspec.training.data.fitting import fitted
from cnnspec.training.figures import overlaps, shares, sigmoid, softmax
from cnnspec.views.terminal.paint import compact, percent

LIKELY: Final = {"class": ("softmax", softmax), "mask": ("softmax", softmax), "binary": ("sigmoid", sigmoid)}
"""For targets whose answers are probabilities: what makes them of scores, unless the network ends with it."""
PERCENTS: Final = ("accuracy", "pixel accuracy", "mean IoU", "IoU", "precision", "recall", "F1")
"""Figures that are parts of a whole."""
AT_ONCE: Final = 1024
"""Images whose values are counted together."""
COUNTED: Final = ("pixels", "yes")
"""Figures that are counts."""
UNITS: Final = {"PSNR": " dB"}


def probabilities(model: Predictor, images: NDArray[Any], kind: str = "class") -> NDArray[np.float32]:
    """The model's probabilities (samples, classes); a network without a softmax gets one at its end.

    For another ``kind`` of target, its answers. Weights out of all measure give NaN, without a word.
    """
    outputs = model.forward(images)["output"].astype(np.float32, copy=False)
    return answers_of(model, outputs.reshape(len(images), -1) if kind == "class" else outputs, kind)


def answers_of(model: Predictor, outputs: NDArray[Any], kind: str) -> NDArray[np.float32]:
    """Outputs as the answers that a kind of target asks for: probabilities for classes, else as they are."""
    word, make = LIKELY.get(kind, ("", None))
    if make is None or model.network.logits(end=word).index != model.network.outputs[0].node:
        return outputs
    return make(outputs)


def fit_data(model: Predictor, data: Dataset, resize_images: bool = False) -> Dataset:
    """The data as the model takes them; raises SpecError where they do not fit."""
    return fitted(data, model.network.sample, model.network.output, resize_images=resize_images)


def scaling_of(normalise: Normalise, images: NDArray[Any]) -> Scaling:
    """A factor and a shift a channel, so that value·factor + shift is as the recipe asks.

    Of several inputs those alike in shape and kind of number are scaled alike: weights that they share see
    one scale.
    """
    if not is_joined(images):
        return _scaling(normalise, [images])
    fields, alike = parted(images), dict[Any, dict[str, NDArray[Any]]]()
    for name, values in fields.items():
        alike.setdefault((values.dtype, values.shape), {})[name] = values
    found = {
        name: one
        for group in alike.values()
        if (one := _scaling(normalise, [*group.values()]))
        for name in group
    }
    return replace(found[next(iter(fields))], inputs=found)


def _scaling(normalise: Normalise, inputs: Sequence[NDArray[Any]]) -> Scaling:
    """Of inputs that are alike."""
    learned: Literal["bytes", "floats"] = "bytes" if inputs[0].dtype == np.uint8 else "floats"
    if normalise.kind == "none":
        return Scaling(np.ones(1), np.zeros(1), learned)
    mean, std = np.atleast_1d(normalise.mean), np.atleast_1d(normalise.std)
    if normalise.kind == "standard":
        whole = inputs[0] if len(inputs) == 1 else np.concatenate(inputs)
        mean, std = _statistics(whole) if learned == "bytes" else _moments(whole)
    factor, shift = np.broadcast_arrays(1 / ((255 if learned == "bytes" else 1) * std), -mean / std)
    return Scaling(factor, shift, learned)


def _statistics(images: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and deviation of each channel of bytes on the scale 0..1, from counts of the 256 values; exact."""
    values = np.arange(256) / 255
    counts = np.zeros((1 if images.ndim < 3 else images.shape[-1], 256), np.int64)
    for start in range(0, len(images), AT_ONCE):
        for count, channel in zip(counts, _channels(images[start : start + AT_ONCE]), strict=True):
            count += np.bincount(channel, minlength=256)
    shares = counts / counts.sum(1, keepdims=True)
    mean = shares @ values
    deviation = np.sqrt((shares * (values - mean[:, None]) ** 2).sum(1))
    return mean, np.where(deviation > 0, deviation, 1.0)


def _moments(samples: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and deviation of each channel of floats; of vectors, whose values are columns, of each value."""
    axes = tuple(range(samples.ndim - 1))
    mean, deviation = samples.mean(axes, dtype=float), samples.std(axes, dtype=float)
    return mean, np.where(deviation > 0, deviation, 1.0)


def _channels(images: NDArray[Any]) -> NDArray[Any]:
    return images.reshape(-1, images.shape[-1]).T if images.ndim > 2 else images.reshape(1, -1)


def number(value: float) -> float | None:
    """A value for JSON, which has neither NaN nor infinity."""
    return value if isfinite(value) else None


def figure_text(name: str, value: float) -> str:
    """``98.53 %``, ``24.1 dB``, ``0.0123``; a dash where there is none."""
    if not isfinite(value):
        return "–"
    return percent(value) if name in PERCENTS else f"{compact(value)}{UNITS.get(name, '')}"


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The result of looking at samples whose targets are known.

    ``figures`` are those of the kind of ``target``, the one that tells most first. ``confusion[t, p]`` counts
    the samples (of masks, the pixels) of class t taken for p; it is empty where there are no classes.
    ``details`` are the figures of each name: a class, a question, a column. ``worst`` are
    places of wrongly answered samples, the most confident first, and ``hardest`` those of samples with their
    figure, ``ranked`` by it, where answers are not just right or wrong. ``notes`` say what was
    read otherwise than it stands.
    """

    samples: int
    loss: float
    confusion: NDArray[np.int64]
    names: tuple[str, ...]
    seconds: float
    worst: tuple[Misclassification, ...] = ()
    notes: tuple[str, ...] = ()
    target: str = "class"
    figures: Mapping[str, float] = field(default_factory=dict)
    details: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    ranked: str = ""
    hardest: tuple[tuple[int, float], ...] = ()
    pairs: tuple[NDArray[Any], NDArray[Any]] | None = None
    """Of numbers and of yes and no: what was so, and the answers (samples, columns)."""

    @property
    def answers(self) -> tuple[str, ...]:
        """What an answer may be: the classes, or each question with no and yes."""
        if self.target != "binary":
            return self.names
        return tuple(word for name in self.names for word in (f"not {name}", name))

    @property
    def headline(self) -> tuple[str, float]:
        """The figure that tells most, with its name."""
        return next(iter(self.figures.items()))

    @property
    def correct(self) -> int:
        return int(np.trace(self.confusion))

    @property
    def accuracy(self) -> float:
        """The share of samples, pixels or answers that are right; NaN where none is just right or wrong."""
        for name in ("accuracy", "pixel accuracy"):
            if name in self.figures:
                return self.figures[name]
        return self.correct / max(1, self.samples) if self.confusion.size else float("nan")

    @property
    def images_per_second(self) -> float:
        return self.samples / self.seconds if self.seconds else 0.0

    @property
    def recall(self) -> NDArray[np.float64]:
        """Of each class, the share that was found."""
        return shares(np.diag(self.confusion), self.confusion.sum(1))

    @property
    def precision(self) -> NDArray[np.float64]:
        """Of what was taken for each class, the share that was it."""
        return shares(np.diag(self.confusion), self.confusion.sum(0))

    @property
    def overlap(self) -> NDArray[np.float64]:
        """Of each class, intersection over union (IoU); NaN where it is in no sample and no answer."""
        return overlaps(self.confusion)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for ``json.dumps``."""
        found: dict[str, Any] = {"schema": "cnnspec/evaluation/1", "samples": self.samples}
        if self.target == "class":
            rows = zip(self.names, self.precision, self.recall, self.confusion.sum(1), strict=True)
            return found | {
                "accuracy": self.accuracy,
                "loss": number(self.loss),
                "classes": [
                    {"name": name, "precision": float(p), "recall": float(r), "samples": int(n)}
                    for name, p, r, n in rows
                ],
                "confusion": self.confusion.tolist(),
                "worst": [mistake.to_dict(self.names) for mistake in self.worst],
            }
        columns = {name: [number(float(value)) for value in values] for name, values in self.details.items()}
        return found | {
            "target": self.target,
            "loss": number(self.loss),
            "figures": {name: number(value) for name, value in self.figures.items()},
            "names": list(self.names),
            "details": columns,
            "confusion": self.confusion.tolist(),
            **(
                {"worst": [one.to_dict(self.answers) for one in self.worst]}
                if self.target == "binary"
                else {}
            ),
            "hardest": [{"index": index, self.ranked: number(value)} for index, value in self.hardest],
        }

    def __repr__(self) -> str:
        if self.target == "class":
            figures = f"accuracy {self.accuracy:.4f}"
        else:
            figures = ", ".join(f"{name} {figure_text(name, value)}" for name, value in self.figures.items())
        return f"<Evaluation: {figures}, loss {compact(self.loss)}, {self.samples:,} samples>"


@dataclass(frozen=True, slots=True)
class Misclassification:
    """One sample, its class, its answer (by number, of ``Evaluation.answers``), the confidence (0 to 1)."""

    index: int
    label: int
    answer: int
    probability: float

    def to_dict(self, names: tuple[str, ...]) -> dict[str, Any]:
        words = {"label": names[self.label], "answer": names[self.answer]}
        return {"index": self.index, **words, "probability": number(self.probability)}
