"""Predictions as probabilities, and a model held against labelled samples."""

from __future__ import annotations

from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnspec.backends.contract import Predictor
from cnnspec.recipe.models import CrossEntropy, Normalise, Setting
from cnnspec.training.data.dataset import Bytes, Dataset, Labels, fitted
from cnnspec.training.data.faults import no_samples
from cnnspec.training.metrics import Evaluation, cross_entropy, evaluation, squared_error


def probabilities(model: Predictor, images: NDArray[Any]) -> NDArray[np.float32]:
    """The model's probabilities (samples, classes); a network without a softmax gets one at its end.

    Weights out of all measure give NaN, without a word.
    """
    return _probabilities(model, _outputs(model, images))


def _outputs(model: Predictor, images: NDArray[Any]) -> NDArray[np.float32]:
    return model.forward(images)["output"].reshape(len(images), -1).astype(np.float32, copy=False)


def _probabilities(model: Predictor, outputs: NDArray[np.float32]) -> NDArray[np.float32]:
    with np.errstate(all="ignore"):
        if ends_with_softmax(model):
            return outputs
        powers: NDArray[np.float32] = np.exp(outputs - outputs.max(1, keepdims=True))
        np.divide(powers, powers.sum(1, keepdims=True), out=powers)
        return powers


def ends_with_softmax(model: Predictor) -> bool:
    return model.network.logits().index != model.network.outputs[0].node


def evaluate(
    model: Predictor, images: Bytes, labels: Labels, names: tuple[str, ...], loss: Setting
) -> Evaluation:
    """The model's figures on labelled images, with the ``loss`` of its recipe."""
    if not len(labels):
        raise no_samples("judge")
    begin = perf_counter()
    outputs = _outputs(model, images)
    answers = _probabilities(model, outputs)
    value = (
        cross_entropy(answers, labels, loss.smoothing)
        if isinstance(loss, CrossEntropy)
        else squared_error(outputs, labels)
    )
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
