"""What a user hands in as images, brought to what a program takes: bytes, or floats.

Bytes are scaled by the model's rule; floats are taken as they are. Whole numbers
from 0 to 255 are bytes, whatever their type; truths are black and white, 0 and 255,
as in training.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from cnnspec.backends.contract import Array
from cnnspec.layers.base import Shape


def pixels(images: ArrayLike) -> Array:
    """Images as bytes or floats; raises ValueError, with the cure, where they are neither."""
    given = np.asarray(images)
    if given.dtype == np.uint8 or given.dtype.kind == "f":
        return given
    if given.dtype.kind == "b":
        return given.astype(np.uint8) * np.uint8(255)
    if given.dtype.kind not in "iu":
        raise ValueError(f"images are bytes 0 to 255, or floats; these hold {given.dtype}")
    if given.size and (given.min() < 0 or given.max() > 255):
        raise ValueError(
            f"images are bytes 0 to 255, or floats; these are {given.dtype} from {given.min()} to "
            f"{given.max()}: scale them as in training and give floats, images.astype(np.float32)"
        )
    return given.astype(np.uint8)


def samples(images: ArrayLike, shape: Shape, name: str) -> Array:
    """Images N x H x W x C as ``pixels`` gives them; a missing channel axis of one is added.

    ``name`` is the network's, for the message of the ValueError that other shapes raise.
    """
    found = pixels(images)
    for candidate in (found.shape[1:], (*found.shape[1:], 1)):
        if found.ndim and candidate == shape:
            return found.reshape(-1, *shape)
    wanted = " x ".join(map(str, shape))
    single = found.shape in (shape, shape[:-1] if shape[-1] == 1 else shape)
    hint = "; give one image as image[None]" if single else ""
    raise ValueError(f"{name or 'this network'} takes N x {wanted}, not {found.shape}{hint}")
