"""Images brought to a network's input: the one place where a size is changed, and a map made a vector.

Training, evaluation, prediction and every other use of an image come through here, so that a network
sees the same pixels wherever an image comes from.
"""

from __future__ import annotations

from functools import lru_cache
from math import isqrt
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cnnspec.layers.base import Shape

Bytes: TypeAlias = NDArray[np.uint8]

AT_ONCE: Final = 1 << 22
"""Values resized at a time: larger sets are taken in parts, to spare memory."""


def fit_images(images: Bytes, shape: Shape, *, resizing: bool = False) -> Bytes:
    """Images (n, height, width, channels) as (n, ...) of a network's input ``shape``.

    A vector takes an image flattened by the network's rule: channel, row, column. With ``resizing``
    another height and width are brought to the network's; for a vector, to the square that fills it.
    What does not fit is given back as it is.
    """
    if images.ndim != 4:
        return images
    height, width, channels = images.shape[1:]
    if len(shape) == 1:
        side = isqrt(shape[0] // channels)
        if height * width * channels != shape[0] and side * side * channels == shape[0] and resizing:
            images = resize(images, side, side)
        return flatten(images) if images[0].size == shape[0] else images
    if resizing and len(shape) == 3 and shape[2] == channels:
        return resize(images, shape[0], shape[1])
    return images


def flatten(images: Bytes) -> Bytes:
    """Images (n, height, width, channels) as vectors (n, channels * height * width)."""
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2)).reshape(len(images), -1)


def resize(images: Bytes, height: int, width: int) -> Bytes:
    """Images (n, h, w, c) at another size, by bilinear interpolation with antialiasing.

    A smaller image is made of weighted means over all pixels, so that thin lines survive: the triangle
    filter is as wide as the step between new pixels. Enlarging is plain bilinear between pixel centres.
    Pillow's ``BILINEAR`` gives the same, to within one of 255 levels.
    """
    if images.shape[1:3] == (height, width):
        return images
    result = np.empty((len(images), height, width, images.shape[3]), images.dtype)
    step = max(1, AT_ONCE // max(1, images[0].size))
    sizes = [(1, height), (2, width)]
    if height > images.shape[1] and width < images.shape[2]:
        sizes.reverse()  # what is enlarged comes last, or a strip would fill the memory
    for start in range(0, len(images), step):
        part: NDArray[np.uint8] | NDArray[np.float32] = images[start : start + step]
        for axis, size in sizes:
            part = _resample(part, axis, size)
        result[start : start + step] = np.rint(part) if images.dtype == np.uint8 else part
    return result


def nearest(masks: Bytes, height: int, width: int) -> Bytes:
    """Masks (n, h, w) at another size, each pixel that of the nearest: a class between two is none."""
    rows, columns = (
        ((np.arange(size) + 0.5) * old / size).astype(int)
        for size, old in zip((height, width), masks.shape[1:], strict=True)
    )
    return masks if masks.shape[1:] == (height, width) else masks[:, rows[:, None], columns]


def _resample(images: NDArray[np.uint8] | NDArray[np.float32], axis: int, size: int) -> NDArray[np.float32]:
    lines = np.moveaxis(images, axis, 0)
    result = np.empty((size, *lines.shape[1:]), np.float32)
    firsts, weights = _weights(len(lines), size)
    counts = np.array([*map(len, weights)])
    for place in np.flatnonzero(counts > lines[0].size):  # a sum a pixel would take minutes
        first, each = firsts[place], weights[place]
        result[place] = np.tensordot(each, lines[first : first + len(each)], 1)
    counts[counts > lines[0].size] = 0
    for tap in range(counts.max()):
        places = np.flatnonzero(counts > tap)
        by = np.array([weights[place][tap] for place in places], np.float32)
        part = lines[firsts[places] + tap] * by.reshape(-1, *[1] * (lines.ndim - 1))
        if tap:
            result[places] += part
        else:
            result[places] = part
    return np.moveaxis(result, 0, axis)


@lru_cache(maxsize=64)
def _weights(old: int, new: int) -> tuple[NDArray[np.int64], tuple[NDArray[np.float32], ...]]:
    """For each new pixel: the first old one that it is made of, the weights of that and those after it."""
    scale, firsts, weights = max(1.0, old / new), [], []
    for place in range(new):
        centre = (place + 0.5) * old / new - 0.5
        first, last = max(0, int(np.ceil(centre - scale))), min(old - 1, int(np.floor(centre + scale)))
        each = np.clip(1 - np.abs(np.arange(first, last + 1) - centre) / scale, 0, None)
        firsts.append(first)
        weights.append((each / each.sum()).astype(np.float32))
    return np.array(firsts), tuple(weights)
