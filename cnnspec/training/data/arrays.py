"""Arrays of a user's as samples with their targets: those of an archive, those given in Python."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from cnnspec.backends.images import is_joined, joined, parted
from cnnspec.diagnostics import SpecError
from cnnspec.layers.base import SampleShape, Shape, show
from cnnspec.recipe.targets import CLASS, TargetSetting
from cnnspec.training.data.dataset import Dataset
from cnnspec.training.data.faults import bad_file, unlike
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
    where: Where, given: Sequence[Mapping[str, Values]], labels: Mapping[str, Values],
    shape: SampleShape | None = None, target: TargetSetting = CLASS,
) -> ConvertedArrays:  # fmt: skip
    """Arrays by their names, for each part its images and its targets, as a network takes them.

    Where ``shape`` names several inputs, a part has an array for each, in their order. Raises SpecError that
    names the array and its cure.
    """
    if isinstance(shape, Mapping):
        images, notes = _inputs_by_name(where, given, shape)
    else:
        images, notes = inputs(where, {key: values for part in given for key, values in part.items()}, shape)
    plain = None if isinstance(shape, Mapping) else shape
    found = read(where, labels, list(map(len, images)), target, plain)
    return ConvertedArrays(images, found.arrays, found.names, (*notes, *found.notes))


def _inputs_by_name(
    where: Where, parts: Sequence[Mapping[str, Values]], shape: Mapping[str, Shape]
) -> tuple[list[Values], tuple[str, ...]]:
    """The samples of each part as records of several inputs."""
    for part in parts:
        counts = {key: len(values) if values.ndim else 0 for key, values in part.items()}
        if len(set(counts.values())) > 1:
            told = ", ".join(f"{key} has {count:,}" for key, count in counts.items())
            raise bad_file(where, f"each sample has all inputs, and {told}", cure="give as many of each")
    found = [
        inputs(where, dict(list(part.items())[place] for part in parts), shape[name])
        for place, name in enumerate(shape)
    ]
    whole = [
        joined({name: images[n] for name, (images, _) in zip(shape, found, strict=True)})
        for n in range(len(parts))
    ]
    return whole, tuple(dict.fromkeys(note for _, notes in found for note in notes))


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
    images: Any,
    labels: Any,
    shape: SampleShape | None = None,
    known: int = 0,
    target: TargetSetting | None = None,
) -> Dataset:
    """A pair of arrays as a Dataset that serves for training and testing alike.

    Labels that are numbers may leave out the last of ``known`` classes. Without labels the images
    themselves are what is wanted.
    """
    target = target or CLASS
    if isinstance(shape, Mapping) != isinstance(images, Mapping) or (
        isinstance(shape, Mapping) and ({*images} != {*shape} or labels is None)
    ):
        raise _other_inputs(images, labels, shape)
    try:
        given = (
            {"images": images} if not isinstance(shape, Mapping) else {name: images[name] for name in shape}
        )
        arrays = {name: np.asarray(values) for name, values in given.items()}
        wanted = {"labels": arrays["images"] if labels is None else np.asarray(labels)}
    except ValueError as error:
        raise bad_file("samples", f"images or labels are lists of unlike length ({error})") from error
    (pictures,), (numbers,), names, notes = samples("samples", [arrays], wanted, shape, target)
    if target.kind in ("class", "mask") and names == tuple(map(str, range(len(names)))):
        names = tuple(map(str, range(max(known, len(names)))))
    return aimed(
        Dataset("samples", pictures, numbers, pictures, numbers, names, None, notes, None, target), target
    )


def _other_inputs(images: Any, labels: Any, shape: SampleShape | None) -> SpecError:
    """That the inputs by name are not those of the network, or that nothing says what is wanted."""
    if not isinstance(shape, Mapping):
        what = f"one input, {show(shape)}" if shape else "one input"
        return unlike(f"the network takes {what}; the samples are given by name: {', '.join(images)}")
    form = "{" + ", ".join(f'"{name}": N x {" x ".join(map(str, one))}' for name, one in shape.items()) + "}"
    if not isinstance(images, Mapping):
        return unlike(f"the network takes several inputs: {show(shape)}", f"give them by name: {form}")
    if labels is None and {*images} == {*shape}:
        return unlike("samples of several inputs need targets beside them", "give (inputs, targets)")
    absent, more = [n for n in shape if n not in images], [n for n in images if n not in shape]
    message = f"the input {absent[0]} is missing" if absent else f"the network has no input {more[0]}"
    return unlike(message, f"give each by its name: {form}")


def _by_input(images: Values) -> dict[str, Values]:
    return parted(images) if is_joined(images) else {"": images}


def with_numbers(data: Dataset) -> Dataset:
    """The data with bytes or floats as images, where a Dataset was made by hand of other numbers."""
    parts = {"train_images": data.train_images, "test_images": data.test_images}
    parts |= {"validation_images": data.validation.images} if data.validation else {}
    inputs = {name: _by_input(images) for name, images in parts.items() if images.size}
    notes, odd = list[str](), False
    for name in next(iter(inputs.values()), {}):
        given = {part: found[name] for part, found in inputs.items()}
        if all(images.dtype in (np.uint8, np.float32) for images in given.values()):
            continue
        odd, (found, more) = True, pixels(data.name, given, floats=True)
        notes += more
        for part, images in zip(given, found, strict=True):
            inputs[part][name] = images
    if not odd:
        return data
    made: dict[str, Any] = {
        part: found[""] if "" in found else joined(found) for part, found in inputs.items()
    }
    if data.validation and (images := made.pop("validation_images", None)) is not None:
        data = replace(data, validation=data.validation._replace(images=images))
    return replace(data, notes=(*data.notes, *notes), **made)
