"""A picture made fit for a network that learned from MNIST-like images."""

from __future__ import annotations

from math import isqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cnnspec.layers.base import Shape, show
from cnnspec.training.data.dataset import Bytes, resize
from cnnspec.training.data.faults import unlike
from cnnspec.training.paper import Floats, drawing, unlit

BOX: Final = 20 / 28
"""MNIST's digits fill a box of 20 pixels in an image of 28."""
STROKE: Final = 2.0
"""Pixels that a stroke is wide at least, in an image of 28; MNIST's are 2 to 4."""
LOOKED_AT: Final = 1000
"""Images of a training set that tell what its borders are like."""
DARK: Final = 63
NEARLY_ALL: Final = 0.9
AT_MOST: Final = 512
"""Pixels of the longer side that are looked at."""


def prepared(
    image: Bytes, shape: Shape, *, invert: bool | None = None, center: bool = False, resized: bool = False
) -> Bytes:
    """One image (height, width, channels) as (1, …) of the network's input ``shape``.

    ``invert`` turns dark on bright into bright on dark; ``center`` takes away the
    paper and its light, cuts out the drawing, brings it to MNIST's box and its centre
    of mass to the middle, and inverts where that is needed unless ``invert`` says;
    ``resized`` allows another size. Raises SpecError when it does not fit.
    """
    if len(shape) == 1 and image.size != shape[0]:
        shape = _square(image, shape)
        return _flat(prepared(image, shape, invert=invert, center=center, resized=resized))
    if invert or (center and invert is None and is_dark_on_bright(image)):
        image = 255 - image
    if len(shape) == 1:
        return _flat(image[None])
    if len(shape) != 3 or image.shape[2] != shape[2]:
        raise unlike(f"the image is {show(image.shape)}, the network's input is {show(shape)}")
    if center:
        return centred(image, shape[0], shape[1])[None]
    if image.shape != shape:
        if not resized:
            raise unlike(
                f"the image is {show(image.shape)}, the network's input is {show(shape)}",
                "allow another size: --resize", "or cut out and centre the drawing: --center",
            )  # fmt: skip
        return shrunk(image, shape[0], shape[1])[None]
    return image[None]


def _flat(images: Bytes) -> Bytes:
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2)).reshape(len(images), -1)


def _square(image: Bytes, shape: Shape) -> Shape:
    """The square map whose values a vector input takes; raises SpecError where there is none."""
    channels = image.shape[2]
    side = isqrt(shape[0] // channels)
    if side * side * channels != shape[0]:
        raise unlike(f"the image is {show(image.shape)}, the network takes {shape[0]} values")
    return (side, side, channels)


def has_bright_border(image: Bytes) -> bool:
    """Whether the picture ends in bright pixels, as paper does, and not in dark ones, as MNIST's."""
    return bool(_borders(image[None])[0] > 127)


def have_dark_borders(images: Bytes) -> bool:
    """Whether nearly all images end in dark pixels, as MNIST's do; vectors are taken as squares of grey."""
    images = images[:LOOKED_AT]
    if images.ndim == 2 and isqrt(images.shape[1]) ** 2 == images.shape[1]:
        images = images.reshape(len(images), isqrt(images.shape[1]), -1, 1)
    return images.ndim == 4 and bool((_borders(images) <= DARK).mean() >= NEARLY_ALL)


def _borders(images: Bytes) -> NDArray[np.float64]:
    """How bright each image (n, height, width, channels) is along its border: the median."""
    grey = images.max(3)
    edges = np.concatenate([grey[:, 0], grey[:, -1], grey[:, :, 0], grey[:, :, -1]], 1)
    medians: NDArray[np.float64] = np.median(edges, 1)
    return medians


def is_dark_on_bright(image: Bytes) -> bool:
    """Whether what stands out of the paper is darker than it."""
    raised = unlit(_reduced(image).mean(2))
    spread = 3 * np.median(np.abs(raised)) + 1
    darker, brighter = np.clip(-raised - spread, 0, None), np.clip(raised - spread, 0, None)
    return bool((darker**2).sum() > (brighter**2).sum())


def centred(image: Bytes, height: int, width: int) -> Bytes:
    """A bright drawing in MNIST's manner: no paper, its box and scale, its centre of mass in the middle."""
    values = _reduced(image)
    raised = np.stack([unlit(channel) for channel in np.moveaxis(values, 2, 0)], 2)
    ink, found = drawing(raised.max(2))
    canvas = np.zeros((height, width, image.shape[2]), np.uint8)
    if not found.any():
        return canvas
    share = np.where(raised.max(2, keepdims=True) > 0, raised / raised.max(2, keepdims=True).clip(1e-6), 0)
    rows, columns = np.flatnonzero(found.any(1)), np.flatnonzero(found.any(0))
    cut = (ink[..., None] * share)[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    cut = _widened(cut, STROKE * max(cut.shape[0] / height, cut.shape[1] / width) / BOX)
    scale = min(height * BOX / cut.shape[0], width * BOX / cut.shape[1])
    small = shrunk(
        np.rint(255 * cut).astype(np.uint8),
        max(1, round(cut.shape[0] * scale)), max(1, round(cut.shape[1] * scale)),
    )  # fmt: skip
    small = np.rint(small * (255 / max(1, small.max()))).astype(np.uint8)
    top, left = _corner(small.max(2), height, width)
    canvas[top : top + small.shape[0], left : left + small.shape[1]] = small
    return canvas


def _widened(cut: Floats, wanted: float) -> Floats:
    """Strokes made as wide as wanted, where they are narrower: a thin pen is lost when it is shrunk."""
    body = np.pad(cut.max(2) > 0.5, 1)
    inner = body.copy()
    for axis in (0, 1):
        inner &= np.roll(body, 1, axis) & np.roll(body, -1, axis)
    wide = 2 * body.sum() / max(1, body.sum() - inner.sum())
    steps = max(0, round((wanted - wide) / 2))
    cut = np.pad(cut, ((steps, steps), (steps, steps), (0, 0)))
    for _ in range(steps):
        for axis in (0, 1):
            cut = np.maximum(cut, np.maximum(np.roll(cut, 1, axis), np.roll(cut, -1, axis)))
    return cut


def _reduced(image: Bytes) -> Floats:
    """The image as floats, averaged over squares where it is larger than need be."""
    factor = -(-max(image.shape[:2]) // AT_MOST)
    down, across = (min(factor, size) for size in image.shape[:2])
    rows, columns = image.shape[0] // down, image.shape[1] // across
    blocks = image[: rows * down, : columns * across].reshape(rows, down, columns, across, -1)
    means: Floats = blocks.mean((1, 3), dtype=np.float32)
    return means


def shrunk(image: Bytes, height: int, width: int) -> Bytes:
    """The image at another size; a larger one is averaged first, so that thin lines survive."""
    factor = max(1, min(image.shape[0] // height, image.shape[1] // width))
    if factor > 1:
        rows, columns = image.shape[0] // factor, image.shape[1] // factor
        blocks = image[: rows * factor, : columns * factor].reshape(rows, factor, columns, factor, -1)
        image = np.rint(blocks.mean((1, 3))).astype(np.uint8)
    (result,) = resize(image[None], height, width)
    return np.asarray(result, np.uint8)


def _corner(grey: NDArray[np.uint8], height: int, width: int) -> tuple[int, int]:
    """Where the drawing's top left goes so that its centre of mass is in the middle, all of it inside."""
    weight = grey.astype(np.float64)
    total = weight.sum()
    places = []
    for axis, size in ((0, height), (1, width)):
        middle = (weight.sum(1 - axis) @ np.arange(grey.shape[axis])) / total
        places.append(int(np.clip(round((size - 1) / 2 - middle), 0, size - grey.shape[axis])))
    return places[0], places[1]
