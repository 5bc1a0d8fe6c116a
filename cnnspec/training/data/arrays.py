"""Arrays of a user's as samples with their targets: those of an archive, those given in Python."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from cnnspec.layers.base import Shape, show
from cnnspec.recipe.targets import CLASS, TargetSetting
from cnnspec.training.data.dataset import Dataset
from cnnspec.training.data.faults import bad_file
from cnnspec.training.data.fitting import aimed
from cnnspec.training.data.target_values import read
from cnnspec.training.data.values import Values, Where, arranged, pixels

MOST_AXES = 5
"""Of samples: volumes with channels have these."""


class ConvertedArrays(NamedTuple):
    """Images and targets, part by part, the names of classes or columns, and what a reader should know."""

    images: list[Values]
    labels: list[Values]
    names: tuple[str, ...]
    notes: tuple[str, ...]


def samples(
    where: Where, arrays: Mapping[str, Values], shape: Shape | None = None, target: TargetSetting = CLASS
) -> ConvertedArrays:
    """Arrays by name, images and targets by turns, as a network of the input ``shape`` takes them.

    Raises SpecError that names the array and its cure.
    """
    keys = list(arrays)
    counts = [len(arrays[key]) if arrays[key].ndim else 0 for key in keys[::2]]
    images, notes = inputs(where, {key: arrays[key] for key in keys[::2]}, shape)
    found = read(where, {key: arrays[key] for key in keys[1::2]}, counts, target, shape)
    return ConvertedArrays(images, found.arrays, found.names, (*notes, *found.notes))


def inputs(
    where: Where, parts: Mapping[str, Values], shape: Shape | None
) -> tuple[list[Values], tuple[str, ...]]:
    """The images of each part as bytes or floats, arranged for the ``shape`` of an input, and notes."""
    for key, values in parts.items():
        if not 2 <= values.ndim <= MOST_AXES or not len(values):
            message = f"{key} has shape {values.shape}; images are (n, height, width[, channels])"
            raise bad_file(where, message)
    rounding = (1.0,) if shape is None or len(shape) == 3 else ()
    values_, scaled = pixels(where, parts, rounding, floats=True)
    images, moved = zip(
        *(arranged(key, part, shape) for key, part in zip(parts, values_, strict=True)), strict=True
    )
    if len({part.shape[1:] for part in images}) > 1:
        keys = list(parts)
        n = next(n for n, part in enumerate(images) if part.shape[1:] != images[0].shape[1:])
        first, other = (show(images[place].shape[1:]) for place in (0, n))
        raise bad_file(where, f"{keys[0]} holds images {first}, {keys[n]} {other}")
    return list(images), (*moved[0], *scaled)


def dataset_of(
    images: Any, labels: Any, shape: Shape | None = None, known: int = 0, target: TargetSetting | None = None
) -> Dataset:
    """A pair of arrays as a Dataset that serves for training and testing alike.

    Labels that are numbers may leave out the last of ``known`` classes. Without labels the images
    themselves are what is wanted.
    """
    target = target or CLASS
    try:
        arrays = {"images": np.asarray(images), "labels": np.asarray(images if labels is None else labels)}
    except ValueError as error:
        raise bad_file("samples", f"images or labels are lists of unlike length ({error})") from error
    (pictures,), (numbers,), names, notes = samples("samples", arrays, shape, target)
    if target.kind in ("class", "mask") and names == tuple(map(str, range(len(names)))):
        names = tuple(map(str, range(max(known, len(names)))))
    return aimed(
        Dataset("samples", pictures, numbers, pictures, numbers, names, None, notes, None, target), target
    )


def with_numbers(data: Dataset) -> Dataset:
    """The data with bytes or floats as images, where a Dataset was made by hand of other numbers."""
    parts = {"train_images": data.train_images, "test_images": data.test_images}
    parts |= {"validation_images": data.validation.images} if data.validation else {}
    parts = {name: np.asarray(images) for name, images in parts.items() if images.size}
    if all(images.dtype in (np.uint8, np.float32) for images in parts.values()):
        return data
    found, notes = pixels(data.name, parts, floats=True)
    made: dict[str, Any] = dict(zip(parts, found, strict=True))
    if data.validation and (images := made.pop("validation_images", None)) is not None:
        data = replace(data, validation=data.validation._replace(images=images))
    return replace(data, notes=(*data.notes, *notes), **made)
