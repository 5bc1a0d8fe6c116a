"""A picture made fit for a network that learned from MNIST-like images."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cnnspec.layers.base import Shape, show
from cnnspec.training.data.dataset import Bytes, resize
from cnnspec.training.data.faults import unlike

BOX = 20 / 28
"""MNIST's digits fill a box of 20 pixels in an image of 28."""
INK = 0.15
"""Share of the brightest pixel from which a pixel belongs to the drawing."""


def prepared(
    image: Bytes, shape: Shape, *, invert: bool = False, center: bool = False, resized: bool = False
) -> Bytes:
    """One image (height, width, channels) as (1, …) of the network's input ``shape``.

    ``invert`` turns dark on bright into bright on dark; ``center`` cuts out the
    drawing, brings it to MNIST's box and its centre of mass to the middle;
    ``resized`` allows another size. Raises SpecError when it does not fit.
    """
    if invert:
        image = 255 - image
    if len(shape) == 1:
        if image.size != shape[0]:
            raise unlike(f"the image is {show(image.shape)}, the network takes {shape[0]} values")
        return np.ascontiguousarray(image.transpose(2, 0, 1)).reshape(1, -1)
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


def centred(image: Bytes, height: int, width: int) -> Bytes:
    """The drawing in MNIST's manner: box, scale, centre of mass in the middle."""
    grey = image.max(2)
    floor = np.median(grey)
    ink = np.clip(image.astype(np.float32) - floor, 0, None)
    if not ink.any():
        return np.zeros((height, width, image.shape[2]), np.uint8)
    ink *= 255 / ink.max()
    found = ink.max(2) > 255 * INK
    rows, columns = np.flatnonzero(found.any(1)), np.flatnonzero(found.any(0))
    cut = np.rint(ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]).astype(np.uint8)
    scale = min(height * BOX / cut.shape[0], width * BOX / cut.shape[1])
    small = shrunk(cut, max(1, round(cut.shape[0] * scale)), max(1, round(cut.shape[1] * scale)))
    canvas = np.zeros((height, width, image.shape[2]), np.uint8)
    top, left = _corner(small.max(2), height, width)
    canvas[top : top + small.shape[0], left : left + small.shape[1]] = small
    return canvas


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
