"""Data brought to a network: images to its input, targets to its output; all that does not fit is told.

``CHECKS`` has, for each kind of target, what is looked for in the targets themselves, and what between
them and the outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from math import prod
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnnspec.backends.contract import IGNORED
from cnnspec.backends.images import each, is_joined
from cnnspec.diagnostics import Diagnostic, SpecError
from cnnspec.layers.base import SampleShape, Shape, show
from cnnspec.recipe.targets import BinaryTarget, ImageTarget, MaskTarget, TargetSetting
from cnnspec.training.data.dataset import MOST_NAMED, Dataset, Samples, are_numbers, changed, chosen
from cnnspec.training.data.faults import mismatch, unlike
from cnnspec.training.data.preprocess import fit_images, nearest, resize
from cnnspec.training.data.streamed import StreamedImages

Array = NDArray[Any]
NOISE: Final = 0x4015E
"""With the number of the part, what the noise of an image target is drawn by."""


class Check(NamedTuple):
    """What is looked for: in the labels of one part (``where`` says which), and between data and outputs."""

    labels: Callable[[Dataset, str, Samples], Diagnostic | None]
    outputs: Callable[[Dataset, Shape], Diagnostic | None]


def fitted(
    data: Dataset, shape: SampleShape, outputs: int | Shape, *, resize_images: bool = False
) -> Dataset:
    """The data as a network of this input shape and these outputs takes it.

    Images of another size are resized where their origin, or the caller, asks for it. Raises SpecError
    with all that does not fit.
    """
    outputs = (outputs,) if isinstance(outputs, int) else outputs
    resizing = resize_images or bool(data.origin and data.origin.resize)
    check = CHECKS[data.target.kind]
    faults = [fault for part in _parts(data) if (fault := check.labels(data, *part))]
    if not faults:
        data = _prepared(data, outputs, resizing)
        faults = [fault] if (fault := check.outputs(data, outputs)) else []
    if data.shape != shape and _named(data.shape) == _named(shape):
        data = changed(data, lambda part: Samples(_as_inputs(part.images, shape, resizing), part.labels))
    if data.shape != shape:
        faults.append(_unlike_input(data, shape))
    if faults:
        raise SpecError(faults)
    return data


def _named(shape: SampleShape) -> tuple[str, ...] | None:
    """The names of several inputs; None of a single one."""
    return tuple(shape) if isinstance(shape, Mapping) else None


def _as_inputs(images: Any, shape: SampleShape, resizing: bool) -> Any:
    if isinstance(images, StreamedImages) and not isinstance(shape, Mapping):
        return images.changed(lambda part: fit_images(part, shape, resizing=resizing))

    def fit(name: str, values: Array) -> Array:
        return fit_images(values, shape[name] if isinstance(shape, Mapping) else shape, resizing=resizing)

    return each(images, fit)


def _parts(data: Dataset) -> Iterator[tuple[str, Samples]]:
    """The parts by their names; one that serves for another too is told once."""
    parts = {"training": data.train, "validation": data.validation, "test": data.test}
    known = {id(part.labels): (name, part) for name, part in reversed(parts.items()) if part}
    yield from reversed(known.values())


def aimed(data: Dataset, target: TargetSetting | None) -> Dataset:
    """The data with the target that a recipe asks for; raises SpecError where they cannot give it."""
    have = data.target
    if target is None or (target.kind == have.kind and not isinstance(target, ImageTarget)):
        return data if target is None else replace(data, target=target)
    if isinstance(target, ImageTarget):
        if isinstance(data.shape, Mapping) and (have.kind != "image" or target.smaller or target.noise):
            message = f"{data.name} has the inputs {', '.join(data.shape)}, and the target is one image"
            raise unlike(message, "give the wanted images: as y of an .npz, or beside the arrays in Python")
        if have.kind == "image" and not (target.smaller or target.noise):
            return replace(data, target=target)
        place = int(have.kind == "image")
        return changed(data, lambda part: Samples(part[place], part[place]), names=(), target=target)
    if isinstance(target, BinaryTarget) and have.kind == "class" and data.classes == 2:
        yes = (data.names[1],)
        return changed(data, lambda part: Samples(part[0], part[1][:, None]), names=yes, target=target)
    message = f"{data.name} gives {have.answer}; the target of the recipe is {target.answer}"
    cures = [f"train it for that: target {have.kind}"]
    if isinstance(target, BinaryTarget) and have.kind == "class":
        cures.append(f"give two classes: {data.name} has {data.classes}")
    raise unlike(message, *cures)


def wanted(kind: str, labels: Array, outputs: Shape) -> Array:
    """The labels of a batch as an engine takes them: class numbers, masks of bytes, or the outputs as floats.

    Bytes of an image become 0 to 1.
    """
    if kind in ("class", "mask"):
        return labels
    if kind == "image" and labels.dtype == np.uint8:
        labels = labels * np.float32(1 / 255)
    return np.asarray(labels, np.float32).reshape(len(labels), *outputs)


# Images and masks brought to the output ---------------------------------------------


def _prepared(data: Dataset, outputs: Shape, resizing: bool) -> Dataset:
    """The data with what depends on sizes: images to give like the output, and what is seen of them."""
    target = data.target
    if isinstance(target, MaskTarget) and resizing and len(outputs) == 3:
        return changed(data, lambda part: Samples(part[0], nearest(part[1], *outputs[:2])))
    if not isinstance(target, ImageTarget):
        return data
    own = target.path is None and (target.smaller or target.noise)
    seeds = iter(range(3))

    def made(part: Samples) -> Samples:
        whole = fit_images(part.labels, outputs, resizing=resizing)
        if not own:
            return Samples(part.images, whole)
        seen = (
            fit_images(part.labels, outputs, resizing=True) if len(outputs) == 3 and resizing else part.labels
        )
        return Samples(_seen(seen, target, next(seeds)), whole)

    return changed(data, made, target=target.model_copy(update={"smaller": None, "noise": None}))


def _seen(images: Array, target: ImageTarget, part: int) -> Array:
    """What a network sees of the images that it is to give: smaller ones, or noisy ones."""
    if target.smaller:
        images = resize(images, *(max(1, side // target.smaller) for side in images.shape[1:3]))
    if target.noise:
        random = np.random.default_rng([NOISE, part])
        noisy = np.empty_like(images)
        for place, image in enumerate(images):
            noisy[place] = _noisy(image, target.noise, random)
        return noisy
    return images


def _noisy(image: Array, level: float, random: np.random.Generator) -> Array:
    noise: Array = random.standard_normal(image.shape, np.float32)
    if image.dtype != np.uint8:
        noise *= np.float32(level / 255)
        return noise + image
    noise *= np.float32(level)
    noise += image
    whole: Array = np.rint(np.clip(noise, 0, 255)).astype(np.uint8)
    return whole


# The targets themselves --------------------------------------------------------------


def _strange_classes(data: Dataset, part: str, samples: Samples) -> Diagnostic | None:
    """What is wrong with class numbers, where a Dataset was made by hand."""
    images, labels = samples
    if labels.shape != (len(images),):
        message = f"{data.name} has {len(images):,} {part} images and labels of shape {labels.shape}"
        return mismatch(message, "give one label per image")
    if len(labels) and (labels.dtype.kind not in "iu" or labels.min() < 0):
        held = labels.min() if labels.dtype.kind in "iu" else labels.dtype
        message = f"the {part} labels of {data.name} must be whole numbers from 0. Received: {held}"
        return mismatch(message, "number the classes: np.unique(labels, return_inverse=True)[1]")
    if len(labels) and labels.max() >= data.classes:
        message = f"a {part} label of {data.name} is {labels.max()}, and {data.classes} classes have names"
        return mismatch(message, f"labels count from 0: the last is {data.classes - 1}")
    return None


def _strange_masks(data: Dataset, part: str, samples: Samples) -> Diagnostic | None:
    images, masks = samples
    sizes = masks.shape if is_joined(images) and len(images) == len(masks) else images.shape[:-1]
    if masks.shape != sizes:
        return mismatch(
            f"the {part} images of {data.name} are {show(sizes[1:])}, its masks {show(masks.shape[1:])}"
            if len(masks) == len(images) else
            f"{data.name} has {len(images):,} {part} images and {len(masks):,} masks",
            "give each image a mask of its height and width",
        )  # fmt: skip
    if masks.dtype != np.uint8:
        message = f"the {part} masks of {data.name} must be bytes. Received: {masks.dtype}"
        return mismatch(message, "masks = masks.astype('uint8')")
    if (beyond := (masks >= data.classes) & (masks != IGNORED)).any():
        place = tuple(map(int, np.argwhere(beyond)[0]))
        return mismatch(
            f"class {masks[place]} of {data.classes} at {place[1:]} in {part} mask {place[0]} of {data.name}",
            f"classes count from 0: the last is {data.classes - 1}",
            "pixels that are of no class are 255: target mask ignore=NUMBER says so of another number",
        )
    return None


def _strange_truths(data: Dataset, part: str, samples: Samples) -> Diagnostic | None:
    if fault := _strange_columns(data, part, samples):
        return fault
    truths = samples.labels
    if (other := ~np.isin(truths, (0, 1))).any():
        row, column = map(int, np.argwhere(other)[0])
        message = f"{data.names[column]} of {part} sample {row} of {data.name} is {truths[row, column]}"
        return mismatch(message, "yes is 1, no is 0", "for other numbers: target numbers")
    return None


def _strange_columns(data: Dataset, part: str, samples: Samples) -> Diagnostic | None:
    images, values = samples
    if values.ndim != 2 or len(values) != len(images) or values.shape[1] != len(data.names):
        message = f"{data.name} has {len(images):,} {part} samples and targets of shape {values.shape}"
        return mismatch(message, f"give {len(data.names)} for each sample: (samples, {len(data.names)})")
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        row, column = map(int, np.argwhere(~np.isfinite(values))[0])
        message = f"{data.names[column]} of {part} sample {row} of {data.name} is {values[row, column]}"
        return mismatch(message, "take the sample out, or give it a number")
    return None


def _strange_images(data: Dataset, part: str, samples: Samples) -> Diagnostic | None:
    images, others = samples
    if len(images) != len(others):
        message = f"{data.name} has {len(images):,} {part} images and {len(others):,} to give for them"
        return mismatch(message, "give one for each")
    if others.dtype.kind == "f" and not np.isfinite(others).all():
        place = tuple(map(int, np.argwhere(~np.isfinite(others))[0]))
        return mismatch(f"a value to give is {others[place]}: {part} image {place[0]} of {data.name}")
    return None


# Against the outputs -----------------------------------------------------------------


def _other_classes(data: Dataset, outputs: Shape) -> Diagnostic | None:
    """What stands between the classes of the data and the outputs of a network."""
    if max(outputs[:-1], default=1) > 1:
        message = f"training takes one class per image, the network's output is a map, {show(outputs)}"
        ends = f"end the network with globalavgpool -> flatten -> dense {data.classes}"
        others = "or say what else it is to give: target mask, or target image"
        return mismatch(message, ends, others)
    if data.classes == outputs[-1]:
        return None
    message = f"{data.name} has {data.classes} classes, the network gives {outputs[-1]} outputs"
    cures = [f"end the network with dense {data.classes}, or train it on other data"]
    if data.origin and data.origin.name == "csv" and data.origin.label is None:
        cures.append(f'or say which column holds the label: data csv "{data.origin.path}" label=COLUMN')
    found = np.unique(np.concatenate([data.train_labels, data.test_labels]))
    if found.size and found[0] > 0 and are_numbers(data.names):
        cures = cures if data.classes - found[0] != outputs[-1] else []
        cures[:0] = [f"labels count from 0: take {found[0]} off each of them"]
        absent = "class 0 never occurs" if found[0] == 1 else f"classes 0 to {found[0] - 1} never occur"
        return mismatch(message, *cures, notes=(f"{absent}: the labels are {found[0]} to {found[-1]}",))
    if are_numbers(data.names):
        return mismatch(message, *cures)
    return mismatch(message, *cures, notes=(f"its classes: {listed(data.names)}",))


def _other_maps(data: Dataset, outputs: Shape) -> Diagnostic | None:
    sizes = data.train_labels.shape[1:]
    if outputs[:-1] != sizes:
        message = f"the masks of {data.name} are {show(sizes)}, the network's output is {show(outputs)}"
        cures = (
            "padding=same keeps the size in a convolution; upconv and upsample bring it back after pools",
        )
        return mismatch(message, *cures) if len(outputs) > 1 else mismatch(
            message, f"end the network with a map: conv {data.classes} 1x1"
        )  # fmt: skip
    if outputs[-1] != data.classes:
        message = f"{data.name} has {data.classes} classes, the network gives {outputs[-1]} channels"
        return mismatch(
            message,
            f"end the network with conv {data.classes} 1x1",
            notes=(f"its classes: {listed(data.names)}",),
        )
    return None


def _other_columns(data: Dataset, outputs: Shape) -> Diagnostic | None:
    count = len(data.names)
    if prod(outputs) == count and max(outputs[:-1], default=1) == 1:
        return None
    what = f"{count} number{'s' * (count > 1)} ({listed(data.names)})"
    message = f"the target is {what} a sample, the network's output is {show(outputs)}"
    return mismatch(message, f"end the network with dense {count}")


def _other_images(data: Dataset, outputs: Shape) -> Diagnostic | None:
    shape = data.train_labels.shape[1:]
    if shape == outputs:
        return None
    message = f"the images to give are {show(shape)}, the network's output is {show(outputs)}"
    cures = [f"end the network with {show(shape)}"]
    if data.origin and not data.origin.resize:
        cures.append("or bring the images to its size: data … resize=yes")
    return mismatch(message, *cures)


CHECKS: Final[dict[str, Check]] = {
    "class": Check(_strange_classes, _other_classes),
    "mask": Check(_strange_masks, _other_maps),
    "binary": Check(_strange_truths, _other_columns),
    "numbers": Check(_strange_columns, _other_columns),
    "image": Check(_strange_images, _other_images),
}
"""By the kinds of targets."""


def _unlike_input(data: Dataset, shape: SampleShape) -> Diagnostic:
    have = data.shape
    if isinstance(have, Mapping) or isinstance(shape, Mapping):
        one = "one image, " * (not isinstance(have, Mapping))
        message = f"a sample of {data.name} is {one}{show(have)}; the network's input is {show(shape)}"
        if isinstance(shape, Mapping):
            names = ", ".join(shape)
            cures = [f"give each input an array of its name in an .npz, {names}, or a column of a csv"]
        else:
            assert isinstance(have, Mapping)
            cures = [f"begin the network with {'; '.join(f'input {n} {show(s)}' for n, s in have.items())}"]
        return mismatch(message, *cures)
    vector = len(have) == 1
    cures = [f"begin the network with input {show(have)}"]
    if len(shape) == len(have) == 3 and shape[2] == have[2]:
        files = data.origin.path if data.origin else None
        name = data.origin.name if data.origin else "…"
        where = f'{name} "{files}"' if files else name
        cures.append(f"or resize them: data {where} resize=yes")
    return mismatch(
        f"{'samples' if vector else 'images'} of {data.name} are {show(have)}{' values' * vector}, "
        f"the network's input is {show(shape)}",
        *cures,
    )


# The classes of a trained network ------------------------------------------------------


def match_classes(data: Dataset, classes: tuple[str, ...]) -> Dataset:
    """The data with the labels of a trained network, whose ``classes`` are matched by name.

    Samples of classes that it did not learn are left out, which a note says. Where one side has only
    numbers for names, as labels in an archive or a table are, they are the places of the other's names.
    Raises SpecError where no class is known.
    """
    if not classes or data.names == classes or data.target.kind != "class":
        return data
    if any(_strange_classes(data, *part) for part in _parts(data)):
        return data
    if are_numbers(data.names) and not are_numbers(classes) and data.classes <= len(classes):
        note = f"the labels of {data.name} are numbers, taken as the places of {listed(classes)}"
        return replace(data, names=classes, notes=(*data.notes, note))
    if are_numbers(classes) and not are_numbers(data.names) and data.classes == len(classes):
        note = f"the classes learned are numbers: {listed(data.names)} are taken as 0 to {len(classes) - 1}"
        return replace(data, notes=(*data.notes, note))
    unknown = tuple(name for name in data.names if name not in classes)
    if len(unknown) == data.classes:
        message = f"no class of {data.name} is among those that were learned"
        both = (f"learned: {listed(classes)}", f"{data.name}: {listed(unknown)}")
        raise unlike(message, "give the classes the names that they had in training", notes=both)
    places = np.array([classes.index(name) if name in classes else -1 for name in data.names])

    def learned(part: Samples) -> Samples:
        found = chosen(part, places[part.labels] >= 0)
        return found._replace(labels=places[found.labels])

    found = changed(data, learned, names=classes)
    if len(found.train_labels) + len(found.test_labels) == len(data.train_labels) + len(data.test_labels):
        return found
    are = "are" if unknown[1:] else "is"
    note = f"{listed(unknown)} {are} not among the classes learned ({listed(classes)}): left out"
    return replace(found, notes=(*data.notes, note))


def listed(names: tuple[str, ...]) -> str:
    return ", ".join(names[:MOST_NAMED]) + (", …" if len(names) > MOST_NAMED else "")
