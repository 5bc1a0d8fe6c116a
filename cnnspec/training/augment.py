"""Random changes of training images: one bilinear resampling does them all.

Each image gets its own shift, turn, scale and smooth displacement; pixels
from outside are 0. A batch's changes depend only on the generator it is given.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cnnspec.backends.contract import IGNORED
from cnnspec.backends.images import each, is_joined, parted
from cnnspec.diagnostics import Diagnostic, SpecError
from cnnspec.layers.base import show
from cnnspec.recipe.faults import no_picture
from cnnspec.recipe.models import Augment
from cnnspec.recipe.targets import TargetSetting

Array: TypeAlias = NDArray[Any]
Drawn: TypeAlias = np.random.Generator
Change: TypeAlias = Callable[[Array, Array, Drawn], tuple[Array, Array]]


class Augmenter:
    """Changes batches of images (n, height, width, channels) of one size.

    Raises SpecError where the samples are no images.
    """

    def __init__(self, setting: Augment, shape: tuple[int, ...]) -> None:
        if len(shape) != 3:
            raise SpecError([no_picture(shape, None)])
        self.setting = setting
        self.height, self.width = shape[:2]
        rows, columns = np.mgrid[: self.height, : self.width].astype(np.float32)
        self.rows, self.columns = rows - (self.height - 1) / 2, columns - (self.width - 1) / 2
        self.smooth_rows = _smoothing(self.height, setting.smooth)
        self.smooth_columns = _smoothing(self.width, setting.smooth)

    def __call__(self, images: Array, drawn: Drawn) -> Array:
        """The images changed, as new arrays."""
        return _sample(images, *self._places(len(images), drawn))

    def with_labels(self, images: Array, labels: Array, drawn: Drawn) -> tuple[Array, Array]:
        """The images changed; their labels stay."""
        return self(images, drawn), labels

    def with_images(self, images: Array, others: Array, drawn: Drawn) -> tuple[Array, Array]:
        """Images and those that are to be given for them, changed in the same way."""
        places = self._places(len(images), drawn)
        return _sample(images, *places), _sample(others, *places)

    def with_masks(self, images: Array, masks: Array, drawn: Drawn) -> tuple[Array, Array]:
        """Images and masks changed in the same way; what comes into a mask from outside counts nowhere."""
        places = self._places(len(images), drawn)
        rows, columns = (np.rint(part).astype(np.int64) for part in places)
        inside = (rows >= 0) & (rows < self.height) & (columns >= 0) & (columns < self.width)
        number = np.arange(len(masks))[:, None, None]
        moved = masks[number, rows.clip(0, self.height - 1), columns.clip(0, self.width - 1)]
        return _sample(images, *places), np.where(inside, moved, np.uint8(IGNORED))

    def _places(
        self, count: int, generator: np.random.Generator
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """For each output pixel, the place in the input it is read from: (n, h, w) twice."""
        setting = self.setting
        angle = _draw(generator, count, math.radians(setting.rotate))
        scale: NDArray[np.float32] = np.reciprocal(1 + _draw(generator, count, setting.scale))
        cosine, sine = np.cos(angle) * scale, np.sin(angle) * scale
        rows = cosine * self.rows - sine * self.columns + _draw(generator, count, setting.shift)
        columns = sine * self.rows + cosine * self.columns + _draw(generator, count, setting.shift)
        if setting.flip:
            columns = columns * np.where(generator.random((count, 1, 1)) < 0.5, np.float32(-1), np.float32(1))
        if setting.elastic:
            rows += self._displacement(count, generator)
            columns += self._displacement(count, generator)
        return rows + (self.height - 1) / 2, columns + (self.width - 1) / 2

    def _displacement(self, count: int, generator: np.random.Generator) -> NDArray[np.float32]:
        """``elastic`` times uniform noise of -1 to 1 under a Gaussian: (n, h, w) pixels (Simard et al. 2003).

        Its root mean square is elastic/(2·smooth·sqrt(3·pi)): 1.4 pixels for 34 and 4.
        """
        noise = generator.random((count, self.height, self.width), np.float32) * np.float32(2) - np.float32(1)
        moved: NDArray[np.float32] = self.smooth_rows @ noise @ self.smooth_columns.T
        moved *= np.float32(self.setting.elastic)
        return moved


def _draw(generator: np.random.Generator, count: int, most: float) -> NDArray[np.float32]:
    """(n, 1, 1) values between -most and most."""
    return (generator.random((count, 1, 1), np.float32) * 2 - 1) * np.float32(most)


def _smoothing(size: int, deviation: float) -> NDArray[np.float32]:
    """(size, size) Gaussian mixing, its weights adding up to 1 far from the edge.

    Near the edge, where a part of the Gaussian is cut off, the rest is made as long as
    a whole row: noise is smoothed to the same strength everywhere.
    """
    place = np.arange(size)
    matrix = _gaussian(place[:, None] - place, deviation)
    whole = _gaussian(np.arange(-9 * deviation // 1, 9 * deviation + 2), deviation)
    length = np.linalg.norm(whole) / whole.sum()
    matrix *= length / np.linalg.norm(matrix, axis=1, keepdims=True)
    return matrix.astype(np.float32)


def _gaussian(distance: NDArray[Any], deviation: float) -> NDArray[np.float64]:
    with np.errstate(over="ignore"):  # a deviation near 0 leaves each pixel alone
        bell: NDArray[np.float64] = np.exp(-0.5 * (distance / deviation) ** 2)
    return bell


def augmenter_of(
    setting: Augment | None, target: TargetSetting, images: Array, labels: Array
) -> Change | None:
    """What changes a batch of images and their labels; None where nothing is to change.

    Raises SpecError where the samples are no images, or the images to give are of another size.
    """
    if setting is None:
        return None
    if is_joined(images):
        return _of_each(setting, target, images)
    augmenter = Augmenter(setting, images.shape[1:])
    if target.kind == "mask":
        return augmenter.with_masks
    if target.kind != "image":
        return augmenter.with_labels
    if labels.shape[1:3] != images.shape[1:3]:
        given, seen = (show(part.shape[1:]) for part in (labels, images))
        message = f"augment moves images and those to give alike, and these are {seen} and {given}"
        raise SpecError([Diagnostic("wrong-setting", message, help=("leave augment out",))])
    return augmenter.with_images


def _of_each(setting: Augment, target: TargetSetting, images: Array) -> Change:
    """Changes each picture of several inputs by itself; what is no picture stays."""
    if target.kind in ("mask", "image"):
        message = f"augment moves one image with its target, and a sample has {', '.join(parted(images))}"
        raise SpecError([Diagnostic("wrong-setting", message, help=("leave augment out",))])
    shapes = {name: values.shape[1:] for name, values in parted(images).items()}
    change = {name: Augmenter(setting, shape) for name, shape in shapes.items() if len(shape) == 3}
    if not change:
        raise SpecError([no_picture(next(iter(shapes.values())), None)])

    def changed(batch: Array, labels: Array, drawn: Drawn) -> tuple[Array, Array]:
        return each(batch, lambda name, part: change[name](part, drawn) if name in change else part), labels

    return changed


def _sample(images: Array, rows: NDArray[np.float32], columns: NDArray[np.float32]) -> Array:
    """Bilinear values of the images at the places, 0 outside."""
    count, height, width, channels = images.shape
    padded = np.zeros((count, height + 2, width + 2, channels), images.dtype)
    padded[:, 1:-1, 1:-1] = images
    rows, columns = np.clip(rows + 1, 0, height + 0.999), np.clip(columns + 1, 0, width + 0.999)
    top, left = rows.astype(np.int32), columns.astype(np.int32)
    down, right = (rows - top)[..., None], (columns - left)[..., None]
    flat = padded.reshape(-1, channels)
    corner = np.arange(count, dtype=np.int32)[:, None, None] * ((height + 2) * (width + 2))
    corner = corner + top * (width + 2) + left
    upper = flat[corner] * (1 - right) + flat[corner + 1] * right
    lower = flat[corner + width + 2] * (1 - right) + flat[corner + width + 3] * right
    mixed = upper * (1 - down) + lower * down
    return np.rint(mixed).astype(np.uint8) if images.dtype == np.uint8 else np.asarray(mixed, np.float32)
