"""Figures of what networks answer, on plain arrays (samples first): losses, and what is told beside them.

They are written apart from the engine's losses, whose values they check in the tests.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]
Floats: TypeAlias = NDArray[np.float64]

LEAST: Final = float(np.finfo(np.float32).tiny)
"""A probability of 0 counts as this in a logarithm."""
WINDOW, SIGMA = 11, 1.5
"""Width and deviation of the Gaussian of SSIM (Wang et al. 2004)."""
K1, K2 = 0.01, 0.03
LEAST_ERROR: Final = 1e-10
"""Mean squared error, of a peak of 1, below which two images are the same: 100 dB."""


def softmax(outputs: Array) -> NDArray[np.float32]:
    """Over the last axis; weights out of all measure give NaN, without a word."""
    with np.errstate(all="ignore"):
        powers: NDArray[np.float32] = np.exp(outputs - outputs.max(-1, keepdims=True))
        np.divide(powers, powers.sum(-1, keepdims=True), out=powers)
        return powers


def sigmoid(outputs: Array) -> NDArray[np.float32]:
    small = np.exp(-np.abs(outputs))
    return np.asarray(np.where(outputs < 0, small, 1) / (1 + small), np.float32)


def shares(parts: Array, wholes: Array) -> Floats:
    """Parts of wholes; 0 where there is no whole."""
    found: Floats = np.where(wholes > 0, parts / np.maximum(wholes, 1e-300), 0.0)
    return found


# Classes ---------------------------------------------------------------------------


def cross_entropies(probabilities: Array, labels: Array, smoothing: float = 0.0) -> Floats:
    """-Σ target·log p of each of (n, classes) rows."""
    logs = np.log(np.maximum(probabilities, LEAST), dtype=np.float64)
    right = logs[np.arange(len(labels)), labels]
    found: Floats = -((1 - smoothing) * right + smoothing * logs.mean(1))
    return found


def confusion(labels: Array, answers: Array, classes: int) -> NDArray[np.int64]:
    """``[t, p]`` counts what is of class t and was taken for p."""
    counts = np.bincount(labels.ravel().astype(np.int64) * classes + answers.ravel(), minlength=classes**2)
    found: NDArray[np.int64] = counts.reshape(classes, classes)
    return found


def overlaps(counts: Array) -> Floats:
    """Intersection over union of each class, of a confusion; NaN where a class is in neither."""
    right = np.diag(counts)
    union = counts.sum(0) + counts.sum(1) - right
    return np.where(union > 0, right / np.maximum(union, 1), np.nan)


# Yes and no ------------------------------------------------------------------------


def binary_cross_entropies(probabilities: Array, truths: Array) -> Floats:
    chances = probabilities.astype(np.float64)
    right, wrong = np.log(np.maximum(chances, LEAST)), np.log(np.maximum(1 - chances, LEAST))
    return np.asarray(-(truths * right + (1 - truths) * wrong), np.float64)


def area_under_curve(probabilities: Array, truths: Array) -> float:
    """The chance that a yes is given more than a no, half of it for the same; NaN where one never occurs."""
    yes = truths > 0.5
    count, others = int(yes.sum()), int((~yes).sum())
    if not count or not others:
        return float("nan")
    _, places, counts = np.unique(probabilities, return_inverse=True, return_counts=True)
    ends = counts.cumsum()
    ranks = (ends - (counts - 1) / 2)[places]
    return float((ranks[yes].sum() - count * (count + 1) / 2) / (count * others))


# Numbers and images ----------------------------------------------------------------


def huber(errors: Array, delta: float) -> Array:
    cut = np.clip(errors, -delta, delta)
    found: Array = cut * (errors - cut / 2)
    return found


def determination(truths: Array, errors: Array) -> Floats:
    """R² of each column: 1 - Σ error²/Σ (truth - mean)²; NaN where all truths are the same."""
    spread = ((truths - truths.mean(0)) ** 2).sum(0)
    return np.where(spread > 0, 1 - (errors**2).sum(0) / np.maximum(spread, LEAST), np.nan)


def noise_ratios(images: Array, wanted: Array, peak: float = 1.0) -> Floats:
    """PSNR of each image in dB: 10·log10(peak²/mean squared error)."""
    axes = tuple(range(1, images.ndim))
    errors = ((images.astype(np.float64) - wanted) ** 2).mean(axes) / peak**2
    return np.asarray(-10 * np.log10(np.maximum(errors, LEAST_ERROR)), np.float64)


def similarities(images: Array, wanted: Array, peak: float = 1.0) -> Floats:
    """SSIM of each image (n, height, width, channels), the mean over places and channels (Wang et al. 2004).

    The window is a Gaussian of 11 pixels, or as many as a smaller image has room for.
    """
    x, y = images.astype(np.float64), wanted.astype(np.float64)
    window = _window(min(WINDOW, *images.shape[1:3]))
    one, two = (K1 * peak) ** 2, (K2 * peak) ** 2
    mean_x, mean_y = _blurred(x, window), _blurred(y, window)
    spread_x, spread_y = _blurred(x * x, window) - mean_x**2, _blurred(y * y, window) - mean_y**2
    both = _blurred(x * y, window) - mean_x * mean_y
    light = (2 * mean_x * mean_y + one) / (mean_x**2 + mean_y**2 + one)
    form = (2 * both + two) / (spread_x + spread_y + two)
    found: Floats = (light * form).mean((1, 2, 3))
    return found


def _window(width: int) -> Floats:
    places = np.arange(width) - (width - 1) / 2
    weights = np.exp(-0.5 * (places / SIGMA) ** 2)
    return np.asarray(weights / weights.sum(), np.float64)


def _blurred(values: Floats, window: Floats) -> Floats:
    """Means by the window along rows and columns, where it lies inside."""
    for axis in (1, 2):
        views = np.lib.stride_tricks.sliding_window_view(values, len(window), axis)
        values = views @ window
    return values
