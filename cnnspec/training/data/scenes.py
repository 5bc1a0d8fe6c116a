"""Sets that are made of digits on the spot.

``digits_scene`` has pictures of several digits with a class at every pixel, ``digits_pairs`` two digits that
are the same or not. The digits are scikit-learn's, or MNIST's where a folder of it is given; those of their
test part make the test samples, so that no digit is seen in both. Everything is drawn by a fixed seed.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cnnspec.backends.images import joined
from cnnspec.layers.base import SampleShape, Shape, show
from cnnspec.recipe.targets import BinaryTarget, MaskTarget
from cnnspec.training.data import published
from cnnspec.training.data.dataset import Dataset, Samples
from cnnspec.training.data.faults import unlike
from cnnspec.training.data.preprocess import resize

Bytes = NDArray[np.uint8]
NAMES: Final = ("background", *"0123456789")
SIDE: Final = 48
"""Pixels of a scene's side, where no network says it."""
TRAINING, TEST = 2000, 400
"""Scenes of each part."""
LEAST: Final = 20
"""Pixels that a side must have: a digit needs 14, and room beside it."""
SIZES: Final = (14, 17, 20)
"""Pixels of a digit's side."""
MOST: Final = 5
"""Digits tried for a scene; those that find no room are left out."""
TRIES: Final = 12
INK: Final = 96
"""Levels of 255 from which a pixel is a digit's."""
CLUTTER: Final = 40
"""Greatest level of the ground, which is noise."""
SEED: Final = 0x5CE7E
PAIR_SIDE: Final = 28
"""Pixels of a side of the digits of a pair, where no network says it."""
PAIRS, TEST_PAIRS = 6000, 1000
"""Pairs of each part, half of them of the same digit."""


def load(path: Path | None, shape: Shape | None) -> Dataset:
    """Scenes as large as the network's input ``shape``; raises SpecError where that can hold none."""
    height, width, channels = shape if shape and len(shape) == 3 else (SIDE, SIDE, 1)
    if (shape and len(shape) != 3) or channels != 1 or min(height, width) < LEAST:
        raise unlike(
            f"digits_scene makes grey pictures of {LEAST}x{LEAST} pixels and more; the network's input is "
            f"{show(shape or ())}",
            f"begin the network with input {SIDE}x{SIDE}x1",
        )
    digits = _digits(path)
    train = _scenes(digits.train, TRAINING, (height, width), 0)
    test = _scenes(digits.test, TEST, (height, width), 1)
    return Dataset("digits_scene", *train, *test, NAMES, target=MaskTarget())


def load_pairs(path: Path | None, shape: SampleShape | None) -> Dataset:
    """Pairs of digits for the two inputs of a network; SpecError where they are not two pictures of grey."""
    side = (PAIR_SIDE, PAIR_SIDE, 1)
    inputs = shape if isinstance(shape, Mapping) else {"left": side, "right": side}
    sizes = {*inputs.values()}
    if (shape and shape is not inputs) or len(inputs) != 2 or len(sizes) > 1 or not _is_grey(*sizes):
        takes = f"the network's input is {show(shape or ())}"
        raise unlike(
            f"digits_pairs gives two grey pictures of one size a sample; {takes}",
            f"begin the network with input left {show(side)}; input right {show(side)}",
        )
    height, width, _ = next(iter(sizes))
    digits = _digits(path)
    made = [
        _pairs(Samples(resize(part.images, height, width), part.labels), count, (*inputs,), n)
        for n, (part, count) in enumerate(((digits.train, PAIRS), (digits.test, TEST_PAIRS)))
    ]
    return Dataset("digits_pairs", *made[0], *made[1], ("same",), target=BinaryTarget())


def _is_grey(shape: Shape) -> bool:
    return len(shape) == 3 and shape[2] == 1


def _pairs(digits: Samples, count: int, names: tuple[str, ...], part: int) -> Samples:
    """So many pairs as records of the two inputs, and whether both digits are the same (n, 1)."""
    random = np.random.default_rng([SEED, 2 + part])
    by_class, counts = np.argsort(digits.labels, kind="stable"), np.bincount(digits.labels, minlength=10)
    same = np.arange(count) % 2 == 0
    first = random.integers(10, size=count)
    second = np.where(same, first, (first + random.integers(1, 10, count)) % 10)
    before = np.cumsum(counts) - counts
    images = joined({
        name: digits.images[by_class[before[labels] + random.integers(counts[labels])]]
        for name, labels in zip(names, (first, second), strict=True)
    })  # fmt: skip
    return Samples(images, same[:, None].astype(np.float32))


def _digits(path: Path | None) -> Dataset:
    return published.load_digits() if path is None else published.load(published.MNIST, path)


def _scenes(digits: Samples, count: int, size: tuple[int, int], part: int) -> Samples:
    """So many scenes (n, height, width, 1) with their masks."""
    random = np.random.default_rng([SEED, part])
    drawn = {side: resize(digits.images, side, side)[..., 0] for side in SIZES}
    images: Bytes = random.integers(0, CLUTTER, (count, *size, 1), np.uint8, endpoint=True)
    masks: Bytes = np.zeros((count, *size), np.uint8)
    for image, mask in zip(images[..., 0], masks, strict=True):
        taken = np.zeros(size, bool)
        for _ in range(MOST):
            side = int(random.choice(SIZES))
            place = int(random.integers(len(digits.labels)))
            if (corner := _free(taken, side, random)) is not None:
                _put(image, mask, drawn[side][place], int(digits.labels[place]), corner)
                taken[corner[0] : corner[0] + side, corner[1] : corner[1] + side] = True
    return Samples(images, masks)


def _free(taken: NDArray[np.bool_], side: int, random: np.random.Generator) -> tuple[int, int] | None:
    """Where a digit finds room, after some tries; None where it finds none."""
    for _ in range(TRIES):
        row, column = (int(random.integers(length - side + 1)) for length in taken.shape)
        if not taken[row : row + side, column : column + side].any():
            return row, column
    return None


def _put(image: Bytes, mask: Bytes, digit: Bytes, label: int, corner: tuple[int, int]) -> None:
    """Draws a digit over the ground; where its ink is strong enough, the mask has its class."""
    window: tuple[Any, ...] = tuple(slice(at, at + len(digit)) for at in corner)
    image[window] = np.maximum(image[window], digit)
    mask[window][digit >= INK] = label + 1
