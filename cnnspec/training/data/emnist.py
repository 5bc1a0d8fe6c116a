"""EMNIST, whose files hold each image with rows and columns swapped (Cohen et al. 2017)."""

from __future__ import annotations

from math import isqrt
from string import ascii_lowercase, ascii_uppercase, digits
from typing import Final

import numpy as np

from cnnspec.training.data.dataset import Samples, are_numbers

MERGED: Final = "abdefghnqrt"
"""Small letters that are told from their capitals where cases are merged."""
CLASSES: Final = {
    "byclass": digits + ascii_uppercase + ascii_lowercase,
    "letters": ascii_lowercase,
    "bymerge": digits + ascii_uppercase + MERGED,
    "balanced": digits + ascii_uppercase + MERGED,
}
"""The classes of its divisions; those of its digits are the digits."""


def upright(
    name: str, samples: Samples, names: tuple[str, ...]
) -> tuple[Samples, tuple[str, ...], tuple[str, ...]]:
    """Samples turned upright where the ``name`` of their file or folder says EMNIST; the classes; notes.

    Images are (n, h, w, c), or (n, values) that fill a square. Letters, whose labels begin with 1, begin
    with 0 then. All else is given back as it is.
    """
    images, labels = samples
    side = isqrt(images.shape[1])
    if "emnist" not in name.lower() or (images.ndim == 2 and side * side != images.shape[1]):
        return samples, names, ()
    maps = images.reshape(-1, side, side, 1) if images.ndim == 2 else images
    swapped = np.ascontiguousarray(maps.transpose(0, 2, 1, 3))
    images = swapped.reshape(images.shape) if images.ndim == 2 else swapped
    notes = [f"{name}: EMNIST stores images with rows and columns swapped; they were swapped back"]
    division = next((known for known in CLASSES if known in name.lower()), "")
    classes = CLASSES.get(division, "")
    first = int(division == "letters")
    if are_numbers(names) and len(labels) and first <= labels.min() <= labels.max() < len(classes) + first:
        labels, names = labels - first, tuple(classes)
        last = len(classes) - 1 + first
        notes.append(f"{name}: labels {first} to {last} are {classes[0]} to {classes[-1]}")
    return Samples(images, labels), names, tuple(notes)
